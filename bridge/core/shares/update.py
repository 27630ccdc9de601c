"""Keeps a tree solved while its leaves change: only what a change reaches is computed again.

Bounds change on the leaf's path to the root alone. A family is divided again if its parent's amount or a child's
bounds have changed; where the amounts come out as they were, everything below stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from bridge.core.shares import amounts
from bridge.core.shares.bounds import bound_leaves, bound_parents
from bridge.core.shares.column import Column
from bridge.core.shares.problem import Amounts, BadTree
from bridge.core.shares.shape import Families, Flags, Ints, Shape
from bridge.core.shares.solution import Answer, Solution
from bridge.core.shares.solve import answer, capacity, divide, solve
from bridge.core.shares.tree import Correction, Tree, check_bounded, in_order


class Solver:
    """A tree with its solution. Both are replaced by a change, and never changed themselves."""

    def __init__(self, tree: Tree) -> None:
        self.solution = solve(tree)

    @property
    def tree(self) -> Tree:
        """Return the tree as it is now."""
        return self.solution.tree

    def update(
        self,
        leaf: str,
        *,
        demand: Amounts | None = None,
        used: Amounts | None = None,
        pinned: Amounts | None = None,
        is_active: bool | None = None,
    ) -> Solution:
        """Say anew what a leaf wants and has, as its queue would; None: as before. Raise BadTree, and keep what was."""
        said = {"demand": demand, "used": used, "pinned": pinned}
        change = _Change(self.tree, leaf, {kind: each for kind, each in said.items() if each is not None}, is_active)
        answers = tuple(change.applied(before) for before in self.solution.answers)
        tree = replace(
            self.tree,
            columns=tuple(each.column for each in answers),
            is_active=change.active_flags(),
            corrections=change.corrections(),
        )
        self.solution = Solution(tree, answers)
        return self.solution


class _Change:
    """What is new of one leaf."""

    def __init__(self, tree: Tree, leaf: str, said: Mapping[str, Amounts], is_active: bool | None) -> None:
        self.tree, self.leaf, self.said = tree, leaf, said
        node = tree.shape.node_by_name.get(leaf)
        if node is None or not tree.shape.is_leaf[node]:
            raise BadTree(leaf, "name", "isn't a leaf of this tree", "name one, or compile the tree again")
        self.node = node
        above = bool(tree.is_active[tree.shape.parent[node]])
        self.is_active = bool(tree.is_active[node]) if is_active is None else is_active and above
        for kind, said_of_kind in said.items():
            amounts.check(leaf, kind, said_of_kind)
            for resource in said_of_kind.keys() - set(tree.resources):
                key = f"{amounts.KEY_BY_KIND[kind]}.{resource}"
                raise BadTree(leaf, key, "is of a resource that this tree doesn't have", "compile the tree again")

    def applied(self, before: Answer) -> Answer:
        """Return the answer that is right after the change."""
        column = self._column(before.column)
        if column is before.column:
            return before
        check_bounded(self.tree.shape, column)
        if column.used.dtype != before.grant.dtype:
            return answer(self.tree.shape, column)
        if column.demand is before.column.demand and column.pinned is before.column.pinned:
            return replace(before, column=column)
        return _again(self.tree.shape, before, column, self.node)

    def _column(self, column: Column) -> Column:
        """Return the column with what is new; itself if nothing is."""
        new = {kind: self._units(column, kind) for kind in self.said}
        self._check_pinned(column)
        wanted = new.pop("demand", column.wanted[self.node])
        new |= {"wanted": wanted, "demand": wanted if self.is_active else 0}
        new = {name: value for name, value in new.items() if value != getattr(column, name)[self.node]}
        if not new:
            return column
        changed = column.with_entries(self.node, new)
        if changed.is_large() and changed.used.dtype != object:
            return column.widened().with_entries(self.node, new)
        return changed

    def _units(self, column: Column, kind: str) -> int | float:
        said = self.said[kind]
        if column.resource not in said:
            return np.inf if kind == "demand" else 0
        return amounts.in_units(said[column.resource], column.unit, up=True)[0]

    def _check_pinned(self, column: Column) -> None:
        now = {
            kind: self.said[kind].get(column.resource, 0)
            if kind in self.said
            else column.amount(getattr(column, kind)[self.node])
            for kind in ("pinned", "used")
        }
        amounts.check_pinned(self.leaf, column.resource, now["pinned"], now["used"])

    def active_flags(self) -> Flags:
        """Return the tree's flags with the leaf's."""
        found = self.tree.is_active.copy()
        found[self.node] = self.is_active
        return found

    def corrections(self) -> tuple[Correction, ...]:
        """Return the tree's corrections, with what became of the new amounts instead of the old."""
        keys = {amounts.KEY_BY_KIND[kind] for kind in self.said}
        kept = [each for each in self.tree.corrections if each.queue != self.leaf or each.key not in keys]
        return in_order(self.tree.shape, kept + self._rounded())

    def _rounded(self) -> list[Correction]:
        found = []
        for column in self.tree.columns:
            for kind, said in self.said.items():
                if column.resource in said:
                    asked = said[column.resource]
                    count, is_off = amounts.in_units(asked, column.unit, up=True)
                    if is_off:
                        key, became = amounts.KEY_BY_KIND[kind], column.amount(count)
                        found.append(Correction(self.leaf, column.resource, key, asked, became))
        return found


def _again(form: Shape, before: Answer, column: Column, leaf: int) -> Answer:
    """Divide one resource again as far as a leaf's new numbers reach."""
    found = before.copy(column)
    stale = [int(form.parent[node]) for node in _bound_again(form, found, leaf)]
    if stale and stale[-1] == 0:
        found.grant[0] = capacity(form, found)
    for level, parents in enumerate(form.parents_by_level):
        moved = parents[found.grant[parents] != before.grant[parents]]
        both = np.union1d(moved, np.intersect1d(parents, stale))
        if len(both):
            divide(form, found, _families(form, level, both))
    return found


def _bound_again(form: Shape, found: Answer, leaf: int) -> list[int]:
    """Bound a leaf and those above it again, until nothing changes; list those that did, from the leaf up."""
    changed, path = [], [leaf, *form.path(leaf)]
    for node in path:
        was = found.bounds.at(node)
        if node == leaf:
            bound_leaves(found.column, found.bounds, slice(leaf, leaf + 1))
        else:
            bound_parents(found.column, found.bounds, form.families_of(np.array([node])))
        if found.bounds.at(node) == was:
            break
        changed.append(node)
    return [node for node in changed if node]


def _families(form: Shape, level: int, parents: Ints) -> Families:
    """Line up some parents of a level; if they are all of them, that has been done."""
    everybody = form.families[level]
    return everybody if len(parents) == len(everybody.parents) else form.families_of(parents)
