"""Reads what the queues say in numbers: an array a resource and kind, checked, and in whole units where there are any.

Room is rounded down, demand up; what that changes is kept, to be reported.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from bridge.core.shares.problem import Amount, Amounts, BadTree, Problem, Queue
from bridge.core.shares.shape import Flags, Ints, Numbers, Shape

KEY_BY_KIND = {
    "guarantee": "min",
    "ceiling": "max",
    "lending_limit": "lending_limit",
    "borrowing_limit": "borrowing_limit",
    "demand": "demand",
    "used": "used",
    "pinned": "used_nonpreemptible",
}
"""Each kind of amount, and the file's word for it."""
ROUNDED_UP = frozenset({"demand", "used", "pinned"})
EXACT_FLOAT = 2.0**50
"""Whole numbers up to here, and sums of a few, are floats without loss."""
LARGEST = 1e300
"""Sums of a good many of these are floats still."""
_ABSENT = {"ceiling": np.inf, "lending_limit": np.inf, "borrowing_limit": np.inf, "demand": np.inf}


@dataclass(frozen=True, eq=False)
class Said:
    """One kind of amount of one resource, where a queue says it."""

    nodes: Ints
    asked: Sequence[Amount]
    became: Numbers
    """In units."""
    is_off: Flags
    """Whether it wasn't a multiple of the unit."""

    def spread(self, size: int, absent: float, dtype: type) -> Numbers:
        """Lay it out over all nodes."""
        found: Numbers = np.full(size, absent, dtype=dtype)
        if dtype is object and self.became.dtype != object:
            found[self.nodes] = self.became.astype(np.int64).astype(object)
        else:
            found[self.nodes] = self.became
        return found


@dataclass(frozen=True, eq=False)
class Reading:
    """Everything that is said of one resource."""

    resource: str
    unit: Fraction | None
    total: int | float | None
    """In units."""
    is_total_off: bool
    said: Mapping[str, Said]
    """By kind."""

    def arrays(self, size: int) -> dict[str, Numbers]:
        """Lay each kind out over all nodes, in floats where these are exact enough."""
        dtype = object if self._is_large() else float
        return {kind: self.said[kind].spread(size, _ABSENT.get(kind, 0), dtype) for kind in KEY_BY_KIND}

    def _is_large(self) -> bool:
        kinds = ("guarantee", "used", "pinned") if self.total is not None else tuple(KEY_BY_KIND)
        return self.unit is not None and are_large(self.total, *(self.said[kind].became for kind in kinds))


def are_large(total: float | None, *sums: Numbers) -> bool:
    """Say whether whole amounts, or their sums, are beyond what floats hold."""
    return (total or 0) + sum(float(each.sum()) for each in sums) > EXACT_FLOAT


def resources_of(problem: Problem) -> tuple[str, ...]:
    """Name every resource that the capacity or a queue mentions, in alphabetical order."""
    named = set(problem.total)
    for queue in problem.queues:
        for kind in KEY_BY_KIND:
            named.update(getattr(queue, kind))
    return tuple(sorted(named))


def read(problem: Problem, shape: Shape) -> tuple[Reading, ...]:
    """Read all amounts; raise BadTree for one that can't be."""
    gathered = {kind: _gathered(problem.queues, shape, kind) for kind in KEY_BY_KIND}
    units = {resource: _unit(resource, unit) for resource, unit in problem.unit.items()}
    return tuple(
        _reading(problem, shape, resource, units.get(resource), gathered) for resource in resources_of(problem)
    )


_Entries = dict[str, tuple[list[int], list[Amount]]]
"""Nodes and amounts, by resource."""


def _gathered(queues: Sequence[Queue], shape: Shape, kind: str) -> _Entries:
    """Collect one kind from all queues."""
    found: _Entries = {}
    for node, position in enumerate(shape.queue_of_node.tolist()[1:], start=1):
        for resource, amount in getattr(queues[position], kind).items():
            nodes, amounts = found.setdefault(resource, ([], []))
            nodes.append(node)
            amounts.append(amount)
    return found


def _unit(resource: str, unit: Amount) -> Fraction:
    """Read a unit as it is written."""
    if not 0 < unit < np.inf:
        remedy = "raise it above 0, or leave it out for real numbers"
        raise BadTree(None, f"unit.{resource}", f"is {unit}", remedy)
    return as_written(unit)


