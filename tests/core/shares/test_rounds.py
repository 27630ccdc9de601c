"""Rounds of taking back and letting in: they end, take no more than is missing, and never turn on who gained."""

from __future__ import annotations

from hypothesis import given

from bridge.core.shares import Amount, Problem, Solution, Tree, reclaim, solve
from tests.core.shares.claims import many, solved
from tests.core.shares.trees import in_use, leaves, with_queue

Taken = dict[str, dict[str, Amount]]


def taken_from(problem: Problem) -> Taken:
    """What must be given back, where that is something."""
    tree = Tree.of(problem)
    found = reclaim(tree, solve(tree))
    return {leaf: {r: a for r, a in amounts.items() if a} for leaf, amounts in found.items() if any(amounts.values())}


def released(problem: Problem, taken: Taken) -> Problem:
    """Let the victims go back to waiting: their demand stays."""
    for leaf in leaves(problem):
        used = {resource: amount - taken.get(leaf.name, {}).get(resource, 0) for resource, amount in leaf.used.items()}
        problem = with_queue(problem, leaf.name, used=used)
    return problem


def admitted(problem: Problem, solution: Solution) -> tuple[Problem, set[tuple[str, str]]]:
    """Let in what waits, within targets and what is free; say who gained."""
    free = {r: total - sum(leaf.used[r] for leaf in leaves(problem)) for r, total in problem.total.items()}
    gained = set()
    for leaf in leaves(problem):
        used = dict(leaf.used)
        for resource, target in solution.usable_by_leaf()[leaf.name].items():
            more = min(free[resource], max(0, target - used[resource]))
            used[resource] += more
            free[resource] -= more
            gained |= {(leaf.name, resource)} if more else set()
        problem = with_queue(problem, leaf.name, used=used)
    return problem, gained


def excess(problem: Problem, solution: Solution, resource: str) -> Amount:
    """What is used above targets."""
    return sum(max(0, leaf.used[resource] - solution.grant(leaf.name)[resource]) for leaf in leaves(problem))


@given(in_use())
@many
def test_what_is_taken_is_above_target_and_missing_elsewhere(problem: Problem) -> None:
    solution = solved(problem)
    taken = taken_from(problem)
    usable = solution.usable_by_leaf()
    for resource, total in problem.total.items():
        free = total - sum(leaf.used[resource] for leaf in leaves(problem))
        missing = sum(max(0, usable[leaf.name][resource] - leaf.used[resource]) for leaf in leaves(problem))
        given_back = sum(amounts.get(resource, 0) for amounts in taken.values())
        assert given_back <= max(0, missing - free)
        for leaf in leaves(problem):
            above = max(0, leaf.used[resource] - solution.grant(leaf.name)[resource])
            assert taken.get(leaf.name, {}).get(resource, 0) <= above


@given(in_use())
@many
def test_rounds_end_and_never_turn_on_who_gained(problem: Problem) -> None:
    """Demand is what is used and what waits, so eviction moves no target, and excess can only fall."""
    solution, gained = solved(problem), set[tuple[str, str]]()
    for _ in range(8):
        taken = taken_from(problem)
        if not taken:
            break
        assert not gained & {(leaf, resource) for leaf, amounts in taken.items() for resource in amounts}
        after = released(problem, taken)
        for resource in problem.total:
            given_back = sum(amounts.get(resource, 0) for amounts in taken.values())
            assert excess(after, solution, resource) == excess(problem, solution, resource) - given_back
        problem, entered = admitted(after, solution)
        gained |= entered
    assert taken_from(problem) == {}
