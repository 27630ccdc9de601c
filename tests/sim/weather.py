"""Bad weather in the simulated world: faults at random from a seed, and the promises that hold through all of them.

The real tick runs on a small world. Before each tick a fault may begin; each ends by itself, and what is true is read
from the world and from the journal behind the faults.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any, cast

from bridge.controller.pool import Mode, Pool
from bridge.controller.tick import Ticked, tick
from bridge.core.actions import CreatePod
from bridge.core.lifecycle import State
from bridge.core.load import SignalPolicy
from bridge.core.reasons import Gap
from bridge.core.resources import NO_ROOM, Resources, Room, Shape
from bridge.core.snapshot import Basis, CannotDecommission, PoolPolicy, Promise
from bridge.core.window import WindowSpan
from bridge.ports import JournalUnavailable, Kube, Unavailable, Yarn
from bridge.replay.journal import MemoryJournal
from bridge.sim import (
    LabelShare,
    LoadSeries,
    OnlineService,
    QueueConfig,
    SimConfig,
    SimKube,
    SimLoad,
    SimWorld,
    SimYarn,
)
from bridge.sim.pods import DEADLINE, PROMISE, Pod
from bridge.sim.times import write_time
from tests.sim.build import LABEL, make_job

TICK = timedelta(seconds=15)
SHAPE = Shape(yarn=Resources(vcores=2, memory_mib=4096), pod=Room(cpu_millicores=2000, memory_mib=5120))
SETTLED = timedelta(minutes=8)
"""After so long without a fault everything is as it should be: a lost node has been seen, waited for, and deleted."""
NOTICED = 4 * TICK
LOAD_STEP_S = 300


class KilledError(BaseException):
    """The controller is killed here."""


@dataclass(slots=True)
class Trouble:
    """What the controller's calls meet now."""

    kills_at: int | None = None
    """At how many calls from now the controller is killed, in this tick or a later one."""
    failing: str | None = None
    """The name of the call that fails."""
    took_effect: bool = False
    """Calls do their work before they fail, or before the controller is killed."""
    is_stale: bool = False
    """The view of Kubernetes stands still."""


class Calls:
    """A port whose calls meet trouble."""

    def __init__(self, name: str, port: object, trouble: Trouble, say: Callable[[str], None]) -> None:
        self._name, self._port, self._trouble, self._say = name, port, trouble, say
        self._seen: object = None

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._port, name)
        return lambda *args: self._call(f"{self._name}.{name}", method, args)

    def _call(self, name: str, method: Callable[..., object], args: tuple[object, ...]) -> object:
        trouble, error = self._trouble, self._fault(name)
        if name == "kube.observe" and trouble.is_stale and self._seen is not None:
            return self._seen
        if error is not None and not trouble.took_effect:
            raise error
        answer = method(*args)
        if error is not None:
            raise error
        if name == "kube.observe":
            self._seen = answer
        return answer

    def _fault(self, name: str) -> BaseException | None:
        trouble = self._trouble
        if trouble.kills_at is not None:
            trouble.kills_at -= 1
            if trouble.kills_at <= 0:
                self._say(f"killed at {name}, took_effect={trouble.took_effect}")
                return KilledError()
        if name != trouble.failing:
            return None
        return JournalUnavailable("failed") if name.startswith("journal") else Unavailable("failed")


class Clock:
    """The controller's clock, which may be wrong."""

    def __init__(self, world: SimWorld) -> None:
        self._world = world
        self.off = timedelta(0)

    def now(self) -> datetime:
        """Say what the controller takes the time to be."""
        return self._world.now + self.off


class Journal(MemoryJournal):
    """A database that may be locked, full or gone."""

    reads_fail = writes_fail = False

    def promises(self, pool: str) -> tuple[Promise, ...]:
        """Return what is open, if it can be read."""
        if self.reads_fail:
            raise JournalUnavailable("gone")
        return super().promises(pool)

    def save(self, *promises: Promise) -> None:
        """Keep promises, if they can be written."""
        if self.writes_fail:
            raise JournalUnavailable("full")
        super().save(*promises)

    def record(self, tick: Any, memory: Any) -> None:
        """Keep a tick, if it can be written."""
        if self.writes_fail:
            raise JournalUnavailable("full")
        super().record(tick, memory)


