"""A process of its own: bounds for 5,000 lenders at three horizons for one new step, and the naive way beside it.

The history is two weeks of steps of five minutes. The naive way keeps nothing from step to step: in plain Python, one
series at a time, it makes the last week's guesses again and takes the errors' quantile, without scaling them by time of
day. It is measured on a few series, and its time for all is theirs, times as many.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from benchmarks.figures import Figure, figure, hand_over, in_ms, peak_mib, rounds
from bridge.core.forecast import STEP, Forecaster, ForecastPolicy
from bridge.core.forecast.backtest import backtest
from bridge.core.forecast.errors import BLOCK, DAY

PART = "forecast: 5,000 lenders, two weeks of history, three horizons"
LENDERS, DAYS, NAIVE = 5000, 14, 5
GOAL_MS, GOAL_MIB, GOAL_BACKTEST_S = 1000.0, 300.0, 60.0
BACKTEST_DAYS = (8, 16, 16, 16, 16, 16, 27, 28, 28, 28, 15, 30, 40, 84)
"""As long as the 14 recorded services of docs/forecast.md."""


def measure() -> list[Figure]:
    """Catch up, then take one new step after another; then the naive way; then a whole backtest."""
    policy = ForecastPolicy()
    chance = np.random.default_rng(1)
    forecaster = Forecaster([f"node-{number}" for number in range(LENDERS)], first_at=datetime(2026, 1, 1, tzinfo=UTC))
    started = time.perf_counter()
    for day in range(DAYS):
        forecaster.feed(_loads(chance, day * DAY, DAY, LENDERS))
    caught_up = time.perf_counter() - started

    def step() -> None:
        forecaster.feed(_loads(chance, forecaster.steps, 1, LENDERS))
        forecaster.forecast()

    took = rounds(step)
    memory = peak_mib()
    naive = _naive(chance, policy)
    times = np.median(naive) / np.median(took)
    return [
        figure(PART, "a new step: learned, bounds as values", in_ms(took), "ms", GOAL_MS),
        figure(PART, f"the naive way, from {NAIVE} series", in_ms(naive), "ms"),
        figure(PART, "the naive way takes so many times as long", [float(times)], "x"),
        figure(PART, "catching up with two weeks at the start", [caught_up], "s"),
        figure(PART, "peak memory of the process", [memory], "MiB", GOAL_MIB),
        figure(PART, "backtest of 14 series, 368 days together", [_backtest(chance, policy)], "s", GOAL_BACKTEST_S),
    ]


def _loads(chance: np.random.Generator, first: int, steps: int, series: int) -> NDArray[np.float32]:
    """Make a wave a day, each series with noise of its own."""
    wave = 0.3 - 0.2 * np.cos(2 * np.pi * np.arange(first, first + steps) / DAY)
    found: NDArray[np.float32] = (wave + chance.random((series, steps)) / 10).astype(np.float32)
    return found


def _backtest(chance: np.random.Generator, policy: ForecastPolicy) -> float:
    series = [(str(days), _loads(chance, 0, days * DAY, 1)[0].tolist()) for days in BACKTEST_DAYS]
    started = time.perf_counter()
    backtest(series, policy)
    return time.perf_counter() - started


def _naive(chance: np.random.Generator, policy: ForecastPolicy) -> list[float]:
    """Bound a few series in plain Python, and say how long all would take."""
    spans = [horizon // STEP for horizon in policy.horizons]
    loads = _loads(chance, 0, DAYS * DAY, NAIVE).tolist()

    def act() -> None:
        for load in loads:
            for span, part in zip(spans, policy.quantiles, strict=True):
                _bound(load, span, part, policy)

    return [one * LENDERS / NAIVE for one in rounds(act, budget_s=3.0)]


def _bound(load: list[float], span: int, part: float, policy: ForecastPolicy) -> float:
    """Guess the peak by each method, at every third of the last week's steps and now, and add the errors' quantile."""
    last = len(load) - 1
    made = range(last - policy.days * DAY, last - span + 1, BLOCK)
    past = [(max(load[step + 1 : step + span + 1]), _guesses(load, step, span, policy.days)) for step in made]
    bounds = []
    for method, guess in enumerate(_guesses(load, last, span, policy.days)):
        errors = sorted(peak - guesses[method] for peak, guesses in past)
        bounds.append(guess + errors[int(part * (len(errors) - 1))])
    return min(bounds)


def _guesses(load: list[float], step: int, span: int, days: int) -> tuple[float, ...]:
    """Say what each method expects, from as many days as there are."""
    thens = [step - day * DAY for day in range(1, days + 1) if step - day * DAY >= 0]
    peaks = [max(load[then + 1 : then + span + 1]) for then in thens]
    rises = [peak - load[then] for peak, then in zip(peaks, thens, strict=True)]
    rise = load[step] + sum(rises) / len(rises)
    return rise, (rise + sum(peaks) / len(peaks)) / 2, load[step] + rises[-1], max(load[step - 11 : step + 1])


if __name__ == "__main__":
    hand_over(measure())
