"""A pool's history of load: what is kept of it, what survives, and what the forecast is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from bridge.controller.foresight import TOTAL, Earlier, Foresight, step_of
from bridge.core.forecast.values import STEP, Method
from bridge.core.load import LoadReading, LoadUnit, Sample
from bridge.ports import JournalUnavailable

AT = datetime(2026, 3, 2, 12, tzinfo=UTC)

Step = tuple[datetime, Mapping[str, float]]


class History:
    """A database that may be away."""

    def __init__(self, steps: Sequence[Step] = ()) -> None:
        self.steps = list(steps)
        self.is_away = False

    def append(self, pool: str, at: datetime, values: Mapping[str, float]) -> None:
        if self.is_away:
            raise JournalUnavailable("away")
        self.steps.append((at, values))

    def read(self, pool: str, since: datetime) -> Sequence[Step]:
        if self.is_away:
            raise JournalUnavailable("away")
        return [step for step in self.steps if step[0] >= since]

    def prune(self, before: datetime) -> None:
        self.steps = [step for step in self.steps if step[0] >= before]


def told(steps: Sequence[Step]) -> Earlier:
    """Tell of steps as a signal's source does."""
    return lambda since, until, _step: tuple(
        (
            at,
            LoadReading(
                unit=LoadUnit.RATIO,
                total=Sample(at=at, value=ratios[TOTAL]),
                by_lender={name: Sample(at=at, value=ratio) for name, ratio in ratios.items() if name != TOTAL},
            ),
        )
        for at, ratios in steps
        if since <= at < until
    )


def days(count: float, load: float = 0.25, until: datetime = AT) -> list[Step]:
    steps = round(timedelta(days=count) / STEP)
    return [(until - STEP * (steps - number), {TOTAL: load, "a": load}) for number in range(steps)]


def test_a_step_is_the_highest_load_of_its_five_minutes_and_is_kept_when_it_is_over() -> None:
    history = History()
    foresight = Foresight("night", history)
    for seconds, load in ((0, 0.2), (60, 0.5), (299, 0.3)):
        foresight.look(AT + timedelta(seconds=seconds), {TOTAL: load, "a": load})
    assert history.steps == []
    foresight.look(AT + STEP, {TOTAL: 0.1, "a": 0.1})
    assert history.steps == [(AT, {TOTAL: 0.5, "a": 0.5})]


def test_without_history_the_forecast_says_so_and_a_safe_bound_stands_in() -> None:
    (bound, *_) = Foresight("night", History()).look(AT, {TOTAL: 0.3, "a": 0.3}).total.bounds
    assert (bound.method, bound.ratio) == (Method.TOO_LITTLE_HISTORY, 1.0)


def test_what_was_kept_before_a_restart_counts_after_it() -> None:
    found = Foresight("night", History(days(4))).look(AT, {TOTAL: 0.25, "a": 0.25})
    assert found.made_at == AT
    assert found.by_lender["a"].history == timedelta(days=4)
    assert all(bound.ratio < 0.4 and bound.method is not Method.TOO_LITTLE_HISTORY for bound in found.total.bounds)


def test_what_an_earlier_source_knows_fills_an_empty_history_and_is_kept() -> None:
    history = History()
    foresight = Foresight("night", history, earlier=told(days(5)))
    assert foresight.look(AT, {TOTAL: 0.25}, {"a": 1000}).total.history == timedelta(days=5)
    foresight.look(AT + STEP, {TOTAL: 0.25})
    assert len(history.steps) == len(days(5)) + 1


def test_a_history_that_is_there_is_not_filled_again() -> None:
    history = History(days(1, load=0.5))
    foresight = Foresight("night", history, earlier=told(days(5)))
    assert foresight.look(AT, {TOTAL: 0.25}).total.history == timedelta(days=1)


def test_what_the_database_cannot_take_is_written_later_in_order() -> None:
    history = History()
    foresight = Foresight("night", history)
    foresight.look(AT, {TOTAL: 0.1})
    history.is_away = True
    for number in (1, 2):
        foresight.look(AT + number * STEP, {TOTAL: 0.1 + number / 10})
    history.is_away = False
    foresight.look(AT + 3 * STEP, {TOTAL: 0.1})
    assert [at for at, _ in history.steps] == [AT, AT + STEP, AT + 2 * STEP]