@dataclass(slots=True, kw_only=True)
class Missed:
    """A deadline that passed while the pod was there."""

    promise: str
    deadline: datetime
    was_announced: bool


@dataclass(slots=True, kw_only=True)
class Told:
    """What the controller knew and said, in its latest tick."""

    at: datetime
    is_sighted: bool
    """It read Kubernetes or the journal as they are, and its clock was right: so it knew of a deadline on a pod."""
    has_journal: bool
    """It read the journal: so it knew of a deadline that has come forward since the pod was made, too."""
    bad: frozenset[datetime]


@dataclass(slots=True, kw_only=True)
class Counts:
    """What a run has seen; a run that saw nothing shows nothing."""

    ticks: int = 0
    created: int = 0
    returned: int = 0
    kills: int = 0
    faults: dict[str, int] = field(default_factory=dict)
    missed: list[Missed] = field(default_factory=list)


class Weather:
    """One world, one pool, and what goes wrong."""

    def __init__(self, seed: int, ticks: int) -> None:
        self.seed, self.chance = seed, Random(seed)
        self.counts = Counts()
        self._events: deque[str] = deque(maxlen=60)
        self.world = SimWorld(
            SimConfig(
                seed=seed,
                lenders=self.chance.randrange(2, 5),
                static_nodes=1,
                queues=(QueueConfig(name="default", labels={LABEL: LabelShare(capacity_ratio=1.0)}),),
            )
        )
        self._begun = self.world.now
        self._trouble = Trouble()
        self._ids = itertools.count()
        self._jobs = itertools.count()
        self.journal, self.clock, self.load = Journal(), Clock(self.world), SimLoad(self.world)
        self._windows = self._make_windows(ticks)
        self._ends: dict[str, tuple[datetime, Callable[[], None]]] = {}
        """When each fault that lasts is over, and how it is ended."""
        self._rough_at = self.world.now
        """When a fault was last in force."""
        self._announced: dict[datetime, datetime] = {}
        self._told: Told | None = None
        self._missing_since: dict[str, datetime] = {}
        """Since when an open promise has had no pod, by its id."""
        self._late: set[tuple[str, datetime]] = set()
        self._start_service(ticks)
        self.pool = self._new_pool()

    # --- The world

    def _start_service(self, ticks: int) -> None:
        steps = int(ticks * TICK.total_seconds() / LOAD_STEP_S) + 2
        loads = tuple(round(self.chance.choice((0.2, 0.3, 0.5, 0.7)), 2) for _ in range(steps))
        series = LoadSeries(name="load", first_s=0, step_s=LOAD_STEP_S, load=loads)
        self.world.start_service(OnlineService(name="web", series=series))

    def _make_windows(self, ticks: int) -> tuple[WindowSpan, ...]:
        spans, start = [], self._begun - timedelta(hours=2)
        end = self._begun + ticks * TICK + timedelta(hours=3)
        while start < end:
            back_by = start + timedelta(minutes=self.chance.randrange(20, 41))
            lead = timedelta(minutes=self.chance.randrange(2, 8))
            spans.append(WindowSpan(name="w", start=start, back_by=back_by, lead=lead, max_ratio=1.0))
            start = back_by + timedelta(minutes=self.chance.randrange(3, 15))
        return tuple(spans)

    def _around(self, at: datetime) -> tuple[WindowSpan, ...]:
        return tuple(span for span in self._windows if at < span.back_by and span.start < at + timedelta(hours=2))

    def _new_pool(self) -> Pool:
        """Start a controller that knows nothing but what is in the journal and the world."""
        is_by_use = self.seed % 2 == 1
        requested = SHAPE.pod.share(0.1) if is_by_use else None
        cannot_decommission = None if self.seed // 2 % 2 == 1 else CannotDecommission.NOT_CONFIGURED
        return Pool(
            policy=PoolPolicy(
                name="night",
                shape=SHAPE,
                label=LABEL,
                basis=Basis.USAGE if is_by_use else Basis.REQUESTS,
                signal=SignalPolicy() if is_by_use else None,
                tick=TICK,
            ),
            windows=self._around,
            kube=cast(Kube, self._port("kube", SimKube(self.world, "night", requested=requested))),
            yarn=cast(Yarn, self._port("yarn", SimYarn(self.world, cannot_decommission=cannot_decommission))),
            journal=cast(Journal, self._port("journal", self.journal)),
            clock=self.clock,
            new_id=lambda: f"{next(self._ids):08x}",
            mode=Mode.ENFORCE,
            signal=self.load if is_by_use else None,
        )

    def _port(self, name: str, port: object) -> Calls:
        return Calls(name, port, self._trouble, self._say)

    def _say(self, words: str) -> None:
        self._events.append(f"{self.counts.ticks} {self.world.now:%d %H:%M:%S} {words}")

    # --- One step

    def run(self, ticks: int) -> Counts:
        """Tick so often, and check after each."""
        for _ in range(ticks):
            self._submit()
            self._change()
            self._tick()
            self.world.advance(self.world.now + TICK)
            self.counts.ticks += 1
            self._check()
        return self.counts

    def _submit(self) -> None:
        if self.chance.random() < 0.02 and len(self.world.yarn.work.apps) < 5:
            tasks, task_s = self.chance.randrange(20, 200), self.chance.choice((20, 60, 200, 900))
            self.world.submit(make_job(tasks=tasks, task_s=task_s, label=LABEL, id=f"job-{next(self._jobs)}"))

    def _tick(self) -> None:
        try:
            ticked = tick(self.pool)
        except KilledError:
            self.counts.kills += 1
            self._rough_at = self.world.now
            self._trouble.kills_at = None
            self.pool = self._new_pool()
            self._told = None
            return
        self._note(ticked)

    def _note(self, ticked: Ticked) -> None:
        """Remember what was known and said, and look at what was made."""
        snapshot = ticked.planned.snapshot
        is_blind = isinstance(snapshot.kube, Gap) and isinstance(snapshot.promises, Gap)
        is_sighted = not (is_blind or self._trouble.is_stale or self.clock.off)
        foretold = ticked.planned.decision.foretold
        bad = frozenset(one.deadline for one in foretold.statements if one.verdict.is_bad)
        assert bad == foretold.bad.keys()
        has_journal = not isinstance(snapshot.promises, Gap)
        self._told = Told(at=self.world.now, is_sighted=is_sighted, has_journal=has_journal, bad=bad)
        for deadline in bad:
            self._announced.setdefault(deadline, self.world.now)
        for outcome in ticked.outcomes:
            if outcome.step.act is not None:
                self._say(f"{type(outcome.step.act).__name__} {outcome.step.reason} {outcome.result}")
        self._check_made(ticked)

    # --- Faults

    def _change(self) -> None:
        """End what is over, and let something begin now and then."""
        for name, (until, end) in tuple(self._ends.items()):
            if self.world.now >= until:
                end()
                del self._ends[name]
                self._say(f"{name} is over")
        if self._ends:
            self._rough_at = self.world.now
        # Hours of storm, and hours in which what was broken must mend.
        chance_now = 0.12 if (self.world.now - self._begun) % timedelta(hours=1) < timedelta(minutes=35) else 0.0
        if self.chance.random() < chance_now:
            name = self.chance.choice(sorted(FAULTS))
            if name not in self._ends:
                self._say(f"{name} begins")
                self.counts.faults[name] = self.counts.faults.get(name, 0) + 1
                self._rough_at = self.world.now
                FAULTS[name](self, name)

    def lasting(self, name: str, most_ticks: int, end: Callable[[], None]) -> int:
        """Let a fault last for a while; return for how many seconds."""
        length = TICK * self.chance.randrange(1, most_ticks + 1)
        self._ends[name] = self.world.now + length, end
        return int(length.total_seconds())

    @property
    def trouble(self) -> Trouble:
        """What calls meet."""
        return self._trouble

    def forget_all(self) -> None:
        """Start the controller anew, as another replica."""
        self.pool = self._new_pool()

    def running(self) -> list[Pod]:
        """Return the elastic pods whose process may run."""
        return [pod for pod in self.world.kube.elastic.values() if not pod.phase.is_over]

    # --- What must hold

    def _check(self) -> None:
        self._check_room()
        self._check_ams()
        self._check_deadlines()
        if self.world.now - self._rough_at > SETTLED:
            self._check_settled()

    def _check_room(self) -> None:
        for node in self.world.kube.nodes.values():
            self.hold((node.online + node.elastic).fits_in(node.allocatable), f"{node.name} is oversold by requests")
            pods = (pod for pod in node.pods.values() if pod.is_elastic and not pod.phase.is_over)
            taken = sum((pod.counted.takes for pod in pods), NO_ROOM)
            self.hold(taken.fits_in(node.allocatable), f"{node.name} is oversold by what its pods take")

    def _check_made(self, ticked: Ticked) -> None:
        """A creation needs room in the view that it was decided from, by plain addition."""
        kube, made = ticked.planned.snapshot.kube, [one.step.act for one in ticked.outcomes]
        creations = [act for act in made if isinstance(act, CreatePod)]
        self.counts.created += len(creations)
        if isinstance(kube, Gap):
            self.hold(not creations, "a pod was made without a view")
            return
        taken = {lender.name: lender.online if self.seed % 2 == 0 else NO_ROOM for lender in kube.lenders}
        for pod in kube.pods:
            where = pod.node or pod.lender
            taken[where] = taken.get(where, NO_ROOM) + pod.requests
        for act in creations:
            taken[act.lender] = taken[act.lender] + act.requests
        for lender in kube.lenders:
            is_new = any(act.lender == lender.name for act in creations)
            self.hold(not is_new or taken[lender.name].fits_in(lender.allocatable), f"{lender.name} was oversold")

    def _check_ams(self) -> None:
        self.hold(self.world.accounts.ams_killed_on_lent == 0, "an AM was killed on an elastic node")

    def _check_deadlines(self) -> None:
        """A deadline is missed only in bad weather, and not in silence where it could be known."""
        there = {pod.order.labels[PROMISE]: pod for pod in self.running()}
        for promise in self.journal.history():
            if promise.deadline is None or self.world.now <= promise.deadline or promise.id not in there:
                continue
            if (promise.id, promise.deadline) in self._late:
                continue
            self._late.add((promise.id, promise.deadline))
            said_at = self._announced.get(promise.deadline)
            was_announced = said_at is not None and said_at <= promise.deadline
            self.counts.missed.append(
                Missed(promise=promise.id, deadline=promise.deadline, was_announced=was_announced)
            )
            self._say(f"{promise.id} missed {promise.deadline:%H:%M:%S}, state {promise.state}")
            self.hold(promise.deadline - self._rough_at < SETTLED, f"{promise.id} missed its deadline in fine weather")
            told = self._told
            is_on_pod = there[promise.id].order.annotations[DEADLINE] == write_time(promise.deadline)
            could_know = told is not None and told.is_sighted and told.at >= promise.deadline - TICK
            could_know = could_know and (is_on_pod or (told is not None and told.has_journal))
            self.hold(was_announced or not could_know, f"{promise.id} missed its deadline, and nobody said so")

    def _check_settled(self) -> None:
        """In fine weather each pod has a promise, each promise a pod, and nothing is there beyond its time."""
        promises = {promise.id: promise for promise in self.journal.promises("night")}
        there = {pod.order.labels[PROMISE]: pod for pod in self.world.kube.elastic.values()}
        for id in there:
            self.hold(id in promises, f"{id} is an orphan")
        for promise in promises.values():
            self._hold_known(promise, promise.id in there)
            in_time = promise.deadline is None or self.world.now - promise.deadline < SETTLED
            self.hold(in_time or promise.id not in there, f"the drain of {promise.id} doesn't end")
        self.counts.returned = sum(1 for one in self.journal.history() if one.is_over)

    def _hold_known(self, promise: Promise, is_there: bool) -> None:
        """A pod that somebody else takes is noticed in the next ticks."""
        if is_there or promise.state is State.GONE:
            self._missing_since.pop(promise.id, None)
            return
        since = self._missing_since.setdefault(promise.id, self.world.now)
        self.hold(self.world.now - since < NOTICED, f"{promise.id} is forgotten in {promise.state}")

    def hold(self, is_so: bool, words: str) -> None:
        """Fail with the seed and the last events, unless it is so."""
        if not is_so:
            raise AssertionError("\n".join([f"seed {self.seed}, tick {self.counts.ticks}: {words}", *self._events]))


