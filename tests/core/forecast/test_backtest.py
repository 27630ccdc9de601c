"""The backtest: the same figures as plain counting gives, and the goal on a recorded service."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import numpy as np
import pytest

from bridge.core.forecast import HORIZONS, STEP, ForecastPolicy
from bridge.core.forecast.backtest import Backtest, backtest, bounds_of
from bridge.core.forecast.methods import Floats
from bridge.sim.load import TRACES, load_series
from tests.core.forecast.build import DAY, Load, wave

POLICY = ForecastPolicy()


def restless() -> Load:
    """Make days with a leap that isn't in the history, one that is small, and an hour without samples."""
    load = wave(4.6)
    load[4 * DAY + 60 : 4 * DAY + 63] = 0.95
    load[4 * DAY + 100] += 0.12
    load[4 * DAY + 120 : 4 * DAY + 150] = np.nan
    return load


@pytest.fixture(scope="module")
def found() -> Backtest:
    loads = {"calm": wave(4.4), "restless": restless()}
    return backtest(
        [(name, [None if np.isnan(one) else float(one) for one in load]) for name, load in loads.items()], POLICY
    )


@pytest.fixture(scope="module")
def bounds() -> Floats:
    """The restless series' bounds, found without the other series: (steps, horizons)."""
    return bounds_of([restless()], POLICY)[0]


@pytest.mark.parametrize("row", range(len(HORIZONS)))
def test_a_score_is_what_counting_step_by_step_gives(found: Backtest, bounds: Floats, row: int) -> None:
    load, span = restless(), HORIZONS[row] // STEP
    pairs = [
        (bounds[step, row], float(np.nanmax(coming)))
        for step in range(4 * DAY, len(load) - span)
        if not np.isnan(coming := load[step + 1 : step + span + 1]).all()
    ]
    (score,) = (each for each in found.scores if (each.name, each.horizon) == ("restless", HORIZONS[row]))
    assert score.decisions == len(pairs)
    counted = (
        sum(peak > bound for bound, peak in pairs),
        sum(peak > bound + 0.1 for bound, peak in pairs),
        sum(1 - float(bound) for bound, _ in pairs),
        sum(1 - peak for _, peak in pairs),
    )
    ratios = (score.violated_ratio, score.severe_ratio, score.reclaimed_ratio, score.oracle_reclaimed_ratio)
    assert ratios == pytest.approx([one / len(pairs) for one in counted])
    assert score.violated_ratio >= score.severe_ratio > 0


def test_only_decisions_with_a_whole_horizon_after_the_warm_up_count(found: Backtest) -> None:
    decisions = [score.decisions for score in found.scores if score.name == "calm"]
    assert decisions == [len(wave(4.4)) - 4 * DAY - horizon // STEP for horizon in HORIZONS]


def test_each_series_counts_the_same_in_the_mean_and_the_worst_is_one_of_them(found: Backtest) -> None:
    for horizon in HORIZONS:
        scores = [score for score in found.scores if score.horizon == horizon]
        violated, reclaimed = found.mean(horizon)
        assert violated == pytest.approx(sum(score.violated_ratio for score in scores) / 2)
        assert reclaimed == pytest.approx(sum(score.reclaimed_ratio for score in scores) / 2)
        assert found.worst(horizon) == max(score.violated_ratio for score in scores)


def test_a_series_without_a_single_decision_is_refused() -> None:
    steps = 4 * DAY + HORIZONS[-1] // STEP
    with pytest.raises(ValueError, match=f"short has {steps} steps, and more than {steps} are needed"):
        backtest([("short", [0.5] * steps)], POLICY)


def test_a_recorded_service_meets_the_goal() -> None:
    series = load_series(TRACES / "crane14.csv")
    found = backtest([(series.name, series.load[: 10 * DAY])], POLICY)
    for horizon, least in zip(HORIZONS, (0.52, 0.48, 0.40), strict=True):
        violated, reclaimed = found.mean(horizon)
        assert violated <= 0.02
        assert reclaimed >= least
    reclaimed_by_horizon = [score.reclaimed_ratio for score in found.scores]
    assert all(sooner > later for sooner, later in pairwise(reclaimed_by_horizon))


def test_other_horizons_are_bounded_too() -> None:
    policy = ForecastPolicy(horizons=(timedelta(minutes=20),), quantiles=(0.99,))
    (score,) = backtest([("calm", wave(4.4).tolist())], policy).scores
    assert (score.horizon, score.violated_ratio <= 0.02) == (timedelta(minutes=20), True)
