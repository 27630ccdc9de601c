"""The bounds of what each node can be given, from the leaves up.

An inner node's demand includes what its children withhold; without that, a queue that leaves could lower its sibling.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from bridge.core.shares.column import Column
from bridge.core.shares.shape import Families, Index, Numbers, Shape


@dataclass(frozen=True, eq=False)
class Bounds:
    """By node: what can't be taken, what counts when guarantees don't fit, what it can use, and between what it is."""

    pinned: Numbers
    claim: Numbers
    demand: Numbers
    low: Numbers
    high: Numbers

    def copy(self) -> Bounds:
        """Return arrays of its own."""
        return Bounds(**{name: array.copy() for name, array in vars(self).items()})

    def at(self, node: int) -> tuple[float, ...]:
        """Return what bounds one node."""
        return tuple(array[node] for array in vars(self).values())


def bounds(form: Shape, column: Column) -> Bounds:
    """Bound all nodes: all as if they were leaves, then those that aren't."""
    found = Bounds(*(np.empty_like(column.used) for _ in fields(Bounds)))
    bound_leaves(column, found, slice(None))
    for families in reversed(form.families):
        bound_parents(column, found, families)
    return found


def bound_leaves(column: Column, found: Bounds, leaves: Index) -> None:
    """Bound some leaves."""
    pinned, guarantee = column.pinned[leaves], column.guarantee[leaves]
    demand = np.maximum(np.minimum(column.demand[leaves], column.ceiling[leaves]), pinned)
    wanted = np.maximum(np.minimum(guarantee, demand), column.withheld[leaves])
    low = np.maximum(wanted, pinned)
    found.pinned[leaves] = pinned
    found.claim[leaves] = np.maximum(guarantee, pinned)
    found.demand[leaves] = demand
    found.low[leaves] = low
    found.high[leaves] = np.maximum(low, np.minimum(column.most[leaves], demand))


def bound_parents(column: Column, found: Bounds, families: Families) -> None:
    """Bound some nodes of one level from their children."""
    children, add, parents = families.children, families.siblings.sum, families.parents
    pinned = add(found.pinned[children])
    ceiling, guarantee = column.ceiling[parents], column.guarantee[parents]
    demand = np.minimum(ceiling, add(found.high[children]))
    wanted = np.maximum(np.minimum(guarantee, demand), column.withheld[parents])
    low = np.maximum(pinned, np.minimum(ceiling, np.maximum(wanted, add(found.low[children]))))
    found.pinned[parents] = pinned
    found.claim[parents] = np.maximum(guarantee, add(found.claim[children]))
    found.demand[parents] = demand
    found.low[parents] = low
    found.high[parents] = np.maximum(low, np.minimum(column.most[parents], demand))
