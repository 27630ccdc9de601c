"""Plays one world from start to end: the real tick once a minute, and the truth about what came of it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from bridge.controller.collector import passing_over_all_there_is
from bridge.controller.foresight import TOTAL, Foresight
from bridge.controller.lifetimes import Lifetimes
from bridge.controller.pool import Mode, Pool
from bridge.controller.record import Planned
from bridge.controller.tick import Ticked, tick
from bridge.core.drain import RETURN_REASONS
from bridge.core.forecast import NEAR, ForecastPolicy
from bridge.core.lifecycle import State
from bridge.core.load import LoadReading, LoadUnit, Sample, SignalPolicy
from bridge.core.offer import Offer
from bridge.core.reasons import Gap, Reason
from bridge.core.snapshot import Basis, PoolPolicy, Promise
from bridge.core.window import WindowSpan
from bridge.ports import LoadSignal
from bridge.replay.foresight import SharedForesight
from bridge.replay.journal import MemoryHistory, MemoryJournal, MemoryLengths
from bridge.replay.lent import Lent
from bridge.replay.quiet import Rest, quiet_until, rest_after
from bridge.replay.stage import Stageset, make_world
from bridge.sim import SimKube, SimWorld, SimYarn

TICK = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Minute:
    """One minute of a replay, as ratios of all nodes' CPU."""

    at: datetime
    load: float
    bound: float | None
    """Of the forecast, for as long as a new node must last; None without one."""
    near_bound: float | None
    """Of the forecast, for the time within which room is given back ahead of a peak."""
    offered: float | None
    lent: float
    used: float
    """By tasks on elastic nodes."""
    highest: float
    """Of the fullest node: its load, and what tasks hold there."""
    given_back: int
    """Elastic nodes that were called back in this minute."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OverCap:
    """A minute in which a node was above the cap, and why."""

    at: datetime
    load: float
    highest: float
    why: str
    """``load_above_a_bound``: a forecast had excluded this load for now, and what was lent by it is on its way back;
    ``on_its_way_back``: none had, and it is; ``held``: a node above the cap keeps what it has;
    ``nothing_was_expected``: it does, and there was no forecast."""
    bound: float | None = None
    """The lowest of the bounds that the load is above; None where it is above none."""
    bound_at: datetime | None = None
    """When that forecast was made."""
    back_by: datetime | None = None
    """By when room is back on the nodes above the cap."""


@dataclass(slots=True, kw_only=True)
class Played:
    """What came of one world."""

    minutes: list[Minute] = field(default_factory=list)
    over_cap: list[OverCap] = field(default_factory=list)
    deadlines_total: int = 0
    deadlines_met: int = 0
    ticks: int = 0
    """One a minute."""
    ticks_run: int = 0
    """The others were left out, as they would have changed nothing."""
    world: SimWorld


@dataclass(frozen=True, slots=True, kw_only=True)
class Clairvoyant:
    """``bridge.ports.LoadSignal`` that knows the future: the highest load until room could be given back."""

    stage: Stageset
    world: SimWorld
    ahead: timedelta

    def observe(self) -> LoadReading:
        """Say the highest load from now on for as long as giving back takes."""
        now, step = self.world.now, timedelta(seconds=self.stage.series.step_s)
        looks = int(self.ahead / step) + 2
        value = max(
            self.stage.load_at(min(now + min(number * step, self.ahead), self.stage.end)) for number in range(looks)
        )
        return LoadReading(unit=LoadUnit.RATIO, total=Sample(at=now, value=max(value, 1e-6)))

    def history(self, since: datetime, until: datetime, step: timedelta) -> Sequence[tuple[datetime, LoadReading]]:  # noqa: ARG002
        """Nothing: it needs none."""
        return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """``bridge.ports.LoadSignal`` of the recording: the present step, without a monitoring system's delay."""

    stage: Stageset
    world: SimWorld

    def observe(self) -> LoadReading:
        """Say the present load."""
        now = self.world.now
        return LoadReading(unit=LoadUnit.RATIO, total=Sample(at=now, value=self.stage.load_at(now)))

    def history(self, since: datetime, until: datetime, step: timedelta) -> Sequence[tuple[datetime, LoadReading]]:  # noqa: ARG002
        """Nothing: the warm-up is given to the history itself."""
        return ()