def test_a_history_that_cannot_be_read_is_told_and_tried_again() -> None:
    history = History(days(5))
    history.is_away = True
    foresight = Foresight("night", history)
    with pytest.raises(JournalUnavailable):
        foresight.look(AT, {TOTAL: 0.25})
    history.is_away = False
    assert foresight.look(AT, {TOTAL: 0.25}).total.history == timedelta(days=5)


def test_a_plan_keeps_nothing() -> None:
    history = History(days(5))
    foresight = Foresight("night", history, may_write=False)
    foresight.look(AT, {TOTAL: 0.25})
    foresight.look(AT + STEP, {TOTAL: 0.25})
    assert len(history.steps) == len(days(5))


def test_a_lender_that_comes_later_is_taken_in_and_its_bound_is_safe() -> None:
    foresight = Foresight("night", History(days(4)))
    foresight.look(AT, {TOTAL: 0.25, "a": 0.25})
    found = foresight.look(AT + timedelta(seconds=10), {TOTAL: 0.25, "a": 0.25, "b": 0.25})
    assert found.by_lender["b"].bounds[0].method is Method.TOO_LITTLE_HISTORY
    assert found.by_lender["a"].bounds[0].ratio < 0.4


def test_a_pause_without_ticks_leaves_a_gap_and_not_a_valley() -> None:
    foresight = Foresight("night", History(days(4)))
    foresight.look(AT, {TOTAL: 0.25, "a": 0.25})
    later = AT + timedelta(hours=6)
    found = foresight.look(later, {TOTAL: 0.25, "a": 0.25})
    assert found.made_at == later
    assert all(bound.expected_ratio == pytest.approx(0.25, abs=0.02) for bound in found.total.bounds)


def test_a_clock_that_is_set_back_changes_nothing() -> None:
    history = History()
    foresight = Foresight("night", history)
    foresight.look(AT + STEP, {TOTAL: 0.2})
    foresight.look(AT, {TOTAL: 0.9})
    foresight.look(AT + 2 * STEP, {TOTAL: 0.2})
    assert history.steps == [(AT + STEP, {TOTAL: 0.2})]


def test_a_clock_that_jumps_a_year_ahead_starts_anew_at_once() -> None:
    """It doesn't walk through a year of five minutes first, while what has become due waits."""
    foresight = Foresight("night", History(days(4)))
    foresight.look(AT, {TOTAL: 0.25})
    assert not foresight.look(AT + timedelta(days=365), {TOTAL: 0.25}).total.history


def test_steps_begin_at_full_five_minutes() -> None:
    assert step_of(AT + timedelta(minutes=7, seconds=3)) == AT + STEP


def test_a_clock_that_was_a_day_ahead_for_a_moment_leaves_no_forecast_of_then() -> None:
    foresight = Foresight("night", History(days(4)))
    foresight.look(AT, {TOTAL: 0.25})
    foresight.look(AT + timedelta(days=1), {TOTAL: 0.25})
    found = foresight.look(AT + STEP, {TOTAL: 0.8})
    assert found.made_at == AT + STEP
    later = foresight.look(AT + 2 * STEP, {TOTAL: 0.8})
    assert later.made_at == AT + 2 * STEP
    untouched = Foresight("night", History(days(4)))
    untouched.look(AT, {TOTAL: 0.25})
    untouched.look(AT + STEP, {TOTAL: 0.8})
    assert later == untouched.look(AT + 2 * STEP, {TOTAL: 0.8})


def test_a_restart_takes_up_what_another_has_written_and_writes_nothing_of_before() -> None:
    """Another replica may have led meanwhile."""
    history = History(days(1))
    foresight = Foresight("night", history)
    foresight.look(AT, {TOTAL: 0.25, "a": 0.25})
    history.is_away = True
    foresight.look(AT + STEP, {TOTAL: 0.25, "a": 0.25})
    history.is_away = False
    written = days(1, load=0.75, until=AT + 12 * STEP)
    history.steps = written.copy()
    foresight.restart()
    again = foresight.look(AT + 12 * STEP, {TOTAL: 0.75, "a": 0.75})
    assert history.steps == written
    assert again == Foresight("night", History(written)).look(AT + 12 * STEP, {TOTAL: 0.75, "a": 0.75})
