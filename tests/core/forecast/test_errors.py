"""Past errors: the quantile, beside a plain list of what was learned."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bridge.core.forecast.errors import BLOCK, SLOTS, Errors, block

DAYS = 2
HORIZONS = 2


def learned(steps: int, errors: list[float]) -> Errors:
    """Learn one error a step, at both horizons, for one method and one service, in units of 1."""
    found = Errors((HORIZONS, 1, 1), days=DAYS, least_scale=0.05)
    one = np.ones((1, 1), dtype=np.float32)
    for step, error in enumerate(errors[:steps]):
        for horizon in range(HORIZONS):
            found.learn(horizon, max(step - 6, 0), step, one * error, one)
    return found


def plainly(horizon: int, part: float, errors: list[float]) -> float:
    """Find the same from a list: whole blocks of the last days, the highest of each, the rank from the top."""
    under_way = block(len(errors), horizon)
    by_block: dict[int, float] = {}
    for step, error in enumerate(errors):
        number = block(step, horizon)
        by_block[number] = max(error, by_block.get(number, -math.inf))
    kept = sorted(error for number, error in by_block.items() if under_way - DAYS * SLOTS <= number < under_way)
    return kept[len(kept) - 1 - math.floor((1 - part) * len(kept))]


@pytest.mark.parametrize("steps", [301, 576, 577, 578])
@pytest.mark.parametrize("part", [0.992, 0.95, 0.5])
@pytest.mark.parametrize("horizon", range(HORIZONS))
def test_the_quantile_is_that_of_the_whole_blocks_of_the_last_days(horizon: int, part: float, steps: int) -> None:
    errors = np.random.default_rng(3).normal(0, 0.1, steps).tolist()
    found = learned(steps, errors).quantiles(horizon, part, steps)
    assert found[0, 0] == pytest.approx(plainly(horizon, part, errors), rel=1e-3)


def test_too_few_errors_have_no_quantile() -> None:
    steps = (SLOTS // 2 - 1) * BLOCK
    assert np.isinf(learned(steps, [0.1] * steps).quantiles(0, 0.9, steps)).all()


def test_the_usual_error_is_that_of_the_time_of_day() -> None:
    found = Errors((1, 1, 1), days=DAYS, least_scale=0.05)
    one = np.ones((1, 1), dtype=np.float32)
    for step in range(288):
        found.learn(0, step, step, one * (0.3 if step < 144 else -0.1), one)
    assert found.scale(72)[0, 0, 0] == pytest.approx(0.35, rel=1e-3)
    assert found.scale(216)[0, 0, 0] == pytest.approx(0.15, rel=1e-3)


def test_no_sample_teaches_nothing() -> None:
    found = Errors((1, 1, 1), days=DAYS, least_scale=0.05)
    one = np.ones((1, 1), dtype=np.float32)
    for step in range(288):
        found.learn(0, step, step, one * np.nan, one)
    assert found.scale(72)[0, 0, 0] == pytest.approx(0.05)
    assert np.isinf(found.quantiles(0, 0.9, 288)).all()
