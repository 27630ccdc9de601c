"""Checks an answer without believing it: from the problem, the grants and the stated levels alone, each queue once.

At every node the parts must add up to what there is to divide, no part may leave its bounds, and the one level that the
certificate states must say where each part is: on its line, or at the bound that holds it. With whole units a part may
be off its line by less than one, and the larger fractions must have been rounded up. How one finds a level isn't known
here.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Any, Protocol, assert_never

from bridge.core.shares.problem import ROOT, Amount, Amounts, Problem, Queue, ShareMode
from bridge.core.shares.solution import Binding, Level

Exact = Any
"""An integer, a fraction, or infinity; there is no type for what these can all do."""
_SLACK = Fraction(1, 10**9)
"""How far real numbers may be off, as a part of what is divided."""
_FLOAT = Fraction(1, 2**48)
"""How far floats may be off, as a part of the largest number that went into them."""


class FlawKind(StrEnum):
    """What is wrong."""

    SUM = "sum"
    """The children's parts don't add up to what there was to divide, or to what they could take."""
    BOUND = "bound"
    """A part is below its lower bound, or above its upper one."""
    LEVEL = "level"
    """A part isn't where the stated level puts it."""
    ROUNDING = "rounding"
    """A unit should have gone to a sibling with a larger fraction, or before it in order."""
    BINDING = "binding"
    """The named bound doesn't hold the part, or one that does isn't named."""
    USABLE = "usable"
    """What a leaf can use isn't the smaller of its part and its demand."""
    REMAINING = "remaining"
    """What is left over isn't the capacity less what was given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaw:
    """One thing that is wrong: with a queue's part, or with all the parts below it."""

    kind: FlawKind
    queue: str
    resource: str
    stated: Exact | None = None
    due: Exact | None = None


class Answered(Protocol):
    """An answer, whoever found it."""

    @property
    def certificate(self) -> Mapping[str, Mapping[str, Level]]:
        """How each node's amount of each resource was divided."""

    @property
    def remaining(self) -> Mapping[str, Amount]:
        """What nobody could take."""

    def shares(self) -> Mapping[str, Amounts]:
        """What every queue gets."""

    def usable_by_leaf(self) -> Mapping[str, Amounts]:
        """What of that a leaf can use."""


def verify(problem: Problem, solution: Answered) -> tuple[Flaw, ...]:
    """Find everything that is wrong with an answer; nothing, if it is the right one."""
    children = _children(problem)
    shares, certificate = solution.shares(), solution.certificate
    usable, remaining = solution.usable_by_leaf(), solution.remaining
    flaws: list[Flaw] = []
    for resource in sorted(_resources(problem)):
        column = _Column(problem, resource, children)
        parts = {name: column.counted(amounts[resource]) for name, amounts in shares.items()}
        for parent in children:
            family = column.family(parent, parts, certificate[parent][resource])
            flaws += family.flaws()
        flaws += column.left_over(parts, remaining[resource])
        for leaf, amounts in usable.items():
            flaws += column.unusable(leaf, parts[leaf], amounts[resource])
    return tuple(flaws)


def _children(problem: Problem) -> dict[str, list[Queue]]:
    found: dict[str, list[Queue]] = {ROOT: []}
    for queue in problem.queues:
        found.setdefault(queue.parent, []).append(queue)
    return found


def _resources(problem: Problem) -> set[str]:
    named = set(problem.total)
    for queue in problem.queues:
        said = (queue.guarantee, queue.ceiling, queue.demand, queue.used, queue.pinned)
        named.update(*said, queue.lending_limit, queue.borrowing_limit)
    return named


def _exact(amount: Amount | Fraction) -> int | Fraction:
    """Read a number as it is written: 0.1 is a tenth."""
    number = amount if isinstance(amount, int) else Fraction(str(amount))
    return int(number) if number.denominator == 1 else number


# What bounds a queue -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bounds:
    pinned: Exact
    ceiling: Exact
    guarantee: Exact
    borrowable: Exact
    claim: Exact
    demand: Exact
    low: Exact
    high: Exact


