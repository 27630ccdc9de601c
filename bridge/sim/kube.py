"""The Kubernetes cluster: the API's objects, the scheduler, and the kubelets.

A pod is bound where it fits; an online pod that fits nowhere takes the room of pods of a lower priority. What runs in
a NodeManager pod is told to ``Runtime``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Protocol

from bridge.core.resources import NO_ROOM, Room
from bridge.core.snapshot import CannotResize, PodPhase, Resizing
from bridge.sim.accounts import Accounts
from bridge.sim.clock import KUBE_SCHEDULER, Timeline
from bridge.sim.config import SimConfig
from bridge.sim.errors import ApiRefusal, check_uid
from bridge.sim.pods import KubeNode, Pod, PodOrder, PodSize
from bridge.sim.quotas import Quotas
from bridge.sim.resizing import deferred_on, verdict

_EVENTS_KEPT = 1000


class Runtime(Protocol):
    """What happens inside pods."""

    def pod_runs(self, pod: Pod) -> None:
        """Take notice that the pod's process has started."""
        ...

    def pod_is_told_to_end(self, pod: Pod) -> None:
        """Take notice of SIGTERM."""
        ...

    def pod_is_killed(self, pod: Pod) -> None:
        """Take notice that the process is gone, however it ended."""
        ...


class Controller(Protocol):
    """Who makes the pods of a workload."""

    def pod_changed(self, pod: Pod) -> None:
        """Take notice that one of its pods is over, gone or on its way out."""
        ...

    def allow_eviction(self, pod: Pod) -> None:
        """Take notice that one of its pods is to be evicted, or raise ApiRefusal."""
        ...


Watcher = Callable[[str, KubeNode | Pod], None]
"""Is told of every change: ADDED, MODIFIED or DELETED, and the object."""


