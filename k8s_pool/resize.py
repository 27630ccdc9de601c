"""A NodeManager pod's size and its change in place: what is asked, what is in force, and how far the kubelet is.

Kubernetes calls it KEP-1287: the subresource pods/resize, from 1.33 on.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from k8s_pool.amounts import KubeAmount
from k8s_pool.identity import NODEMANAGER
from k8s_pool.pod_requests import pod_requests
from k8s_pool.transport import WRITE_S, JsonObject, Request


class Resizing(StrEnum):
    """Where a resize stands."""

    NONE = "none"
    IN_PROGRESS = "in_progress"
    """The kubelet hasn't looked yet, or is at it."""
    DEFERRED = "deferred"
    """The node has no room now; the kubelet tries again by itself."""
    INFEASIBLE = "infeasible"
    """The node can never have room; the scheduler doesn't count what was asked."""


class CannotResize(StrEnum):
    """Why no pod can be resized in place."""

    NOT_SERVED = "not_served"
    """The API server has no pods/resize."""
    NOT_PERMITTED = "not_permitted"
    """The right to patch pods/resize is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerSize:
    """What the NodeManager's container requests, and what the kernel holds it to. Raises ValueError for nonsense."""

    cpu_request_millicores: int
    memory_request_mib: int
    cpu_limit_millicores: int | None = None
    """None: no limit of its own."""
    memory_limit_mib: int | None = None
    """None: as much as the request."""

    def __post_init__(self) -> None:
        if self.memory_limit_mib is not None and self.memory_limit_mib < self.memory_request_mib:
            raise ValueError("memory_limit_mib is below memory_request_mib")
        if self.cpu_limit_millicores is not None and self.cpu_limit_millicores < self.cpu_request_millicores:
            raise ValueError("cpu_limit_millicores is below cpu_request_millicores")

    @property
    def requests(self) -> dict[str, str]:
        """The requests, as Kubernetes writes them."""
        return {"cpu": f"{self.cpu_request_millicores}m", "memory": f"{self.memory_request_mib}Mi"}

    @property
    def limits(self) -> dict[str, str]:
        """The limits, as Kubernetes writes them."""
        memory_mib = self.memory_request_mib if self.memory_limit_mib is None else self.memory_limit_mib
        limits = {"memory": f"{memory_mib}Mi"}
        return limits if self.cpu_limit_millicores is None else {**limits, "cpu": f"{self.cpu_limit_millicores}m"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PodSizes:
    """What a NodeManager pod takes as a whole, its container's limits counted in place of its smaller requests."""

    asked: KubeAmount
    """By its spec."""
    in_force: KubeAmount | None
    """By its status; None before the container runs, and from a kubelet that doesn't say (before 1.33)."""
    counted: KubeAmount
    """As the scheduler counts a pod that is being resized: the greater of both, or what is in force if infeasible."""
    resizing: Resizing


def pod_sizes(pod: Mapping[str, Any]) -> PodSizes:
    """Read the sizes of the raw *pod*."""
    spec, status = pod["spec"], pod.get("status") or {}
    entries = [_with_limits(entry) for entry in status.get("containerStatuses") or ()]
    raised = {**spec, "containers": [_with_limits(container) for container in spec.get("containers") or ()]}
    asked = pod_requests({"spec": raised})
    held = next((one["resources"] for one in entries if one["name"] == NODEMANAGER and one.get("resources")), None)
    in_force = None if held is None else pod_requests({"spec": _with_resources(raised, held)})
    return PodSizes(
        asked=asked,
        in_force=in_force,
        counted=pod_requests({"spec": raised, "status": {**status, "containerStatuses": entries}}),
        resizing=_resizing(pod, is_done=in_force in (None, asked)),
    )


def resize_request(namespace: str, name: str, *, uid: str, size: ContainerSize) -> Request:
    """Build the request for another size of a pod, if it still is the one with *uid*."""
    container = {"name": NODEMANAGER, "resources": {"requests": size.requests, "limits": size.limits}}
    body: JsonObject = {"metadata": {"uid": uid}, "spec": {"containers": [container]}}
    path = f"/api/v1/namespaces/{namespace}/pods/{name}/resize"
    return Request(
        method="PATCH",
        path=path,
        body=body,
        content_type="application/strategic-merge-patch+json",
        read_timeout_s=WRITE_S,
    )


def is_served(resources: JsonObject) -> bool:
    """Say whether the API's list of resources (GET /api/v1) names pods/resize."""
    return any(entry.get("name") == "pods/resize" for entry in resources.get("resources") or ())


def _with_limits(container: Mapping[str, Any]) -> Mapping[str, Any]:
    """Count the NodeManager's limits as its requests; Kubernetes takes no limit below the request."""
    resources = container.get("resources") or {}
    if container["name"] != NODEMANAGER or not resources:
        return container
    requests = {**(resources.get("requests") or {}), **(resources.get("limits") or {})}
    return {**container, "resources": {**resources, "requests": requests}}


def _with_resources(spec: Mapping[str, Any], resources: Mapping[str, Any]) -> Mapping[str, Any]:
    containers = [one if one["name"] != NODEMANAGER else {**one, "resources": resources} for one in spec["containers"]]
    return {**spec, "containers": containers}


def _resizing(pod: Mapping[str, Any], *, is_done: bool) -> Resizing:
    """Read the resize's conditions; one about an earlier size than the spec's says nothing."""
    generation = pod["metadata"].get("generation") or 0
    conditions = {
        entry["type"]: entry.get("reason")
        for entry in (pod.get("status") or {}).get("conditions") or ()
        if entry.get("status") == "True" and (entry.get("observedGeneration") or generation) >= generation
    }
    if conditions.get("PodResizePending") == "Infeasible":
        return Resizing.INFEASIBLE
    if conditions.get("PodResizePending") == "Deferred":
        return Resizing.DEFERRED
    is_at_it = "PodResizePending" in conditions or "PodResizeInProgress" in conditions
    return Resizing.IN_PROGRESS if is_at_it or not is_done else Resizing.NONE
