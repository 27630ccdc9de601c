"""What a forecast may be told: how sure it must be, and how far it looks back. One setting serves all services."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Self

from bridge.core.forecast.values import HORIZONS, STEP

NEAR = 0.85
"""Of past errors, the part that a bound covers by which nodes are lent for less than half an hour.

It may be low: what comes above it is taken back within minutes by what is measured, and costs the youngest work. Seen
in replays of six days (docs/replay.md): 0.992 lent 69 to 98 % of what could be lent; this 89 % and more, with at most
0.14 % of the minutes above the cap."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastPolicy:
    """How bounds are made. The defaults were measured on 14 recorded services (docs/forecast.md)."""

    horizons: tuple[timedelta, ...] = HORIZONS
    """For how long a bound holds; the nearest first."""
    quantiles: tuple[float, ...] = (0.992, 0.992, 0.996)
    """Of a service's own past errors, the part that a bound covers, for each horizon. A longer horizon's errors come in
    fewer, longer runs, so that the same week holds less news of them."""
    days: int = 7
    """Of so many days the same time of day is looked at, and as long back errors count. A week, so that each weekday
    is among them."""
    least_days: float = 2.0
    """With less history a service's days aren't known, and a safe fallback stands in."""
    least_scale: float = 0.05
    """Added to the usual error of a time of day, as a ratio of the CPU: a quiet hour isn't free of surprises."""
    fallback_margin: float = 0.1
    """Added to the highest load ever seen, where the history is too short."""

    @classmethod
    def covering(cls, horizons: Iterable[timedelta], *, near: float | None = None) -> Self:
        """Bound these horizons, each rounded up to whole steps; each covers what the next default one would.

        *near*: what part of past errors is covered by those that are shorter than every default one.
        """
        usual = cls()
        rounded = tuple(sorted({-(-horizon // STEP) * STEP for horizon in horizons}))
        covered = dict(zip(usual.horizons, usual.quantiles, strict=True))
        longest = usual.horizons[-1]
        nearest = (next((one for one in usual.horizons if one >= horizon), longest) for horizon in rounded)
        quantiles = (
            near if near is not None and horizon < usual.horizons[0] else covered[one]
            for horizon, one in zip(rounded, nearest, strict=True)
        )
        return cls(horizons=rounded, quantiles=tuple(quantiles))
