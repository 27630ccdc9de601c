"""Raw JSON of a node or a pod becomes the slim view of it; nothing of the raw object is kept."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from k8s_pool import quantity
from k8s_pool.amounts import BATCH_CPU, BATCH_MEMORY, KubeAmount
from k8s_pool.identity import EVICTION_PRIORITY, PREFIX, Identity, identity_of
from k8s_pool.pod_requests import pod_requests, unset_requests
from k8s_pool.resize import pod_sizes
from k8s_pool.views import NO_WORDS, Expression, NodeView, PodPhase, PodView, Taint, read_time

_BASIC = frozenset({"cpu", "memory", "ephemeral-storage", "pods"})
_PHASES = {phase.value: phase for phase in PodPhase}


_LACKS = ("Insufficient cpu", "Insufficient memory", "Insufficient ephemeral-storage", "Too many pods")
"""What the scheduler says of nodes that are full in ways that elastic pods may be the cause of."""


def parse_node(node: Mapping[str, Any]) -> NodeView:
    """Return the view of a raw node. Absent conditions mean not ready; absent amounts mean none."""
    meta, spec, status = node["metadata"], node.get("spec") or {}, node.get("status") or {}
    truths = {entry["type"]: entry.get("status") == "True" for entry in status.get("conditions") or ()}
    allocatable = status.get("allocatable") or {}
    return NodeView(
        name=meta["name"],
        uid=meta.get("uid", ""),
        labels=MappingProxyType(meta.get("labels") or {}),
        allocatable=_allocatable(allocatable),
        batch=_batch(allocatable),
        pod_slots=quantity.units_down(allocatable.get("pods", "0")),
        is_ready=truths.pop("Ready", False),
        pressures=frozenset(kind for kind, is_true in truths.items() if is_true),
        is_unschedulable=bool(spec.get("unschedulable")),
        taints=tuple(_taint(raw) for raw in spec.get("taints") or ()),
        deleting_since=_deleting_since(meta),
    )


def parse_pod(pod: Mapping[str, Any], *, home: str) -> PodView:
    """Return the view of a raw pod; *home* is the namespace of Tidebridge's own pods."""
    meta, spec, status = pod["metadata"], pod["spec"], pod.get("status") or {}
    labels = meta.get("labels") or NO_WORDS
    identity = identity_of(meta["name"], labels, is_home=meta["namespace"] == home)
    is_claimed = identity is not Identity.NONE
    conditions = status.get("conditions") or ()
    containers = status.get("containerStatuses") or ()
    return PodView(
        name=meta["name"],
        namespace=meta["namespace"],
        uid=meta.get("uid", ""),
        node=spec.get("nodeName"),
        phase=_PHASES.get(status.get("phase", ""), PodPhase.UNKNOWN),
        labels=_shared(tuple(labels.items())),
        annotations=_own(meta.get("annotations") or NO_WORDS) if is_claimed else NO_WORDS,
        requests=pod_requests(pod),
        node_selector=_shared(tuple(spec["nodeSelector"].items())) if spec.get("nodeSelector") else NO_WORDS,
        only_node=_only_node(spec),
        node_terms=_node_terms(spec),
        priority=spec.get("priority") or 0,
        ip=status.get("podIP"),
        is_ready=any(c["type"] == "Ready" and c["status"] == "True" for c in conditions),
        created_at=read_time(meta.get("creationTimestamp")),
        deleting_since=_deleting_since(meta),
        unschedulable_reason=None if spec.get("nodeName") else _unschedulable(conditions),
        lacks_room=not spec.get("nodeName") and _lacks_room(conditions),
        waiting_reason=_waiting(containers, status.get("initContainerStatuses") or ()),
        ended_reason=status.get("reason") or _terminated(containers),
        disruption_reason=_disruption(conditions),
        restarts=sum(c.get("restartCount", 0) for c in containers),
        started_at=read_time(status.get("startTime")),
        owner_kind=_owner_kind(meta.get("ownerReferences") or ()),
        unset_requests=unset_requests(spec),
        identity=identity,
        sizes=pod_sizes(pod) if is_claimed else None,
    )


def _owner_kind(owners: Sequence[Mapping[str, Any]]) -> str:
    return next((str(owner["kind"]) for owner in owners if owner.get("controller")), "")


def _allocatable(raw: Mapping[str, str]) -> KubeAmount:
    extended = {name: quantity.units_down(text) for name, text in raw.items() if name not in _BASIC}
    return KubeAmount(
        cpu_millicores=quantity.cpu_millicores_down(raw.get("cpu", "0")),
        memory_mib=quantity.mib_down(raw.get("memory", "0")),
        ephemeral_mib=quantity.mib_down(raw.get("ephemeral-storage", "0")),
        extended=MappingProxyType({name: count for name, count in extended.items() if count}),
    )


