"""The answer: who gets how much, and why no other division is fair.

Everything is there as arrays once a tree is solved; names, amounts and reasons are looked up when asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

import numpy as np

from bridge.core.shares.bounds import Bounds
from bridge.core.shares.column import Column
from bridge.core.shares.lines import AT_HIGH, ON_LINE, Floats, Sides
from bridge.core.shares.problem import Amount
from bridge.core.shares.shape import Flags, Ints, Numbers, Shape
from bridge.core.shares.tree import Correction, Tree


class Binding(StrEnum):
    """What keeps a queue from the part that its weight would give it."""

    DEMAND = "demand"
    MAX = "max"
    BORROWING_LIMIT = "borrowing_limit"
    MIN = "min"
    """Held up by its guarantee."""
    LENDING_LIMIT = "lending_limit"
    """Held up by what it doesn't lend."""
    PINNED = "pinned"
    """Held up by what can't be taken from it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """How one queue's amount of one resource is divided among its children."""

    lambda_: Amount | None
    """The amount for each 1 of weight. None if everybody has what it can use, or if mu is given."""
    mu: float | None
    """The part of its claim that each child gets, where guarantees don't fit."""
    tier: int
    """The priority that lambda is for: those above have all they can use, those below have their lower bound."""
    binding: Mapping[str, Binding]
    """What holds the children that aren't on the line."""


@dataclass(frozen=True, eq=False)
class Levels:
    """By inner node: at which level its amount is divided."""

    level: Floats
    """In units and whole weights; infinite where everybody has what it can use."""
    is_mu: Flags
    is_last: Flags
    """Whether the level is that of the queues of weight 0, which are equals."""
    tier: Ints


@dataclass(frozen=True, eq=False)
class Answer:
    """One resource, divided over the whole tree."""

    column: Column
    bounds: Bounds
    grant: Numbers
    sides: Sides
    levels: Levels

    def copy(self, column: Column) -> Answer:
        """Return arrays of its own, to be divided again with another column."""
        levels = Levels(**{name: array.copy() for name, array in vars(self.levels).items()})
        return Answer(column, self.bounds.copy(), self.grant.copy(), self.sides.copy(), levels)

    def lambda_of(self, form: Shape, node: int) -> Amount | None:
        """Return the amount for each 1 of weight among the children of *node*."""
        level = float(self.levels.level[node])
        if self.levels.is_mu[node] or level == np.inf:
            return None
        scale = 1.0 if self.levels.is_last[node] else float(self.column.weights.scale[form.first_child[node]])
        amount = level * scale * float(self.column.unit or 1)
        return int(amount) if amount.is_integer() else amount

    def mu_of(self, node: int) -> float | None:
        """Return the part of its claim that each child of *node* gets."""
        return float(self.levels.level[node]) if self.levels.is_mu[node] else None

    def binding(self, node: int) -> Binding | None:
        """Say which bound holds a node above or below the line of its siblings."""
        side = self.sides[node]
        lid = min(self.column.most[node], self.bounds.demand[node])
        if side == ON_LINE or (side == AT_HIGH and self.grant[node] < self.bounds.high[node]):
            return None
        return self._lid(node) if side == AT_HIGH and self.grant[node] <= lid else self._support(node)

    def _lid(self, node: int) -> Binding:
        """Say what a node is held down by."""
        column, granted = self.column, self.grant[node]
        if granted < column.most[node] or granted == column.demand[node]:
            return Binding.DEMAND
        return Binding.MAX if granted == column.ceiling[node] else Binding.BORROWING_LIMIT

    def _support(self, node: int) -> Binding | None:
        """Say what a node is held up by, if by anything."""
        granted = self.grant[node]
        if granted == 0:
            return None
        if granted <= self.bounds.pinned[node]:
            return Binding.PINNED
        if granted <= min(self.column.guarantee[node], self.bounds.demand[node]):
            return Binding.MIN
        return Binding.LENDING_LIMIT

    def level_of(self, form: Shape, node: int, children: Iterable[int]) -> Level:
        """Put in words how the amount of *node* is divided."""
        bindings = ((form.names[child], self.binding(child)) for child in children)
        return Level(
            lambda_=self.lambda_of(form, node),
            mu=self.mu_of(node),
            tier=int(self.levels.tier[node]),
            binding={name: binding for name, binding in bindings if binding is not None},
        )

    def remaining(self, form: Shape) -> int | float:
        """Return what is left at the root."""
        top = slice(1, 1 + int(form.child_count[0]))
        left: int | float = max(0, self.grant[0] - self.grant[top].sum())
        return left

    @cached_property
    def usable(self) -> Numbers:
        """Return what each leaf can use of what it gets."""
        return np.minimum(self.grant, self.bounds.demand)


@dataclass(frozen=True, eq=False)
class Solution:
    """What every queue gets of every resource."""

    tree: Tree
    answers: tuple[Answer, ...]

    def grant(self, queue: str) -> dict[str, Amount]:
        """Return what a queue gets."""
        node = self.tree.shape.node_by_name[queue]
        return {each.column.resource: each.column.amount(each.grant[node]) for each in self.answers}

    def usable(self, leaf: str) -> dict[str, Amount]:
        """Return what a leaf can use of it; the rest is withheld from others."""
        node = self.tree.shape.node_by_name[leaf]
        return {each.column.resource: each.column.amount(each.usable[node]) for each in self.answers}

    def shares(self) -> dict[str, dict[str, Amount]]:
        """Return what every queue gets."""
        return {queue: self.grant(queue) for queue in self.tree.names}

    def usable_by_leaf(self) -> dict[str, dict[str, Amount]]:
        """Return what every leaf can use."""
        return {leaf: self.usable(leaf) for leaf in self.tree.leaves}

    @property
    def remaining(self) -> dict[str, Amount]:
        """Return what nobody could take; the rest of overcommitted capacity is nothing."""
        return {each.column.resource: each.column.amount(each.remaining(self.tree.shape)) for each in self.answers}

    @property
    def corrections(self) -> tuple[Correction, ...]:
        """List what wasn't taken as it was said."""
        return self.tree.corrections

    @cached_property
    def certificate(self) -> Mapping[str, Mapping[str, Level]]:
        """Return the level of each inner queue's division, by resource, and what holds those that aren't on it."""
        form = self.tree.shape
        inner = np.flatnonzero(~form.is_leaf).tolist()
        return {form.names[node]: self.levels_of(node) for node in inner}

    def levels_of(self, node: int) -> dict[str, Level]:
        """Return the level of one division, by resource."""
        form = self.tree.shape
        children = range(form.first_child[node], form.first_child[node] + form.child_count[node])
        return {each.column.resource: each.level_of(form, node, children) for each in self.answers}
