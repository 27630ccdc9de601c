"""Divides whole units exactly: which lines a bound holds, each part rounded down, and the rest by largest remainder.

A group's level is a fraction of two whole numbers; no float decides anything here. Groups whose numbers fit are done
together in 64 bits; others, and those that haven't settled, in Python's integers, by the same steps.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np

from bridge.core.shares.lines import AT_HIGH, AT_LOW, ON_LINE, Lines, Sides, held, with_some_on_line
from bridge.core.shares.shape import Flags, Ints, Numbers, Runs
from bridge.core.shares.weights import WIDEST

_MOST = 2.0**50
"""An amount up to here, times a weight and divided by the sum of weights, is wrong by less than 1 in floats."""
_FAR = 2.0**51
_WORD = 2.0**64
_MOST_PRODUCT = 2.0**110
"""Amounts times weights up to here are wrong by less than half a word in floats, which then say the upper word."""
_STEPS = 8


Words = tuple[Numbers, ...]
"""Whole numbers: a Python integer each, or two words of 64 bits, the upper one first, the lower one with a sign."""


@dataclass(frozen=True, eq=False)
class Division:
    """Parts rounded down, what is left of each in units of the group's sum of weights, and the sides."""

    parts: Numbers
    remainders: Words
    sides: Sides
    has_settled: Flags
    """By group."""


def divide(lines: Lines, amounts: Numbers, sides: Sides) -> tuple[Numbers, Sides]:
    """Divide each group's amount exactly; *sides* is a good guess. Return parts and sides."""
    parts, sides = np.empty_like(lines.low), sides.copy()
    fits = _fits(lines, amounts)
    if fits.any():
        fits[fits] = _do(lines, amounts, fits, np.dtype(np.int64), parts, sides)
    if not fits.all():
        settled = _do(lines, amounts, ~fits, np.dtype(object), parts, sides)
        for run in np.flatnonzero(~fits)[~settled].tolist():
            alone = np.arange(len(fits)) == run
            _halve(lines, int(amounts[run]), run, sides)
            _do(lines, amounts, alone, np.dtype(object), parts, sides)
    return parts, sides


def _fits(lines: Lines, amounts: Numbers) -> Flags:
    """Say which groups 64 bits are enough for."""
    widest = np.minimum(np.maximum.reduceat(lines.exact_weight, lines.runs.starts), WIDEST).astype(float)
    product = widest * lines.runs.counts * amounts.astype(float)
    found: Flags = (amounts < _MOST).astype(bool) & (widest < WIDEST) & (product < _MOST_PRODUCT)
    return found


def _do(lines: Lines, amounts: Numbers, chosen: Flags, dtype: np.dtype[Any], parts: Numbers, sides: Sides) -> Flags:
    """Divide the chosen groups in one kind of number; say which have settled."""
    some, at = lines.picked(chosen)
    found = _division(_as(some, dtype), _numbers(amounts[chosen], dtype), sides[at])
    done = some.runs.spread(found.has_settled)
    sides[at] = found.sides
    rounded = _hand_out(some.runs, found, _numbers(amounts[chosen], dtype))
    parts[at] = np.where(done, rounded, 0)
    return found.has_settled


def _as(lines: Lines, dtype: np.dtype[Any]) -> Lines:
    """Turn everything into one kind of whole number, and the weights into floats of the same scale."""
    exact = _numbers(lines.exact_weight, dtype)
    return replace(
        lines,
        base=_numbers(lines.base, dtype),
        weight=exact.astype(float) if exact.dtype.kind == "i" else lines.weight,
        exact_weight=exact,
        low=_numbers(lines.low, dtype),
        high=_numbers(lines.high, dtype),
    )


def _numbers(values: Numbers, dtype: np.dtype[Any]) -> Numbers:
    """Convert whole numbers without loss; floats go by way of 64 bits."""
    return values.astype(np.int64).astype(dtype) if values.dtype == float else values.astype(dtype)


