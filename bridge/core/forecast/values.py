"""What a forecast says: an upper bound for the peak of the coming horizon, and where it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

HORIZONS = (timedelta(minutes=30), timedelta(minutes=60), timedelta(minutes=120))
STEP = timedelta(minutes=5)
"""Between two values of a history; each is the mean or the peak of the five minutes that it begins."""


class Method(StrEnum):
    """How a bound was found."""

    RISE = "rise"
    """As much higher than now as on the days before."""
    DAYS = "days"
    """Half that, half as high as on the days before."""
    WEEK = "week"
    """As much higher than now as a week ago."""
    HOUR = "hour"
    """As high as in the last hour."""
    TOO_LITTLE_HISTORY = "too_little_history"
    """The safe fallback: nothing is known of this service's days yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeakBound:
    """An upper bound for the highest load within *horizon* from now, as a ratio of the CPU that can be allocated."""

    horizon: timedelta
    ratio: float
    """0 to 1."""
    method: Method
    """The one of several whose bounds were lowest of late."""
    expected_ratio: float
    """What the method itself expects, before its past errors are added."""
    margin_ratio: float
    """What its own past errors add."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesForecast:
    """The bounds of one series, for each horizon, the nearest first."""

    bounds: tuple[PeakBound, ...]
    history: timedelta
    """How much history there is."""

    def at(self, horizon: timedelta) -> PeakBound:
        """Return the bound of the shortest horizon that covers *horizon*, or of the longest."""
        return next((bound for bound in self.bounds if bound.horizon >= horizon), self.bounds[-1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """Every series' bounds at one instant."""

    made_at: datetime
    """The end of the last step that it knows."""
    total: SeriesForecast
    by_lender: Mapping[str, SeriesForecast]
