"""Groups of lines to be divided: a line is ``base + level * weight`` between a low and a high bound."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bridge.core.shares.shape import Flags, Index, Numbers, Runs

Floats = NDArray[np.float64]
Sides = NDArray[np.int8]
NOISE = 1e-13
"""Real sums that differ by less than this part of the amount are the same."""
AT_LOW, ON_LINE, AT_HIGH = -1, 0, 1


@dataclass(frozen=True, eq=False)
class Lines:
    """Groups of lines, side by side."""

    runs: Runs
    base: Numbers
    weight: Floats
    exact_weight: Numbers
    """In whole numbers."""
    low: Numbers
    high: Numbers
    is_whole: bool
    """Whether only whole parts can be given."""

    def picked(self, chosen: Flags) -> tuple[Lines, Index]:
        """Keep the chosen groups; return them and where their lines were."""
        runs, at = self.runs.picked(chosen)
        return (
            Lines(
                runs=runs,
                base=self.base[at],
                weight=self.weight[at],
                exact_weight=self.exact_weight[at],
                low=self.low[at],
                high=self.high[at],
                is_whole=self.is_whole,
            ),
            at,
        )


@dataclass(frozen=True, eq=False)
class Poured:
    """What each line got, at which level its group stands, and on which side of the line a bound holds it."""

    parts: Numbers
    sides: Sides
    level: Floats
    """By group; 0 where the low bounds are all there is, infinite where the high bounds are reached."""


def held(lines: Lines, sides: Sides) -> Numbers:
    """Return each line's bound if one holds it, its base otherwise."""
    return np.where(sides < 0, lines.low, np.where(sides > 0, lines.high, lines.base))


def level_of(lines: Lines, sides: Sides, amounts: Numbers) -> Floats:
    """Compute the level from what is held, without the rounding of the steps before."""
    missing = (amounts - lines.runs.sum(held(lines, sides))).astype(float)
    slope = lines.runs.sum(np.where(sides == 0, lines.weight, 0.0))
    found: Floats = missing / np.where(slope > 0, slope, 1.0)
    return found


def with_some_on_line(lines: Lines, sides: Sides) -> Sides:
    """Let one line count as free where bounds hold all: the level is where the last of them met its bound."""
    is_stuck = lines.runs.sum(sides == 0) == 0
    if not is_stuck.any():
        return sides
    found = sides.copy()
    for run in np.flatnonzero(is_stuck).tolist():
        start = lines.runs.starts[run]
        some = slice(start, start + lines.runs.counts[run])
        weight = lines.weight[some]
        bend = (lines.high[some] - lines.base[some]).astype(float) / np.where(weight > 0, weight, 1.0)
        found[start + np.argmax(np.where((sides[some] > 0) & (weight > 0), bend, -1.0))] = ON_LINE
    return found