SIGNAL = SignalPolicy(
    frozen_after=timedelta(minutes=15), shrink_after=timedelta(minutes=45), confirm=timedelta(minutes=2)
)


def play(
    stage: Stageset,
    policy: PoolPolicy,
    windows: Callable[[datetime], tuple[WindowSpan, ...]],
    *,
    is_clairvoyant: bool = False,
    watch: Callable[[Ticked, SimWorld], None] = lambda _ticked, _world: None,
    rests_until: Callable[[Planned], datetime | None] = quiet_until,
) -> Played:
    """Play the tide with one pool of *policy*.

    *watch* is told each minute of the last tick; *rests_until* says which ticks are left out (see ``quiet``).
    """
    looks_at_use = policy.basis is Basis.USAGE
    world = make_world(stage, uses=looks_at_use)
    journal, ids = MemoryJournal(), itertools.count()
    signal: LoadSignal | None = None
    foresight = None
    if is_clairvoyant:
        signal = Clairvoyant(stage=stage, world=world, ahead=policy.reclaimed_within + 2 * TICK)
        policy = replace(policy, signal=replace(SIGNAL, confirm=timedelta(0), jump_ratio=1.0))
    elif looks_at_use:
        signal = Measured(stage=stage, world=world)
        policy = replace(policy, signal=SIGNAL)
        horizons = ForecastPolicy.covering((policy.give_back_ahead, policy.lend_for), near=NEAR)
        lenders = tuple(world.kube.nodes)
        history = MemoryHistory(_warm_up(stage, lenders[0]))
        one = Foresight(policy.name, history, policy=horizons, may_write=False)
        foresight = SharedForesight(one, lenders)
    yarn = SimYarn(world)
    pool = Pool(
        policy=policy,
        windows=windows,
        kube=SimKube(world, policy.name, requested=policy.shape.pod.share(0.0) if looks_at_use else None),
        yarn=yarn,
        journal=journal,
        clock=world.clock,
        new_id=lambda: f"{next(ids):08x}",
        mode=Mode.ENFORCE,
        signal=signal,
        foresight=foresight,
        lifetimes=Lifetimes(policy.name, MemoryLengths()),
    )
    played = Played(world=world)
    ticked: Ticked | None = None
    rest: Rest | None = None
    lent = Lent(world)
    at = stage.start
    # All jobs to come are in the world already, and there they stay: to walk them again and again frees nothing.
    with passing_over_all_there_is():
        while at < stage.end:
            world.advance(at)
            lent.look()
            if ticked is not None and rest is not None and rest.lasts(at, world, signal):
                journal.remember_waiting(yarn.waiting()[0])
            else:
                ticked = tick(pool)
                rest = rest_after(ticked.planned, rests_until(ticked.planned), world, signal)
            lent.look()
            minute = _minute(stage, lent, ticked, at)
            played.minutes.append(minute)
            if minute.used > 0 and minute.highest > stage.cap + 1e-9:
                played.over_cap.append(_explained(minute, played.minutes, ticked, _above_cap(stage, lent, minute)))
            watch(ticked, world)
            at += TICK
    world.advance(stage.end)
    lent.look()
    played.ticks, played.ticks_run = len(played.minutes), journal.ticked
    returned = [promise for promise in journal.history() if _is_due(promise, stage.end)]
    played.deadlines_total = len(returned)
    played.deadlines_met = sum(1 for promise in returned if _is_met(promise, lent))
    return played


def _warm_up(stage: Stageset, lender: str) -> list[tuple[datetime, dict[str, float]]]:
    """Give the history what was before the start: the same load on a node as on all together."""
    return [(at, dict.fromkeys((TOTAL, lender), load)) for at, load in stage.warm_up()]


