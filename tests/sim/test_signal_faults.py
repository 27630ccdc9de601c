"""The load signal goes wrong in every way while elastic nodes are at work: the real tick, in the simulated world.

States follow; no fault makes capacity; nothing is taken back in one step; and when it is over all is as before.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from bridge.controller.pool import Mode, Pool
from bridge.controller.tick import Ticked, tick
from bridge.core.load import SignalPolicy, SignalState
from bridge.core.reasons import Gap
from bridge.core.resources import Resources, Room, Shape
from bridge.core.snapshot import Basis, Memory, PoolPolicy, Promise
from bridge.core.window import WindowSpan
from bridge.ports import JournalUnavailable, TickRecord, Unavailable
from bridge.replay.journal import MemoryJournal
from bridge.sim import LabelShare, QueueConfig, SignalFaults, SimConfig, SimKube, SimLoad, SimWorld, SimYarn
from tests.sim.build import LABEL, make_job

TICK_S = 30
SHAPE = Shape(yarn=Resources(vcores=2, memory_mib=4096), pod=Room(cpu_millicores=2000, memory_mib=5120))
LENDERS = 3
LOAD = 0.3
HELD = 12
"""What three lenders of 16 cores at 0.3 leave below a cap of 0.85: four nodes of 2 cores each."""
FRESH, FROZEN, SHRINKING = SignalState


class Journal(MemoryJournal):
    """A database that may be away."""

    is_away = False

    def promises(self, pool: str) -> tuple[Promise, ...]:
        self._look()
        return super().promises(pool)

    def save(self, *promises: Promise) -> None:
        self._look()
        super().save(*promises)

    def record(self, tick: TickRecord, memory: Memory | None) -> None:
        self._look()
        super().record(tick, memory)

    def _look(self) -> None:
        if self.is_away:
            raise JournalUnavailable("away")


@dataclass(slots=True, kw_only=True)
class Night:
    """A pool of basis usage at work."""

    world: SimWorld
    load: SimLoad
    journal: Journal
    pool: Pool
    ticks: list[Ticked] = field(default_factory=list)
    held: list[int] = field(default_factory=list)
    """How many pods hold room, after each tick."""

    def run(self, minutes: float) -> None:
        for _ in range(round(minutes * 60 / TICK_S)):
            self.ticks.append(tick(self.pool))
            self.world.pass_time(TICK_S)
            self.held.append(self.holding)

    @property
    def holding(self) -> int:
        return sum(1 for pod in self.world.kube.elastic.values() if not pod.phase.is_over)

    @property
    def states(self) -> list[SignalState]:
        """The signal's states in order, each once."""
        found = [ticked.planned.snapshot.load for ticked in self.ticks]
        return [state for state, _ in itertools.groupby(belief.state for belief in found if belief is not None)]

    def set_load(self, load: float) -> None:
        for node in self.world.kube.nodes.values():
            node.online_use_ratio = load

    def forget(self) -> None:
        """Look only at what comes from now on."""
        self.ticks.clear()
        self.held.clear()


def make_night(*, by_lender: bool = True) -> Night:
    world = SimWorld(
        SimConfig(
            lenders=LENDERS,
            static_nodes=1,
            queues=(QueueConfig(name="default", labels={LABEL: LabelShare(capacity_ratio=1.0)}),),
        )
    )
    policy = PoolPolicy(
        name="night", shape=SHAPE, label=LABEL, basis=Basis.USAGE, signal=SignalPolicy(), tick=timedelta(seconds=TICK_S)
    )
    ids = itertools.count()
    span = WindowSpan(
        name="nights",
        start=world.now - timedelta(hours=1),
        back_by=world.now + timedelta(hours=30),
        lead=timedelta(minutes=20),
        max_ratio=1.0,
    )
    load, journal = SimLoad(world, by_lender=by_lender), Journal()
    pool = Pool(
        policy=policy,
        windows=lambda _at: (span,),
        kube=SimKube(world, "night", requested=SHAPE.pod.share(0.1)),
        yarn=SimYarn(world),
        journal=journal,
        clock=world.clock,
        new_id=lambda: f"{next(ids):08x}",
        mode=Mode.ENFORCE,
        signal=load,
    )
    night = Night(world=world, load=load, journal=journal, pool=pool)
    night.set_load(LOAD)
    world.submit(make_job(tasks=5000, task_s=900, label=LABEL))
    return night


@pytest.fixture(params=[True, False], ids=["by lender", "total"])
def night(request: pytest.FixtureRequest) -> Night:
    found = make_night(by_lender=request.param)
    found.run(8)
    assert found.states == [FROZEN, FRESH]
    assert found.holding == HELD
    found.forget()
    return found


def lies(says: float) -> Callable[[SimWorld], SignalFaults]:
    return lambda _world: SignalFaults(says=says)


FAULTS: dict[str, Callable[[SimWorld], SignalFaults]] = {
    "cut": lambda _world: SignalFaults(is_cut=True),
    "silent": lambda _world: SignalFaults(is_silent=True),
    "frozen": lambda world: SignalFaults(frozen_at=world.now),
    "zero": lies(0.0),
    "negative": lies(-1.0),
    "no number": lies(float("nan")),
    "too high": lies(11.0),
}
faults = pytest.mark.parametrize("fault", FAULTS)


