"""The form of a tree, in arrays: siblings side by side, level below level, so that one call adds up all of them.

Node 0 is the root. Siblings stand in the order in which ties are decided: priority, order, position.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bridge.core.shares.problem import ROOT, BadTree, Queue, ShareMode

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
Numbers = NDArray[Any]
"""Floats, or where these aren't exact, Python's integers."""
Index = slice | Ints


@dataclass(frozen=True, eq=False)
class Runs:
    """A row of entries, cut into runs that are added up by themselves."""

    starts: Ints
    size: int

    @cached_property
    def counts(self) -> Ints:
        """Say how long each run is; none is empty."""
        return np.diff(self.starts, append=self.size)

    @cached_property
    def owner(self) -> Ints:
        """Say for each entry in which run it is."""
        return np.repeat(np.arange(len(self.starts)), self.counts)

    def sum(self, entries: Numbers) -> Numbers:
        """Add up each run."""
        return np.add.reduceat(entries, self.starts)

    def spread(self, values: Numbers) -> Numbers:
        """Give each entry the value of its run."""
        return np.repeat(values, self.counts)

    def picked(self, chosen: Flags) -> tuple[Runs, Index]:
        """Keep the chosen runs; return them and where their entries are in this row."""
        if chosen.all():
            return self, slice(0, self.size)
        counts = self.counts[chosen]
        return Runs.of(counts), np.flatnonzero(np.repeat(chosen, self.counts))

    @classmethod
    def of(cls, counts: Ints) -> Runs:
        """Line up runs of these lengths."""
        ends = np.cumsum(counts)
        return cls(ends - counts, int(ends[-1]) if len(ends) else 0)


@dataclass(frozen=True, eq=False)
class Families:
    """Some parents of one level and their children: what is divided in one go."""

    parents: Ints
    children: Index
    siblings: Runs
    """A run for each parent."""
    tiers: Runs
    """A run for each parent's each priority, high ones first."""
    tier_nodes: Ints
    """The first child in each tier."""
    parent_of_tier: Ints
    """As an index into parents."""
    passes: tuple[Ints, ...]
    """The tiers that come first with their parents, then those that come second, and so on."""

    @cached_property
    def nodes(self) -> Ints:
        """Name the children one by one."""
        return np.arange(self.children.start, self.children.stop) if isinstance(self.children, slice) else self.children


@dataclass(frozen=True, eq=False)
class Shape:
    """Who is whose child, by index."""

    names: tuple[str, ...]
    node_by_name: dict[str, int]
    queue_of_node: Ints
    """The position in the problem; -1 for the root."""
    parent: Ints
    first_child: Ints
    child_count: Ints
    priority: Ints
    is_surplus: Flags
    """Of a node: whether its amount is divided in surplus mode among its children."""
    levels: tuple[slice, ...]

    @cached_property
    def is_leaf(self) -> Flags:
        """Say which nodes have no children."""
        found: Flags = self.child_count == 0
        return found

    @cached_property
    def families(self) -> tuple[Families, ...]:
        """List all parents, level by level from the root; the last level has none."""
        return tuple(map(self.families_of, self.parents_by_level))

    @cached_property
    def parents_by_level(self) -> tuple[Ints, ...]:
        """List the nodes with children, level by level from the root; the last level has none."""
        inner = (level.start + np.flatnonzero(~self.is_leaf[level]) for level in self.levels)
        return tuple(parents for parents in inner if len(parents))

    @cached_property
    def _tier_rank(self) -> Ints:
        """Say for the first child of each priority how many priorities of its parent come before; -1 for others."""
        same = (self.parent[1:] == self.parent[:-1]) & (self.priority[1:] == self.priority[:-1])
        starts = np.concatenate(([0], 1 + np.flatnonzero(~same)))
        is_first = np.concatenate(([True], self.parent[starts[1:]] != self.parent[starts[:-1]]))
        ahead = np.maximum.accumulate(np.where(is_first, np.arange(len(starts)), 0))
        rank = np.full(len(self.parent), -1)
        rank[starts] = np.arange(len(starts)) - ahead
        return rank

    def families_of(self, parents: Ints) -> Families:
        """Line up the children of these parents, which must be of one level and in order."""
        siblings = Runs.of(self.child_count[parents])
        children = self._children(parents, siblings)
        ranks = self._tier_rank[children]
        starts = np.flatnonzero(ranks >= 0)
        rank = ranks[starts]
        first = self.first_child[parents[0]]
        return Families(
            parents=parents,
            children=children,
            siblings=siblings,
            tiers=Runs(starts, siblings.size),
            tier_nodes=starts + first if isinstance(children, slice) else children[starts],
            parent_of_tier=siblings.owner[starts],
            passes=_by_rank(rank),
        )

    def _children(self, parents: Ints, siblings: Runs) -> Index:
        """Say where the children are: side by side if no other parent's are between."""
        first, last = (
            int(self.first_child[parents[0]]),
            int(self.first_child[parents[-1]] + self.child_count[parents[-1]]),
        )
        if last - first == siblings.size:
            return slice(first, last)
        return np.arange(siblings.size) + siblings.spread(self.first_child[parents] - siblings.starts)

    def path(self, node: int) -> list[int]:
        """List the nodes above *node*, the root last."""
        above = []
        while node:
            node = int(self.parent[node])
            above.append(node)
        return above


