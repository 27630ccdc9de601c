"""The rule once more, exact and slow: what the solver's answers are compared with.

Written from the rule's text alone, one resource at a time, in fractions. It shares nothing with the solver. A number
means what it looks like: 0.1 is a tenth.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from bridge.core.shares.problem import ROOT, Amount, Problem, Queue, ShareMode

Exact = Fraction | float
"""A fraction, or infinity."""
NONE = Fraction(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What a queue may, must and wants to have of one resource."""

    pinned: Fraction
    ceiling: Exact
    guarantee: Fraction
    claim: Fraction
    demand: Exact
    low: Fraction
    high: Exact


def exact(number: Amount) -> Fraction:
    """Read a number as it is written."""
    return Fraction(str(number))


def resources_of(problem: Problem) -> list[str]:
    """Name every resource that the capacity or a queue mentions."""
    named = set(problem.total)
    for queue in problem.queues:
        for amounts in (queue.guarantee, queue.ceiling, queue.demand, queue.used, queue.pinned):
            named |= set(amounts)
        named |= set(queue.lending_limit) | set(queue.borrowing_limit)
    return sorted(named)


def grants(problem: Problem, *, is_rounded: bool = True) -> dict[str, dict[str, Fraction]]:
    """Say what each queue gets, by queue and resource; in whole units, where there are any, unless told otherwise."""
    granted: dict[str, dict[str, Fraction]] = {queue.name: {} for queue in problem.queues}
    for resource in resources_of(problem):
        unit = problem.unit.get(resource) if is_rounded else None
        division = Division(problem, resource, exact(unit) if unit is not None else None)
        for name, amount in division.run().items():
            granted[name][resource] = amount
    return granted


def bounds(problem: Problem, resource: str) -> dict[str, Bounds]:
    """Say what bounds each queue."""
    return Division(problem, resource, None).bounds


class Division:
    """One resource, divided over the whole tree."""

    def __init__(self, problem: Problem, resource: str, unit: Fraction | None) -> None:
        self.problem, self.resource, self.unit = problem, resource, unit
        self.position = {queue.name: position for position, queue in enumerate(problem.queues)}
        self.children: dict[str, list[Queue]] = {ROOT: []}
        for queue in problem.queues:
            self.children.setdefault(queue.parent, []).append(queue)
        self.bounds: dict[str, Bounds] = {}
        for queue in self.children[ROOT]:
            self._bound(queue, ceiling=math.inf, is_active=True)

    def run(self) -> dict[str, Fraction]:
        """Divide the capacity; without one, everybody gets its upper bound."""
        granted: dict[str, Fraction] = {}
        total = self.problem.total.get(self.resource)
        amount = exact(total) if total is not None else sum_of(self.bounds[c.name].high for c in self.children[ROOT])
        self._divide(ROOT, floor(finite(amount), self.unit), self.problem.share_mode, granted)
        return granted

    # Step 0 and 1: what may, must and wants to be had ---------------------------------------------------------------

    def _own(self, amounts: Mapping[str, Amount], absent: Exact, *, is_use: bool = False) -> Exact:
        """Read an amount; in whole units, room is rounded down, and use and demand up."""
        if self.resource not in amounts:
            return absent
        amount = exact(amounts[self.resource])
        return -floor(-amount, self.unit) if is_use else floor(amount, self.unit)

    def _bound(self, queue: Queue, *, ceiling: Exact, is_active: bool) -> Bounds:
        """Bound a queue after everything below it."""
        ceiling = min(self._own(queue.ceiling, math.inf), ceiling)
        is_active = is_active and queue.is_active
        below = [
            self._bound(child, ceiling=ceiling, is_active=is_active) for child in self.children.get(queue.name, [])
        ]
        own = finite(self._own(queue.guarantee, NONE))
        guarantee = finite(min(max(own, sum((c.guarantee for c in below), NONE)), ceiling))
        if below:
            pinned = sum((child.pinned for child in below), NONE)
            claim = max(guarantee, sum((child.claim for child in below), NONE))
            demand = min(ceiling, sum_of(child.high for child in below))
        else:
            pinned = finite(self._own(queue.pinned, NONE, is_use=True))
            claim = max(guarantee, pinned)
            wanted = self._own(queue.demand, math.inf, is_use=True) if is_active else NONE
            demand = max(min(wanted, ceiling), pinned)
        withheld = max(NONE, guarantee - self._own(queue.lending_limit, math.inf))
        low = max(pinned, min(guarantee, demand), withheld, sum((child.low for child in below), NONE))
        low = max(pinned, min(low, ceiling))
        high = max(low, min(ceiling, guarantee + self._own(queue.borrowing_limit, math.inf), demand))
        found = Bounds(
            pinned=pinned,
            ceiling=ceiling,
            guarantee=guarantee,
            claim=claim,
            demand=demand,
            low=finite(low),
            high=high,
        )
        self.bounds[queue.name] = found
        return found

    # Step 2 and 3: divide, and round ---------------------------------------------------------------------------------

    def _divide(self, parent: str, amount: Fraction, mode: ShareMode, granted: dict[str, Fraction]) -> None:
        children = self.children.get(parent, [])
        parts = self._parts(children, amount, mode)
        if self.unit is not None:
            parts = self._rounded(children, parts, self.unit)
        for child in children:
            granted[child.name] = parts[child.name]
            self._divide(child.name, parts[child.name], child.share_mode or mode, granted)

    def _parts(self, children: Sequence[Queue], amount: Fraction, mode: ShareMode) -> dict[str, Fraction]:
        """Divide among siblings: by claim if not even the lower bounds fit, else tier by tier, weight 0 last."""
        bounded = {child.name: self.bounds[child.name] for child in children}
        if sum(one.low for one in bounded.values()) > amount:
            return filled([(name, NONE, one.claim, one.pinned, one.low) for name, one in bounded.items()], amount)
        parts = {name: one.low for name, one in bounded.items()}
        for tier in self._tiers(children):
            rest = amount - sum(part for name, part in parts.items() if name not in {child.name for child in tier})
            lines = [self._line(child, mode) for child in tier]
            parts |= filled(lines, rest)
        return parts

    def _line(self, child: Queue, mode: ShareMode) -> Line:
        """Say how a child's part rises; those of weight 0 are equals, when it is their turn."""
        bound = self.bounds[child.name]
        base = bound.low if mode is ShareMode.SURPLUS else NONE
        return child.name, base, self._weight(child) or Fraction(1), bound.low, bound.high

    def _tiers(self, children: Sequence[Queue]) -> list[list[Queue]]:
        weighted = [child for child in children if self._weight(child) > 0]
        tiers = [
            [child for child in weighted if child.priority == priority]
            for priority in sorted({child.priority for child in weighted}, reverse=True)
        ]
        return [*tiers, [child for child in children if self._weight(child) == 0]]

    def _weight(self, queue: Queue) -> Fraction:
        if isinstance(queue.weight, Mapping):
            return exact(queue.weight.get(self.resource, 1))
        return exact(queue.weight)

    def _rounded(self, children: Sequence[Queue], parts: dict[str, Fraction], unit: Fraction) -> dict[str, Fraction]:
        """Round down, then give the missing units to the largest fractions."""
        down = {name: floor(part, unit) for name, part in parts.items()}
        missing = (sum(parts.values()) - sum(down.values())) // unit

        def rank(child: Queue) -> tuple[Fraction, int, int]:
            order = self.position[child.name] if child.order is None else child.order
            return down[child.name] - parts[child.name], -child.priority, order

        for child in sorted(children, key=rank)[:missing]:
            down[child.name] += unit
        return down


