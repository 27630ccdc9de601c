"""Cheap guesses at the peak of the coming horizon; each is calibrated afterwards by its own past errors.

Written for one horizon and many services: t is the last whole step, d counts days back, k steps are the horizon.

    rise(d) = highest load in (t - d, t - d + k]  -  load at t - d
    RISE     load now + mean of rise(d): as on the days before, from where we are
    LEVEL    the same from the mean of the last half hour, so that one sample moves it less; the two are averaged
    DAYS     half RISE, half the mean of the highest loads in (t - d, t - d + k]: as on the days before, wherever we are
    WEEK     load now + rise(7 days): weekdays and weekends apart, whichever days they are
    HOUR     the highest load of the last hour: for a service without a daily wave
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bridge.core.forecast.values import Method

METHODS = (Method.RISE, Method.DAYS, Method.WEEK, Method.HOUR)

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What the guesses are made from. Loads are ratios, NaN where there was none; the last axis is the service."""

    now: Floats
    """(n): the load now."""
    level: Floats
    """(n): the mean of the last half hour."""
    hour: Floats
    """(n): the highest of the last hour."""
    then: Floats
    """(days, n): the load at this time of day."""
    then_level: Floats
    """(days, n): the mean of the half hour up to this time of day."""
    peaks: Floats
    """(days, horizons, n): the highest load of the horizon that began at this time of day."""


def guesses(past: Past) -> Floats:
    """Return (horizons, methods, n) guesses; NaN where the days before aren't known."""
    rise = past.now + mean_known(past.peaks - past.then[:, None, :])
    level = past.level + mean_known(past.peaks - past.then_level[:, None, :])
    week = past.now + past.peaks[-1] - past.then[-1]
    found = np.empty((past.peaks.shape[1], len(METHODS), past.now.shape[0]), dtype=np.float32)
    found[:, 0] = (rise + level) / 2
    found[:, 1] = (rise + mean_known(past.peaks)) / 2
    found[:, 2] = np.where(np.isnan(week), rise, week)
    found[:, 3] = past.hour
    return found


def mean_known(values: Floats) -> Floats:
    """Take the mean over the first axis of what is known; NaN where nothing is."""
    is_known = ~np.isnan(values)
    count = is_known.sum(axis=0)
    total = np.where(is_known, values, np.float32(0)).sum(axis=0, dtype=np.float32)
    found: Floats = np.where(count > 0, total / np.maximum(count, 1), np.float32(np.nan)).astype(np.float32)
    return found
