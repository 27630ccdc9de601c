"""A window's end by graceful decommission: the real tick, in the simulated world."""

from __future__ import annotations

import itertools
from datetime import timedelta

import pytest

from bridge.controller.pool import Mode, Pool
from bridge.controller.tick import tick
from bridge.core.resources import Resources, Room, Shape
from bridge.core.snapshot import CannotDecommission, PoolPolicy, YarnNodeState
from bridge.core.window import WindowSpan
from bridge.ports import Unavailable
from bridge.replay.journal import MemoryJournal
from bridge.sim import SimConfig, SimKube, SimWorld, SimYarn
from tests.sim.build import make_job

SHAPE = Shape(yarn=Resources(vcores=4, memory_mib=8192), pod=Room(cpu_millicores=4000, memory_mib=9216))
TASK = Resources(vcores=1, memory_mib=2048)
OPEN, LEAD = timedelta(minutes=20), timedelta(minutes=8)
TICK_S = 5


class Night:
    """Two lenders, a window of twenty minutes, and work of some minutes and of an hour."""

    def __init__(self) -> None:
        self.world = SimWorld(
            SimConfig(lenders=2, static_nodes=1, static_size=Resources(vcores=2, memory_mib=4096), pod_ips=6)
        )
        self.yarn = SimYarn(self.world, cannot_decommission=None)
        self.begun, ids = self.world.now, itertools.count()
        self.world.submit(make_job(tasks=16, task_s=840, size=TASK))
        self.world.submit(make_job(tasks=8, task_s=3600, size=TASK))
        self.pool = Pool(
            policy=PoolPolicy(
                name="night",
                shape=SHAPE,
                label="k8s",
                grow_per_tick=20,
                max_lead=timedelta(0),
                tick=timedelta(seconds=TICK_S),
            ),
            windows=lambda _at: tuple(
                WindowSpan(name="w", start=start, back_by=start + OPEN, lead=LEAD, max_ratio=1.0)
                for start in (self.begun, self.begun + 2 * OPEN)
            ),
            kube=SimKube(self.world, "night"),
            yarn=self.yarn,
            journal=MemoryJournal(),
            clock=self.world.clock,
            new_id=lambda: f"{next(ids):08x}",
            mode=Mode.ENFORCE,
        )

    def run(self, until: timedelta) -> list[str]:
        """Tick until so long after the beginning, and name what was done."""
        done = []
        while self.world.now < self.begun + until:
            done += [type(step.act).__name__ for step in tick(self.pool).planned.plan.acts]
            self.world.advance(self.world.now + timedelta(seconds=TICK_S))
        return done

    @property
    def nodes(self) -> list[YarnNodeState]:
        return [node.state for node in self.world.yarn.nodes.values() if node.is_known and node.is_lent]

    @property
    def pods(self) -> int:
        return sum(not pod.phase.is_over for pod in self.world.kube.elastic.values())


def test_nodes_run_out_short_work_ends_long_work_ends_with_its_pod_and_addresses_come_free() -> None:
    night = Night()
    night.run(OPEN - LEAD)
    lent = night.pods
    assert lent >= 5
    closing = night.run(OPEN - LEAD + timedelta(minutes=1))
    assert closing.count("Decommission") == 1, "all in one call"
    assert "ResizeNode" not in closing
    assert set(night.nodes) == {YarnNodeState.DECOMMISSIONING}
    assert len(night.world.yarn.excluded) == len(night.nodes)
    night.run(OPEN - timedelta(minutes=2))
    assert 0 < night.pods < lent, "what had run empty went back early"
    night.run(OPEN)
    assert night.pods == 0
    night.run(OPEN + timedelta(minutes=1))
    assert night.world.yarn.excluded == {}
    night.run(2 * OPEN + timedelta(minutes=3))
    assert YarnNodeState.RUNNING in night.nodes, "an address that was used before serves again"


def test_where_the_admin_port_fails_in_the_middle_the_deadline_is_met_by_a_resize() -> None:
    night = Night()
    night.run(OPEN - LEAD)
    night.yarn.cannot_decommission = CannotDecommission.ADMIN_PORT
    assert "ResizeNode" in night.run(OPEN)
    assert night.pods == 0


def test_calls_that_all_fail_cost_no_deadline() -> None:
    night = Night()
    night.run(OPEN - LEAD)
    night.world.faults.fail_next("yarn.decommission", Unavailable("the admin port is gone"), times=10_000)
    night.run(OPEN)
    assert night.pods == 0


@pytest.mark.parametrize("minutes_after_closing", [1, 5])
def test_a_resourcemanager_that_restarts_meanwhile_sends_excluded_nodes_away_and_nothing_is_kept(
    minutes_after_closing: int,
) -> None:
    night = Night()
    night.run(OPEN - LEAD + timedelta(minutes=minutes_after_closing))
    night.world.yarn.restart(20)
    night.run(OPEN)
    assert night.pods == 0
    night.run(OPEN + timedelta(minutes=2))
    assert night.world.yarn.excluded == {}
