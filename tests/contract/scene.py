"""The cast of the suite: four elastic nodes and one job, set up once a world, and what was seen on the way.

Tests run in the order of their files, and each brings its nodes to where it needs them; so the first one that needs
something pays for it, and any test can also be run alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bridge.core.actions import CreatePod, DeletePod, Purpose, ResizeNode
from bridge.core.lifecycle import State
from bridge.core.reasons import Reason
from bridge.core.resources import NO_ROOM, NOTHING, Resources, Room
from bridge.core.snapshot import (
    ElasticPod,
    KubeFacts,
    Lender,
    PodPhase,
    Promise,
    YarnFacts,
    YarnNode,
    YarnNodeState,
)
from bridge.core.waiting import WaitingContainers
from bridge.ports import Unavailable
from tests.contract.worlds import LABEL, MINIMUM, POOL, SHAPE, World, wait_until

STEADY, LATE, IDLE, VICTIM = "steady", "late", "idle", "victim"
CAST = (STEADY, LATE, IDLE, VICTIM)
"""Works from the start; works later; never works; is forced."""

TASK = Resources(vcores=1, memory_mib=1024)
"""Two fit on an elastic node, and one on the static node beside the AM."""
TASKS = 7
"""As many as the static node and three elastic ones hold."""

GRACE = timedelta(seconds=5)
_ALIVE = frozenset({YarnNodeState.RUNNING, YarnNodeState.UNHEALTHY, YarnNodeState.DECOMMISSIONING})


@dataclass(frozen=True, slots=True, kw_only=True)
class Prologue:
    """What both systems showed while the nodes came."""

    unlabelled: YarnFacts
    """Before the label was added."""
    labelled: YarnFacts
    addressed: KubeFacts
    """When every pod had an address."""
    mapped: YarnFacts
    """When every address was mapped; no NodeManager had registered."""
    registered: YarnFacts


class Scene:
    """One world with the cast in it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.deadline = world.clock.now().replace(microsecond=0) + timedelta(minutes=30)
        self.lenders = tuple(lender.name for lender in world.kube.observe().lenders)
        self.host_of: dict[str, str] = {}
        self._works = False

    # --- Setting up

    def set_up(self) -> Prologue:
        """Bring the four nodes to YARN, close two of them, and submit the job."""
        yarn = self.world.yarn
        unlabelled = yarn.observe()
        yarn.add_label(LABEL)
        labelled = yarn.observe()
        for number, id in enumerate(CAST):
            self.create(id, lender=self.lenders[number % 2])
        addressed = wait_until(self.world, self._addressed)
        self.host_of = {id: pod.ip or "" for id in CAST if (pod := self.pod(id, addressed))}
        for host in self.host_of.values():
            yarn.map_label(host, LABEL)
        mapped = yarn.observe()
        registered = wait_until(self.world, self._registered)
        for id in (LATE, IDLE):
            self.resize(id, MINIMUM)
        self.world.run_work(TASKS, 900, TASK.memory_mib)
        return Prologue(
            unlabelled=unlabelled, labelled=labelled, addressed=addressed, mapped=mapped, registered=registered
        )

    def _addressed(self) -> KubeFacts | None:
        facts = self.world.kube.observe()
        pods = [self.pod(id, facts) for id in CAST]
        return facts if all(pod is not None and pod.ip for pod in pods) else None

    def _registered(self) -> YarnFacts | None:
        facts = self.world.yarn.observe()
        return facts if all(self.node(id, facts) for id in CAST) else None

    # --- Kubernetes

    def create(
        self,
        id: str,
        *,
        lender: str | None = None,
        requests: Room = SHAPE.pod,
        lives_at_most: timedelta = timedelta(minutes=45),
        deadline: datetime | None = None,
        label: str | None = LABEL,
    ) -> None:
        """Make the pod of a promise."""
        lender = lender or self.lenders[0]
        act = CreatePod(
            promise_id=id,
            lender=lender,
            shape=SHAPE.yarn,
            requests=requests,
            label=label,
            lives_at_most=lives_at_most,
            grace=GRACE,
        )
        now = self.world.clock.now()
        promise = Promise(
            id=id,
            pool=POOL,
            lender=lender,
            shape=SHAPE,
            state=State.REQUESTED,
            made_at=now,
            since=now,
            deadline=deadline or self.deadline,
            reason=Reason.WORK_IS_WAITING,
        )
        self.world.kube.create(act, promise)

    def delete(self, id: str, *, uid: str | None = None) -> None:
        """Delete the pod of a promise, if it is the one that is seen now, or has *uid*."""
        pod = self.pod(id)
        uid = uid or (pod.uid if pod else "nobody")
        self.world.kube.delete(DeletePod(promise_id=id, uid=uid, grace=GRACE))

    def cancel(self, id: str) -> None:
        """Delete the pod of a promise, if there is one."""
        self.world.kube.delete(DeletePod(promise_id=id, uid=None, grace=GRACE))

    def pod(self, id: str, facts: KubeFacts | None = None) -> ElasticPod | None:
        """Look for the pod of a promise."""
        pods = (facts or self.world.kube.observe()).pods
        return next((pod for pod in pods if pod.promise_id == id), None)

    def pod_there(self, id: str) -> ElasticPod:
        """Return the pod of a promise, which is there."""
        pod = self.pod(id)
        assert pod is not None
        return pod

    def pod_running(self, id: str) -> ElasticPod | None:
        """Return the pod of a promise once it runs."""
        pod = self.pod(id)
        return pod if pod is not None and pod.phase is PodPhase.RUNNING else None

    def pod_over(self, id: str) -> ElasticPod | None:
        """Return the pod of a promise once it is over."""
        pod = self.pod(id)
        return pod if pod is not None and pod.phase.is_over else None

    def pod_in_trouble(self, id: str) -> ElasticPod | None:
        """Return the pod of a promise once something keeps it from running."""
        pod = self.pod(id)
        return pod if pod is not None and pod.trouble is not None else None

    def lender(self, name: str) -> Lender:
        """Look at a lender."""
        return next(lender for lender in self.world.kube.observe().lenders if lender.name == name)

    def online(self) -> Room:
        """Sum what online pods ask of the lenders."""
        return sum((lender.online for lender in self.world.kube.observe().lenders), NO_ROOM)

    # --- YARN

    def node(self, id: str, facts: YarnFacts | None = None) -> YarnNode | None:
        """Look for one of the cast among the nodes that are alive."""
        return node_at(self.host_of[id], facts or self.world.yarn.observe())

    def node_there(self, id: str) -> YarnNode:
        """Return one of the cast, which is alive."""
        node = self.node(id)
        assert node is not None
        return node

    def static(self, facts: YarnFacts) -> YarnNode:
        """Return the static node."""
        (node,) = (node for node in alive(facts) if node.label is None)
        return node

    def resize(self, id: str, total: Resources, timeout: timedelta | None = None) -> None:
        """Set one's total, and see it set; a timeout of None is −1."""
        node_id = self.node_there(id).node_id
        act = ResizeNode(node_id=node_id, total=total, overcommit_timeout=timeout, purpose=_purpose(total, timeout))
        self.world.yarn.resize(act)
        wait_until(self.world, lambda: self.node_there(id).total == total)

    def at_work(self, id: str, containers: int = 2) -> YarnNode:
        """Open one, wait until it has containers, and return it."""
        if self.node_there(id).total != SHAPE.yarn:
            self.resize(id, SHAPE.yarn)
        return wait_until(self.world, lambda: self._with(id, containers))

    def worked_s(self, node: YarnNode) -> int:
        """Say what one's containers have worked, in vcore seconds."""
        return node.work_vcore_s(self.world.clock.now())

    def closed(self, id: str) -> YarnNode:
        """Cordon one, if it isn't yet, and return it."""
        if self.node_there(id).total != MINIMUM:
            self.resize(id, MINIMUM)
        return self.node_there(id)

    def emptied(self, id: str) -> YarnNode:
        """Bring one that is idle to 0/0, if it isn't there yet, and return it."""
        if self.node_there(id).total != NOTHING:
            self.resize(id, NOTHING)
        return self.node_there(id)

    def _with(self, id: str, containers: int) -> YarnNode | None:
        node = self.node_there(id)
        return node if node.containers == containers else None

    def tasks_waiting(self) -> int:
        """Count the tasks that the job waits for."""
        return waiting_tasks(self.world.yarn.observe())

    def tasks_known(self) -> int:
        """Count the job's tasks that run or are waited for; its AM runs beside them."""
        facts = self.world.yarn.observe()
        return waiting_tasks(facts) + sum(node.containers for node in alive(facts)) - 1

    def answered(self) -> YarnFacts | None:
        """Look at YARN; None while it doesn't answer."""
        try:
            return self.world.yarn.observe()
        except Unavailable:
            return None


def waiting_tasks(facts: YarnFacts) -> int:
    """Count the containers that are waited for; all are tasks of the one job."""
    task = WaitingContainers(vcores=1, memory_mib=1024, label="", count=1, queue="root.default")
    assert all(one == replace(task, count=one.count) for one in facts.waiting)
    return sum(one.count for one in facts.waiting)


def alive(facts: YarnFacts) -> tuple[YarnNode, ...]:
    """Return the nodes that serve, or may again."""
    return tuple(node for node in facts.nodes if node.state in _ALIVE)


def node_at(host: str, facts: YarnFacts) -> YarnNode | None:
    """Look for the node of an address among those that are alive."""
    return next((node for node in alive(facts) if node.host == host), None)


def _purpose(total: Resources, timeout: timedelta | None) -> Purpose:
    if total == NOTHING:
        return Purpose.EMPTY if timeout is None else Purpose.FORCE
    return Purpose.CORDON if total == MINIMUM else Purpose.RECOMMISSION
