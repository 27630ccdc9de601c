"""The simulated world's tenants: the ports ``Queues`` and ``Namespaces`` without any wire."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from datetime import timedelta

from bridge.adapters.convert import room_of_yarn
from bridge.core.resources import NO_ROOM, NOTHING, Resources, Room
from bridge.core.tenants.evictions import Eviction
from bridge.core.tenants.facts import NamespaceUse, QueueFacts, QueueUse, TenantPod
from bridge.ports import Rejected, Unavailable
from bridge.sim.apps import QueueRun
from bridge.sim.errors import ApiRefusal
from bridge.sim.nodes import NodeManager
from bridge.sim.pods import Pod
from bridge.sim.queue_tree import DEFAULT
from bridge.sim.world import SimWorld

_GONE = frozenset({404, 409})


class SimQueues:
    """The queues of a simulated YARN cluster; elastic nodes are those with the pool's label."""

    def __init__(
        self,
        world: SimWorld,
        *,
        label: str,
        shape: Resources,
        vcores_per_core: float = 1.0,
        settling: timedelta = timedelta(seconds=15),
    ) -> None:
        self._world = world
        self._label = label
        self._shape = shape
        self._vcores_per_core = vcores_per_core
        self._settling = settling

    def observe(self) -> QueueFacts:
        """Read use and demand by queue, and what static nodes have."""
        world, manager = self._world, self._world.yarn
        with world.faults.around("yarn.observe"):
            if not manager.is_up:
                raise Unavailable("the ResourceManager is down")
            static = [node.total for node in manager.nodes.values() if self._is_static(node)]
            sizes = {*static, self._shape}
            queues = sorted(manager.work.queues.values(), key=lambda queue: queue.node.path)
            return QueueFacts(
                static=self._room(sum(static, NOTHING)),
                minimum=self._room(world.config.minimum),
                queues=tuple(self._use(queue, sizes) for queue in queues),
                preempts=world.config.preemption is not None,
                is_settling=world.now - world.clock.at(manager.started_at) < self._settling,
            )

    def _is_static(self, node: NodeManager) -> bool:
        return node.is_known and node.label is None

    def _use(self, queue: QueueRun, sizes: Collection[Resources]) -> QueueUse:
        if not self._world.yarn.has_lists:
            return QueueUse(path=queue.node.path)
        asks = (ask for seq in queue.waiting for ask in self._world.yarn.work.apps[seq].asks())
        waiting = (size * count for size, _, count in asks if any(size.fits_in(node) for node in sizes))
        return QueueUse(
            path=queue.node.path,
            used_static=self._room(queue.used(DEFAULT)),
            used_elastic=self._room(queue.used(self._label)),
            waiting=self._room(sum(waiting, NOTHING)),
        )

    def _room(self, amount: Resources) -> Room:
        return room_of_yarn(amount, self._vcores_per_core)


class SimNamespaces:
    """The tenants' namespaces of a simulated Kubernetes cluster."""

    def __init__(self, world: SimWorld) -> None:
        self._world = world

    def observe(self, names: Collection[str]) -> tuple[NamespaceUse, ...]:
        """Read use and demand by namespace; one that doesn't exist uses nothing."""
        with self._world.faults.around("kube.observe"):
            return tuple(self._use(name) for name in names)

    def evict(self, eviction: Eviction) -> bool:
        """Evict a pod; False where a disruption budget forbids it now. One that is gone is evicted."""
        pod = eviction.pod
        with self._world.faults.around("kube.evict"):
            try:
                self._world.kube.evict(pod.namespace, pod.name, uid=pod.uid)
            except ApiRefusal as refusal:
                if refusal.status not in {429, *_GONE}:
                    raise Rejected(str(refusal)) from refusal
                return refusal.status in _GONE
        return True

    def _use(self, name: str) -> NamespaceUse:
        there = [pod for pod in self._world.kube.pods.values() if pod.order.namespace == name]
        pods = sorted((pod for pod in there if not pod.phase.is_over and not pod.is_elastic), key=lambda pod: pod.key)
        works = (work for work in self._world.works if work.work.namespace == name)
        return NamespaceUse(
            name=name,
            used=_requests(pods, lambda pod: pod.node is not None),
            waiting=_requests(pods, lambda pod: pod.node is None),
            held_back=sum((work.work.request * work.held_back for work in works), NO_ROOM),
            leaving=_requests(pods, lambda pod: pod.node is not None and pod.deleting is not None),
            pods=tuple(found for pod in pods if (found := self._pod(pod)) is not None),
            without_requests=tuple(pod.order.name for pod in pods if not _names_requests(pod)),
        )

    def _pod(self, pod: Pod) -> TenantPod | None:
        """Take what may be evicted: a pod that has begun, and isn't on its way out."""
        if pod.started is None or pod.deleting is not None:
            return None
        return TenantPod(
            namespace=pod.order.namespace,
            name=pod.order.name,
            uid=pod.uid,
            requests=pod.order.requests,
            priority=pod.order.priority,
            started_at=self._world.clock.at(pod.started),
        )


def _requests(pods: Iterable[Pod], counts: Callable[[Pod], bool]) -> Room:
    return sum((pod.order.requests for pod in pods if counts(pod)), NO_ROOM)


def _names_requests(pod: Pod) -> bool:
    requests = pod.order.requests
    return requests.cpu_millicores > 0 and requests.memory_mib > 0
