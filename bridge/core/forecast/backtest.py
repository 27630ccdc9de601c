"""How good bounds would have been on recorded load: every step's bounds from its past alone, and what came after.

The load of step t is known at its end; the horizon is the steps after it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from bridge.core.forecast.errors import DAY
from bridge.core.forecast.forecaster import Forecaster
from bridge.core.forecast.methods import Floats
from bridge.core.forecast.policy import ForecastPolicy
from bridge.core.forecast.values import STEP

WARM_UP_STEPS = 4 * DAY
"""At a series' beginning, four days: no decision is counted there."""
SEVERE = 0.10
"""How far above its bound a peak must be to count as severe."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """How good one series' bounds were for one horizon. Ratios are of the decisions, or of the CPU."""

    name: str
    horizon: timedelta
    decisions: int
    violated_ratio: float
    """Decisions after which the real peak was above the bound."""
    severe_ratio: float
    """The same by more than ``SEVERE``."""
    reclaimed_ratio: float
    """Mean of 1 - bound."""
    oracle_reclaimed_ratio: float
    """Mean of 1 - the real peak."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backtest:
    """What one run over several series gave."""

    scores: tuple[Score, ...]
    """By series as they were given, then by horizon."""

    def mean(self, horizon: timedelta) -> tuple[float, float]:
        """Return violated and reclaimed ratio of a horizon, each series counting the same."""
        found = [score for score in self.scores if score.horizon == horizon]
        return _mean(score.violated_ratio for score in found), _mean(score.reclaimed_ratio for score in found)

    def worst(self, horizon: timedelta) -> float:
        """Return the violated ratio of the worst series."""
        return max(score.violated_ratio for score in self.scores if score.horizon == horizon)


def backtest(series: Sequence[tuple[str, Sequence[float | None]]], policy: ForecastPolicy) -> Backtest:
    """Bound every step of several series, each knowing only its own past; None is a step without a sample.

    Raises ValueError for a series that is too short for a single decision.
    """
    arrays = [(name, np.array([np.nan if one is None else one for one in load])) for name, load in series]
    longest = max(policy.horizons) // STEP
    for name, load in arrays:
        if len(load) <= WARM_UP_STEPS + longest:
            raise ValueError(f"{name} has {len(load)} steps, and more than {WARM_UP_STEPS + longest} are needed")
    bounds = bounds_of([load for _, load in arrays], policy)
    return Backtest(
        scores=tuple(
            _score(name, load, bound[:, row], horizon)
            for (name, load), bound in zip(arrays, bounds, strict=True)
            for row, horizon in enumerate(policy.horizons)
        )
    )


def bounds_of(loads: Sequence[NDArray[np.floating]], policy: ForecastPolicy) -> list[Floats]:
    """Return each series' bounds: (steps, horizons). All are followed side by side; who has ended is left behind."""
    order = sorted(range(len(loads)), key=lambda index: -len(loads[index]))
    forecaster = Forecaster([str(index) for index in order], first_at=datetime(1970, 1, 1, tzinfo=UTC), policy=policy)
    found: list[Floats] = [np.zeros((len(load), len(policy.horizons)), dtype=np.float32) for load in loads]
    for step in range(len(loads[order[0]])):
        going = [index for index in order if step < len(loads[index])]
        forecaster.keep(len(going))
        forecaster.feed(np.array([[loads[index][step]] for index in going]))
        for index, bound in zip(going, forecaster.bounds(), strict=True):
            found[index][step] = bound
    return found


def _score(name: str, load: NDArray[np.floating], bounds: Floats, horizon: timedelta) -> Score:
    """Compare a series' bounds with what came."""
    span = horizon // STEP
    decided = np.arange(WARM_UP_STEPS, len(load) - span)
    coming = load[decided[:, None] + np.arange(1, span + 1)]
    is_counted = ~np.isnan(coming).all(axis=1)
    peak, bound = np.fmax.reduce(coming[is_counted], axis=1), bounds[decided[is_counted]].astype(float)
    over = peak - bound
    return Score(
        name=name,
        horizon=horizon,
        decisions=len(peak),
        violated_ratio=float(np.mean(over > _NOISE)),
        severe_ratio=float(np.mean(over > SEVERE + _NOISE)),
        reclaimed_ratio=float(np.mean(1 - bound)),
        oracle_reclaimed_ratio=float(np.mean(1 - peak)),
    )


_NOISE = 1e-6
"""Bounds are computed in single precision."""


def _mean(values: Iterable[float]) -> float:
    return float(np.mean(list(values)))
