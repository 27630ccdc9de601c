"""Bounds for the coming peak of many services at once, renewed step by step, from nothing but the past.

At each step every method guesses the peak of every horizon; when the horizon is over, its error is learned. A bound is
a method's guess and what covers most of its own past errors at this time of day (``errors``). Of the methods the one
is taken whose bounds were lowest over the last days: a service with a daily wave gets another one than a flat one.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from bridge.core.forecast.errors import DAY, Errors, block, wider
from bridge.core.forecast.methods import METHODS, Floats, Past, guesses
from bridge.core.forecast.policy import ForecastPolicy
from bridge.core.forecast.values import STEP, Forecast, Method, PeakBound, SeriesForecast

_HALF_HOUR, _HOUR = 6, 12


class Forecaster:
    """Many services' history, errors and bounds; memory is linear in the services: about 35 kB each."""

    def __init__(self, names: Sequence[str], *, first_at: datetime, policy: ForecastPolicy | None = None) -> None:
        """Forecast the series *names* (the empty name is the total), whose first step begins at *first_at*."""
        self.policy = policy or ForecastPolicy()
        self.names: tuple[str, ...] = tuple(names)
        self.first_at = first_at
        self.steps = 0
        """How many have been fed."""
        self._spans = tuple(horizon // STEP for horizon in self.policy.horizons)
        self._kept = self.policy.days * DAY + _HALF_HOUR
        shape = len(self._spans), len(METHODS), len(self.names)
        self._load = np.full((self._kept, len(self.names)), np.nan, dtype=np.float32)
        self._last = np.full(len(self.names), np.nan, dtype=np.float32)
        """The load of the last half hour's newest sample; without one nothing is guessed, nor learned from guesses."""
        self._silent = np.zeros(len(self.names), dtype=np.int32)
        """Steps without a sample, up to now."""
        self._highest = np.zeros(len(self.names), dtype=np.float32)
        self._known_steps = np.zeros(len(self.names), dtype=np.int32)
        self._errors = Errors(shape, days=self.policy.days, least_scale=self.policy.least_scale)
        self._open = np.full((max(self._spans) + 1, 2, *shape), np.nan, dtype=np.float32)
        """Guesses whose horizon isn't over, and their scales."""
        self._mean_guess = np.zeros(shape, dtype=np.float32)
        self._mean_scale = np.zeros(shape, dtype=np.float32)
        self._guessed = np.zeros((shape[0], shape[2]), dtype=np.int32)
        self._quantiles = np.full(shape, np.inf, dtype=np.float32)
        self._found_in: list[int | None] = [None] * shape[0]
        """The block in which each horizon's quantiles were found; they hold until it ends."""

    def add(self, names: Sequence[str]) -> None:
        """Take in more series, of which nothing is known yet."""
        more = len(names)
        self.names += tuple(names)
        self._errors.grow(more)
        self._load = wider(self._load, more, np.nan)
        self._last = wider(self._last, more, np.nan)
        self._silent = wider(self._silent, more, 0)
        self._open = wider(self._open, more, np.nan)
        self._highest = wider(self._highest, more, 0)
        self._known_steps = wider(self._known_steps, more, 0)
        self._mean_guess = wider(self._mean_guess, more, 0)
        self._mean_scale = wider(self._mean_scale, more, 0)
        self._guessed = wider(self._guessed, more, 0)
        self._quantiles = wider(self._quantiles, more, np.inf)

    def keep(self, count: int) -> None:
        """Let go of all but the first *count* series."""
        if count == len(self.names):
            return
        self.names = self.names[:count]
        self._errors.keep(count)
        self._load, self._last, self._open = self._load[..., :count], self._last[:count], self._open[..., :count]
        self._silent = self._silent[:count]
        self._highest, self._known_steps = self._highest[:count], self._known_steps[:count]
        self._mean_guess, self._mean_scale = self._mean_guess[..., :count], self._mean_scale[..., :count]
        self._guessed, self._quantiles = self._guessed[..., :count], self._quantiles[..., :count]

    def feed(self, load: NDArray[np.floating]) -> None:
        """Append whole steps: (series, steps) of ratios, NaN or 0 where there was no sample. A valley isn't a zero."""
        for column in np.asarray(load, dtype=np.float32).T:
            self._feed_step(np.where(column > 0, column, np.float32(np.nan)))

    def forecast(self) -> Forecast:
        """Say what is to be expected after the last step that was fed."""
        chosen, bounds, expected = self._choose()
        series = [self._series(index, chosen, bounds, expected) for index in range(len(self.names))]
        by_name = dict(zip(self.names, series, strict=True))
        return Forecast(
            made_at=self.first_at + self.steps * STEP,
            total=by_name.get("", _UNKNOWN),
            by_lender={name: found for name, found in by_name.items() if name},
        )

    def bounds(self) -> Floats:
        """Return the bounds alone: (series, horizons)."""
        found: Floats = self._choose()[1].T
        return found

    # --- One step

    def _feed_step(self, load: Floats) -> None:
        step = self.steps
        self._load[step % self._kept] = load
        is_known = ~np.isnan(load)
        self._silent = np.where(is_known, 0, self._silent + 1)
        self._last = np.where(is_known, load, np.where(self._silent > _HALF_HOUR, np.float32(np.nan), self._last))
        self._highest = np.fmax(self._highest, load)
        self._known_steps += is_known
        self.steps += 1
        for horizon, span in enumerate(self._spans):
            if step >= span:
                self._learn(horizon, span, step)
        self._guess(step)

    def _learn(self, horizon: int, span: int, step: int) -> None:
        """Learn the errors of the guesses whose horizon ends with this step."""
        made_at = step - span
        guess, scale = self._open[made_at % len(self._open), :, horizon]
        peak = np.fmax.reduce(self._load[self._rows(np.arange(made_at + 1, step + 1))], axis=0)
        self._errors.learn(horizon, made_at, step, peak - guess, scale)

    def _guess(self, step: int) -> None:
        """Guess every horizon's peak, and keep the guesses until they can be compared."""
        guess, scale = guesses(self._past(step)), self._errors.scale(step)
        self._open[step % len(self._open), 0], self._open[step % len(self._open), 1] = guess, scale
        is_known: NDArray[np.bool] = np.logical_not(np.isnan(guess).any(axis=1))
        self._guessed += is_known & (self._guessed < self.policy.days * DAY)
        weight = (is_known / np.maximum(self._guessed, 1)).astype(np.float32)[:, None, :]
        self._mean_guess += (np.where(is_known[:, None, :], guess, 0) - self._mean_guess) * weight
        self._mean_scale += (scale - self._mean_scale) * weight

    def _past(self, step: int) -> Past:
        """Gather what guesses are made from; a step without a sample stands at the last one that had one."""
        days = np.arange(1, self.policy.days + 1)[:, None] * DAY
        longest = max(self._spans)
        coming = self._load[self._rows(step - days + np.arange(1, longest + 1))]
        before = self._load[self._rows(step - days - np.arange(_HALF_HOUR))]
        return Past(
            now=self._last,
            level=_mean(self._load[self._rows(step - np.arange(_HALF_HOUR))], self._last),
            hour=np.fmax(np.fmax.reduce(self._load[self._rows(step - np.arange(_HOUR))], axis=0), self._last),
            then=before[:, 0],
            then_level=_mean(np.moveaxis(before, 1, 0), before[:, 0]),
            peaks=np.stack([np.fmax.reduce(coming[:, :span], axis=1) for span in self._spans], axis=1),
        )

    def _rows(self, steps: NDArray[np.int64]) -> NDArray[np.int64]:
        """Say where steps are kept. Those before the first lie where nothing has been written yet: they are NaN."""
        return steps % self._kept

    # --- Bounds

    def _choose(self) -> tuple[NDArray[np.int64], Floats, Floats]:
        """Return, each (horizons, series): the method, -1 for the fallback; its bound; and its guess."""
        self._renew_quantiles()
        guess, scale = self._open[(self.steps - 1) % len(self._open)]
        usual = np.clip(self._mean_guess + _times(self._quantiles, self._mean_scale), 0, 1)
        chosen = np.where(np.isfinite(usual), usual, np.float32(2)).argmin(axis=1)
        bound = np.take_along_axis(guess + _times(self._quantiles, scale), chosen[:, None], axis=1)[:, 0]
        expected = np.take_along_axis(guess, chosen[:, None], axis=1)[:, 0]
        is_short = self._known_steps < self.policy.least_days * DAY
        is_unknown = is_short | ~np.isfinite(bound)
        fallback = np.where(
            self._known_steps > 0, self._highest + np.float32(self.policy.fallback_margin), np.float32(1)
        )
        bound = np.clip(np.where(is_unknown, fallback, bound), 0, 1)
        found = np.where(is_unknown, -1, chosen), bound, np.where(is_unknown, self._highest, expected)
        for row in reversed(range(len(bound) - 1)):
            # What bounds the next two hours bounds the next half hour too.
            is_lower = bound[row + 1] < bound[row]
            for values in found:
                values[row] = np.where(is_lower, values[row + 1], values[row])
        return found

    def _renew_quantiles(self) -> None:
        """Find the quantiles of horizons of which a block has ended since they were found."""
        for horizon, part in enumerate(self.policy.quantiles):
            under_way = block(self.steps, horizon)
            if self._found_in[horizon] != under_way:
                self._quantiles[horizon] = self._errors.quantiles(horizon, part, self.steps)
                self._found_in[horizon] = under_way

    def _series(self, index: int, chosen: NDArray[np.int64], bounds: Floats, expected: Floats) -> SeriesForecast:
        """Make one series' values."""
        return SeriesForecast(
            bounds=tuple(
                PeakBound(
                    horizon=horizon,
                    ratio=float(bounds[row, index]),
                    method=_method(int(chosen[row, index])),
                    expected_ratio=float(expected[row, index]),
                    margin_ratio=float(bounds[row, index] - expected[row, index]),
                )
                for row, horizon in enumerate(self.policy.horizons)
            ),
            history=int(self._known_steps[index]) * STEP,
        )


_UNKNOWN = SeriesForecast(
    bounds=(
        PeakBound(
            horizon=ForecastPolicy().horizons[-1],
            ratio=1.0,
            method=Method.TOO_LITTLE_HISTORY,
            expected_ratio=1.0,
            margin_ratio=0.0,
        ),
    ),
    history=0 * STEP,
)
"""Of a total that nobody has fed."""


def _times(quantile: Floats, scale: Floats) -> Floats:
    """Multiply; a quantile that isn't known (inf) stays so, whatever the scale."""
    found: Floats = np.where(np.isfinite(quantile), np.where(np.isfinite(quantile), quantile, 0) * scale, np.inf)
    return found.astype(np.float32)


def _method(number: int) -> Method:
    return Method.TOO_LITTLE_HISTORY if number < 0 else METHODS[number]


def _mean(values: Floats, otherwise: Floats) -> Floats:
    """Take the mean over the first axis of what is known, or what stands for it."""
    is_known = ~np.isnan(values)
    count = is_known.sum(axis=0)
    total = np.where(is_known, values, np.float32(0)).sum(axis=0, dtype=np.float32)
    found: Floats = np.where(count > 0, total / np.maximum(count, 1), otherwise).astype(np.float32)
    return found