def _division(lines: Lines, amounts: Numbers, sides: Sides) -> Division:
    """Move to the level that the sides give, see which side each line is on there, and repeat until that agrees."""
    weight, add, spread = lines.exact_weight, lines.runs.sum, lines.runs.spread
    for _ in range(_STEPS):
        sides = with_some_on_line(lines, sides)
        rise = amounts - add(held(lines, sides))
        on_line = sides == 0
        slope = _words(add(np.where(on_line, weight, 0)), add(np.where(on_line, lines.weight, 0.0)))
        counts, remainders = _shares_of(spread(rise), weight, tuple(spread(word) for word in slope), lines.weight)
        at = lines.base + counts
        is_above = (at > lines.high) | ((at == lines.high) & _is_some(remainders))
        found = np.where((at < lines.low) | (weight == 0), AT_LOW, np.where(is_above, AT_HIGH, ON_LINE))
        agrees = add(found != sides) == 0
        sides = found.astype(np.int8)
        if agrees.all():
            break
    return Division(
        parts=np.where(sides == 0, at, held(lines, sides)),
        remainders=tuple(np.where(sides == 0, word, 0) for word in remainders),
        sides=sides,
        has_settled=agrees & (rise >= 0) & (rise <= amounts),
    )


def _shares_of(amount: Numbers, weight: Numbers, slope: Words, near_weight: Numbers) -> tuple[Numbers, Words]:
    """Return amount * weight / slope rounded down, and the remainder."""
    if weight.dtype == object:
        product = amount * weight
        counts = product // np.maximum(slope[0], 1)
        return counts, (product - counts * slope[0],)
    near_slope = np.maximum(_near(slope), 1.0)
    near = np.clip(amount.astype(float) * near_weight / near_slope, -_FAR, _FAR)
    counts = np.floor(near)
    rest, lower = (near - counts) * near_slope, slope[-1]
    counts = counts.astype(np.int64)
    remainder = _words(amount * weight - counts * lower, rest)
    beyond = _words(remainder[-1] - lower, rest - near_slope)
    wrong = np.where(_is_negative(remainder), -1, np.where(_is_negative(beyond), 0, 1))
    rest = rest - wrong * near_slope
    return counts + wrong, _words(remainder[-1] - wrong * lower, rest)


def _words(lower: Numbers, near: Numbers) -> Words:
    """Complete a whole number of which the lower 64 bits are known exactly, and all of it roughly.

    Sums and products in 64 bits wrap around; their lower bits are right all the same.
    """
    if lower.dtype == object:
        return (lower,)
    return np.rint((near - lower) / _WORD).astype(np.int64), lower


def _near(words: Words) -> Numbers:
    """Return the closest float."""
    return words[0] * _WORD + words[1]


def _is_negative(words: Words) -> Flags:
    upper, lower = words
    found: Flags = (upper < 0) | ((upper == 0) & (lower < 0))
    return found


def _is_some(words: Words) -> Flags:
    """Say which aren't 0."""
    found: Flags = np.logical_or.reduce([word != 0 for word in words])
    return found


def _hand_out(runs: Runs, division: Division, amounts: Numbers) -> Numbers:
    """Add a unit to the largest remainders until the parts make up the amount; ties by the order of siblings."""
    parts = division.parts.copy()
    missing = amounts - runs.sum(parts)
    rows = np.flatnonzero(_is_some(division.remainders) & (runs.spread(missing) > 0))
    if not len(rows):
        return parts
    for word in reversed(division.remainders):
        if word[rows].any():
            rows = rows[np.argsort(-word[rows], kind="stable")]
    rows = rows[np.argsort(_small(runs.owner[rows]), kind="stable")]
    group = runs.owner[rows]
    first = np.searchsorted(group, np.arange(len(runs.starts)))
    parts[rows[np.arange(len(rows)) - first[group] < missing[group]]] += 1
    return parts


def _small(groups: Ints) -> Numbers:
    """Take 16 bits where they do: numpy sorts these in one pass."""
    return groups.astype(np.uint16) if len(groups) and groups.max() < 2**16 else groups


def _halve(lines: Lines, amount: int, run: int, sides: Sides) -> None:
    """Find one group's sides by halving its sorted bends, in fractions."""
    start = int(lines.runs.starts[run])
    some = slice(start, start + int(lines.runs.counts[run]))
    columns = (lines.base, lines.exact_weight, lines.low, lines.high)
    rows = list(zip(*(_numbers(each[some], np.dtype(object)).tolist() for each in columns), strict=True))

    def total(level: Fraction) -> Fraction:
        return sum((min(max(base + level * weight, low), high) for base, weight, low, high in rows), Fraction(0))

    bends = sorted(
        {Fraction(bound - base, weight) for base, weight, low, high in rows if weight for bound in (low, high)}
    )
    level = bends[max(0, bisect_right(bends, Fraction(amount), key=total) - 1)]
    is_met = total(level) == amount
    for row, (base, weight, low, high) in enumerate(rows, start):
        at = base + level * weight
        is_above = at > high or (at == high and not is_met)
        sides[row] = AT_LOW if not weight or at < low else AT_HIGH if is_above else ON_LINE
