"""What the properties are said in: a checked answer, comparison of real numbers, and a tree's relations."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from fractions import Fraction

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from bridge.core.shares import Amount, Problem, Queue, ShareMode, Solution, Tree, solve
from bridge.core.shares.certificate import verify
from tests.core.shares import oracle
from tests.core.shares.oracle import exact
from tests.core.shares.trees import leaves

many = settings(
    max_examples=30 * int(os.environ.get("TIMES", "1")), deadline=None, suppress_health_check=list(HealthCheck)
)
"""Enough for every day; TIMES=100 in the environment, for a night."""
picks = st.integers(0, 2**16)
SLACK = Fraction(1, 10**9)
Grants = dict[str, dict[str, Fraction]]


def solved(problem: Problem) -> Solution:
    """Solve, and have the answer checked."""
    solution = solve(Tree.of(problem))
    assert verify(problem, solution) == ()
    return solution


def shares(problem: Problem) -> Grants:
    """Everybody's grant, inner queues too."""
    found = solved(problem).shares()
    return {name: {resource: exact(amount) for resource, amount in amounts.items()} for name, amounts in found.items()}


def in_bytes(problem: Problem) -> bytes:
    """All that there is to say about the answer, in one order."""
    solution = solved(problem)
    levels = {
        node: {r: (level.lambda_, level.mu, level.tier, _sorted(level.binding)) for r, level in by_resource.items()}
        for node, by_resource in solution.certificate.items()
    }
    told = (solution.shares(), solution.usable_by_leaf(), solution.remaining, levels)
    return repr([_sorted(part) for part in told]).encode()


def _sorted(value: object) -> object:
    return sorted((key, _sorted(entry)) for key, entry in value.items()) if isinstance(value, Mapping) else value


# Real numbers ------------------------------------------------------------------------------------------------------


def is_at_most(one: oracle.Exact, other: oracle.Exact, dust: Fraction = Fraction(0)) -> bool:
    """Say whether *one* is no more than *other*, or so little that it is due to arithmetic."""
    return one * (1 - SLACK) <= other + dust if isinstance(one, Fraction) else one <= other


def is_near(one: oracle.Exact, other: oracle.Exact, dust: Fraction = Fraction(0)) -> bool:
    """Say whether two numbers are the same but for arithmetic."""
    return is_at_most(one, other, dust) and is_at_most(other, one, dust)


def dust_of(granted: Grants, resource: str) -> Fraction:
    """Say what a float's error may leave of the largest grant where nothing should be left."""
    return max(amounts[resource] for amounts in granted.values()) / 2**48


def lowered(before: Grants, after: Grants, *, but: Iterable[str] = ()) -> dict[str, tuple[str, Fraction, Fraction]]:
    """Name those who have less than before, of whoever is there before and after."""
    return {
        name: (resource, amount, after[name][resource])
        for name in before.keys() & after.keys() - set(but)
        for resource, amount in before[name].items()
        if not is_at_most(amount, after[name][resource], dust_of(before, resource))
    }


# Trees -------------------------------------------------------------------------------------------------------------


def siblings(problem: Problem) -> dict[str, list[Queue]]:
    """Group the queues by parent."""
    found: dict[str, list[Queue]] = {}
    for queue in problem.queues:
        found.setdefault(queue.parent, []).append(queue)
    return found


def path_of(name: str, problem: Problem) -> list[str]:
    """Name a queue and all above it, the root left out."""
    parent_by_name = {queue.name: queue.parent for queue in problem.queues}
    path = [name]
    while parent_by_name[path[-1]] in parent_by_name:
        path.append(parent_by_name[path[-1]])
    return path


def mode_below(parent: str, problem: Problem) -> ShareMode:
    """Say by which mode a node's children are divided."""
    said = {queue.name: queue.share_mode for queue in problem.queues}
    above = path_of(parent, problem) if parent in said else []
    return next((mode for mode in (said[name] for name in above) if mode is not None), problem.share_mode)


def amount_of(parent: str, resource: str, problem: Problem, granted: Grants) -> Fraction:
    """Say what a node has to divide."""
    return granted[parent][resource] if parent in granted else exact(problem.total[resource])


def weight_of(queue: Queue, resource: str) -> Amount:
    """Say a queue's weight in one resource."""
    return queue.weight.get(resource, 1) if isinstance(queue.weight, Mapping) else queue.weight


def picked(problem: Problem, pick: int) -> tuple[Queue, str]:
    """Pick some leaf and some resource."""
    found = leaves(problem)
    return found[pick % len(found)], sorted(problem.total)[pick // len(found) % len(problem.total)]


def ordered(problem: Problem) -> Problem:
    """Say the order of the queues, so that it doesn't depend on where they stand."""
    return replace(problem, queues=tuple(replace(q, order=place) for place, q in enumerate(problem.queues)))
