"""Small worlds for the tests: legal defaults, so that a test names only what matters."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from bridge.core.actions import CreatePod, DeletePod, Purpose, ResizeNode
from bridge.core.lifecycle import State
from bridge.core.reasons import Reason
from bridge.core.resources import Resources, Room, Shape
from bridge.core.snapshot import ElasticPod, Promise, YarnNode, YarnNodeState
from bridge.ports import Clock, Kube, Yarn
from bridge.sim import Job, LoadSeries, OnlineService, SimConfig, SimKube, SimWorld, SimYarn, Stage, TenantWork
from bridge.sim.quotas import QuotaOrder

LABEL = "k8s"
NM_SIZE = Resources(vcores=4, memory_mib=8192)
POD_SIZE = Room(cpu_millicores=4000, memory_mib=9216)
TASK = Resources(vcores=1, memory_mib=1024)


def make_job(
    tasks: int = 100, task_s: float = 1000, *, size: Resources = TASK, label: str = "", id: str = "job"
) -> Job:
    return Job(id=id, stages=(Stage(tasks=tasks, task_s=task_s, size=size, label=label),))


def make_service(*loads: float | None, step_s: int = 300, cpu_millicores: int = 1000) -> OnlineService:
    series = LoadSeries(name="load", first_s=0, step_s=step_s, load=loads)
    return OnlineService(name="web", series=series, replica=Room(cpu_millicores=cpu_millicores, memory_mib=1024))


class Pool:
    """One pool's controller, reduced to its hands: it acts when a test says so."""

    def __init__(self, config: SimConfig | None = None, *, label: str | None = LABEL) -> None:
        self.world = SimWorld(config or SimConfig(static_nodes=1, static_size=Resources(vcores=2, memory_mib=4096)))
        self.yarn: Yarn = SimYarn(self.world)
        self.kube: Kube = SimKube(self.world, "night")
        self.clock: Clock = self.world.clock
        self.label = label
        if label:
            self.yarn.add_label(label)

    def create(self, id: str = "p1", lender: str = "lender-1", *, lives: timedelta = timedelta(days=1)) -> None:
        act = CreatePod(
            promise_id=id,
            lender=lender,
            shape=NM_SIZE,
            requests=POD_SIZE,
            label=self.label,
            lives_at_most=lives,
            grace=timedelta(seconds=10),
        )
        now = self.world.now
        promise = Promise(
            id=id,
            pool="night",
            lender=lender,
            shape=Shape(yarn=NM_SIZE, pod=POD_SIZE),
            state=State.REQUESTED,
            made_at=now,
            since=now,
            deadline=now + timedelta(hours=8),
            reason=Reason.WORK_IS_WAITING,
        )
        self.kube.create(act, promise)

    def serve(self, id: str = "p1", lender: str = "lender-1") -> YarnNode:
        """Make a node and wait until it serves."""
        self.create(id, lender)
        self.world.pass_time(2)
        host = self.pod(id).ip
        assert host is not None
        if self.label:
            self.yarn.map_label(host, self.label)
        self.world.pass_time(8)
        return self.node(f"{host}:8041")

    def pod(self, id: str = "p1") -> ElasticPod:
        return next(pod for pod in self.kube.observe().pods if pod.promise_id == id)

    def node(self, node_id: str) -> YarnNode:
        return next(node for node in self.yarn.observe().nodes if node.node_id == node_id)

    def state(self, node_id: str) -> YarnNodeState:
        """The state of a node that may be gone."""
        return self.world.yarn.node(node_id).state

    def resize(self, node_id: str, vcores: int, memory_mib: int, timeout_s: float | None = None) -> None:
        timeout = None if timeout_s is None else timedelta(seconds=timeout_s)
        total = Resources(vcores=vcores, memory_mib=memory_mib)
        self.yarn.resize(ResizeNode(node_id=node_id, total=total, overcommit_timeout=timeout, purpose=Purpose.CORDON))

    def delete(self, id: str = "p1", *, grace_s: int = 10) -> None:
        act = DeletePod(promise_id=id, uid=self.pod(id).uid, grace=timedelta(seconds=grace_s))
        self.kube.delete(act)


def make_quota(**changes: str) -> QuotaOrder:
    """A quota of what pods request: cpu="2", memory="1Gi", pods="3"."""
    hard = {key if key == "pods" else f"requests.{key}": text for key, text in changes.items()}
    return QuotaOrder(namespace="etl", name="tidebridge", hard=hard)


def make_work(*wanted: int, step_s: int = 100, **changes: Any) -> TenantWork:
    """A workload that wants another number of pods at every step."""
    work = TenantWork(
        namespace="etl",
        name="load",
        replicas=tuple((number * step_s, count) for number, count in enumerate(wanted)),
        request=Room(cpu_millicores=2000, memory_mib=4096),
    )
    return replace(work, **changes)
