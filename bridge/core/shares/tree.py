"""The question, compiled: a checked tree, and for each resource a column of arrays over its nodes.

What doesn't depend on demand is done here, once: ceilings are handed down, guarantees are added up.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from bridge.core.shares import amounts
from bridge.core.shares.amounts import Reading
from bridge.core.shares.bounds import bounds
from bridge.core.shares.column import Column
from bridge.core.shares.problem import ROOT, Amount, BadTree, Problem, ReclaimPolicy
from bridge.core.shares.shape import Flags, Numbers, Shape, shape
from bridge.core.shares.weights import Weights, has_own, weights


@dataclass(frozen=True, slots=True)
class Correction:
    """An amount that couldn't be taken as it was said."""

    queue: str
    """Or the root, for the capacity."""
    resource: str
    key: str
    """The file's word for it."""
    asked: Amount
    became: Amount


@dataclass(frozen=True, eq=False)
class Tree:
    """A problem that can be solved: level by level, each resource by itself."""

    shape: Shape
    columns: tuple[Column, ...]
    is_active: Flags
    """Of a node: whether it and everything above it is."""
    corrections: tuple[Correction, ...]
    reclaim_policy: ReclaimPolicy
    dead_band_ratio: float

    @classmethod
    def of(cls, problem: Problem) -> Tree:
        """Compile *problem*; raise BadTree if it can't be solved."""
        if not 0 <= problem.dead_band_ratio < np.inf:
            raise BadTree(None, "dead_band_ratio", f"is {problem.dead_band_ratio}", "write a number from 0 on")
        form = shape(problem.queues, problem.share_mode)
        active = _active(problem, form)
        shared = None if has_own(problem.queues) else weights(problem.queues, form, "")
        columns: list[Column] = []
        corrections: list[Correction] = []
        for reading in amounts.read(problem, form):
            column = _column(form, reading, active, shared or weights(problem.queues, form, reading.resource))
            check_bounded(form, column)
            columns.append(column)
            corrections += _corrections(problem, form, reading, column)
        return cls(
            shape=form,
            columns=tuple(columns),
            is_active=active,
            corrections=in_order(form, corrections),
            reclaim_policy=problem.reclaim_policy,
            dead_band_ratio=problem.dead_band_ratio,
        )

    @property
    def names(self) -> tuple[str, ...]:
        """Name the queues, each after those above it; without the root."""
        return self.shape.names[1:]

    @property
    def leaves(self) -> tuple[str, ...]:
        """Name the queues without queues below them."""
        names = self.shape.names
        return tuple(names[node] for node in np.flatnonzero(self.shape.is_leaf).tolist() if node)

    @property
    def resources(self) -> tuple[str, ...]:
        """Name the resources, in alphabetical order."""
        return tuple(column.resource for column in self.columns)


def in_order(form: Shape, corrections: Iterable[Correction]) -> tuple[Correction, ...]:
    """Sort corrections: the capacity's first, each queue's after those above it."""
    return tuple(sorted(corrections, key=lambda each: (form.node_by_name[each.queue], each.resource, each.key)))


def _active(problem: Problem, form: Shape) -> Flags:
    """Switch off everything below what is switched off."""
    found = np.array([True, *(problem.queues[position].is_active for position in form.queue_of_node.tolist()[1:])])
    for level in form.levels[1:]:
        found[level] &= found[form.parent[level]]
    return found


def _column(form: Shape, reading: Reading, active: Flags, weight: Weights) -> Column:
    """Lay out one resource, and normalise it."""
    said = reading.arrays(len(form.names))
    ceiling = _handed_down(form, said["ceiling"])
    guarantee = _added_up(form, said["guarantee"], ceiling)
    wanted = np.where(form.is_leaf, said["demand"], 0)
    return Column(
        resource=reading.resource,
        unit=reading.unit,
        total=reading.total,
        weights=weight,
        ceiling=ceiling,
        guarantee=guarantee,
        withheld=np.maximum(guarantee - said["lending_limit"], 0),
        most=np.minimum(ceiling, guarantee + said["borrowing_limit"]),
        wanted=wanted,
        demand=np.where(active, wanted, 0),
        used=said["used"],
        pinned=said["pinned"],
    )


def _handed_down(form: Shape, ceiling: Numbers) -> Numbers:
    """Lower each ceiling to the one above."""
    found = ceiling.copy()
    for level in form.levels[1:]:
        found[level] = np.minimum(found[level], found[form.parent[level]])
    return found


def _added_up(form: Shape, guarantee: Numbers, ceiling: Numbers) -> Numbers:
    """Raise each guarantee to the sum of those below, and lower it to the ceiling."""
    found = np.minimum(guarantee, ceiling)
    for families in reversed(form.families):
        parents = families.parents
        below = families.siblings.sum(found[families.children])
        found[parents] = np.minimum(np.maximum(guarantee[parents], below), ceiling[parents])
    return found


def check_bounded(form: Shape, column: Column) -> None:
    """Raise BadTree if a resource without capacity is wanted without bound."""
    if column.total is not None:
        return
    high = bounds(form, column).high
    for node in np.flatnonzero(form.is_leaf & (high == np.inf))[:1]:
        if high[form.levels[1]].max() < np.inf or not node:
            return
        why = f"is unbounded, and total.{column.resource} isn't given"
        raise BadTree(form.names[node], f"demand.{column.resource}", why, "write one of them, or a max")


def _corrections(problem: Problem, form: Shape, reading: Reading, column: Column) -> Iterator[Correction]:
    """List what became of amounts that weren't taken as said."""
    if reading.is_total_off and reading.total is not None:
        asked, became = problem.total[reading.resource], column.amount(reading.total)
        yield Correction(ROOT, reading.resource, "total", asked, became)
    final = {"guarantee": column.guarantee, "ceiling": column.ceiling}
    for kind, said in reading.said.items():
        became_all = final[kind][said.nodes] if kind in final else said.became
        for entry in np.flatnonzero(said.is_off | (became_all != said.became)).tolist():
            name, key = form.names[said.nodes[entry]], amounts.KEY_BY_KIND[kind]
            yield Correction(name, reading.resource, key, said.asked[entry], column.amount(became_all[entry]))
