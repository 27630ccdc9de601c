"""One resource of a compiled tree: arrays over its nodes, in whole units where there are any.

The arrays are floats: whole numbers are exact in them up to 2^53, and without a limit is infinity. Where amounts could
grow beyond that, they hold Python's integers instead; the same arithmetic works on both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np

from bridge.core.shares.amounts import are_large
from bridge.core.shares.problem import Amount
from bridge.core.shares.shape import Numbers
from bridge.core.shares.weights import Weights


@dataclass(frozen=True, eq=False)
class Column:
    """What each node may, must and wants to have of one resource."""

    resource: str
    unit: Fraction | None
    total: int | float | None
    weights: Weights
    ceiling: Numbers
    """Its own, or the one above if that is lower."""
    guarantee: Numbers
    """Its own, or the sum of those below if that is more; within the ceiling."""
    withheld: Numbers
    """What it has even without any use for it."""
    most: Numbers
    """Ceiling and borrowing limit."""
    wanted: Numbers
    """A leaf's demand as said, active or not."""
    demand: Numbers
    """Of a leaf; 0 while it isn't active."""
    used: Numbers
    pinned: Numbers

    def amount(self, count: int | float) -> Amount:
        """Turn units into an amount."""
        if self.unit is None:
            return float(count)
        if self.unit.denominator == 1:
            return int(count) * self.unit.numerator
        amount = int(count) * self.unit
        return int(amount) if amount.denominator == 1 else float(amount)

    def is_large(self) -> bool:
        """Say whether floats may be too small for the sums; without a capacity, demand is part of them."""
        wanted = (self.wanted[self.wanted < np.inf],) if self.total is None else ()
        return self.unit is not None and are_large(self.total, self.guarantee, self.used, self.pinned, *wanted)

    def widened(self) -> Column:
        """Return the same in Python's integers."""
        return self.with_arrays({n: _widened(each) for n, each in vars(self).items() if isinstance(each, np.ndarray)})

    def with_entries(self, node: int, values: Mapping[str, int | float]) -> Column:
        """Return the same with other values for one node, by array."""
        arrays = {name: getattr(self, name).copy() for name in values}
        for name, value in values.items():
            arrays[name][node] = value
        return self.with_arrays(arrays)

    def with_arrays(self, arrays: dict[str, Any]) -> Column:
        """Return the same with some other arrays."""
        return replace(self, **arrays)


def _widened(array: Numbers) -> Numbers:
    found = array.astype(object)
    is_finite = array < np.inf
    found[is_finite] = array[is_finite].astype(np.int64).astype(object)
    return found
