"""What workloads want and don't have: pods that a quota, or anything else, has kept from being made.

Such a pod exists nowhere; only the workload's own count tells. ReplicaSets, StatefulSets and Jobs are read, in the
tenants' namespaces; a Deployment shows in its ReplicaSets, a CronJob in its Jobs.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any

from k8s_pool.amounts import KubeAmount
from k8s_pool.pod_requests import pod_requests
from k8s_pool.replies import list_objects
from k8s_pool.transport import Transport

_ENDED = frozenset({"Complete", "Failed", "SuccessCriteriaMet", "FailureTarget"})


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldBack:
    """A workload with fewer pods than it wants."""

    namespace: str
    kind: str
    name: str
    pods: int
    """How many are missing."""
    each: KubeAmount
    """What one of them would request, by the template; a LimitRange's defaults aren't in it."""
    reason: str = ""
    """What a ReplicaSet says about its last attempt: "... is forbidden: exceeded quota: ..."; "" for the others."""

    @property
    def requests(self) -> KubeAmount:
        """What all of them would request."""
        return KubeAmount(
            cpu_millicores=self.each.cpu_millicores * self.pods,
            memory_mib=self.each.memory_mib * self.pods,
            ephemeral_mib=self.each.ephemeral_mib * self.pods,
            extended=MappingProxyType({name: count * self.pods for name, count in self.each.extended.items()}),
        )


def read_held_back(transport: Transport, namespaces: Iterable[str]) -> tuple[HeldBack, ...]:
    """List the workloads of *namespaces* that miss pods. Raises KubeError.

    One that was scaled up a moment ago is among them, and so is a Job that waits before it tries again.
    """
    return tuple(
        held
        for namespace in namespaces
        for kind, (group, resource) in _RESOURCES.items()
        for held in list_objects(
            transport, f"/apis/{group}/namespaces/{namespace}/{resource}", partial(held_back, kind)
        )
        if held is not None
    )


def held_back(kind: str, raw: Mapping[str, Any]) -> HeldBack | None:
    """Return what the raw workload misses, None when nothing."""
    missing = _missing_in_job(raw) if kind == "Job" else _missing_replicas(raw)
    if missing <= 0:
        return None
    return HeldBack(
        namespace=raw["metadata"]["namespace"],
        kind=kind,
        name=raw["metadata"]["name"],
        pods=missing,
        each=template_requests(raw["spec"]["template"]),
        reason=_failure(raw),
    )


def template_requests(template: Mapping[str, Any]) -> KubeAmount:
    """Return what a pod of *template* will request: where only a limit is named, that is its request."""
    spec = template.get("spec") or {}
    filled = {key: [_filled(one) for one in spec.get(key) or ()] for key in ("containers", "initContainers")}
    return pod_requests({"spec": {**spec, **filled}})


_RESOURCES = {
    "ReplicaSet": ("apps/v1", "replicasets"),
    "StatefulSet": ("apps/v1", "statefulsets"),
    "Job": ("batch/v1", "jobs"),
}


def _missing_replicas(raw: Mapping[str, Any]) -> int:
    wanted = raw["spec"].get("replicas", 1)
    return int(wanted - ((raw.get("status") or {}).get("replicas") or 0))


def _missing_in_job(raw: Mapping[str, Any]) -> int:
    spec, status = raw["spec"], raw.get("status") or {}
    has_ended = any(c["type"] in _ENDED and c["status"] == "True" for c in status.get("conditions") or ())
    if has_ended or spec.get("suspend"):
        return 0
    wanted = spec.get("parallelism", 1)
    if (completions := spec.get("completions")) is not None:
        wanted = min(wanted, completions - (status.get("succeeded") or 0))
    elif status.get("succeeded"):
        return 0  # of a work queue: after the first success no pod is made any more
    return int(wanted - (status.get("active") or 0))


def _filled(container: Mapping[str, Any]) -> Mapping[str, Any]:
    resources = container.get("resources") or {}
    requests = {**(resources.get("limits") or {}), **(resources.get("requests") or {})}
    return {**container, "resources": {**resources, "requests": requests}}


def _failure(raw: Mapping[str, Any]) -> str:
    for condition in (raw.get("status") or {}).get("conditions") or ():
        if condition["type"] == "ReplicaFailure" and condition["status"] == "True":
            return str(condition.get("message") or condition.get("reason") or "")
    return ""