# --- The faults by name


def _restart_rm(weather: Weather, name: str) -> None:
    down_for_s = weather.chance.randrange(5, 90)
    weather.world.restart_rm(down_for_s)
    weather.lasting(name, 10, lambda: None)


def _yarn_down(weather: Weather, name: str) -> None:
    weather.world.break_yarn(weather.lasting(name, 20, lambda: None))


def _kube_down(weather: Weather, name: str) -> None:
    weather.world.break_kube(weather.lasting(name, 20, lambda: None))


CALLS = (
    *("kube.observe", "kube.create", "kube.delete", "kube.tell", "yarn.observe", "yarn.resize", "yarn.map_label"),
    *("journal.promises", "journal.memory", "journal.save", "journal.record"),
)


def _call_fails(weather: Weather, name: str) -> None:
    trouble = weather.trouble
    trouble.failing, trouble.took_effect = weather.chance.choice(CALLS), weather.chance.random() < 0.5
    weather.lasting(name, 3, lambda: setattr(trouble, "failing", None))


def _kill_nodemanager(weather: Weather, name: str) -> None:
    if found := weather.running():
        weather.world.kill_nodemanager(weather.chance.choice(found).order.name)
    weather.lasting(name, 1, lambda: None)


def _crash_node(weather: Weather, name: str) -> None:
    node = weather.chance.choice(sorted(weather.world.kube.nodes))
    weather.world.crash_node(node)
    weather.lasting(name, 20, lambda: weather.world.set_ready(node, True))


