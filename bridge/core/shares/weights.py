"""Turns the weights of siblings into the smallest whole numbers of the same proportions.

A weight means what is written, so 0.1, 0.2 and 0.3 divide just as 1, 2 and 3 do, to the last byte.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from bridge.core.shares.amounts import LARGEST, as_written
from bridge.core.shares.problem import BadTree, Queue
from bridge.core.shares.shape import Numbers, Shape

WIDEST = 2.0**62
"""Whole weights below this are kept in 64 bits; if a sibling's isn't, they are Python's integers."""


@dataclass(frozen=True, eq=False)
class Weights:
    """Each node's weight among its siblings."""

    number: NDArray[np.float64]
    """In proportion; the whole ones where they fit."""
    whole: Numbers
    """Exact. Python's integers if some don't fit."""
    scale: NDArray[np.float64]
    """What a node's said weight was multiplied by."""
    has_zeros: bool


def weights(queues: Sequence[Queue], shape: Shape, resource: str) -> Weights:
    """Read the weights for one resource; raise BadTree where one isn't a number from 0 on."""
    said = [1, *(_said(queues[position], resource) for position in shape.queue_of_node.tolist()[1:])]
    number = np.array(said, dtype=float)
    for node in np.flatnonzero(~((number >= 0) & (number <= LARGEST)))[:1]:
        raise BadTree(shape.names[node], "weight", f"is {said[node]}", "write a number from 0 on")
    scale = np.ones(len(said))
    whole: Numbers = np.where(number < WIDEST, number, 0).astype(np.int64)
    if (whole != number).any():
        whole = _exact(said, shape, number, whole, scale)
    _reduce(shape, whole, number, scale)
    return Weights(number=number, whole=whole, scale=scale, has_zeros=bool((number == 0).any()))


def has_own(queues: Sequence[Queue]) -> bool:
    """Say whether any queue has a weight for each resource."""
    return any(isinstance(queue.weight, Mapping) for queue in queues)


def _said(queue: Queue, resource: str) -> float:
    return queue.weight.get(resource, 1) if isinstance(queue.weight, Mapping) else queue.weight


def _exact(
    said: Sequence[float], shape: Shape, number: NDArray[np.float64], whole: Numbers, scale: NDArray[np.float64]
) -> Numbers:
    """Multiply siblings by what makes whole numbers of all."""
    odd = np.flatnonzero(whole != number)
    for parent in np.unique(shape.parent[odd]).tolist():
        first = int(shape.first_child[parent])
        siblings = slice(first, first + int(shape.child_count[parent]))
        exact, factor = _whole([as_written(weight) for weight in said[siblings]])
        if max(exact) >= WIDEST and whole.dtype != object:
            whole = whole.astype(object)
        whole[siblings] = exact
        if max(exact) < WIDEST:
            scale[siblings] = float(factor)
            number[siblings] = exact
    return whole


def _whole(fractions: Sequence[Fraction]) -> tuple[list[int], Fraction]:
    """Return the smallest whole numbers in the same proportions, and the factor."""
    common = math.lcm(*(each.denominator for each in fractions))
    exact = [each.numerator * (common // each.denominator) for each in fractions]
    least = math.gcd(*exact) or 1
    return [each // least for each in exact], Fraction(common, least)


def _reduce(shape: Shape, whole: Numbers, number: NDArray[np.float64], scale: NDArray[np.float64]) -> None:
    """Divide siblings by what they have in common; those that don't fit have nothing."""
    for families in shape.families:
        children = families.children
        least = np.gcd.reduceat(whole[children], families.siblings.starts)
        common = families.siblings.spread(np.maximum(least, 1))
        whole[children] //= common
        number[children] /= common.astype(float)
        scale[children] /= common.astype(float)
