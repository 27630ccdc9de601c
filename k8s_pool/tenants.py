"""Tenants' namespaces, one by one: what their pods request, what a quota would refuse, what could be evicted. Pure.

Pods come from the fleet's view, workloads that miss some from `workloads`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from k8s_pool.amounts import ZERO, KubeAmount
from k8s_pool.fleet import FleetView, NamespaceLoad
from k8s_pool.views import PodView
from k8s_pool.workloads import HeldBack

_NO_LOAD = NamespaceLoad()


@dataclass(frozen=True, slots=True, kw_only=True)
class EvictionCandidate:
    """A pod that runs, with what decides whether it should be the one to go."""

    namespace: str
    name: str
    uid: str
    node: str
    requests: KubeAmount
    priority: int
    started_at: datetime | None
    """When the kubelet took it up; None for one that it hasn't yet."""
    owner_kind: str
    """Who makes it anew: ReplicaSet, Job ...; "" for a pod that nobody would."""
    is_elastic: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantLoad:
    """One namespace; elastic pods count nowhere but among the candidates."""

    namespace: str
    bound: KubeAmount
    """Requests of the pods that have a node."""
    pending: KubeAmount
    """Requests of the pods that have none yet."""
    leaving: KubeAmount
    """Of `bound`: requests of the pods that were asked to end and haven't yet."""
    held_back: tuple[HeldBack, ...]
    without_requests: tuple[str, ...]
    """Pods that name no request for CPU or for memory: a quota that bounds these refuses their like."""
    candidates: tuple[EvictionCandidate, ...]
    """Pods that have a node and haven't ended nor been asked to, by name."""

    @property
    def held_back_requests(self) -> KubeAmount:
        """What all the pods that are missing would request."""
        return sum((held.requests for held in self.held_back), ZERO)


def tenant_loads(
    view: FleetView, namespaces: Iterable[str], held_back: Sequence[HeldBack] = ()
) -> tuple[TenantLoad, ...]:
    """Return the books of each of *namespaces*, in their order; one that doesn't exist has nothing in them."""
    pods_by_namespace: dict[str, list[PodView]] = {namespace: [] for namespace in namespaces}
    for pod in view.pods.values():
        if pod.namespace in pods_by_namespace and not pod.phase.is_terminal:
            pods_by_namespace[pod.namespace].append(pod)
    return tuple(
        _load(
            namespace,
            view.load_by_namespace.get(namespace, _NO_LOAD),
            sorted(pods, key=lambda pod: pod.name),
            tuple(held for held in held_back if held.namespace == namespace),
        )
        for namespace, pods in pods_by_namespace.items()
    )


def _load(namespace: str, load: NamespaceLoad, pods: Sequence[PodView], held_back: tuple[HeldBack, ...]) -> TenantLoad:
    return TenantLoad(
        namespace=namespace,
        bound=load.bound,
        pending=load.pending,
        leaving=sum((pod.requests for pod in pods if _is_leaving(pod)), ZERO),
        held_back=held_back,
        without_requests=tuple(pod.name for pod in pods if pod.unset_requests and not pod.is_elastic),
        candidates=tuple(
            _candidate(pod, pod.node) for pod in pods if pod.node is not None and pod.deleting_since is None
        ),
    )


def _is_leaving(pod: PodView) -> bool:
    return pod.node is not None and pod.deleting_since is not None and not pod.is_elastic


def _candidate(pod: PodView, node: str) -> EvictionCandidate:
    return EvictionCandidate(
        namespace=pod.namespace,
        name=pod.name,
        uid=pod.uid,
        node=node,
        requests=pod.requests,
        priority=pod.priority,
        started_at=pod.started_at,
        owner_kind=pod.owner_kind,
        is_elastic=pod.is_elastic,
    )
