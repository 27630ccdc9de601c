"""The tenants' namespaces of a real Kubernetes cluster behind the port ``Namespaces``, by ``k8s_pool``."""

from __future__ import annotations

from collections.abc import Callable, Collection

from bridge.adapters.convert import room_of
from bridge.adapters.kube import refuse_stale
from bridge.adapters.kube_errors import translated
from bridge.core.tenants.evictions import Eviction
from bridge.core.tenants.facts import NamespaceUse, TenantPod
from bridge.ports import PortError
from k8s_pool import EvictionCandidate, FleetView, HeldBack, KubeApi, TenantLoad, evict, read_held_back, tenant_loads


class TenantNamespaces:
    """Reads pods from the shared view of the fleet, and the workloads that miss some from the API."""

    def __init__(self, api: KubeApi, view: Callable[[], FleetView]) -> None:
        self._api = api
        self._view = view

    def observe(self, names: Collection[str]) -> tuple[NamespaceUse, ...]:
        """Read use and demand by namespace; see ``bridge.ports.Namespaces``.

        One whose workloads can't be read leaves the others alone; where that goes for all, the last error is raised.
        """
        with translated("read the tenants' namespaces"):
            view = self._view()
        refuse_stale(view)
        held_back, trouble = self._held_back(names)
        return tuple(_use(load, trouble.get(load.namespace)) for load in tenant_loads(view, names, held_back))

    def _held_back(self, names: Collection[str]) -> tuple[tuple[HeldBack, ...], dict[str, str]]:
        """Read what workloads miss, and say of which namespaces that can't be read."""
        found: list[HeldBack] = []
        trouble: dict[str, str] = {}
        for name in names:
            try:
                with translated(f"read the workloads of namespace {name}"):
                    found += read_held_back(self._api, (name,))
            except PortError as error:
                trouble[name] = str(error)
                if len(trouble) == len(names):
                    raise
        return tuple(found), trouble

    def evict(self, eviction: Eviction) -> bool:
        """Evict a pod; see ``bridge.ports.Namespaces``."""
        pod = eviction.pod
        with translated(f"evict pod {pod.namespace}/{pod.name}"):
            return evict(self._api, pod.namespace, pod.name, uid=pod.uid) is None


def _use(load: TenantLoad, trouble: str | None) -> NamespaceUse:
    return NamespaceUse(
        name=load.namespace,
        used=room_of(load.bound),
        waiting=room_of(load.pending),
        held_back=room_of(load.held_back_requests),
        leaving=room_of(load.leaving),
        pods=tuple(found for one in load.candidates if (found := _pod(one)) is not None),
        without_requests=load.without_requests,
        trouble=trouble,
    )


def _pod(candidate: EvictionCandidate) -> TenantPod | None:
    """Take what may be evicted: a pod that has begun, and isn't one of ours."""
    if candidate.is_elastic or candidate.started_at is None:
        return None
    return TenantPod(
        namespace=candidate.namespace,
        name=candidate.name,
        uid=candidate.uid,
        requests=room_of(candidate.requests),
        priority=candidate.priority,
        started_at=candidate.started_at,
    )
