"""Says why a queue gets what it gets: from the root down, how each amount on its path was divided."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from bridge.core.shares.problem import Amount
from bridge.core.shares.shape import Shape
from bridge.core.shares.solution import Answer, Binding, Solution
from bridge.core.shares.tree import Tree


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One step of the chain: what a queue gets of its parent's amount of one resource."""

    resource: str
    queue: str
    parent: str
    available: Amount
    """What the parent has to divide."""
    amount: Amount
    """The queue's part."""
    lower: Amount
    upper: Amount | None
    """None: no bound."""
    lambda_: Amount | None
    mu: float | None
    tier: int
    """Of the parent's division, as in the certificate."""
    binding: Binding | None
    """None: it is on the line, where its weight puts it."""
    payer: str | None
    """The sibling that would have less if this queue had more; None while something is idle, or nobody could."""


def explain(tree: Tree, solution: Solution, queue: str) -> tuple[Link, ...]:
    """Follow each resource from the root to *queue*."""
    node = tree.shape.node_by_name[queue]
    steps = [node, *tree.shape.path(node)][-2::-1]
    return tuple(link for answer in solution.answers for link in _chain(tree.shape, answer, steps))


def _chain(form: Shape, answer: Answer, steps: list[int]) -> Iterator[Link]:
    amount = answer.column.amount
    for node in steps:
        parent = int(form.parent[node])
        high = answer.bounds.high[node]
        payer = _payer(form, answer, node)
        yield Link(
            resource=answer.column.resource,
            queue=form.names[node],
            parent=form.names[parent],
            available=amount(answer.grant[parent]),
            amount=amount(answer.grant[node]),
            lower=amount(answer.bounds.low[node]),
            upper=None if high == np.inf else amount(high),
            lambda_=answer.lambda_of(form, parent),
            mu=answer.mu_of(parent),
            tier=int(answer.levels.tier[parent]),
            binding=answer.binding(node),
            payer=None if payer is None else form.names[payer],
        )


def _payer(form: Shape, answer: Answer, node: int) -> int | None:
    """Find who pays first: of the last tier that has something to give, who is furthest above its lower bound."""
    parent = int(form.parent[node])
    first = int(form.first_child[parent])
    siblings = slice(first, first + int(form.child_count[parent]))
    granted, bounds = answer.grant[siblings], answer.bounds
    if answer.levels.level[parent] == np.inf and granted.sum() < answer.grant[parent]:
        return None
    least = (bounds.pinned if answer.levels.is_mu[parent] else bounds.low)[siblings]
    spare = (granted - least).astype(float)
    spare[node - first] = 0
    if not (spare > 0).any():
        return None
    is_weighted = answer.column.weights.number[siblings] > 0
    order = np.lexsort((-spare, form.priority[siblings], is_weighted, spare <= 0))
    return first + int(order[0])