class _Column:
    """One resource of the problem, counted in its units if it has any."""

    def __init__(self, problem: Problem, resource: str, children: Mapping[str, list[Queue]]) -> None:
        self.problem, self.resource, self.children = problem, resource, children
        self.unit = _exact(problem.unit[resource]) if resource in problem.unit else None
        self.place = {queue.name: place for place, queue in enumerate(problem.queues)}
        self.mode = {ROOT: problem.share_mode}
        self.bounds: dict[str, _Bounds] = {}
        self._bound()

    def counted(self, amount: Amount | Fraction, *, up: bool = False) -> int | Fraction:
        """Count whole units, room rounded down and use up; without units, the amount itself."""
        if self.unit is None:
            return _exact(amount)
        units = Fraction(_exact(amount)) / self.unit
        return math.ceil(units) if up else math.floor(units)

    def said(self, amounts: Amounts, absent: Exact, *, up: bool = False) -> Exact:
        """Read one amount."""
        return self.counted(amounts[self.resource], up=up) if self.resource in amounts else absent

    def weight(self, queue: Queue) -> int | Fraction:
        """Read the queue's weight."""
        return _exact(queue.weight.get(self.resource, 1) if isinstance(queue.weight, Mapping) else queue.weight)

    def _bound(self) -> None:
        """Go down for what is inherited, then up for what adds up."""
        ceiling: dict[str, Exact] = {ROOT: math.inf}
        is_active = {ROOT: True}
        going_down = list(self.children[ROOT])
        for queue in going_down:
            ceiling[queue.name] = min(self.said(queue.ceiling, math.inf), ceiling[queue.parent])
            is_active[queue.name] = queue.is_active and is_active[queue.parent]
            self.mode[queue.name] = queue.share_mode or self.mode[queue.parent]
            going_down += self.children.get(queue.name, [])
        for queue in reversed(going_down):
            self.bounds[queue.name] = self._bounds_of(queue, ceiling[queue.name], is_active[queue.name])

    def _bounds_of(self, queue: Queue, ceiling: Exact, is_active: bool) -> _Bounds:
        below = [self.bounds[child.name] for child in self.children.get(queue.name, [])]
        own = self.said(queue.guarantee, 0)
        guarantee = min(max(own, sum(child.guarantee for child in below)), ceiling)
        if below:
            pinned = sum(child.pinned for child in below)
            claim = max(guarantee, sum(child.claim for child in below))
            demand = min(ceiling, sum(child.high for child in below))
        else:
            pinned = self.said(queue.pinned, 0, up=True)
            claim = max(guarantee, pinned)
            wanted = self.said(queue.demand, math.inf, up=True) if is_active else 0
            demand = max(min(wanted, ceiling), pinned)
        kept = guarantee - self.said(queue.lending_limit, math.inf)
        low = max(pinned, min(max(min(guarantee, demand), kept, sum(child.low for child in below)), ceiling))
        borrowable = guarantee + self.said(queue.borrowing_limit, math.inf)
        return _Bounds(
            pinned=pinned,
            ceiling=ceiling,
            guarantee=guarantee,
            borrowable=borrowable,
            claim=claim,
            demand=demand,
            low=low,
            high=max(low, min(ceiling, borrowable, demand)),
        )

    def family(self, parent: str, parts: Mapping[str, Exact], level: Level) -> _Family:
        """Line up a node's children."""
        children = self.children[parent]
        lows = sum(self.bounds[child.name].low for child in children)
        amount = parts[parent] if parent != ROOT else self.capacity()
        is_short = lows > amount
        stated = level.mu if is_short else level.lambda_
        scale = 1 if is_short or self.unit is None else self.unit
        return _Family(
            parent=parent,
            resource=self.resource,
            amount=amount,
            is_whole=self.unit is not None,
            is_short=is_short,
            level=level,
            stated=math.inf if stated is None else _exact(stated) / Fraction(scale),
            slack=self._slack(max(amount, lows)),
            lines=tuple(self._line(child, parts[child.name], is_short=is_short) for child in children),
        )

    def capacity(self) -> Exact:
        """Say what the root has to divide; without a capacity, what all can take."""
        unlimited = sum(self.bounds[child.name].high for child in self.children[ROOT])
        return self.said(self.problem.total, unlimited)

    def left_over(self, parts: Mapping[str, Exact], stated: Amount) -> Iterator[Flaw]:
        """Check what nobody could take."""
        given = sum(parts[child.name] for child in self.children[ROOT])
        due = max(0, self.capacity() - given)
        if abs(self.counted(stated) - due) > self._slack(self.capacity()):
            yield Flaw(kind=FlawKind.REMAINING, queue=ROOT, resource=self.resource, stated=_exact(stated), due=due)

    def unusable(self, leaf: str, part: Exact, stated: Amount) -> Iterator[Flaw]:
        """Check what of its part a leaf can use."""
        due = min(part, self.bounds[leaf].demand)
        if abs(self.counted(stated) - due) > self._slack(part):
            yield Flaw(kind=FlawKind.USABLE, queue=leaf, resource=self.resource, stated=_exact(stated), due=due)

    def _slack(self, amount: Exact) -> Exact:
        return _SLACK * amount + _FLOAT * self.capacity() if self.unit is None else 0

    def _line(self, child: Queue, part: Exact, *, is_short: bool) -> _Line:
        """Say how a child's part rises: with its claim where guarantees don't fit, else with its weight."""
        bounds, weight = self.bounds[child.name], self.weight(child)
        is_surplus = self.mode[child.parent] is ShareMode.SURPLUS
        return _Line(
            name=child.name,
            part=part,
            bounds=bounds,
            base=bounds.low if is_surplus and not is_short else 0,
            slope=bounds.claim if is_short else weight or 1,
            low=bounds.pinned if is_short else bounds.low,
            high=bounds.low if is_short else bounds.high,
            rank=(-child.priority, self.place[child.name] if child.order is None else child.order),
            turn=(False, 0) if is_short else (False, -child.priority) if weight else _LAST,
        )


