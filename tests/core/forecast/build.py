"""Series of load to forecast: repeatable, with days and a little noise."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

DAY = 288
"""Steps of a day."""

Load = NDArray[np.float64]


def wave(days: float, *, seed: int = 1, noise: float = 0.02) -> Load:
    """Make days that rise from 0.2 at night to 0.6 at noon."""
    steps = np.arange(int(days * DAY))
    chance = np.random.default_rng(seed)
    found: Load = 0.4 - 0.2 * np.cos(2 * np.pi * steps / DAY) + chance.uniform(-noise, noise, len(steps))
    return found


def flat(days: float, *, seed: int = 2, noise: float = 0.02) -> Load:
    """Make a load around 0.3 that knows no days."""
    found: Load = 0.3 + np.random.default_rng(seed).uniform(-noise, noise, int(days * DAY))
    return found


def working_week(days: float) -> Load:
    """Make five days of a wave and two quiet ones, again and again."""
    steps = np.arange(int(days * DAY))
    is_quiet = steps // DAY % 7 >= 5
    return np.where(is_quiet, flat(days) - 0.1, wave(days))
