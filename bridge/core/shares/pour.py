"""Water-filling: raises one level for many groups of lines at once, until each group's parts make up its amount.

A line is ``base + level * weight`` between a low and a high bound. The sum over a group is piecewise linear in the
level. Each step solves it as if no bound held the lines that are still free; on the side where the bounds then take
away more, the lines that are beyond their bound stay there for good (Bitran and Hax 1981). That settles at least one
line a step, mostly a good part of them; groups that are slow are settled by halving their sorted bends.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import replace

import numpy as np

from bridge.core.shares import whole
from bridge.core.shares.lines import (
    AT_HIGH,
    AT_LOW,
    NOISE,
    ON_LINE,
    Floats,
    Lines,
    Poured,
    Sides,
    held,
    level_of,
    with_some_on_line,
)
from bridge.core.shares.shape import Flags, Ints, Numbers

_STEPS = 24
"""Random groups of 100,000 need up to 9."""


def pour(lines: Lines, amounts: Numbers) -> Poured:
    """Divide each group's amount, or stop at the bounds that don't allow it."""
    add, spread = lines.runs.sum, lines.runs.spread
    noise = 0 if lines.is_whole else NOISE * amounts
    is_full = add(lines.high) <= amounts + noise
    is_between = ~is_full & (add(lines.low) < amounts - noise)
    full_lines = spread(is_full)
    poured = Poured(
        parts=np.where(full_lines, lines.high, lines.low),
        sides=np.where(full_lines, AT_HIGH, AT_LOW).astype(np.int8),
        level=np.where(is_full, np.inf, 0.0),
    )
    if is_between.any():
        some, at = lines.picked(is_between)
        parts, sides, level = _divide(_within(some, amounts[is_between]), amounts[is_between])
        poured.parts[at], poured.sides[at], poured.level[is_between] = parts, sides, level
    return poured


def _within(lines: Lines, amounts: Numbers) -> Lines:
    """Lower high bounds to the whole amount: nobody gets more, and there is no infinity to reckon with."""
    return replace(lines, high=np.maximum(lines.low, np.minimum(lines.high, lines.runs.spread(amounts))))


def _divide(lines: Lines, amounts: Numbers) -> tuple[Numbers, Sides, Floats]:
    """Divide amounts that are strictly between the sums of the bounds."""
    sides = settle(lines, amounts.astype(float))
    if not lines.is_whole:
        sides = with_some_on_line(lines, sides)
        level = level_of(lines, sides, amounts)
        parts = np.clip(lines.base + lines.weight * lines.runs.spread(level), lines.low, lines.high)
        return np.where(sides == 0, parts, held(lines, sides)), sides, level
    parts, sides = whole.divide(lines, amounts, sides)
    return parts, sides, level_of(lines, sides, amounts)


def settle(lines: Lines, amounts: Floats) -> Sides:
    """Find out which lines are held by a bound at the level that divides the amounts."""
    sides = np.where(lines.weight > 0, ON_LINE, AT_LOW).astype(np.int8)
    low, high = lines.low.astype(float), lines.high.astype(float)
    rest = amounts - lines.runs.sum(np.where(sides < 0, low, 0.0))
    free = np.flatnonzero(sides == 0)
    group = lines.runs.owner[free]
    rows = _kept((lines.base.astype(float), lines.weight, low, high), free)
    for _ in range(_STEPS):
        if not len(free):
            return sides
        fixed, is_open, rest = _step(rows, group, rest, sides, free)
        keep = is_open & ~fixed
        free, group = free[keep], group[keep]
        rows = _kept(rows, keep)
    for run in np.unique(group).tolist():
        _halve(lines, run, float(amounts[run]), sides)
    return sides


Rows = tuple[Floats, ...]


def _kept(rows: Rows, keep: Flags | Ints) -> Rows:
    return tuple(row[keep] for row in rows)


def _step(rows: Rows, group: Ints, rest: Floats, sides: Sides, free: Ints) -> tuple[Flags, Flags, Floats]:
    """Fix some of the free lines; say which, and whose groups are open still."""
    base, weight, low, high = rows

    def add(entries: Floats) -> Floats:
        return np.bincount(group, entries, minlength=len(rest)).astype(float, copy=False)

    slope = add(weight)
    level = (rest - add(base)) / np.where(slope > 0, slope, 1.0)
    at = base + weight * level[group]
    within = np.clip(at, low, high)
    beyond = at - within
    balance = add(beyond)[group]
    fixed = ((beyond > 0) & (balance >= 0)) | ((beyond < 0) & (balance <= 0))
    is_open = _has_some(group, fixed) | (balance == 0)
    fixed &= is_open
    sides[free[fixed]] = np.where(beyond[fixed] > 0, AT_HIGH, AT_LOW)
    return fixed, is_open & (balance != 0), rest - add(np.where(fixed, within, 0.0))


def _has_some(group: Ints, fixed: Flags) -> Flags:
    """Say for each line whether some of its group are fixed, but not all: noise alone could do that."""
    count = np.bincount(group, fixed)
    found: Flags = ((count > 0) & (count < np.bincount(group)))[group]
    return found


def _halve(lines: Lines, run: int, amount: float, sides: Sides) -> None:
    """Settle one group by halving its sorted bends: a known number of steps."""
    some = slice(int(lines.runs.starts[run]), int(lines.runs.starts[run] + lines.runs.counts[run]))
    base, low, high = (each[some].astype(float) for each in (lines.base, lines.low, lines.high))
    weight = lines.weight[some]
    slope = np.where(weight > 0, weight, 1.0)
    first, last = (low - base) / slope, (high - base) / slope
    bends = np.sort(np.concatenate((first, last)))

    def total(level: float) -> float:
        return float(np.clip(base + level * weight, low, high).sum())

    level = bends[max(0, bisect_right(bends, amount, key=total) - 1)]
    at_low, at_high = first > level, last < level if total(level) >= amount else last <= level
    sides[some] = np.where(at_low | (weight == 0), AT_LOW, np.where(at_high, AT_HIGH, ON_LINE))