def _by_rank(rank: Ints) -> tuple[Ints, ...]:
    """Gather the positions of each rank."""
    if not rank.any():
        return (np.arange(len(rank)),)
    order = np.argsort(rank, kind="stable")
    return tuple(np.split(order, 1 + np.flatnonzero(np.diff(rank[order]))))


def shape(queues: Sequence[Queue], mode: ShareMode) -> Shape:
    """Line up the queues; raise BadTree where they are no tree."""
    levels = _levels(queues, _by_parent(queues))
    of_node = [-1, *(position for level in levels for position in level)]
    names = (ROOT, *(queues[position].name for position in of_node[1:]))
    node_by_name = {name: node for node, name in enumerate(names)}
    parent = np.array([-1, *(node_by_name[queues[position].parent] for position in of_node[1:])], dtype=np.int64)
    counts = np.bincount(parent[1:], minlength=len(names))
    ends = [1, *(1 + np.cumsum([len(level) for level in levels])).tolist()]
    return Shape(
        names=names,
        node_by_name=node_by_name,
        queue_of_node=np.array(of_node, dtype=np.int64),
        parent=parent,
        first_child=1 + np.cumsum(counts) - counts,
        child_count=counts,
        priority=np.array([0, *(queues[position].priority for position in of_node[1:])], dtype=np.int64),
        is_surplus=_surplus(queues, of_node, parent, mode),
        levels=(slice(0, 1), *(slice(start, stop) for start, stop in pairwise(ends))),
    )


def _by_parent(queues: Sequence[Queue]) -> dict[str, list[int]]:
    """Sort the children of each parent into the order in which ties are decided."""
    names: set[str] = {ROOT}
    for queue in queues:
        if queue.name == ROOT:
            raise BadTree(queue.name, "name", "is the top's, which is there without being listed", "rename it")
        if queue.name in names:
            raise BadTree(queue.name, "name", "is there twice", "rename one of them")
        names.add(queue.name)
    found: dict[str, list[int]] = {}
    for position, queue in enumerate(queues):
        if queue.parent not in names:
            raise BadTree(queue.name, "parent", f"{queue.parent!r} isn't there", "list it, or name another")
        found.setdefault(queue.parent, []).append(position)

    def rank(position: int) -> tuple[int, int, int]:
        queue = queues[position]
        return -queue.priority, position if queue.order is None else queue.order, position

    return {parent: sorted(children, key=rank) for parent, children in found.items()}


def _levels(queues: Sequence[Queue], children: dict[str, list[int]]) -> list[list[int]]:
    """Walk down from the root, one level after the other; raise BadTree if that misses some."""
    levels = [children.get(ROOT, [])]
    while levels[-1]:
        levels.append([child for above in levels[-1] for child in children.get(queues[above].name, ())])
    reached = {position for level in levels for position in level}
    for position, queue in enumerate(queues):
        if position not in reached:
            why = f"{queue.parent!r} leads back to itself, never to {ROOT}"
            raise BadTree(
                queue.name, "parent", why, f"let one queue of the circle hang on {ROOT}, or on another branch"
            )
    return levels[:-1]


def _surplus(queues: Sequence[Queue], of_node: Sequence[int], parent: Ints, mode: ShareMode) -> Flags:
    """Hand each node's mode down to where another one is said."""
    found = [mode is ShareMode.SURPLUS]
    for node in range(1, len(of_node)):
        own = queues[of_node[node]].share_mode
        found.append(found[parent[node]] if own is None else own is ShareMode.SURPLUS)
    return np.array(found)