def _is_due(promise: Promise, end: datetime) -> bool:
    """Say whether a promise was called back, and its time has come."""
    if (
        promise.pod_uid is None
        or promise.deadline is None
        or promise.reason not in RETURN_REASONS | {Reason.VERIFIED_FREE}
    ):
        return False
    return promise.deadline <= end and (promise.state is State.GONE or promise.deadline < end)


def _is_met(promise: Promise, lent: Lent) -> bool:
    held = lent.held_until(promise.id)
    return promise.deadline is not None and (held is None or held <= promise.deadline)


def _minute(stage: Stageset, lent: Lent, ticked: Ticked, at: datetime) -> Minute:
    """Look at the world and at what the tick made of it."""
    load = stage.load_at(at)
    by_node = lent.used_by_node()
    size = stage.node_size.cpu_millicores / 1000
    snapshot, decision = ticked.planned.snapshot, ticked.planned.decision
    offer = decision.offer
    forecast = None if isinstance(snapshot.forecast, Gap) else snapshot.forecast
    nodes = decision.nodes if decision.returns else ()
    before = {entry.id for entry in nodes if entry.recorded is not None and entry.recorded.state in _LEAVING}
    return Minute(
        at=at,
        load=load,
        bound=None if forecast is None else forecast.total.at(snapshot.policy.lend_for).ratio,
        near_bound=None if forecast is None else forecast.total.at(snapshot.policy.give_back_ahead).ratio,
        offered=offer.nodes * snapshot.policy.shape.yarn.vcores / stage.cores if isinstance(offer, Offer) else None,
        lent=lent.vcores / stage.cores,
        used=sum(by_node.values()) / stage.cores,
        highest=load + max(by_node.values(), default=0) / size,
        given_back=sum(1 for entry in decision.returns if entry.node_id not in before),
    )


_LEAVING = frozenset({State.DRAINING, State.FORCED, State.EMPTY, State.DELETING})


def _above_cap(stage: Stageset, lent: Lent, minute: Minute) -> frozenset[str]:
    """Name the Kubernetes nodes that are above the cap."""
    size = stage.node_size.cpu_millicores / 1000
    return frozenset(name for name, used in lent.used_by_node().items() if minute.load + used / size > stage.cap + 1e-9)


def _explained(minute: Minute, minutes: Sequence[Minute], ticked: Ticked, above: frozenset[str]) -> OverCap:
    """Say why nodes are above the cap: by which forecast the load couldn't be, and by when the room is back."""
    snapshot, decision = ticked.planned.snapshot, ticked.planned.decision
    lender_of = {entry.id: entry.promise.lender for entry in decision.nodes}
    deadlines = {lender_of[entry.node_id]: entry.deadline for entry in decision.returns}
    back_by = max((deadlines[name] for name in above if name in deadlines), default=None)
    broken = min(_broken(minute, minutes, snapshot.policy), default=None)
    why = "load_above_a_bound" if broken is not None else "on_its_way_back"
    why = why if above <= deadlines.keys() else "held" if minute.bound is not None else "nothing_was_expected"
    return OverCap(
        at=minute.at,
        load=minute.load,
        highest=minute.highest,
        why=why,
        bound=None if broken is None else broken[0],
        bound_at=None if broken is None else broken[1],
        back_by=back_by,
    )


def _broken(minute: Minute, minutes: Sequence[Minute], policy: PoolPolicy) -> Iterator[tuple[float, datetime]]:
    """Yield the bounds that reached to this minute and that its load is above."""
    for earlier in reversed(minutes):
        age = minute.at - earlier.at
        if age > max(policy.lend_for, policy.give_back_ahead):
            return
        bounds = ((earlier.bound, policy.lend_for), (earlier.near_bound, policy.give_back_ahead))
        for bound, horizon in bounds:
            if bound is not None and age <= horizon and minute.load > bound:
                yield bound, earlier.at
