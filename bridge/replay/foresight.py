"""What is to be expected where every lender has the same load: one is forecast, and stands for all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from bridge.controller.foresight import TOTAL, Foresight
from bridge.core.forecast.values import Forecast


class SharedForesight:
    """``bridge.controller.pool.Forecasting`` of *lenders* that are loaded alike: 200 cost as much as one."""

    def __init__(self, one: Foresight, lenders: Sequence[str]) -> None:
        """Ask *one*, whose history has the first of *lenders* and the total."""
        self._one = one
        self._lenders = tuple(lenders)
        self._last: Forecast | None = None
        self._shared: Forecast | None = None

    def look(self, at: datetime, ratios: Mapping[str, float], sizes: Mapping[str, int] | None = None) -> Forecast:
        """Take in the load of the first lender and of all together, and tell of each what is expected of the first."""
        first = self._lenders[0]
        found = self._one.look(at, {name: ratios[name] for name in (TOTAL, first) if name in ratios}, sizes)
        if self._shared is None or found is not self._last:
            self._last = found
            self._shared = replace(found, by_lender=dict.fromkeys(self._lenders, found.by_lender[first]))
        return self._shared

    def restart(self) -> None:
        """Forget everything."""
        self._one.restart()
        self._last = self._shared = None

    def prune(self, now: datetime) -> None:
        """Forget what is older than is to be kept."""
        self._one.prune(now)
