"""How wrong each method has been for each service: what makes a guess into a bound.

Scaled conformal prediction: an error counts in units of the usual error of its time of day, and the bound takes the
quantile of the last days' scaled errors (Papadopoulos et al., "Normalized nonconformity measures for regression
conformal prediction", 2008; split over time as in Xu and Xie, "Conformal prediction interval for dynamic time-series",
2021). Errors of steps that follow each other are nearly one error, so the highest of a quarter of an hour stands for
its three.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Number = TypeVar("Number", bound=np.generic)

DAY = 288
"""Steps of a day."""
BLOCK = 3
"""Steps for which the highest scaled error is kept."""
SLOTS = DAY // BLOCK
"""Times of day that a usual error is kept for."""
_NEAR = (-2, -1, 0, 1, 2)
"""Slots that are smoothed over: half an hour to either side."""
_MOST = np.float32(60000)
"""What half precision holds; below it, minus infinity stands for an error that isn't known."""
_CHUNK = 256
"""Services whose quantiles are found at once: bounds the memory that it takes."""


class Errors:
    """Errors of all methods at all horizons, for many services. Arrays are (…, horizons, methods, services)."""

    def __init__(self, shape: tuple[int, int, int], *, days: int, least_scale: float) -> None:
        self._days = days
        self._least_scale = np.float32(least_scale)
        self._usual: Floats = np.zeros((SLOTS, *shape), dtype=np.float32)
        self._counts: NDArray[np.int16] = np.zeros((SLOTS, shape[0], shape[2]), dtype=np.int16)
        self._scaled: NDArray[np.float16] = np.full((days * SLOTS + 1, *shape), -np.inf, dtype=np.float16)
        """A row for each block in which errors were learned, and one for the block that is under way."""

    def grow(self, services: int) -> None:
        """Make place for more services, of which nothing is known."""
        self._usual = wider(self._usual, services, 0)
        self._counts = wider(self._counts, services, 0)
        self._scaled = wider(self._scaled, services, -np.inf)

    def keep(self, count: int) -> None:
        """Let go of all but the first *count* services."""
        self._usual, self._counts = self._usual[..., :count], self._counts[..., :count]
        self._scaled = self._scaled[..., :count]

    def scale(self, step: int) -> Floats:
        """Return (horizons, methods, n): the usual error around this time of day, and a little more."""
        rows = [(step // BLOCK + near) % SLOTS for near in _NEAR]
        is_known = (self._counts[rows] > 0)[:, :, None, :]
        count = is_known.sum(axis=0)
        usual = np.where(is_known, self._usual[rows], np.float32(0)).sum(axis=0) / np.maximum(count, 1)
        found: Floats = (usual + self._least_scale).astype(np.float32)
        return found

    def learn(self, horizon: int, made_at: int, step: int, error: Floats, scale: Floats) -> None:
        """Take in, at *step*, (methods, n) errors of the guesses made at the step *made_at*; NaN teaches nothing."""
        slot, place = made_at // BLOCK % SLOTS, block(step, horizon) % len(self._scaled)
        is_known = ~np.isnan(error).any(axis=0)
        counts = self._counts[slot, horizon]
        counts += is_known & (counts < self._days * BLOCK)
        weight = (is_known / np.maximum(counts, 1)).astype(np.float32)
        usual = self._usual[slot, horizon]
        usual += (np.abs(np.where(is_known, error, usual)) - usual) * weight
        if block(step, horizon) != block(step - 1, horizon):
            self._scaled[place, horizon] = -np.inf
        scaled = np.where(is_known, np.clip(error / scale, -_MOST, _MOST), np.float32(-np.inf))
        self._scaled[place, horizon] = np.fmax(self._scaled[place, horizon], scaled.astype(np.float16))

    def quantiles(self, horizon: int, part: float, steps: int) -> Floats:
        """Return (methods, n): the scaled error that covers *part* of those known; inf where few are.

        Of *steps* steps the whole blocks count, so that it stays the same while a block is under way.
        """
        under_way = block(steps, horizon) % len(self._scaled)
        methods, services = self._scaled.shape[-2:]
        found: Floats = np.empty((methods, services), dtype=np.float32)
        for first in range(0, services, _CHUNK):
            chunk = slice(first, first + _CHUNK)
            found[:, chunk] = _top(self._scaled[:, horizon, :, chunk], part, under_way)
        return found


def block(step: int, horizon: int) -> int:
    """Number the block that *step* lies in. Each horizon's begin one step later, so that a step ends only one's."""
    return (step - horizon) // BLOCK


def _top(scaled: NDArray[np.float16], part: float, under_way: int) -> Floats:
    """Return (methods, n): the scaled error that *part* of those known don't exceed; inf before half a day is known."""
    turned = np.array(np.moveaxis(scaled, 0, -1), dtype=np.float32, order="C")
    turned[..., under_way] = -np.inf
    known = (turned[0] > -np.inf).sum(axis=-1)
    # Only the few highest matter: the rank is counted from the top, and differs with how many are known.
    above = np.floor((1 - part) * known).astype(int)
    most = int(above.max(initial=0)) + 1
    highest = np.sort(np.partition(turned, turned.shape[-1] - most, axis=-1)[..., -most:], axis=-1)
    picked = np.take_along_axis(highest, (most - 1 - above)[None, :, None], axis=-1)[..., 0]
    found: Floats = np.where(known >= SLOTS // 2, picked, np.float32(np.inf)).astype(np.float32)
    return found


def wider(values: NDArray[Number], services: int, fill: float) -> NDArray[Number]:
    """Add *services* to the last axis."""
    added = np.full((*values.shape[:-1], services), fill, dtype=values.dtype)
    return np.concatenate([values, added], axis=-1)
