"""Bounds: from the past alone, the same however the past came in, safe where little is known."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from bridge.core.forecast import HORIZONS, STEP, Forecaster, ForecastPolicy, Method
from bridge.core.forecast.backtest import bounds_of
from bridge.core.forecast.methods import Floats
from tests.core.forecast.build import DAY, Load, flat, wave, working_week

START = datetime(2026, 3, 2, tzinfo=UTC)
DAYS = 13
CUTS = (3 * DAY, 5 * DAY + 1, 9 * DAY + 100)


def forecaster(*series: Load) -> Forecaster:
    """Feed series of one length; the first is the total."""
    names = ("", *(f"node-{number}" for number in range(1, len(series))))
    found = Forecaster(names, first_at=START)
    found.feed(np.array(series))
    return found


def other_future(load: Load, cut: int) -> Load:
    return np.concatenate([load[:cut], 1.0 - load[cut:]])


def with_hole(load: Load, value: float) -> Load:
    """Lose the samples of one hour by day."""
    found = load.copy()
    found[6 * DAY + 140 : 6 * DAY + 152] = value
    return found


SERIES = {
    "wave": wave(DAYS),
    "flat": flat(DAYS),
    "week": working_week(DAYS),
    "zeros": with_hole(wave(DAYS), 0.0),
    "gap": with_hole(wave(DAYS), np.nan),
    **{f"future {cut}": other_future(wave(DAYS), cut) for cut in CUTS},
}


@pytest.fixture(scope="module")
def bounds() -> dict[str, Floats]:
    """Every series' bounds at every step: (steps, horizons). They are followed side by side, once for all tests."""
    return dict(zip(SERIES, bounds_of(list(SERIES.values()), ForecastPolicy()), strict=True))


@pytest.mark.parametrize("cut", CUTS)
def test_another_future_changes_no_bound(bounds: dict[str, Floats], cut: int) -> None:
    np.testing.assert_array_equal(bounds[f"future {cut}"][:cut], bounds["wave"][:cut])
    assert (bounds[f"future {cut}"][cut:] != bounds["wave"][cut:]).any()


@pytest.mark.parametrize("steps", [1, 2 * DAY, *(4 * DAY + late for late in range(3))])
def test_caught_up_at_once_it_says_what_it_would_have_said_step_by_step(bounds: dict[str, Floats], steps: int) -> None:
    caught_up = forecaster(SERIES["wave"][:steps], SERIES["flat"][:steps]).bounds()
    np.testing.assert_array_equal(caught_up, [bounds["wave"][steps - 1], bounds["flat"][steps - 1]])


def test_asking_often_changes_nothing() -> None:
    asked, unasked = (forecaster(flat(3)) for _ in range(2))
    for step in flat(3.1)[3 * DAY :]:
        asked.feed(np.array([[step]]))
        asked.bounds()
        unasked.feed(np.array([[step]]))
    np.testing.assert_array_equal(asked.bounds(), unasked.bounds())