def _reading(
    problem: Problem, shape: Shape, resource: str, unit: Fraction | None, gathered: Mapping[str, _Entries]
) -> Reading:
    said = {kind: _said(shape, resource, kind, unit, *gathered[kind].get(resource, ([], []))) for kind in KEY_BY_KIND}
    _check_leaves(shape, resource, said)
    total, is_off = None, False
    if resource in problem.total:
        asked = problem.total[resource]
        _check(None, f"total.{resource}", asked)
        total, is_off = in_units(asked, unit, up=False)
    return Reading(resource=resource, unit=unit, total=total, is_total_off=is_off, said=said)


def _said(shape: Shape, resource: str, kind: str, unit: Fraction | None, nodes: list[int], asked: list[Amount]) -> Said:
    """Check amounts, and turn them into units."""
    key = f"{KEY_BY_KIND[kind]}.{resource}"
    numbers = _floats(asked)
    for bad in np.flatnonzero(~((numbers >= 0) & (numbers <= LARGEST)))[:1]:
        _check(shape.names[nodes[bad]], key, asked[bad])
    became, is_off = _all_in_units(asked, numbers, unit, up=kind in ROUNDED_UP)
    return Said(nodes=np.array(nodes, dtype=np.int64), asked=asked, became=became, is_off=is_off)


def check(queue: str, kind: str, amounts: Amounts) -> None:
    """Raise BadTree for an amount that can't be one."""
    for resource, amount in amounts.items():
        _check(queue, f"{KEY_BY_KIND[kind]}.{resource}", amount)


def _check(queue: str | None, key: str, amount: Amount) -> None:
    if not amount >= 0:
        raise BadTree(queue, key, f"is {amount}", "write a number from 0 on")
    if amount > LARGEST:
        raise BadTree(queue, key, "is infinite, or next to it", "leave it out where there is no limit")


def _check_leaves(shape: Shape, resource: str, said: Mapping[str, Said]) -> None:
    """Refuse use and demand of inner queues, and pinned use that isn't used."""
    for kind in ROUNDED_UP:
        inner = ~shape.is_leaf[said[kind].nodes]
        for node in said[kind].nodes[inner][:1]:
            why = "is said of a queue with queues below it"
            raise BadTree(shape.names[node], f"{KEY_BY_KIND[kind]}.{resource}", why, "say it of those")
    used = dict(zip(said["used"].nodes.tolist(), said["used"].asked, strict=True))
    for node, pinned in zip(said["pinned"].nodes.tolist(), said["pinned"].asked, strict=True):
        check_pinned(shape.names[node], resource, pinned, used.get(node, 0))


def check_pinned(queue: str, resource: str, pinned: Amount, used: Amount) -> None:
    """Refuse pinned use that isn't used."""
    if pinned > used:
        why = f"is {pinned}, more than the {used} that is used"
        raise BadTree(queue, f"{KEY_BY_KIND['pinned']}.{resource}", why, f"lower it, or raise used.{resource}")


def as_written(number: Amount) -> Fraction:
    """Read a number as it is written: 0.1 is a tenth."""
    return Fraction(number) if type(number) is int else Fraction(str(number))


def in_units(amount: Amount, unit: Fraction | None, *, up: bool) -> tuple[int | float, bool]:
    """Count the whole units in an amount; say whether that isn't all of it."""
    if unit is None:
        return float(amount), False
    count, rest = divmod(as_written(amount), unit)
    return int(count) + (up and rest > 0), rest > 0


def _all_in_units(
    asked: Sequence[Amount], numbers: Numbers, unit: Fraction | None, *, up: bool
) -> tuple[Numbers, Flags]:
    """Do the same for many at once; one by one only where that isn't exact."""
    if unit is None:
        return numbers, np.zeros(len(asked), dtype=bool)
    if unit.denominator == 1 and unit < EXACT_FLOAT and not ((numbers > EXACT_FLOAT) | (numbers % 1 != 0)).any():
        counts, rests = np.divmod(numbers, float(unit))
        return counts + ((rests > 0) & up), rests > 0
    pairs = [in_units(amount, unit, up=up) for amount in asked]
    return np.array([count for count, _ in pairs], dtype=object), np.array([off for _, off in pairs], dtype=bool)


def _floats(asked: Iterable[Amount]) -> Numbers:
    """Turn numbers into floats; those that are too large into infinity."""
    try:
        return np.array(asked, dtype=float)
    except OverflowError:
        return np.array([float(amount) if amount < LARGEST else np.inf for amount in asked])
