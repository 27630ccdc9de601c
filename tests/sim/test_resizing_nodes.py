"""An elastic node gets smaller and grows again under a running job: the real tick, in the simulated world."""

from __future__ import annotations

import itertools
from datetime import timedelta

from bridge.controller.pool import Mode, Pool
from bridge.controller.tick import tick
from bridge.core.resources import Resources, Room, Shape
from bridge.core.snapshot import CannotResize, PoolPolicy
from bridge.core.window import WindowSpan
from bridge.replay.journal import MemoryJournal
from bridge.sim import SimConfig, SimKube, SimWorld, SimYarn
from bridge.sim.online import OnlineService
from tests.sim.build import make_job, make_service

SHAPE = Shape(yarn=Resources(vcores=8, memory_mib=16_384), pod=Room(cpu_millicores=8000, memory_mib=17_408))
LENDER = Room(cpu_millicores=16_000, memory_mib=65_536)
TICK_S = 10


class Night:
    """One lender of 16 cores, of which four are a margin, and a pool whose nodes take eight."""

    def __init__(self, *, tasks: int, load: OnlineService | None = None) -> None:
        self.world = SimWorld(
            SimConfig(lenders=1, lender_size=LENDER, static_nodes=1, static_size=Resources(vcores=2, memory_mib=2048))
        )
        self.world.kube.cannot_resize = None
        begun, ids = self.world.now, itertools.count()
        if load is not None:
            self.world.start_service(load)
        self.world.submit(make_job(tasks=tasks, task_s=2000, size=Resources(vcores=1, memory_mib=2048)))
        self.pool = Pool(
            policy=PoolPolicy(
                name="night",
                shape=SHAPE,
                overhead=Room(cpu_millicores=0, memory_mib=1024),
                label="k8s",
                margin_ratio=0.25,
                tick=timedelta(seconds=TICK_S),
            ),
            windows=lambda _at: (
                WindowSpan(
                    name="w", start=begun, back_by=begun + timedelta(hours=9), lead=timedelta(minutes=9), max_ratio=1.0
                ),
            ),
            kube=SimKube(self.world, "night"),
            yarn=SimYarn(self.world),
            journal=MemoryJournal(),
            clock=self.world.clock,
            new_id=lambda: f"{next(ids):08x}",
            mode=Mode.ENFORCE,
        )

    def run(self, minutes: float) -> list[tuple[int, int, int]]:
        """Tick, and list what changed: the ResourceManager's vcores, the pod's millicores, containers."""
        seen: list[tuple[int, int, int]] = []
        for _ in range(round(minutes * 60 / TICK_S)):
            tick(self.pool)
            self.world.pass_time(TICK_S)
            pods = [pod for pod in self.world.kube.elastic.values() if not pod.phase.is_over]
            nodes = [node for node in (self.world.nodemanager_of(pod) for pod in pods) if node is not None]
            now = (
                sum(node.total.vcores for node in nodes),
                sum(pod.counted.takes.cpu_millicores for pod in pods),
                sum(len(node.containers) for node in nodes),
            )
            if not seen or seen[-1] != now:
                seen.append(now)
        return seen


BUSY_THEN_IDLE = make_service(0.0, 0.45, 0.0, step_s=600, cpu_millicores=1000)


def test_a_node_gets_smaller_and_grows_again_under_a_running_job() -> None:
    night = Night(tasks=3, load=BUSY_THEN_IDLE)
    assert night.run(9)[-1] == (8, 8000, 3)
    smaller = night.run(10)
    assert smaller[-1] == (4, 4000, 3)
    assert [vcores * 1000 <= taken for vcores, taken, _ in smaller] == [True] * len(smaller)
    night.world.submit(make_job(tasks=6, task_s=2000, size=Resources(vcores=1, memory_mib=2048), id="more"))
    assert night.run(10)[-1] == (8, 8000, 8)
    night.run(60)
    totals = night.world.totals()
    assert (totals.jobs_finished, totals.preempted_containers, totals.aborted_containers) == (2, 0, 0)
    assert night.world.yarn.work.ended[0].attempt == 1


def test_where_pods_can_not_be_resized_the_whole_node_goes() -> None:
    night = Night(tasks=3, load=BUSY_THEN_IDLE)
    night.world.kube.cannot_resize = CannotResize.NOT_SERVED
    assert night.run(9)[-1] == (8, 8000, 3)
    night.run(10)
    assert night.world.totals().preempted_containers == 3