# One node and its children -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """A child's part, and the line on which it rises with the level between two bounds."""

    name: str
    part: Exact
    bounds: _Bounds
    base: Exact
    slope: Exact
    low: Exact
    high: Exact
    rank: tuple[int, int]
    """By priority and order: who gets a unit first, of two with the same fraction."""
    turn: tuple[bool, int]
    """Who is served first; the smaller."""

    def at(self, level: Exact) -> Exact:
        """Say where the line is, whatever the bounds."""
        return self.base + level * self.slope

    def due(self, level: Exact) -> Exact:
        """Say what the part should be."""
        return max(self.low, min(self.at(level), self.high))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Family:
    """A node's children, what there is to divide among them, and how the certificate says that it was done."""

    parent: str
    resource: str
    amount: Exact
    is_whole: bool
    is_short: bool
    """Whether the lower bounds don't fit."""
    level: Level
    stated: Exact
    """Lambda, or mu where guarantees don't fit; infinite where everybody is full."""
    slack: Exact
    """How far a part may be off because of arithmetic with real numbers; nothing with whole units."""
    lines: tuple[_Line, ...]

    def flaws(self) -> Iterator[Flaw]:
        """Find what is wrong here."""
        given = sum(line.part for line in self.lines)
        due = min(
            max(self.amount, sum(line.bounds.pinned for line in self.lines)), sum(line.high for line in self.lines)
        )
        if abs(given - due) > self.slack:
            yield self._flaw(FlawKind.SUM, self.parent, given, due)
        for line in self.lines:
            if not line.low - self.slack <= line.part <= line.high + self.slack:
                yield self._flaw(FlawKind.BOUND, line.name, line.part, line.low if line.part < line.low else line.high)
        yield from self._level_flaws(due)

    def _level_flaws(self, total: Exact) -> Iterator[Flaw]:
        now = self._turn_now()
        mine = [line for line in self.lines if line.turn == now]
        due = {line.name: line.high if line.turn < now else line.low for line in self.lines}
        level = _sharpened(self.stated, mine, total - sum(due[line.name] for line in self.lines if line.turn != now))
        if level != self.stated and not self._is_near(level, max(line.slope for line in mine)):
            yield self._flaw(FlawKind.LEVEL, self.parent, self.stated, level)
            return
        due |= {line.name: line.due(level) for line in mine}
        most = 1 if self.is_whole else self.slack
        for line in self.lines:
            off = abs(line.part - due[line.name])
            if off >= most if self.is_whole else off > most:
                yield self._flaw(FlawKind.LEVEL, line.name, line.part, due[line.name])
        if self.is_whole and level < math.inf:
            yield from self._rounding_flaws(due)
        for line in self.lines:
            if not self._is_bound_so(line, is_on_line=line.turn != now or line.at(level) == due[line.name]):
                yield self._flaw(FlawKind.BINDING, line.name, line.part)

    def _is_near(self, level: Exact, slope: Exact) -> bool:
        """Say whether the stated level differs from the exact one by no more than a float's error."""
        off = abs(level - self.stated)
        return bool(off <= _FLOAT * level or off * slope <= self.slack)

    def _turn_now(self) -> tuple[bool, int]:
        """Say whose turn the level is for: a priority's, or that of weight 0 once all others are full."""
        if self.stated == math.inf:
            return max(line.turn for line in self.lines)
        is_full = all(line.part >= line.high * (1 - _FLOAT) for line in self.lines if line.turn != _LAST)
        if is_full and any(line.turn == _LAST for line in self.lines):
            return _LAST
        return (False, 0 if self.is_short else -self.level.tier)

    def _rounding_flaws(self, due: Mapping[str, Exact]) -> Iterator[Flaw]:
        """Compare the last that was rounded up with the first that was rounded down."""
        ranked = [((math.floor(due[line.name]) - due[line.name], *line.rank), line) for line in self.lines]
        last_up = max((rank for rank, line in ranked if line.part > due[line.name]), default=None)
        first_down = min((rank for rank, line in ranked if line.part < due[line.name]), default=None)
        if last_up is not None and first_down is not None and first_down < last_up:
            line = next(line for rank, line in ranked if rank == first_down)
            yield self._flaw(FlawKind.ROUNDING, line.name, line.part, line.part + 1)

    def _is_bound_so(self, line: _Line, *, is_on_line: bool) -> bool:
        """Say whether the bound that is named holds the part; where guarantees don't fit, none needs to be."""
        bounds = line.bounds
        match self.level.binding.get(line.name):
            case None:
                return is_on_line or self.is_short or self._is_at_most(abs(line.part - line.at(self.stated)), 1)
            case Binding.DEMAND:
                return self._is_at_most(min(bounds.demand, line.high), line.part)
            case Binding.MAX:
                return self._is_at_most(bounds.ceiling, line.part)
            case Binding.BORROWING_LIMIT:
                return self._is_at_most(bounds.borrowable, line.part)
            case Binding.PINNED:
                return self._is_at_most(line.part, bounds.pinned)
            case Binding.MIN | Binding.LENDING_LIMIT:
                return self._is_at_most(line.part, bounds.low)
            case unknown:
                assert_never(unknown)

    def _is_at_most(self, one: Exact, other: Exact) -> bool:
        return bool(one <= other + self.slack)

    def _flaw(self, kind: FlawKind, queue: str, stated: Exact, due: Exact | None = None) -> Flaw:
        return Flaw(kind=kind, queue=queue, resource=self.resource, stated=stated, due=due)


_LAST = (True, 0)
"""The turn of weight 0."""


def _sharpened(stated: Exact, lines: list[_Line], total: Exact) -> Exact:
    """Take the error of a float off a level: the lines that no bound holds there say what it is exactly."""
    level = stated
    for _ in range(3):
        free = {line.name for line in lines if line.low < line.at(level) < line.high}
        if not free:
            break
        held = sum(line.base if line.name in free else line.due(level) for line in lines)
        level = Fraction(total - held) / sum(line.slope for line in lines if line.name in free)
    return level
