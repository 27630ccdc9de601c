"""Says what is taken back from whom, so that leaves below their targets get what is theirs.

Demand is use and waiting, so what is taken joins what waits: targets don't move, use above target shrinks with every
step, and nobody rises above its target. That is why it ends. Which containers go, and how fast, is for others.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from bridge.core.shares.problem import Amount, ReclaimPolicy
from bridge.core.shares.shape import Numbers, Shape
from bridge.core.shares.solution import Answer, Solution
from bridge.core.shares.tree import Tree

Taken = list[tuple[int, int | float]]
"""Leaves and amounts, in the order in which they would pay."""
_NOISE = 1e-9
"""Real numbers that differ by less than this part of themselves are the same."""


def reclaim(tree: Tree, solution: Solution) -> dict[str, dict[str, Amount]]:
    """Return what is taken, by leaf and resource; only where it is more than nothing."""
    names, found = tree.shape.names, dict[int, dict[str, Amount]]()
    for answer in solution.answers:
        for leaf, amount in _taken(tree, answer).items():
            found.setdefault(leaf, {})[answer.column.resource] = answer.column.amount(amount)
    return {names[leaf]: found[leaf] for leaf in sorted(found)}


def _taken(tree: Tree, answer: Answer) -> dict[int, int | float]:
    """Balance one resource: what waiters and payers have between them, less what is free anyway."""
    balance = _Balance(tree, answer)
    found: dict[int, int | float] = {}
    if any(balance.missing) and any(balance.spare):
        for leaf, amount in balance.pruned():
            found[leaf] = found.get(leaf, 0) + amount
    return found


@dataclass(frozen=True, slots=True)
class _Side:
    """What the leaves below a node still miss, and those that could still pay."""

    missing: int | float
    payers: list[int]


class _Balance:
    """One resource while it is balanced, from the nearest common ancestors up to the root."""

    def __init__(self, tree: Tree, answer: Answer) -> None:
        form, grant = tree.shape, answer.grant
        used = _summed(form, answer.column.used)
        noise = (0 if answer.column.unit is not None else _NOISE) * np.maximum(used, grant)
        missing, above = _due(tree, answer) - used, used - grant
        pays = form.is_leaf & (above > noise) & (above > tree.dead_band_ratio * grant)
        self.form = form
        self.missing: list[int | float] = np.where(form.is_leaf & (missing > noise), missing, 0).tolist()
        self.spare: list[int | float] = np.where(pays, above, 0).tolist()
        self.above: list[int | float] = above.tolist()
        """What a node uses beyond its target; less than nothing if it doesn't use all of it."""
        self.free = -self.above[0]
        """What nobody uses; less than nothing if more is used than there is."""
        self.noise: int | float = noise[0]
        self.taken: Taken = []
        self.needed: int | float = 0
        """What is missing, as far as those above may take it within their targets, or had it from below."""

    def pruned(self) -> Taken:
        """Leave out the last ones for whom what is free does instead, and all where it would give nobody anything."""
        self._settle()
        is_vain = self.free < 0 and self.free + sum(amount for _, amount in self.taken) <= self.noise
        left = 0 if is_vain else self.needed - self.free
        found = []
        for leaf, amount in self.taken:
            if left <= self.noise:
                break
            found.append((leaf, min(amount, left)))
            left -= amount
        return found

    def _settle(self) -> None:
        """Let the leaves below each node pay for each other, as far as the sides of the node allow."""
        sides: defaultdict[int, dict[int, _Side]] = defaultdict(dict)
        for leaf, parent in enumerate(self.form.parent.tolist()):
            if self.missing[leaf] or self.spare[leaf]:
                sides[parent][leaf] = _Side(self.missing[leaf], [leaf] if self.spare[leaf] else [])
        for parents in reversed(self.form.parents_by_level):
            for parent in filter(sides.__contains__, parents.tolist()):
                joined = self._join(parent, sides.pop(parent))
                sides[int(self.form.parent[parent])][parent] = joined

    def _join(self, parent: int, sides: dict[int, _Side]) -> _Side:
        """Let the sides above their targets pay for those below theirs."""
        wanted = sum(min(side.missing, max(0, -self.above[node])) for node, side in sides.items())
        lacking = max(0, -self.free) if parent == 0 and (wanted or self.taken) else 0
        left = wanted + lacking
        for node in sorted(sides, key=self._payers_rank):
            left -= self._pay(sides[node], min(left, max(0, self.above[node])))
        received = max(0, wanted - left)
        self.needed += received if parent else wanted
        return _Side(
            missing=sum(side.missing for side in sides.values()) - received,
            payers=[leaf for side in sides.values() for leaf in side.payers if self.spare[leaf] > 0],
        )

    def _pay(self, side: _Side, most: int | float) -> int | float:
        """Take up to *most* from a side's leaves, and say how much that was."""
        left = most
        for leaf in sorted(side.payers, key=self._payers_rank) if most > 0 else ():
            amount = min(left, self.spare[leaf])
            if amount > 0:
                self.taken.append((leaf, amount))
                self.spare[leaf] -= amount
                left -= amount
        return most - left

    def _payers_rank(self, node: int) -> tuple[int, int | float, int]:
        """Say who pays first: low priorities, then those far above their targets, which keeps the victims few."""
        return int(self.form.priority[node]), -self.above[node], -node


def _due(tree: Tree, answer: Answer) -> Numbers:
    """Say up to where a leaf's use is its due."""
    if tree.reclaim_policy is ReclaimPolicy.GUARANTEE_ONLY:
        return np.minimum(answer.usable, answer.column.guarantee)
    return answer.usable


def _summed(form: Shape, used: Numbers) -> Numbers:
    """Add up use."""
    found = used.copy()
    for families in reversed(form.families):
        found[families.parents] = families.siblings.sum(found[families.children])
    return found
