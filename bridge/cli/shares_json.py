"""Shares for programs: the plain values that become JSON.

Names are in alphabetical order, so that the same answer is the same bytes. A whole number is written without a point,
with all its digits; only a resource without `unit` has others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from bridge.core.shares import Amount, Correction, Level, Link, Solution

_EXACT = 2**53
"""Floats from here on are whole, but their digits are nobody's."""

T = TypeVar("T")


def plain(solution: Solution, taken: Mapping[str, Mapping[str, Amount]]) -> dict[str, Any]:
    """Return who gets how much, what proves it, and what is taken back."""
    return {
        "shares": _by_queue(solution.shares()),
        "usable": _by_queue(solution.usable_by_leaf()),
        "remaining": _amounts(solution.remaining),
        "certificate": {
            inner: {resource: _level(level) for resource, level in _sorted(levels).items()}
            for inner, levels in _sorted(solution.certificate).items()
        },
        "corrections": [_correction(each) for each in sorted(solution.corrections, key=_place)],
        "reclaim": _by_queue(taken),
    }


def plain_chain(links: Sequence[Link]) -> list[dict[str, Any]]:
    """Return the chain from the root to a queue, resource by resource."""
    return [
        {
            "resource": link.resource,
            "parent": link.parent,
            "available": number(link.available),
            "queue": link.queue,
            "amount": number(link.amount),
            "lower": number(link.lower),
            "upper": number(link.upper),
            "lambda": number(link.lambda_),
            "mu": number(link.mu),
            "tier": link.tier,
            "binding": link.binding,
            "payer": link.payer,
        }
        for link in links
    ]


def number(amount: Amount | None) -> Amount | None:
    """Write a whole number as an integer."""
    if isinstance(amount, float) and amount.is_integer() and abs(amount) <= _EXACT:
        return int(amount)
    return amount


def _by_queue(amounts: Mapping[str, Mapping[str, Amount]]) -> dict[str, Any]:
    return {queue: _amounts(each) for queue, each in _sorted(amounts).items()}


def _amounts(amounts: Mapping[str, Amount]) -> dict[str, Amount | None]:
    return {resource: number(amount) for resource, amount in _sorted(amounts).items()}


def _sorted(by_name: Mapping[str, T]) -> dict[str, T]:
    return {name: by_name[name] for name in sorted(by_name)}


def _level(level: Level) -> dict[str, Any]:
    return {
        "lambda": number(level.lambda_),
        "mu": number(level.mu),
        "tier": level.tier,
        "binding": _sorted(level.binding),
    }


def _place(each: Correction) -> tuple[str, str, str]:
    return each.queue, each.resource, each.key


def _correction(each: Correction) -> dict[str, Any]:
    return {
        "queue": each.queue,
        "resource": each.resource,
        "key": each.key,
        "asked": number(each.asked),
        "became": number(each.became),
    }
