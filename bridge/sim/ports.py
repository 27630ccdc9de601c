"""The simulated world as one pool's controller sees it: the ports ``Clock``, ``Yarn`` and ``Kube`` without any wire."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from types import MappingProxyType

from bridge.core.actions import CreatePod, Decommission, DeletePod, Readmit, ResizeNode, ResizePod, StampPod
from bridge.core.reasons import LenderRefusal
from bridge.core.resources import NO_ROOM, NOTHING, Resources, Room
from bridge.core.snapshot import (
    CannotDecommission,
    CannotResize,
    ElasticPod,
    KubeFacts,
    Lender,
    Promise,
    StuckPod,
    YarnFacts,
    YarnNode,
    YarnNodeState,
)
from bridge.core.tasks import EndedTask, Task
from bridge.core.waiting import WaitingContainers
from bridge.ports import Denied, Rejected, Unavailable
from bridge.sim.apps import AM, TASK_PRIORITY, AppState, Container, StageRun
from bridge.sim.errors import ApiRefusal, RmRefusal
from bridge.sim.nodes import NodeManager
from bridge.sim.pods import (
    DEADLINE,
    EVICTION_PRIORITY,
    LENDER,
    POOL,
    PROMISE,
    SHAPE,
    KubeNode,
    Pod,
    PodOrder,
    PodSize,
    elastic_labels,
    elastic_name,
)
from bridge.sim.times import read_time, write_time
from bridge.sim.world import SimWorld

ELASTIC_PRIORITY = -100
State = tuple[object, ...]
"""All that may change of a lender or a pod."""
_USABLE = frozenset(
    {YarnNodeState.RUNNING, YarnNodeState.UNHEALTHY, YarnNodeState.DECOMMISSIONING, YarnNodeState.DECOMMISSIONED}
)


Told = tuple[int, int, YarnNode]
"""A node as it was last told: what had happened to it by then, and from which second on it is told otherwise anyhow."""


class SimYarn:
    """The YARN cluster of a simulated world."""

    def __init__(
        self,
        world: SimWorld,
        *,
        settling: timedelta = timedelta(seconds=15),
        cannot_decommission: CannotDecommission | None = CannotDecommission.NOT_CONFIGURED,
    ) -> None:
        self._world = world
        self.cannot_decommission = cannot_decommission
        """None where the admin has given an exclude file, and the admin port answers."""
        self._settling = settling
        self._released = world.yarn.work.released_count
        """How many containers were over at the last look."""
        self._nodes: dict[NodeManager, Told] = {}
        """As they were last told; what hasn't changed since is told again."""

    def observe(self) -> YarnFacts:
        """Read the nodes that aren't gone, what waits, and labels."""
        world, manager = self._world, self._world.yarn
        with self._call("yarn.observe"):
            started_at = world.clock.at(manager.started_at)
            sizes, ams_waiting = self.waiting()
            ended = self._ended()
            apps = manager.work.apps.values() if manager.has_lists else ()
            self._nodes = self._looked()
            return YarnFacts(
                started_at=started_at,
                minimum=world.config.minimum,
                nodes=tuple([node for _, _, node in self._nodes.values()]),
                waiting=sizes,
                ams_waiting=ams_waiting,
                labels=frozenset(manager.scheduler.is_exclusive),
                label_by_host=MappingProxyType(dict(manager.label_by_host)),
                ended=ended,
                excluded=MappingProxyType(dict(manager.excluded)),
                cannot_decommission=self.cannot_decommission,
                apps=frozenset(app.id for app in apps if app.state is AppState.RUNNING),
                is_settling=world.now - started_at < self._settling,
            )

    def resize(self, act: ResizeNode) -> None:
        """Set a node's total; refuse where custom resources would be lost."""
        timeout = act.overcommit_timeout
        timeout_ms = -1 if timeout is None else int(timeout / timedelta(milliseconds=1))
        with self._call("yarn.resize"):
            if self._world.yarn.node(act.node_id).has_gpu:
                raise Rejected(f"a resize would drop the custom resources of {act.node_id}")
            self._world.yarn.resize(act.node_id, act.total, timeout_ms)

    def add_label(self, label: str) -> None:
        """Make a label known, not exclusive; one that exists is left as it is."""
        with self._call("yarn.add_label"):
            if label not in self._world.yarn.scheduler.is_exclusive:
                self._world.yarn.add_label(label, is_exclusive=False)

    def map_label(self, host: str, label: str | None) -> None:
        """Map a host to a label; None clears it."""
        with self._call("yarn.map_label"):
            self._world.yarn.map_label(host, label)

    def decommission(self, act: Decommission) -> None:
        """Have nodes run out and end."""
        with self._call("yarn.decommission"):
            self._world.yarn.decommission(dict(act.timeout_s_by_host))

    def readmit(self, act: Readmit) -> None:
        """Let NodeManagers register from these addresses again."""
        with self._call("yarn.decommission"):
            self._world.yarn.readmit(act.hosts)

    @contextmanager
    def _call(self, name: str) -> Iterator[None]:
        with self._world.faults.around(name):
            if not self._world.yarn.is_up:
                raise Unavailable("the ResourceManager is down")
            try:
                yield
            except RmRefusal as error:
                raise Rejected(str(error)) from error

    def _looked(self) -> dict[NodeManager, Told]:
        """Look at the nodes; those to which nothing has happened are told as before."""
        manager, now, before = self._world.yarn, self._world.timeline.now, self._nodes
        found = {}
        for node in manager.nodes.values():
            if node.state in _USABLE:
                told = before.get(node)
                if told is None or told[0] != node.changes or now >= told[1]:
                    told = node.changes, manager.is_same_until(node), self._node(node)
                found[node] = told
        return found

    def _node(self, node: NodeManager) -> YarnNode:
        manager = self._world.yarn
        is_settled = manager.is_settled(node)
        tasks = tuple(self._tasks(node)) if is_settled and node.containers else ()
        # Where there are as many tasks as containers, none of these is an ApplicationMaster.
        has_am = len(tasks) < len(node.containers) and any(one.is_am for one in node.containers.values())
        return YarnNode(
            node_id=node.id,
            state=node.state,
            total=node.total if node.leaving_since is None else node.used,
            used=node.used if is_settled else NOTHING,
            containers=len(node.containers) if is_settled else 0,
            label=node.label,
            has_am=has_am,
            has_custom_resources=node.has_gpu,
            is_settled=is_settled,
            health_at=self._world.clock.at(manager.health_second(node)),
            tasks=tasks,
        )

    def _tasks(self, node: NodeManager) -> Iterator[Task]:
        """Yield what runs on a node; an application that isn't running yet tells nothing of it."""
        for one in node.containers.values():
            if one.stage is not None and one.app.state is AppState.RUNNING:
                if one.told is None:
                    one.told = self._told(one, one.stage)
                yield one.told

    def _told(self, one: Container, run: StageRun) -> Task:
        return Task(
            app=one.app.id,
            queue=one.app.queue.node.path,
            kind=TASK_PRIORITY + one.app.stages.index(run),
            vcores=one.vcores,
            began=self._world.clock.at(one.began),
        )

    def _ended(self) -> tuple[EndedTask, ...]:
        """Say which tasks are over since the last look."""
        work = self._world.yarn.work
        new = min(work.released_count - self._released, len(work.released))
        self._released = work.released_count
        return tuple(
            EndedTask(
                node_id=one.node.id,
                app=one.app.id,
                queue=one.app.queue.node.path,
                kind=TASK_PRIORITY + one.app.stages.index(one.stage),
                lasted=timedelta(seconds=one.ended - one.began),
            )
            for one in itertools.islice(work.released, len(work.released) - new, None)
            if one.stage is not None
        )

    def waiting(self) -> tuple[tuple[WaitingContainers, ...], int]:
        """Sum what waits by size and label, and count the ApplicationMasters that do."""
        manager = self._world.yarn
        if not manager.has_lists:
            return (), 0
        sizes = (
            WaitingContainers(vcores=size.vcores, memory_mib=size.memory_mib, label=label, count=count, queue=queue)
            for (size, label, queue), count in manager.work.waiting().items()
        )
        return tuple(sorted(sizes)), sum(queue.asked[AM] for queue in manager.work.queues.values())