class KubeCluster:
    """One Kubernetes cluster."""

    def __init__(self, timeline: Timeline, config: SimConfig, accounts: Accounts, runtime: Runtime) -> None:
        self._timeline = timeline
        self._config = config
        self._accounts = accounts
        self._runtime = runtime
        self._made = 0
        self._is_planned = False
        self._pending: dict[int, Pod] = {}
        self._ips = deque(f"10.244.{1 + i // 250}.{1 + i % 250}" for i in range(config.pod_ips))
        self._ips_made = config.pod_ips
        self.version = 1
        self.quotas = Quotas(timeline, self._next_version)
        self.workloads: dict[tuple[str, str], Controller] = {}
        """Who makes pods, by namespace and the workload's name."""
        self.watcher: Watcher | None = None
        self.cannot_resize: CannotResize | None = None
        """Why it takes no resize in place; None while it does."""
        self.may_stamp = True
        """Whether pods may be told what their work is worth."""
        self.nodes: dict[str, KubeNode] = {}
        self.pods: dict[tuple[str, str], Pod] = {}
        self.elastic: dict[tuple[str, str], Pod] = {}
        """NodeManager pods, impostors included."""
        self.events: deque[tuple[int, str, str]] = deque(maxlen=_EVENTS_KEPT)
        """Words left for people: second, reason, message."""

    # --- Nodes

    def add_node(self, name: str, allocatable: Room, *, labels: dict[str, str], slots: int) -> KubeNode:
        """Add a node."""
        node = KubeNode(name, f"node-{name}", allocatable, slots, labels)
        self.nodes[name] = node
        self._changed("ADDED", node)
        return node

    def node_changed(self, node: KubeNode) -> None:
        """Take notice that a node's spec or conditions have been changed."""
        self._changed("MODIFIED", node)
        self._plan()
        for pod in node.pods.values():
            if pod.phase is PodPhase.PENDING:
                self._timeline.at(self._timeline.now + self._config.pod_start_s, self._start, pod)

    # --- The API

    def create(self, order: PodOrder) -> Pod:
        """Make a pod, or refuse because of a quota, or because one of that name exists."""
        self.quotas.admit(order)
        key = order.namespace, order.name
        if key in self.pods:
            raise ApiRefusal(409, "AlreadyExists", f'pods "{order.name}" already exists')
        self._made += 1
        uid = f"00000000-0000-4000-8000-{self._made:012x}"
        size = order.size
        pod = Pod(self._made, uid, order, self._timeline.now, order.is_elastic, size, size, grace_s=order.grace_s)
        self.pods[key] = pod
        if order.nodemanager is not None:
            self.elastic[key] = pod
        self._pending[pod.seq] = pod
        self.quotas.charge(pod, 1)
        self._changed("ADDED", pod)
        self._plan()
        return pod

    def pod(self, namespace: str, name: str) -> Pod:
        """Return a pod."""
        if (namespace, name) not in self.pods:
            raise ApiRefusal(404, "NotFound", f'pods "{name}" not found')
        return self.pods[namespace, name]

    def resize(self, namespace: str, name: str, size: PodSize, *, uid: str | None = None) -> Pod:
        """Ask for another size of a pod; its kubelet sees to it a moment later."""
        pod = self.pod(namespace, name)
        check_uid("pods", name, pod.uid, uid)
        with self._recounted(pod):
            pod.asked = size
            if pod.node is None:
                pod.in_force = size
            pod.resizing = Resizing.NONE if pod.asked == pod.in_force else Resizing.IN_PROGRESS
        self._timeline.at(self._timeline.now + self._config.resize_s, self._sync_size, pod)
        return pod

    def annotate(self, namespace: str, name: str, annotations: Mapping[str, str], *, uid: str | None = None) -> Pod:
        """Write annotations on a pod."""
        pod = self.pod(namespace, name)
        check_uid("pods", name, pod.uid, uid)
        pod.order = replace(pod.order, annotations={**pod.order.annotations, **annotations})
        self._changed("MODIFIED", pod)
        return pod

    def delete(self, namespace: str, name: str, *, uid: str | None = None, grace_s: int | None = None) -> Pod:
        """Delete a pod, with SIGTERM and a grace period; a shorter one replaces a longer."""
        pod = self.pod(namespace, name)
        check_uid("pods", name, pod.uid, uid)
        grace = pod.order.grace_s if grace_s is None else grace_s
        if pod.started is None or pod.phase.is_over or grace == 0:
            self._remove(pod)
        elif pod.deleting is None:
            pod.deleting, pod.grace_s = self._timeline.now, grace
            self._changed("MODIFIED", pod)
            self._runtime.pod_is_told_to_end(pod)
            self._timeline.at(self._timeline.now + min(grace, self._config.pod_stop_s), self._remove, pod)
        return pod

    def evict(self, namespace: str, name: str, *, uid: str | None = None, grace_s: int | None = None) -> Pod:
        """Delete a pod, unless a disruption budget forbids it now."""
        pod = self.pod(namespace, name)
        if uid is not None and uid != pod.uid:
            text = f"the UID in the precondition ({uid}) does not match the UID in record ({pod.uid})"
            text = f'"{name}": {text}. The object might have been deleted and then recreated'
            raise ApiRefusal(409, "Conflict", f"Operation cannot be fulfilled on Pod {text}")
        if pod.order.workload is not None and not pod.is_leaving:
            self.workloads[namespace, pod.order.workload].allow_eviction(pod)
        if pod.deleting is None:
            pod.disruption = "EvictionByEvictionAPI"
        return self.delete(namespace, name, grace_s=grace_s)

    def end(self, pod: Pod, why: str, *, phase: PodPhase = PodPhase.FAILED) -> None:
        """End a pod's process without deleting the object: its room is free."""
        if pod.is_gone or pod.phase.is_over:
            return
        self._ended(pod)
        pod.phase, pod.ended = phase, why
        self._changed("MODIFIED", pod)

    # --- The scheduler

    def _plan(self) -> None:
        if not self._is_planned and self._pending:
            self._is_planned = True
            self._timeline.at(self._timeline.now, self._schedule, rank=KUBE_SCHEDULER)

    def _schedule(self) -> None:
        self._is_planned = False
        held: dict[str, Room] = {}
        for pod in sorted(self._pending.values(), key=lambda pod: (-pod.order.priority, pod.seq)):
            node = self._where(pod, held)
            if node is not None:
                self._bind(pod, node)
                continue
            self._preempt_for(pod)
            if pod.nominated is not None:
                held[pod.nominated] = held.get(pod.nominated, NO_ROOM) + pod.counted.requests
            self._cannot_place(pod)

    def _allowed(self, pod: Pod) -> list[KubeNode]:
        order = pod.order
        if order.pinned_to is not None:
            found = self.nodes.get(order.pinned_to)
            candidates = [found] if found is not None else []
        else:
            candidates = list(self.nodes.values())
        wanted = order.selector.items()
        return [node for node in candidates if node.takes_pods and wanted <= node.labels.items()]

    def _where(self, pod: Pod, held: dict[str, Room]) -> KubeNode | None:
        """Return the node with the most room among those where the pod fits."""
        fitting = [
            node
            for node in self._allowed(pod)
            if len(node.pods) < node.slots and pod.counted.requests.fits_in(node.free - held.get(node.name, NO_ROOM))
        ]
        return max(fitting, key=lambda node: (node.free.cpu_millicores, node.free.memory_mib), default=None)

    def _preempt_for(self, pod: Pod) -> None:
        """Take the room of the cheapest pods of a lower priority, once; then wait for their end."""
        if not pod.order.may_preempt:
            return
        if pod.nominated is not None and any(other.deleting is not None for other in self._on(pod.nominated)):
            return
        for node in self._allowed(pod):
            victims = self._victims(node, pod)
            if victims:
                pod.nominated = node.name
                for victim in victims:
                    victim.disruption = "PreemptionByScheduler"
                    self._count_preempted(victim)
                    self.delete(*victim.key)
                return

    def _count_preempted(self, victim: Pod) -> None:
        self._accounts.elastic_pods_preempted += victim.is_elastic
        if victim.order.workload is not None:
            self._accounts.namespace(victim.order.namespace).pods_preempted += 1

    def _on(self, name: str) -> list[Pod]:
        node = self.nodes.get(name)
        return list(node.pods.values()) if node is not None else []

    @staticmethod
    def _victims(node: KubeNode, pod: Pod) -> list[Pod]:
        """Return the pods that must go for *pod*: lowest priority first, newest first; none if even all don't do."""
        lower = sorted(
            (other for other in node.pods.values() if other.order.priority < pod.order.priority),
            key=lambda other: (other.order.priority, -other.seq),
        )
        free, victims = node.free, []
        for other in lower:
            if pod.counted.requests.fits_in(free):
                break
            free += other.counted.requests
            victims.append(other)
        fits = pod.counted.requests.fits_in(free)
        return [victim for victim in victims if victim.deleting is None] if fits else []

    def _cannot_place(self, pod: Pod) -> None:
        text = f"0/{len(self.nodes)} nodes are available: Insufficient cpu or memory, or no node matches."
        if pod.waiting != "Unschedulable" and not pod.is_gone:
            pod.waiting, pod.message = "Unschedulable", text
            self._changed("MODIFIED", pod)

    def _bind(self, pod: Pod, node: KubeNode) -> None:
        del self._pending[pod.seq]
        pod.node, pod.bound, pod.nominated, pod.waiting = node, self._timeline.now, None, "ContainerCreating"
        node.pods[pod.seq] = pod
        self._count(pod, 1)
        self._count_shortage(pod)
        self._changed("MODIFIED", pod)
        self._timeline.at(self._timeline.now + self._config.pod_start_s, self._start, pod)

    def _count(self, pod: Pod, sign: int) -> None:
        node = pod.node
        if node is None:
            return
        if pod.is_elastic:
            node.elastic += pod.counted.requests * sign
            node.elastic_pods += sign
        else:
            node.online += pod.counted.requests * sign

    def _count_shortage(self, pod: Pod) -> None:
        waited = (self._timeline.now - pod.created) * pod.order.requests.cpu_millicores / 1000
        if pod.order.workload is not None:
            self._accounts.namespace(pod.order.namespace).waited_core_s += waited
        elif not pod.is_elastic:
            self._accounts.online_short_core_s += waited

    @contextmanager
    def _recounted(self, pod: Pod) -> Iterator[None]:
        """Let a pod's size change in this block."""
        self._count(pod, -1)
        yield
        self._count(pod, 1)
        self._changed("MODIFIED", pod)
        self._plan()

    # --- The kubelet

    def _sync_size(self, pod: Pod) -> None:
        """Bring the size that was asked for into force, or say why not; what waits on that node may fit then."""
        if pod.is_leaving or pod.node is None or pod.started is None:
            return
        judged = verdict(pod, pod.node)
        if judged is pod.resizing:
            return
        with self._recounted(pod):
            pod.resizing = judged
            if judged is Resizing.NONE:
                pod.in_force = pod.asked
        self._try_deferred(pod.node)

    def _try_deferred(self, node: KubeNode) -> None:
        for pod in deferred_on(node):
            self._timeline.at(self._timeline.now, self._sync_size, pod)

    def _start(self, pod: Pod) -> None:
        if pod.is_gone or pod.phase is not PodPhase.PENDING or pod.node is None:
            return
        if not pod.node.is_ready:
            return
        if pod.node.images_are_missing:
            if pod.waiting != "ImagePullBackOff":
                pod.waiting = "ImagePullBackOff"
                self._changed("MODIFIED", pod)
            return
        pod.phase, pod.started, pod.waiting = PodPhase.RUNNING, self._timeline.now, None
        pod.ip = self._address(pod)
        self._changed("MODIFIED", pod)
        if pod.order.lives_at_most_s is not None:
            self._timeline.at(self._timeline.now + pod.order.lives_at_most_s, self._expire, pod)
        if pod.order.runs_s is not None:
            self._timeline.at(self._timeline.now + pod.order.runs_s, self._complete, pod)
        self._sync_size(pod)
        self._runtime.pod_runs(pod)

    def _complete(self, pod: Pod) -> None:
        if pod.deleting is None:
            self.end(pod, "Completed", phase=PodPhase.SUCCEEDED)

    def _address(self, pod: Pod) -> str:
        """Take the address that has been free for longest; online pods have a range of their own."""
        if pod.order.nodemanager is None:
            return f"10.{128 + (pod.seq >> 16) % 64}.{(pod.seq >> 8) % 256}.{pod.seq % 256}"
        if not self._ips:
            self._ips.append(f"10.244.{1 + self._ips_made // 250}.{1 + self._ips_made % 250}")
            self._ips_made += 1
        return self._ips.popleft()

    def _expire(self, pod: Pod) -> None:
        """End a pod that has lived as long as it may."""
        if pod.is_gone or pod.phase.is_over or pod.deleting is not None:
            return
        self._accounts.elastic_pods_expired += pod.is_elastic
        self._runtime.pod_is_told_to_end(pod)
        self._timeline.at(
            self._timeline.now + min(pod.grace_s, self._config.pod_stop_s), self.end, pod, "DeadlineExceeded"
        )

    def _ended(self, pod: Pod) -> None:
        """Let a pod's process be gone, and its room be free."""
        if pod.phase.is_over or pod.is_gone:
            return
        self.quotas.charge(pod, -1)
        if pod.started is not None:
            self._runtime.pod_is_killed(pod)
            if pod.order.nodemanager is not None and pod.ip is not None:
                self._ips.append(pod.ip)
        if pod.node is not None:
            del pod.node.pods[pod.seq]
            self._count(pod, -1)
            self._try_deferred(pod.node)
            if pod.is_elastic and pod.order.nodemanager is not None and pod.bound is not None:
                self._accounts.lent_core_s += (self._timeline.now - pod.bound) * pod.order.nodemanager.vcores
            if pod.order.workload is not None and pod.bound is not None:
                used = (self._timeline.now - pod.bound) * pod.order.requests.cpu_millicores / 1000
                self._accounts.namespace(pod.order.namespace).used_core_s += used
            self._plan()

    def _remove(self, pod: Pod) -> None:
        """Take a pod off the API."""
        if pod.is_gone:
            return
        self._ended(pod)
        if self._pending.pop(pod.seq, None) is not None:
            self._count_shortage(pod)
        pod.is_gone = True
        del self.pods[pod.key]
        self.elastic.pop(pod.key, None)
        self._changed("DELETED", pod)

    def _changed(self, kind: str, what: KubeNode | Pod) -> None:
        what.version, what.json = self._next_version(), None
        if self.watcher is not None:
            self.watcher(kind, what)
        if isinstance(what, Pod) and what.order.workload is not None and what.is_leaving:
            self.workloads[what.order.namespace, what.order.workload].pod_changed(what)

    def _next_version(self) -> int:
        self.version += 1
        return self.version

    @property
    def pending(self) -> tuple[Pod, ...]:
        """Pods that no node has taken."""
        return tuple(self._pending.values())