def _not_ready(weather: Weather, name: str) -> None:
    node = weather.chance.choice(sorted(weather.world.kube.nodes))
    weather.world.set_ready(node, False)
    weather.lasting(name, 20, lambda: weather.world.set_ready(node, True))


def _under_pressure(weather: Weather, name: str) -> None:
    node = weather.chance.choice(sorted(weather.world.kube.nodes))
    weather.world.press(node, "MemoryPressure")
    weather.lasting(name, 20, lambda: weather.world.press(node))


def _stale(weather: Weather, name: str) -> None:
    weather.trouble.is_stale = True
    weather.lasting(name, 8, lambda: setattr(weather.trouble, "is_stale", False))


def _journal_away(weather: Weather, name: str) -> None:
    journal = weather.journal
    journal.reads_fail, journal.writes_fail = weather.chance.choice(((True, False), (False, True), (True, True)))
    weather.lasting(name, 20, lambda: _mend(journal))


def _mend(journal: Journal) -> None:
    journal.reads_fail = journal.writes_fail = False


def _kill(weather: Weather, name: str) -> None:
    trouble = weather.trouble
    trouble.kills_at, trouble.took_effect = weather.chance.randrange(1, 14), weather.chance.random() < 0.5
    weather.lasting(name, 1, lambda: None)


def _clock_jumps(weather: Weather, name: str) -> None:
    weather.clock.off = timedelta(minutes=weather.chance.randrange(-60, 61))
    weather.lasting(name, 20, lambda: setattr(weather.clock, "off", timedelta(0)))


def _take_over(weather: Weather, name: str) -> None:
    weather.forget_all()
    weather.lasting(name, 1, lambda: None)


def _load_cut(weather: Weather, name: str) -> None:
    weather.load.faults.is_cut = True
    weather.lasting(name, 60, lambda: setattr(weather.load.faults, "is_cut", False))


FAULTS: dict[str, Callable[[Weather, str], None]] = {
    "RM restart": _restart_rm,
    "RM down": _yarn_down,
    "API server down": _kube_down,
    "a call fails": _call_fails,
    "NodeManager killed": _kill_nodemanager,
    "node crashed": _crash_node,
    "node not ready": _not_ready,
    "node under pressure": _under_pressure,
    "stale view": _stale,
    "journal away": _journal_away,
    "controller killed": _kill,
    "clock jumps": _clock_jumps,
    "another replica": _take_over,
    "load signal cut": _load_cut,
}
