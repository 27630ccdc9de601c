"""Solves a tree: bounds from the leaves up, then each level's amounts divided among the level below.

All siblings of a level are divided together. At most one tier of a family is on a line: those before it have all they
can use, and those after it their lower bounds. So the tiers are found by adding up, and one pouring does for all.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bridge.core.shares.bounds import bounds
from bridge.core.shares.column import Column
from bridge.core.shares.lines import NOISE, Lines
from bridge.core.shares.pour import pour
from bridge.core.shares.shape import Families, Flags, Ints, Numbers, Shape
from bridge.core.shares.solution import Answer, Levels, Solution
from bridge.core.shares.tree import Tree


def solve(tree: Tree) -> Solution:
    """Divide the capacity of every resource."""
    return Solution(tree, tuple(answer(tree.shape, column) for column in tree.columns))


def answer(form: Shape, column: Column) -> Answer:
    """Divide one resource."""
    found = _blank(form, column)
    found.grant[0] = capacity(form, found)
    for families in form.families:
        divide(form, found, families)
    return found


def _blank(form: Shape, column: Column) -> Answer:
    size = len(form.names)
    return Answer(
        column=column,
        bounds=bounds(form, column),
        grant=np.zeros_like(column.used),
        sides=np.zeros(size, dtype=np.int8),
        levels=Levels(
            level=np.full(size, np.inf),
            is_mu=np.zeros(size, dtype=bool),
            is_last=np.zeros(size, dtype=bool),
            tier=np.zeros(size, dtype=np.int64),
        ),
    )


def capacity(form: Shape, found: Answer) -> int | float:
    """Return what there is to divide; where nothing is said, what everybody may have."""
    if found.column.total is not None:
        return found.column.total
    wanted: int | float = found.bounds.high[1 : 1 + int(form.child_count[0])].sum()
    return wanted


def divide(form: Shape, found: Answer, families: Families) -> None:
    """Divide what some parents of one level got among their children, and write it down."""
    lines = _lines(form, found, families)
    amounts = found.grant[families.parents]
    slack = amounts - families.siblings.sum(lines.low)
    noise = (0 if lines.is_whole else NOISE) * amounts
    is_short = slack < -noise
    is_full = _divide_tiers(form, found, families, lines, np.maximum(slack, 0), noise)
    if is_short.any():
        _divide_claims(found, families, lines, is_short)
    if found.column.weights.has_zeros:
        _divide_rest(found, families, lines, is_full & ~is_short)


def _lines(form: Shape, found: Answer, families: Families) -> Lines:
    """Draw the children's lines; a guarantee counts toward the share, or in surplus mode comes before it."""
    children, column = families.children, found.column
    low = found.bounds.low[children]
    is_surplus = families.siblings.spread(form.is_surplus[families.parents])
    return Lines(
        runs=families.siblings,
        base=np.where(is_surplus, low, 0),
        weight=column.weights.number[children],
        exact_weight=column.weights.whole[children],
        low=low,
        high=found.bounds.high[children],
        is_whole=column.unit is not None,
    )


def _divide_tiers(
    form: Shape, found: Answer, families: Families, lines: Lines, slack: Numbers, noise: Numbers
) -> Flags:
    """Divide beyond the lower bounds, tier by tier; say in which families all of weight have all they can use."""
    if found.column.weights.has_zeros:
        lines = replace(lines, high=np.where(lines.weight > 0, lines.high, lines.low))
    low, high = families.tiers.sum(lines.low), families.tiers.sum(lines.high)
    room = high - low
    given = _handed_down(families, slack, room)
    is_open = room - given > noise[families.parent_of_tier]
    poured = pour(replace(lines, runs=families.tiers), np.where(is_open, low + given, high))
    found.grant[families.children], found.sides[families.children] = poured.parts, poured.sides
    first = _first_open(families, is_open)
    at, parents = np.maximum(first, 0), families.parents
    found.levels.level[parents] = np.where(first >= 0, poured.level[at], np.inf)
    last = np.append(np.flatnonzero(np.diff(families.parent_of_tier)), len(is_open) - 1)
    found.levels.tier[parents] = form.priority[families.tier_nodes[np.where(first >= 0, at, last)]]
    found.levels.is_mu[parents] = found.levels.is_last[parents] = False
    is_full: Flags = first < 0
    return is_full


def _handed_down(families: Families, slack: Numbers, room: Numbers) -> Numbers:
    """Give each tier of a family what the tiers before it leave."""
    given, left = np.empty_like(slack, shape=len(room)), slack.copy()
    for tiers in families.passes:
        parents = families.parent_of_tier[tiers]
        given[tiers] = np.minimum(left[parents], room[tiers])
        left[parents] -= given[tiers]
    return given


def _first_open(families: Families, is_open: Flags) -> Ints:
    """Find each family's first tier that doesn't get all it can use; -1 where all do."""
    found = np.full(len(families.parents), -1)
    tiers = np.flatnonzero(is_open)[::-1]
    found[families.parent_of_tier[tiers]] = tiers
    return found


def _divide_claims(found: Answer, families: Families, lines: Lines, is_short: Flags) -> None:
    """Divide what isn't enough for the lower bounds: one part of every claim, whatever is asked for."""
    runs, at = families.siblings.picked(is_short)
    nodes, parents = families.nodes[at], families.parents[is_short]
    claim = found.bounds.claim[nodes]
    poured = pour(
        Lines(
            runs=runs,
            base=np.zeros_like(claim),
            weight=claim.astype(float),
            exact_weight=claim,
            low=found.bounds.pinned[nodes],
            high=lines.low[at],
            is_whole=lines.is_whole,
        ),
        found.grant[parents],
    )
    found.grant[nodes], found.sides[nodes] = poured.parts, poured.sides
    found.levels.level[parents] = poured.level
    found.levels.is_mu[parents] = True


def _divide_rest(found: Answer, families: Families, lines: Lines, is_full: Flags) -> None:
    """Divide what all others leave among the queues of weight 0, equally."""
    is_zero = lines.weight == 0
    chosen = is_full & (families.siblings.sum(is_zero) > 0)
    if not chosen.any():
        return
    some, at = lines.picked(chosen)
    nodes, parents, waits = families.nodes[at], families.parents[chosen], is_zero[at]
    low = found.grant[nodes]
    poured = pour(
        replace(
            some,
            weight=waits.astype(float),
            exact_weight=waits.astype(np.int64),
            low=low,
            high=np.where(waits, some.high, low),
        ),
        found.grant[parents],
    )
    found.grant[nodes[waits]], found.sides[nodes[waits]] = poured.parts[waits], poured.sides[waits]
    found.levels.level[parents] = poured.level
    found.levels.is_last[parents] = True
