"""Which samples are believed: tables for each rule, and properties for what no sequence of faults may do."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.load import Belief, LoadReading, LoadUnit, Sample, SignalPolicy, SignalReason, SignalState
from bridge.core.reasons import Gap
from bridge.core.signal import TOTAL, SignalMemory, believe

AT = datetime(2026, 3, 2, 12, tzinfo=UTC)
TICK_S = 30
SIZE = 10_000
POLICY = SignalPolicy()
FRESH, FROZEN, SHRINKING = SignalState

Told = Mapping[str, float]


@dataclass(slots=True)
class Signal:
    """A signal that is looked at tick by tick; all its lenders are of one size, and loads are ratios."""

    lenders: tuple[str, ...] = ("a",)
    policy: SignalPolicy = POLICY
    at: datetime = AT
    memory: SignalMemory = field(default_factory=SignalMemory)
    beliefs: list[Belief] = field(default_factory=list)

    def look(self, told: Told | Gap, *, at: datetime | None = None, has_lenders: bool = True) -> Belief:
        """Look once; samples are as old as *at*, or new. The next look comes a tick later."""
        reading: LoadReading | Gap = told if isinstance(told, Gap) else reading_of(told, at or self.at)
        sizes = dict.fromkeys(self.lenders, SIZE) if has_lenders else {}
        belief, self.memory = believe(self.policy, self.memory, reading, self.at, sizes)
        self.beliefs.append(belief)
        self.at += timedelta(seconds=TICK_S)
        return belief

    def looks(self, count: int, told: Told | Gap, *, at: datetime | None = None) -> Belief:
        for _ in range(count):
            self.look(told, at=at)
        return self.beliefs[-1]

    def pass_time(self, **length: float) -> None:
        self.at += timedelta(**length)


def reading_of(told: Told, at: datetime) -> LoadReading:
    samples = {name: Sample(at=at, value=value) for name, value in told.items()}
    return LoadReading(unit=LoadUnit.RATIO, total=samples.pop(TOTAL, None), by_lender=samples)


def known(load: float = 0.5, lenders: tuple[str, ...] = ("a",), policy: SignalPolicy = POLICY) -> Signal:
    """A signal that has said the same of each lender for long enough to be believed."""
    signal = Signal(lenders, policy)
    belief = signal.looks(6, dict.fromkeys(lenders, load))
    assert belief.by_lender == dict.fromkeys(lenders, round(load * SIZE))
    assert belief.state is FRESH
    return signal


# Samples ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("loads", "believed"),
    [
        pytest.param([0.5], None, id="one sample is nothing"),
        pytest.param([0.5] * 4, None, id="until it has lasted"),
        pytest.param([0.5] * 5, 5000, id="two minutes make the first belief"),
        pytest.param([0.1, 0.9, 0.1, 0.1, 0.1], 9000, id="at the highest of them"),
        pytest.param([*[0.5] * 5, 0.6], 6000, id="a rise counts at once"),
        pytest.param([*[0.5] * 5, 0.2, 0.2, 0.2, 0.2], 5000, id="a fall doesn't"),
        pytest.param([*[0.5] * 5, 0.2, 0.3, 0.2, 0.2, 0.2], 3000, id="until it has lasted, at the highest of the time"),
        pytest.param([*[0.5] * 5, 0.2, 0.2, 0.5, 0.2, 0.2, 0.2], 5000, id="a fall that is broken off begins anew"),
        pytest.param([*[0.5] * 5, 0.9], 6250, id="a jump takes an eighth"),
        pytest.param([*[0.5] * 5, 0.9, 0.9], 9000, id="the next sample confirms it"),
        pytest.param([*[0.5] * 5, 0.9, 0.5], 6250, id="or not, and then it lasts as any fall"),
        pytest.param([*[0.5] * 5, 0.9, *[0.5] * 5], 5000, id="and is over like one"),
        pytest.param([*[0.5] * 5, *[0.0] * 4], 5000, id="zero isn't a fall"),
        pytest.param([*[0.5] * 5, 0.2, 0.0, 0.2, 0.2, 0.2], 2000, id="nor breaks one off"),
        pytest.param([*[0.5] * 5, nan, inf, -1.0, 10.1], 5000, id="what can't be is no sample"),
        pytest.param([nan, inf, -1.0, 10.1], None, id="not even the first"),
    ],
)
def test_a_sample_counts_as(loads: list[float], believed: int | None) -> None:
    signal = Signal()
    for load in loads:
        signal.look({"a": load})
    assert signal.beliefs[-1].by_lender.get("a") == believed


@pytest.mark.parametrize("start", [Signal, known], ids=["from the start", "after use"])
def test_zero_is_believed_when_it_has_lasted_as_zero_and_then_as_a_fall(start: Callable[[], Signal]) -> None:
    signal = start()
    looks = 0
    while signal.look({"a": 0.0}).by_lender.get("a") != 0:
        looks += 1
        assert looks < 100
    assert timedelta(seconds=looks * TICK_S) >= POLICY.confirm_zero + POLICY.confirm
    assert signal.beliefs[-1].state is FRESH


def test_zeros_with_a_silence_between_them_do_not_add_up() -> None:
    signal = known(policy=replace(POLICY, confirm_zero=timedelta(minutes=5)))
    signal.look({"a": 0.0})
    signal.pass_time(minutes=6)
    for _ in range(8):
        assert signal.look({"a": 0.0}).by_lender == {"a": 5000}


def test_a_fall_with_a_silence_in_it_begins_anew() -> None:
    signal = known()
    signal.look({"a": 0.2})
    signal.pass_time(minutes=5)
    assert signal.looks(4, {"a": 0.2}).by_lender == {"a": 5000}
    assert signal.look({"a": 0.2}).by_lender == {"a": 2000}


def test_the_same_sample_seen_again_is_no_second_one() -> None:
    signal = Signal()
    assert signal.looks(4, {"a": 0.5}, at=AT).by_lender == {}
    assert signal.beliefs[-1].state is FROZEN
    signal = known()
    assert signal.looks(9, {"a": 0.2}, at=signal.at).by_lender == {"a": 5000}


@pytest.mark.parametrize(("ahead_s", "counts"), [(59, True), (61, False)])
def test_a_sample_of_the_future_is_none(ahead_s: int, *, counts: bool) -> None:
    signal = known()
    found = signal.look({"a": 0.6}, at=signal.at + timedelta(seconds=ahead_s))
    assert found.by_lender == {"a": 6000 if counts else 5000}


def test_cores_and_ratios_come_to_the_same() -> None:
    signal = known()
    cores = LoadReading(unit=LoadUnit.CORES, by_lender={"a": Sample(at=signal.at, value=5.5)})
    found, _ = believe(POLICY, signal.memory, cores, signal.at, {"a": SIZE})
    assert found.by_lender == signal.look({"a": 0.55}).by_lender == {"a": 5500}


# The signal ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        pytest.param(Gap.UNREACHABLE, SignalReason.NO_ANSWER, id="cut"),
        pytest.param({}, SignalReason.NO_SAMPLE, id="silent"),
        pytest.param({"a": 0.0}, SignalReason.ZERO_UNCONFIRMED, id="zero"),
        pytest.param({"a": nan}, SignalReason.TOO_OLD, id="nonsense"),
    ],
)
def test_a_signal_that_stops_is_frozen_then_shrinks_step_by_step(told: Told | Gap, reason: SignalReason) -> None:
    signal = known()
    found = [signal.look(told) for _ in range(70)]
    kept = [belief.keep_ratio for belief in found]
    states = [belief.state for belief in found]
    assert states[:4] == [FRESH] * 4
    assert states[4:20] == [FROZEN] * 16
    # Zero that lasts for a quarter of an hour is a load: the signal is back by then.
    shrinking = [entry for entry in zip(states, kept, strict=True) if entry[0] is SHRINKING]
    assert [ratio for _, ratio in shrinking[:20]] == [0.75] * 10 + ([0.5] * 10 if told != {"a": 0.0} else [])
    assert all(belief.reason is reason for belief in found[4:20])
    assert all(belief.by_lender == {"a": 5000} for belief in found[:20])
    if told != {"a": 0.0}:
        assert kept[-1] == 0.0
        assert found[-1].changes_at is None


def test_what_changes_next_is_when_it_changes() -> None:
    signal = known()
    told = [signal.look(Gap.UNREACHABLE) for _ in range(60)]
    for earlier, later in itertools.pairwise(told):
        if (earlier.state, earlier.keep_ratio) != (later.state, later.keep_ratio) and earlier.state is not FRESH:
            assert earlier.changes_at is not None
            index = told.index(later)
            at = signal.at - timedelta(seconds=TICK_S * (len(told) - index))
            assert at - timedelta(seconds=TICK_S) <= earlier.changes_at <= at


@pytest.mark.parametrize("silence", [8, 30, 70], ids=["from frozen", "from shrinking", "from nothing left"])
def test_a_signal_is_back_when_it_has_spoken_twice(silence: int) -> None:
    signal = known()
    signal.looks(silence, Gap.UNREACHABLE)
    first = signal.look({"a": 0.5})
    assert (first.state, first.reason, first.keep_ratio) == (FROZEN, SignalReason.UNCONFIRMED, 1.0)
    second = signal.look({"a": 0.5})
    assert (second.state, second.reason, second.stale) == (FRESH, SignalReason.IN_TIME, frozenset())


def test_what_was_believed_before_a_silence_that_nobody_saw_is_not_fresh() -> None:
    signal = known(0.1)
    signal.pass_time(hours=2)
    assert signal.look({"a": 0.9}).state is FROZEN
    assert signal.look({"a": 0.9}).by_lender == {"a": 9000}


def test_a_silence_that_nobody_saw_takes_one_step_at_most() -> None:
    signal = known()
    signal.pass_time(hours=2)
    assert signal.look(Gap.UNREACHABLE).keep_ratio == 0.75
    signal.pass_time(hours=2)
    assert signal.look(Gap.UNREACHABLE).keep_ratio == 0.5
    assert signal.look(Gap.UNREACHABLE).keep_ratio == 0.5


def test_shrinking_can_be_switched_off() -> None:
    signal = known(policy=replace(POLICY, shrink_ratio=0.0))
    assert signal.looks(90, Gap.UNREACHABLE).keep_ratio == 1.0


def test_a_clock_that_is_set_back_is_a_silence() -> None:
    signal = known(0.2)
    signal.pass_time(hours=-3)
    assert signal.look({"a": 0.2}).state is FROZEN
    belief = signal.look({"a": 0.9})
    assert (belief.state, belief.since) == (FRESH, signal.at - timedelta(seconds=TICK_S))
    assert signal.look({"a": 0.9}).by_lender == {"a": 9000}


def test_without_the_lenders_nothing_is_forgotten() -> None:
    signal = known(lenders=("a", "b"))
    traces = signal.memory.traces
    belief = signal.look({"a": 0.5, "b": 0.5}, has_lenders=False)
    assert (belief.by_lender, signal.memory.traces) == ({}, traces)
    assert signal.look({"a": 0.5, "b": 0.5}).by_lender == {"a": 5000, "b": 5000}


# Lenders ------------------------------------------------------------------------------------------------------------


def test_a_lender_whose_own_samples_stop_is_stale_then_counts_as_fuller_step_by_step() -> None:
    signal = known(0.2, ("a", "b"))
    found = [signal.look({"b": 0.2}) for _ in range(70)]
    assert [bool(belief.stale) for belief in found] == [False] * 4 + [True] * 66
    assert all(belief.state is FRESH and belief.by_lender["b"] == 2000 for belief in found)
    levels = list(dict.fromkeys(belief.by_lender["a"] for belief in found))
    assert levels == [2000, 4000, 6000, 8000, 10000]
    back = signal.look({"a": 0.2, "b": 0.2})
    assert (back.by_lender["a"], back.stale) == (2000, frozenset({"a"}))
    assert signal.look({"a": 0.2, "b": 0.2}).stale == frozenset()


def test_a_lender_that_was_silent_while_nobody_looked_loses_one_step() -> None:
    signal = known(0.2, ("a", "b"))
    signal.pass_time(hours=5)
    signal.look({"b": 0.2})
    assert signal.look({"b": 0.2}).by_lender == {"a": 4000, "b": 2000}


def test_nothing_is_lent_anew_where_a_jump_is_not_confirmed() -> None:
    signal = known(0.2, ("a", "b"))
    assert signal.look({"a": 0.9, "b": 0.2}).stale == {"a"}
    assert signal.look({"a": 0.9, "b": 0.2}).stale == frozenset()


def test_lenders_that_go_are_forgotten_and_one_that_comes_is_unknown_at_first() -> None:
    signal = known(0.2, ("a", "b"))
    signal.lenders = ("b", "c")
    belief = signal.look({"a": 0.2, "b": 0.2, "c": 0.2})
    assert (belief.by_lender, belief.total_millicores) == ({"b": 2000}, None)
    assert signal.memory.traces.keys() == {"b", "c"}
    assert signal.looks(4, {"b": 0.2, "c": 0.2}).by_lender == {"b": 2000, "c": 2000}


def test_a_total_alone_is_spread_over_the_lenders() -> None:
    signal = Signal(("a", "b"))
    belief = signal.looks(5, {TOTAL: 0.3})
    assert (belief.total_millicores, belief.by_lender) == (6000, {"a": 3000, "b": 3000})
    assert signal.look({TOTAL: 0.9}).stale == {"a", "b"}


def test_lenders_count_for_themselves_where_the_total_is_told_beside_them() -> None:
    signal = Signal(("a", "b"))
    belief = signal.looks(5, {TOTAL: 0.9, "a": 0.2, "b": 0.4})
    assert (belief.total_millicores, belief.by_lender) == (18000, {"a": 2000, "b": 4000})


@pytest.mark.parametrize(
    ("before", "after"),
    [({"a": 0.2, "b": 0.2}, {TOTAL: 0.6}), ({TOTAL: 0.2}, {"a": 0.6, "b": 0.6})],
    ids=["to the total", "to each lender"],
)
def test_a_query_that_is_changed_is_followed(before: Told, after: Told) -> None:
    signal = Signal(("a", "b"))
    signal.looks(6, before)
    belief = signal.looks(30, after)
    assert (belief.by_lender, belief.total_millicores) == ({"a": 6000, "b": 6000}, 12000)
    assert (belief.state, belief.stale) == (FRESH, frozenset())


# Properties ---------------------------------------------------------------------------------------------------------

LOADS = st.floats(min_value=0.01, max_value=1)
FAULTS = st.sampled_from(("cut", "silent", "frozen", "zero", "low lie", "high lie", "nonsense", "away", "no lenders"))


@given(loads=st.lists(LOADS, min_size=1, max_size=60), gaps=st.lists(st.integers(1, 300), min_size=60, max_size=60))
def test_belief_never_falls_faster_than_the_samples_of_the_time_it_takes(
    loads: Sequence[float], gaps: Sequence[int]
) -> None:
    signal, heard = Signal(), list[tuple[datetime, float]]()
    before: int | None = None
    for load, gap_s in zip(loads, gaps, strict=False):
        signal.pass_time(seconds=gap_s)
        heard.append((signal.at, load))
        found = signal.look({"a": load}).by_lender.get("a")
        if found is not None and (before is None or found < before):
            # The longest stretch that ends now, all of it at most what is believed, is as long as it must be.
            low = [at for at, value in heard if value * SIZE > found]
            since = [at for at, _ in heard if not low or at > low[-1]]
            assert len(since) >= 2
            assert since[-1] - since[0] >= POLICY.confirm
        before = found


@given(load=LOADS, lie=st.one_of(st.floats(), st.floats(min_value=0, max_value=12)), then=LOADS)
def test_one_sample_moves_belief_by_no_more_than_a_jump(load: float, lie: float, then: float) -> None:
    signal = Signal()
    believed = signal.looks(6, {"a": load}).by_lender["a"]
    told = signal.look({"a": lie})
    assert believed <= told.by_lender["a"] <= believed + POLICY.jump_ratio * SIZE + 1
    assert told.state is FRESH
    assert signal.look({"a": min(load, then)}).by_lender["a"] <= believed + POLICY.jump_ratio * SIZE + 1


@given(load=LOADS, faults=st.lists(st.tuples(FAULTS, st.integers(1, 12)), max_size=12))
def test_no_sequence_of_faults_makes_room_or_takes_it_in_one_step(
    load: float, faults: Sequence[tuple[str, int]]
) -> None:
    signal = Signal(policy=replace(POLICY, confirm_zero=timedelta(days=1)))
    believed = signal.looks(6, {"a": load}).by_lender["a"]
    frozen_at = signal.at - timedelta(seconds=TICK_S)
    for fault, count in faults:
        for _ in range(1 if "lie" in fault else count):
            fault_once(signal, fault, load, frozen_at)
        if "lie" in fault:
            # A lie that lasts can't be told from the truth.
            signal.looks(2, {"a": load})
    for earlier, later in itertools.pairwise(signal.beliefs[5:]):
        assert later.by_lender.get("a", believed) >= believed
        if earlier.state is not FRESH:
            assert later.keep_ratio >= earlier.keep_ratio - POLICY.shrink_ratio
        if later.state is FRESH and earlier.state is not FRESH:
            assert later.sampled_at is not None
            assert earlier.reason is SignalReason.UNCONFIRMED
    assert signal.looks(8, {"a": load}).state is FRESH
    assert signal.beliefs[-1].by_lender == {"a": believed}
    assert signal.memory.traces.keys() == {"a"}


def fault_once(signal: Signal, fault: str, load: float, frozen_at: datetime) -> None:
    """Look once while something is wrong."""
    told: dict[str, Told | Gap] = {
        "cut": Gap.UNREACHABLE,
        "silent": {},
        "zero": {"a": 0.0},
        "low lie": {"a": load / 10},
        "high lie": {"a": min(10.0, load * 9)},
        "nonsense": {"a": nan},
    }
    if fault == "away":
        signal.pass_time(minutes=20)
    elif fault == "no lenders":
        signal.look({"a": load}, has_lenders=False)
    else:
        signal.look(told.get(fault, {"a": load / 2}), at=frozen_at if fault == "frozen" else None)
