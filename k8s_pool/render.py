"""A template and an order become the body of one pod: pure, and the same for the same arguments."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from k8s_pool.identity import (
    DEADLINE,
    EVICTION_PRIORITY,
    NODEMANAGER,
    SAFE_TO_EVICT,
    SHAPE,
    identity_labels,
    pod_name,
)
from k8s_pool.resize import ContainerSize
from k8s_pool.template import DEFAULT_GRACE_S, GRACE_LIMIT_S, OWN_ENV, PodTemplate
from k8s_pool.transport import JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class PodOrder:
    """One NodeManager pod to be made: which promise, where, how large, until when.

    `vcores` and `nm_memory_mib` are what the NodeManager offers to YARN; the requests are what the Kubernetes
    scheduler counts, and what a full node shares its CPU by; the limits are what the kernel holds the pod to. Raises
    ValueError for an order that no pod could fulfil.
    """

    pool: str
    promise: str
    node: str
    vcores: int
    nm_memory_mib: int
    size: ContainerSize
    extended: Mapping[str, int] = field(default_factory=dict, hash=False)
    """Further resources by name, in their own units; request and limit are equal."""
    node_label: str = ""
    """YARN's node label for it; empty means none."""
    env: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Further environment of the NodeManager's container; replaces the template's where the name is the same."""
    deadline_at: datetime
    """When the promise ends (aware)."""
    active_deadline_s: int
    """Seconds after its start when the kubelet ends the pod whatever happens: the dead man's switch."""
    grace_s: int | None = None
    """Seconds between SIGTERM and SIGKILL, at most 15; None: the template's, or 10."""
    priority_class_name: str = "tidebridge-elastic"
    eviction_priority: int | None = None
    """What its work is worth to whoever must evict: the lowest goes first. None says nothing."""
    labels: Mapping[str, str] = field(default_factory=dict, hash=False)
    annotations: Mapping[str, str] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        if self.deadline_at.tzinfo is None:
            raise ValueError("deadline_at has no time zone")
        if self.active_deadline_s < 1:
            raise ValueError(f"active_deadline_s is {self.active_deadline_s}, must be at least 1")
        if self.grace_s is not None and not 1 <= self.grace_s <= GRACE_LIMIT_S:
            raise ValueError(f"grace_s is {self.grace_s}, must be 1 to {GRACE_LIMIT_S}")
        if taken := sorted(self.env.keys() & set(OWN_ENV)):
            raise ValueError(f"env holds {', '.join(taken)}, which the order sets by itself")

    @property
    def name(self) -> str:
        """The pod's name, which follows from pool and promise."""
        return pod_name(self.pool, self.promise)


def render(template: PodTemplate, order: PodOrder) -> JsonObject:
    """Return the body of the pod *order* asks for. The template and the order stay as they are."""
    body: JsonObject = deepcopy(dict(template.body))
    metadata = body.get("metadata") or {}
    body["metadata"] = {
        **metadata,
        "name": order.name,
        "labels": {**(metadata.get("labels") or {}), **order.labels, **identity_labels(order.pool, order.promise)},
        "annotations": {**(metadata.get("annotations") or {}), **order.annotations, **_annotations(order)},
    }
    spec = body["spec"]
    spec["affinity"] = {**(spec.get("affinity") or {}), "nodeAffinity": _only_on(order.node)}
    spec["activeDeadlineSeconds"] = order.active_deadline_s
    spec["priorityClassName"] = order.priority_class_name
    template_grace_s = spec.get("terminationGracePeriodSeconds", DEFAULT_GRACE_S)
    spec["terminationGracePeriodSeconds"] = template_grace_s if order.grace_s is None else order.grace_s
    spec["containers"] = [
        _with_order(container, order) if container["name"] == NODEMANAGER else container
        for container in spec["containers"]
    ]
    return body


def _annotations(order: PodOrder) -> dict[str, str]:
    annotations = {
        DEADLINE: order.deadline_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        SHAPE: f"vcores={order.vcores},memory_mib={order.nm_memory_mib}",
        SAFE_TO_EVICT: "true",
    }
    if order.eviction_priority is not None:
        annotations[EVICTION_PRIORITY] = str(order.eviction_priority)
    return annotations


def _only_on(node: str) -> JsonObject:
    """Require *node* by its name, and leave the decision to the scheduler: it still checks room, taints and ports."""
    term = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]}
    return {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}


def _with_order(container: Mapping[str, Any], order: PodOrder) -> JsonObject:
    resources = container.get("resources") or {}
    extended = {name: str(count) for name, count in sorted(order.extended.items())}
    return {
        **container,
        "env": _env(container.get("env") or (), order),
        "resources": {
            **resources,
            "requests": {**(resources.get("requests") or {}), **order.size.requests, **extended},
            "limits": {**(resources.get("limits") or {}), **order.size.limits, **extended},
        },
    }


def _env(present: Any, order: PodOrder) -> list[JsonObject]:
    """Return the template's variables that the order doesn't replace, in their order, then the order's by name."""
    own = dict(zip(OWN_ENV, (str(order.vcores), str(order.nm_memory_mib), order.node_label), strict=True))
    added = {**order.env, **own}
    kept = [entry for entry in present if entry["name"] not in added]
    return [*kept, *({"name": name, "value": added[name]} for name in sorted(added))]