def _batch(raw: Mapping[str, str]) -> KubeAmount | None:
    """Read what koordinator publishes. Zero is an answer, so this can't be read from `extended`, which holds none."""
    if not {BATCH_CPU, BATCH_MEMORY} & raw.keys():
        return None
    return KubeAmount(
        cpu_millicores=max(0, quantity.units_down(raw.get(BATCH_CPU, "0"))),
        memory_mib=max(0, quantity.mib_down(raw.get(BATCH_MEMORY, "0"))),
    )


def _only_node(spec: Mapping[str, Any]) -> str | None:
    """Return the node that a pod's required affinity names, if it names one."""
    terms = _required_terms(spec)
    fields = [entry for term in terms for entry in term.get("matchFields") or ()]
    if len(terms) != 1 or len(fields) != 1 or len(fields[0].get("values") or ()) != 1:
        return None
    return str(fields[0]["values"][0])


def _node_terms(spec: Mapping[str, Any]) -> tuple[tuple[Expression, ...], ...]:
    """Return what a pod's required affinity says of labels, term by term; one that names fields alone says nothing."""
    return tuple(
        tuple(
            Expression(str(one["key"]), str(one["operator"]), tuple(map(str, one.get("values") or ())))
            for one in term.get("matchExpressions") or ()
        )
        for term in _required_terms(spec)
    )


def _required_terms(spec: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    required = ((spec.get("affinity") or {}).get("nodeAffinity") or {}).get(
        "requiredDuringSchedulingIgnoredDuringExecution"
    ) or {}
    return required.get("nodeSelectorTerms") or ()


def _taint(raw: Mapping[str, Any]) -> Taint:
    return Taint(key=raw["key"], value=raw.get("value") or "", effect=raw.get("effect") or "")


def _deleting_since(meta: Mapping[str, Any]) -> datetime | None:
    """Return when deletion was asked: deletionTimestamp is that time and the grace period, which may be of any length.

    Where one is beyond the calendar, all that is known is that the pod is on its way out.
    """
    ends_at = read_time(meta.get("deletionTimestamp"))
    try:
        return ends_at and ends_at - timedelta(seconds=meta.get("deletionGracePeriodSeconds") or 0)
    except OverflowError:
        return ends_at


def _own(annotations: Mapping[str, str]) -> Mapping[str, str]:
    return MappingProxyType(
        {key: text for key, text in annotations.items() if key.startswith(PREFIX) or key == EVICTION_PRIORITY}
    )


@lru_cache(maxsize=16_384)
def _shared(labels: tuple[tuple[str, str], ...]) -> Mapping[str, str]:
    """Return one mapping for equal labels: the replicas of a workload share theirs."""
    return MappingProxyType(dict(labels))


def _unschedulable(conditions: Sequence[Mapping[str, Any]]) -> str | None:
    for condition in conditions:
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return f"{condition.get('reason') or 'Unschedulable'}: {condition.get('message') or ''}".rstrip(": ")
    return None


def _lacks_room(conditions: Sequence[Mapping[str, Any]]) -> bool:
    """Say whether the scheduler has looked, and found too little room on some node.

    A pod may wait for a gate, for a volume or for a label that no node has: room doesn't help it. The scheduler's words
    are those of Kubernetes 1.34 (pkg/scheduler/framework/plugins/noderesources).
    """
    return any(
        condition["type"] == "PodScheduled"
        and condition["status"] == "False"
        and condition.get("reason") == "Unschedulable"
        and any(lack in (condition.get("message") or "") for lack in _LACKS)
        for condition in conditions
    )


def _waiting(*groups: Sequence[Mapping[str, Any]]) -> str | None:
    for container in (entry for group in groups for entry in group):
        if waiting := (container.get("state") or {}).get("waiting"):
            return waiting.get("reason") or "Waiting"
    return None


def _terminated(containers: Sequence[Mapping[str, Any]]) -> str | None:
    for container in containers:
        for state in (container.get("state") or {}, container.get("lastState") or {}):
            if terminated := state.get("terminated"):
                return terminated.get("reason") or f"exit code {terminated.get('exitCode')}"
    return None


def _disruption(conditions: Sequence[Mapping[str, Any]]) -> str | None:
    for condition in conditions:
        if condition["type"] == "DisruptionTarget" and condition["status"] == "True":
            return condition.get("reason") or "DisruptionTarget"
    return None