Line = tuple[str, Fraction, Fraction, Fraction, Exact]
"""A name, and the line base + level * slope between a low and a high bound."""


def filled(lines: Sequence[Line], amount: Fraction) -> dict[str, Fraction]:
    """Raise one level until the parts make up the *amount*; if even the bounds don't allow that, stop at the bound."""
    lows = {name: low for name, _, _, low, _ in lines}
    highs = {name: high for name, _, _, _, high in lines}
    if sum(lows.values()) >= amount:
        return lows
    if sum_of(highs.values()) <= amount:
        return {name: finite(high) for name, high in highs.items()}
    level = level_at(lines, amount)
    return {name: finite(clamp(base + level * slope, low, high)) for name, base, slope, low, high in lines}


def level_at(lines: Sequence[Line], amount: Fraction) -> Fraction:
    """Find the level: on the last bend that isn't too high, or beyond it, on the straight line there."""
    rising = [line for line in lines if line[2] > 0]
    bends = {
        (bound - base) / slope for _, base, slope, low, high in rising for bound in (low, high) if bound < math.inf
    }
    below = max(bend for bend in map(finite, bends) if total_at(lines, bend) <= amount)
    slope = sum(
        slope for _, base, slope, low, high in rising if low <= base + below * slope and base + below * slope < high
    )
    missing = amount - total_at(lines, below)
    return below + missing / slope if missing else below


def total_at(lines: Sequence[Line], level: Fraction) -> Fraction:
    """Add up the parts at a level."""
    return sum((finite(clamp(base + level * slope, low, high)) for _, base, slope, low, high in lines), NONE)


def clamp(value: Fraction, low: Fraction, high: Exact) -> Exact:
    """Keep a value between its bounds."""
    return max(low, min(value, high))


def floor(amount: Fraction, unit: Fraction | None) -> Fraction:
    """Round down to whole units, if there are any."""
    return amount if unit is None else amount // unit * unit


def finite(amount: Exact) -> Fraction:
    """Insist on a fraction."""
    assert isinstance(amount, Fraction), amount
    return amount


def sum_of(amounts: Iterable[Exact]) -> Exact:
    """Add up what may hold infinity."""
    total: Exact = NONE
    for amount in amounts:
        total += amount
    return total