def test_bounds_cover_a_wave_and_follow_it_down(bounds: dict[str, Floats]) -> None:
    for row, horizon in enumerate(HORIZONS):
        span = horizon // STEP
        decided = np.arange(4 * DAY, DAYS * DAY - span)
        peaks = np.array([SERIES["wave"][step + 1 : step + 1 + span].max() for step in decided])
        assert np.mean(peaks > bounds["wave"][decided, row]) <= 0.01
        assert np.mean(bounds["wave"][decided, row] - peaks) < 0.1
    midnight, noon = bounds["wave"][10 * DAY], bounds["wave"][10 * DAY + DAY // 2]
    assert (midnight < 0.4).all()
    assert (noon > 0.6).all()


def test_a_longer_horizon_never_has_a_lower_bound(bounds: dict[str, Floats]) -> None:
    for found in bounds.values():
        assert (np.diff(found, axis=1) >= 0).all()


def test_a_quiet_day_of_the_week_is_known_from_a_week_ago(bounds: dict[str, Floats]) -> None:
    saturday_morning = 12 * DAY + 80
    assert (bounds["week"][saturday_morning] < 0.4).all()
    assert (bounds["wave"][saturday_morning, 1:] > 0.4).all()


def test_zero_and_no_sample_are_one_and_no_valley(bounds: dict[str, Floats]) -> None:
    np.testing.assert_array_equal(bounds["zeros"], bounds["gap"])
    hole = slice(6 * DAY + 140, 6 * DAY + 152)
    assert (bounds["zeros"][hole] > 0.6).all()


def test_a_hole_in_the_past_opens_no_room_a_day_later(bounds: dict[str, Floats]) -> None:
    later = slice(7 * DAY + 128, 7 * DAY + 152)
    assert (bounds["zeros"][later] > SERIES["wave"][later, None]).all()


def test_without_any_sample_everything_may_be_needed() -> None:
    empty = forecaster(np.full(3 * DAY, np.nan)).forecast().total
    assert [(bound.method, bound.ratio) for bound in empty.bounds] == [(Method.TOO_LITTLE_HISTORY, 1.0)] * 3
    assert empty.history == timedelta(0)


def test_before_the_days_are_known_the_highest_ever_seen_stands_in() -> None:
    load = flat(1.9)
    load[100] = 0.7
    short = forecaster(load).forecast().total
    assert {bound.method for bound in short.bounds} == {Method.TOO_LITTLE_HISTORY}
    assert [bound.ratio for bound in short.bounds] == pytest.approx([0.8] * 3)
    assert short.history == len(load) * STEP


def test_a_horizon_covers_what_the_next_default_one_does_or_what_is_asked_of_near_ones() -> None:
    asked = [timedelta(minutes=minutes) for minutes in (45, 10, 180, 7)]
    usual, near = ForecastPolicy.covering(asked), ForecastPolicy.covering(asked, near=0.5)
    assert usual.horizons == near.horizons == tuple(timedelta(minutes=minutes) for minutes in (10, 45, 180))
    first, second, last = ForecastPolicy().quantiles
    assert (usual.quantiles, near.quantiles) == ((first, second, last), (0.5, second, last))


def test_samples_that_are_missing_are_no_history() -> None:
    load = wave(3.4)
    load[DAY // 2 :: 2] = np.nan
    found = forecaster(load).forecast().total
    assert found.history == int(np.sum(~np.isnan(load))) * STEP
    assert found.bounds[0].method is Method.TOO_LITTLE_HISTORY


def test_days_without_a_sample_make_no_room() -> None:
    load = wave(7)
    before = forecaster(load[: 3 * DAY]).bounds()
    load[3 * DAY :] = np.nan
    assert (forecaster(load).bounds() >= before - 0.05).all()


def test_what_came_after_hours_of_silence_teaches_nothing_about_guesses_made_in_them() -> None:
    silent = wave(8)
    silent[5 * DAY + 36 : 5 * DAY + 108] = np.nan
    with_gap, without = forecaster(silent).bounds(), forecaster(wave(8)).bounds()
    assert np.abs(with_gap - without).max() < 0.03


def test_a_silent_service_is_bound_by_the_highest_load_it_ever_had() -> None:
    load = wave(5)
    load[-12:] = np.nan
    bounds = forecaster(load).bounds()
    assert bounds == pytest.approx(np.nanmax(load) + ForecastPolicy().fallback_margin, abs=1e-5)


@pytest.mark.parametrize("level", [0.9, 1.7])
def test_a_bound_is_never_above_the_whole(level: float) -> None:
    bounds = forecaster(flat(2.5, noise=0.2) + level).bounds()
    assert ((bounds >= 0) & (bounds <= 1)).all()


def test_what_is_expected_and_the_margin_make_the_bound() -> None:
    made = forecaster(wave(4), flat(4)).forecast()
    assert made.made_at == START + timedelta(days=4)
    assert set(made.by_lender) == {"node-1"}
    for series in (made.total, made.by_lender["node-1"]):
        assert tuple(bound.horizon for bound in series.bounds) == HORIZONS
        for bound in series.bounds:
            assert bound.method is not Method.TOO_LITTLE_HISTORY
            assert bound.ratio == pytest.approx(bound.expected_ratio + bound.margin_ratio, abs=1e-6)
            assert bound.margin_ratio > 0


def test_a_new_lender_changes_no_other_bound_and_starts_with_the_fallback() -> None:
    alone, joined = forecaster(wave(4)), forecaster(wave(4))
    joined.add(["node-new"])
    for step in wave(4.1, seed=5)[4 * DAY :]:
        alone.feed(np.array([[step]]))
        joined.feed(np.array([[step], [0.25]]))
    np.testing.assert_array_equal(joined.bounds()[0], alone.bounds()[0])
    new = joined.forecast().by_lender["node-new"].bounds[0]
    assert new.method is Method.TOO_LITTLE_HISTORY
    assert new.ratio == pytest.approx(0.35)


def test_a_total_that_nobody_feeds_may_need_everything() -> None:
    lenders = Forecaster(["node-1"], first_at=START)
    assert [bound.ratio for bound in lenders.forecast().total.bounds] == [1.0]