class SimKube:
    """The Kubernetes cluster of a simulated world, for one pool."""

    def __init__(
        self,
        world: SimWorld,
        pool: str,
        *,
        node_selector: Mapping[str, str] | None = None,
        namespace: str = "tidebridge",
        requested: Room | None = None,
        priority: int = ELASTIC_PRIORITY,
    ) -> None:
        """Serve one pool. *requested*: what its pods ask for, where that isn't what they take (basis usage)."""
        self._world = world
        self._pool = pool
        self._selector = dict(world.config.lender_labels if node_selector is None else node_selector)
        self._namespace = namespace
        self._requested = requested
        self._priority = priority
        self._lenders: dict[str, tuple[State, Lender]] = {}
        """As they were last seen; what hasn't changed since is told again."""
        self._pods: dict[str, tuple[State, ElasticPod]] = {}
        """The same, by uid."""
        self._last: tuple[State, KubeFacts] | None = None
        """All of that at once: while the cluster has no other version, nothing has changed."""

    def observe(self) -> KubeFacts:
        """Read lenders and this pool's pods."""
        kube = self._world.kube
        with self._world.faults.around("kube.observe"):
            state = kube.version, kube.cannot_resize, kube.may_stamp
            if self._last is None or self._last[0] != state:
                self._last = state, self._facts()
            return self._last[1]

    def _facts(self) -> KubeFacts:
        """Look at each lender and pod."""
        kube, wanted = self._world.kube, self._selector.items()
        claimed = [pod for pod in kube.elastic.values() if pod.order.labels.get(POOL) == self._pool]
        claimed.sort(key=lambda pod: pod.order.name)
        lending = [node for node in kube.nodes.values() if wanted <= node.labels.items()]
        waiting = [(pod, names) for pod in kube.pending if not pod.is_elastic and (names := _holders(pod, lending))]
        stuck = [(pod, names) for pod, names in waiting if pod.waiting == "Unschedulable"]
        stuck.sort(key=lambda one: (one[0].order.requests.cpu_millicores, one[0].order.name), reverse=True)
        self._lenders = {node.name: self._lender(node) for node in lending}
        self._pods = {pod.uid: self._pod(pod) for pod in claimed if self._is_ours(pod)}
        return KubeFacts(
            lenders=tuple(lender for _, lender in self._lenders.values()),
            pods=tuple(pod for _, pod in self._pods.values()),
            online_waiting=sum((pod.order.requests for pod, _ in waiting), NO_ROOM),
            online_stuck=tuple(StuckPod(requests=pod.order.requests, lenders=names) for pod, names in stuck),
            impostors=tuple(pod.order.name for pod in claimed if not self._is_ours(pod)),
            cannot_resize=kube.cannot_resize,
            may_stamp=kube.may_stamp,
        )

    def create(self, act: CreatePod, promise: Promise) -> None:
        """Make the pod of a promise; if it is there already, nothing happens."""
        if promise.deadline is None:
            raise Rejected(f"promise {promise.id} has no deadline")
        shape = f"vcores={act.shape.vcores},memory_mib={act.shape.memory_mib}"
        order = PodOrder(
            name=elastic_name(self._pool, act.promise_id),
            namespace=self._namespace,
            requests=self._requested or act.requests,
            takes=act.requests,
            labels=elastic_labels(self._pool, act.promise_id),
            annotations={
                DEADLINE: write_time(promise.deadline),
                SHAPE: shape,
                LENDER: act.lender,
            },
            priority=self._priority,
            pinned_to=act.lender,
            may_preempt=False,
            grace_s=int(act.grace.total_seconds()),
            lives_at_most_s=max(1, int(act.lives_at_most.total_seconds())),
            nodemanager=act.shape,
            yarn_label=act.label,
        )
        with self._world.faults.around("kube.create"):
            if (order.namespace, order.name) not in self._world.kube.pods:
                self._world.kube.create(order)

    def resize_pod(self, act: ResizePod) -> None:
        """Ask for another size of the pod with this uid."""
        name = elastic_name(self._pool, act.promise_id)
        size = PodSize(requests=self._requested or act.requests, takes=act.requests)
        with self._world.faults.around("kube.resize"):
            if (hindrance := self._world.kube.cannot_resize) is not None:
                refusal = Denied if hindrance is CannotResize.NOT_PERMITTED else Rejected
                raise refusal(f"pod {name} can't be resized: {hindrance}")
            try:
                self._world.kube.resize(self._namespace, name, size, uid=act.uid)
            except ApiRefusal as error:
                raise Rejected(str(error)) from error

    def stamp(self, act: StampPod) -> None:
        """Write on the pod with this uid what its work is worth."""
        name = elastic_name(self._pool, act.promise_id)
        with self._world.faults.around("kube.stamp"):
            if not self._world.kube.may_stamp:
                raise Denied(f"pod {name} can't be stamped: the right to patch pods is missing")
            try:
                said = {EVICTION_PRIORITY: str(act.worth)}
                self._world.kube.annotate(self._namespace, name, said, uid=act.uid)
            except ApiRefusal as error:
                raise Rejected(str(error)) from error

    def delete(self, act: DeletePod) -> bool:
        """Delete the pod with this uid, or with whichever; say whether there was one."""
        name = elastic_name(self._pool, act.promise_id)
        with self._world.faults.around("kube.delete"):
            pod = self._world.kube.pods.get((self._namespace, name))
            if pod is None or act.uid not in (None, pod.uid):
                return False
            self._world.kube.delete(*pod.key, uid=act.uid, grace_s=int(act.grace.total_seconds()))
            return True

    def tell(self, reason: str, message: str) -> None:
        """Leave an Event; what is said again adds none."""
        with self._world.faults.around("kube.tell"):
            said = self._world.kube.events
            if not any(one[1:] == (reason, message) for one in said):
                said.append((self._world.timeline.now, reason, message))

    def _is_ours(self, pod: Pod) -> bool:
        return pod.is_elastic and pod.order.namespace == self._namespace

    def _lender(self, node: KubeNode) -> tuple[State, Lender]:
        slots = max(0, node.slots - (len(node.pods) - node.elastic_pods))
        refusal = _refusal(node) if self._selector else LenderRefusal.UNKNOWN_ROLE
        state = node.allocatable, node.online, slots, refusal
        before = self._lenders.get(node.name)
        if before is not None and before[0] == state:
            return before
        return state, Lender(
            name=node.name, allocatable=node.allocatable, online=node.online, pod_slots=slots, refusal=refusal
        )

    def _pod(self, pod: Pod) -> tuple[State, ElasticPod]:
        size = pod.asked, pod.in_force, pod.resizing, pod.order.annotations.get(EVICTION_PRIORITY)
        state = pod.phase, pod.node, pod.ip, pod.deleting, pod.waiting, pod.message, pod.disruption, pod.ended, size
        before = self._pods.get(pod.uid)
        return before if before is not None and before[0] == state else (state, self._elastic_pod(pod))

    def _elastic_pod(self, pod: Pod) -> ElasticPod:
        clock, order = self._world.clock, pod.order
        return ElasticPod(
            name=order.name,
            uid=pod.uid,
            promise_id=order.labels[PROMISE],
            lender=order.pinned_to or "",
            requests=pod.counted.takes,
            shape=order.nodemanager or Resources(vcores=0, memory_mib=0),
            phase=pod.phase,
            deadline=read_time(order.annotations.get(DEADLINE)),
            created_at=clock.at(pod.created),
            node=None if pod.node is None else pod.node.name,
            ip=pod.ip,
            deleting_since=None if pod.deleting is None else clock.at(pod.deleting),
            trouble=_trouble(pod),
            requested=pod.asked.takes,
            allocated=None if pod.started is None else pod.in_force.takes,
            resizing=pod.resizing,
            worth=None if (said := order.annotations.get(EVICTION_PRIORITY)) is None else int(said),
        )


def _holders(pod: Pod, lending: list[KubeNode]) -> frozenset[str]:
    """Name the lenders that could hold a pod if they were empty."""
    order = pod.order
    fitting = (node for node in lending if order.requests.fits_in(node.allocatable))
    return frozenset(
        node.name
        for node in fitting
        if order.pinned_to in (None, node.name) and order.selector.items() <= node.labels.items()
    )


def _trouble(pod: Pod) -> str | None:
    if pod.waiting is not None and pod.node is None:
        return f"{pod.waiting}: {pod.message}"
    return pod.waiting or pod.disruption or pod.ended


def _refusal(node: KubeNode) -> LenderRefusal | None:
    if node.is_cordoned:
        return LenderRefusal.CORDONED
    if not node.is_ready:
        return LenderRefusal.NOT_READY
    if node.pressures:
        return LenderRefusal.PRESSURE
    if node.taints and any(effect in {"NoSchedule", "NoExecute"} for _, _, effect in node.taints):
        return LenderRefusal.TAINT
    return LenderRefusal.NO_POD_SLOTS if len(node.pods) >= node.slots else None
