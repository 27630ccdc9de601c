"""A tree that is kept solved answers as one that is solved anew, whatever its leaves have said in between."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.core.shares import BadTree, Problem, Queue, Solution, Solver, Tree, solve
from tests.core.shares import trees

PROBLEM = Problem(
    total={"cpu": 100},
    unit={"cpu": 1},
    queues=(
        Queue(name="top", ceiling={"cpu": 40}),
        Queue(name="a", parent="top", demand={"cpu": 30}, used={"cpu": 5}),
        Queue(name="b", parent="top", demand={"cpu": 30}),
        Queue(name="c", demand={"cpu": 90}),
    ),
)


def told(solution: Solution) -> object:
    shares, usable = solution.shares(), solution.usable_by_leaf()
    return shares, usable, solution.remaining, solution.certificate, solution.corrections


@st.composite
def changes(draw: st.DrawFn, resources: tuple[str, ...]) -> dict[str, Any]:
    """Some of what may be said anew of a leaf."""

    def some(*amounts: float) -> Mapping[str, float]:
        return draw(st.dictionaries(st.sampled_from(resources), st.sampled_from(amounts)))

    change: dict[str, Any] = {}
    if draw(st.booleans()):
        change["demand"] = some(0, 1, 5, 20, 0.3, 10**6, trees.HUGE, 10**17)
    if draw(st.booleans()):
        change["used"] = some(0, 1, 5, 20, 0.3, 600, 10**17)
        change["pinned"] = {resource: amount // draw(st.integers(1, 3)) for resource, amount in change["used"].items()}
    if draw(st.booleans()):
        change["is_active"] = draw(st.booleans())
    return change


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(trees.whole() | trees.real(), st.data())
def test_an_update_is_what_solving_anew_gives(problem: Problem, data: st.DataObject) -> None:
    solver = Solver(Tree.of(problem))
    for _ in range(data.draw(st.integers(1, 3))):
        leaf = data.draw(st.sampled_from(trees.leaves(problem))).name
        change = data.draw(changes(solver.tree.resources))
        problem = trees.with_queue(problem, leaf, **change)
        assert told(solver.update(leaf, **change)) == told(solve(Tree.of(problem)))


def test_a_solution_stays_as_it_was() -> None:
    solver = Solver(Tree.of(PROBLEM))
    before, words = solver.solution, told(solver.solution)
    assert solver.update("a", demand={"cpu": 0}).grant("b") == {"cpu": 30}
    assert told(before) == words
    assert solver.solution is not before


def test_what_is_not_reached_is_not_computed_again() -> None:
    solver = Solver(Tree.of(PROBLEM))
    before = solver.solution.answers[0]
    solver.update("a", demand={"cpu": 35})
    after = solver.solution.answers[0]
    assert after.bounds.high[after.column.wanted == 35] == [35]
    solver.update("a", used={"cpu": 7})
    assert solver.solution.answers[0].grant is after.grant
    assert before.column.used.sum() == 5


@pytest.mark.parametrize(
    ("leaf", "change", "key"),
    [
        pytest.param("x", {}, "name", id="nobody"),
        pytest.param("top", {"demand": {"cpu": 1}}, "name", id="an inner queue"),
        pytest.param("a", {"demand": {"cpu": -1}}, "demand.cpu", id="a negative amount"),
        pytest.param("a", {"demand": {"gpu": 1}}, "demand.gpu", id="another resource"),
        pytest.param("a", {"pinned": {"cpu": 6}}, "used_nonpreemptible.cpu", id="pinned but not used"),
    ],
)
def test_a_bad_update_is_refused_and_changes_nothing(leaf: str, change: dict[str, Any], key: str) -> None:
    solver = Solver(Tree.of(PROBLEM))
    before = solver.solution
    with pytest.raises(BadTree) as refused:
        solver.update(leaf, **change)
    assert (refused.value.queue, refused.value.key) == (leaf, key)
    assert solver.solution is before


def test_demand_without_bound_needs_a_capacity() -> None:
    solver = Solver(Tree.of(Problem(queues=(Queue(name="a", demand={"cpu": 5}),))))
    assert solver.update("a", demand={"cpu": 7}).grant("a") == {"cpu": 7}
    with pytest.raises(BadTree):
        solver.update("a", demand={})
