"""Words for shares: amounts, what binds a queue, and the chain from the root to one."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import attrgetter

from bridge.core.shares import Amount, Binding, Level, Link

BINDINGS: dict[Binding, str] = {
    Binding.DEMAND: "demand",
    Binding.MAX: "max",
    Binding.BORROWING_LIMIT: "borrowing limit",
    Binding.MIN: "min",
    Binding.LENDING_LIMIT: "unlent",
    Binding.PINNED: "pinned",
}
"""For a table."""
CLAUSES: dict[Binding, str] = {
    Binding.DEMAND: "all that it can use",
    Binding.MAX: "its max",
    Binding.BORROWING_LIMIT: "its min and all that it may borrow",
    Binding.MIN: "its min, which is above what its weight gives it",
    Binding.LENDING_LIMIT: "what it doesn't lend",
    Binding.PINNED: "what may not be taken from it",
}
"""After "it gets so much"."""


def amount(number: Amount) -> str:
    """Write an amount: a whole one with all its digits, another with six that count."""
    if number == math.inf:
        return "no end"
    if isinstance(number, int) or (number.is_integer() and abs(number) < 2**53):
        return f"{int(number):,}"
    return f"{number:,.6g}"


def bound(level: Level, queue: str) -> str:
    """Say in a word what keeps a queue from more, or from less."""
    if queue in level.binding:
        return BINDINGS[level.binding[queue]]
    return "weight" if level.mu is None else "mins cut"


def chain(links: Sequence[Link]) -> Iterator[str]:
    """Say for each resource, from the root down, how each amount on the way to a queue was divided."""
    for resource, steps in groupby(links, attrgetter("resource")):
        yield resource
        for depth, step in enumerate(steps):
            yield f"{'  ' * (depth + 1)}{_step(step)}"


def _step(link: Link) -> str:
    """Say what a queue gets of its parent's amount, why, and who would pay for more."""
    upper = math.inf if link.upper is None else link.upper
    said = (
        f"{link.parent} divides {amount(link.available)}: {link.queue} gets {amount(link.amount)}, {_why(link)} "
        f"(bounds: {amount(link.lower)} to {amount(upper)})"
    )
    has_payer = link.payer is not None and link.binding is not Binding.DEMAND
    return f"{said}; more for it would come from {link.payer}" if has_payer else said


def _why(link: Link) -> str:
    """Say what an amount comes from."""
    if link.binding is not None:
        return CLAUSES[link.binding]
    if link.mu is not None:
        return f"as the guarantees don't fit, and each is cut to {link.mu:.4g} of itself"
    if link.lambda_ is None:
        return "what its weight gives it"
    tier = f" in the tier of priority {link.tier}" if link.tier else ""
    return f"what its weight gives it{tier}: {amount(link.lambda_)} for each 1 of weight"