def steps_of(held: list[int]) -> list[int]:
    """How many went between two ticks."""
    return [earlier - later for earlier, later in itertools.pairwise([HELD, *held]) if later < earlier]


@faults
def test_a_lost_signal_freezes_then_shrinks_and_comes_back(night: Night, fault: str) -> None:
    night.load.faults = FAULTS[fault](night.world)
    night.run(14)
    assert night.states == [FRESH, FROZEN, SHRINKING]
    assert max(night.held) == HELD
    # The first step of shrinking takes a quarter, and nothing goes before.
    assert sum(steps_of(night.held)) == HELD / 4
    assert night.held[: 10 * 60 // TICK_S] == [HELD] * (10 * 60 // TICK_S)
    night.load.faults = SignalFaults()
    night.forget()
    night.run(6)
    assert night.states == [FROZEN, FRESH]
    assert night.holding == HELD


def test_what_a_signal_lost_for_long_takes_goes_in_steps_to_nothing(night: Night) -> None:
    night.load.faults = FAULTS["cut"](night.world)
    night.run(32)
    assert night.holding == 0
    levels = list(dict.fromkeys(night.held))
    assert levels == [12, 9, 6, 3, 0]


@faults
def test_no_fault_hides_a_rise_that_came_before_it(night: Night, fault: str) -> None:
    night.set_load(0.6)
    night.run(4)
    held = night.holding
    assert held == LENDERS * 2
    night.load.faults = FAULTS[fault](night.world)
    night.run(15)
    assert max(night.held[8:]) <= held


def test_zero_that_lasts_is_a_load(night: Night) -> None:
    night.load.faults = FAULTS["zero"](night.world)
    night.run(13)
    assert night.states[-1] is SHRINKING
    night.run(12)
    assert night.states[-1] is FRESH
    assert night.holding > HELD


@pytest.mark.parametrize(("says", "fewest"), [(0.01, HELD), (9.0, HELD - LENDERS)], ids=["low", "high"])
def test_one_lie_changes_little(night: Night, says: float, fewest: int) -> None:
    night.load.faults = SignalFaults(says=says)
    night.run(TICK_S / 60)
    night.load.faults = SignalFaults()
    night.run(12)
    assert night.states == [FRESH]
    assert (min(night.held), max(night.held)) == (fewest, HELD)
    assert night.holding == HELD


def test_a_lender_whose_own_samples_stop_gives_back_alone_and_in_steps() -> None:
    night = make_night()
    night.run(8)
    night.load.faults.silent_lenders = frozenset({"lender-1"})
    night.run(40)
    by_lender = [node.elastic_pods for node in night.world.kube.nodes.values() if node.name.startswith("lender")]
    assert by_lender == [0, 4, 4]
    assert max(steps_of(night.held[16:])) <= 2
    night.load.faults = SignalFaults()
    night.run(4)
    assert night.holding == HELD


SYSTEMS: dict[str, Callable[[Night], None]] = {
    "kubernetes": lambda night: night.world.faults.take_down("kube", night.world.timeline.now + 9 * 60),
    "yarn": lambda night: night.world.faults.take_down("yarn", night.world.timeline.now + 9 * 60),
    "load": lambda night: night.world.faults.take_down("load", night.world.timeline.now + 9 * 60),
    "journal": lambda night: setattr(night.journal, "is_away", True),
}


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_system_that_is_gone_takes_nothing_back_and_makes_nothing(night: Night, system: str) -> None:
    SYSTEMS[system](night)
    made = len(night.world.kube.elastic)
    night.run(9)
    assert set(night.held) == {HELD}
    assert len(night.world.kube.elastic) == made
    gaps = {part for ticked in night.ticks for part in ticked.planned.gaps}
    assert system in gaps
    night.journal.is_away = False
    night.run(4)
    last = night.ticks[-1].planned.snapshot
    assert last.load is not None
    assert last.load.state is FRESH
    assert night.holding == HELD
    assert not isinstance(last.kube, Gap)


def test_each_change_is_in_the_log_and_said_once(night: Night, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    night.load.faults = FAULTS["cut"](night.world)
    night.run(12)
    night.load.faults = SignalFaults()
    night.run(3)
    said = [record.getMessage().partition("pool=")[2] for record in caplog.records if "signal.changed" in record.msg]
    assert said == [
        "night from=fresh to=frozen reason=no_answer",
        "night from=frozen to=shrinking reason=no_answer",
        "night from=shrinking to=frozen reason=unconfirmed",
        "night from=frozen to=fresh reason=in_time",
    ]
    # The world keeps an Event that is left again once.
    told = [message for _, reason, message in night.world.kube.events if reason == "TidebridgeSignalChanged"]
    assert told == [
        "the load signal is frozen: unconfirmed",
        "the load signal is fresh: in_time",
        "the load signal is frozen: no_answer",
        "the load signal is shrinking: no_answer",
    ]


def test_an_event_that_cannot_be_left_changes_nothing(night: Night) -> None:
    night.world.faults.fail_next("kube.tell", Unavailable("away"), times=9)
    night.load.faults = FAULTS["cut"](night.world)
    night.run(4)
    assert night.states == [FRESH, FROZEN]
