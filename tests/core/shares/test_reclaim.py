"""Who gives back how much: no more than is missing, from nobody at or below its target, and once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.core.shares import Amount, Problem, Queue, ReclaimPolicy, Solution, Tree, reclaim, solve
from tests.core.shares import trees

Plan = dict[str, dict[str, Amount]]


def asked(problem: Problem) -> Plan:
    tree = Tree.of(problem)
    return reclaim(tree, solve(tree))


def among(total: int, *queues: Queue, **said: Any) -> Problem:
    return Problem(queues=queues, total={"cpu": total}, unit={"cpu": 1}, **said)


def leaf(name: str, used: int, wants: int = 100, **said: Any) -> Queue:
    return Queue(name=name, used={"cpu": used}, demand={"cpu": wants}, **said)


def cpus(problem: Problem) -> dict[str, Amount]:
    return {name: amounts["cpu"] for name, amounts in asked(problem).items()}


def test_what_is_above_target_pays_for_what_is_below() -> None:
    assert cpus(among(100, leaf("a", 80), leaf("b", 20))) == {"a": 30}


def test_what_is_free_is_not_taken_from_anybody() -> None:
    assert cpus(among(100, leaf("a", 60), leaf("b", 20))) == {"a": 10}
    assert cpus(among(100, leaf("a", 60), leaf("b", 20, wants=40))) == {}


def test_nobody_pays_while_nobody_waits() -> None:
    assert cpus(among(100, leaf("a", 80), leaf("b", 20, wants=20))) == {}


def test_pinned_use_is_never_taken() -> None:
    assert cpus(among(100, leaf("a", 80, pinned={"cpu": 70}), leaf("b", 20))) == {"a": 10}


@pytest.mark.parametrize(("used", "taken"), [(55, {}), (56, {"a": 6})])
def test_within_the_dead_band_nobody_pays(used: int, taken: dict[str, Amount]) -> None:
    assert cpus(among(100, leaf("a", used), leaf("b", 100 - used), dead_band_ratio=0.1)) == taken


def test_by_guarantee_only_nobody_pays_above_another_guarantee() -> None:
    problem = among(100, leaf("a", 80), leaf("b", 20, guarantee={"cpu": 25}))
    assert cpus(problem) == {"a": 30}
    assert cpus(replace(problem, reclaim_policy=ReclaimPolicy.GUARANTEE_ONLY)) == {"a": 5}


def test_the_nearest_relative_pays_first() -> None:
    near = (Queue(name="top"), leaf("near", 40, parent="top"), leaf("poor", 10, parent="top"))
    assert cpus(among(100, *near, leaf("far", 50))) == {"near": 15}
    assert cpus(among(120, *near, leaf("far", 70))) == {"near": 10, "far": 10}


def test_a_side_within_its_target_pays_nobody_elsewhere() -> None:
    side = (Queue(name="top"), leaf("a", 20, parent="top"), leaf("b", 10, parent="top"))
    problem = among(90, *side, leaf("c", 40), leaf("d", 20, guarantee={"cpu": 30}))
    assert cpus(replace(problem, reclaim_policy=ReclaimPolicy.GUARANTEE_ONLY)) == {"c": 10}


def test_low_priorities_pay_first() -> None:
    queues = (leaf("new", 0, 5, priority=1, guarantee={"cpu": 2}), leaf("a", 50, 50))
    problem = among(100, *queues, leaf("c", 50, priority=-1, guarantee={"cpu": 48}))
    assert cpus(problem) == {"a": 3, "c": 2}
    assert cpus(replace(problem, reclaim_policy=ReclaimPolicy.GUARANTEE_ONLY)) == {"c": 2}


def test_few_pay() -> None:
    problem = among(120, leaf("a", 45), leaf("b", 50), leaf("c", 25, guarantee={"cpu": 33}))
    assert cpus(replace(problem, reclaim_policy=ReclaimPolicy.GUARANTEE_ONLY)) == {"b": 8}


def test_where_more_is_used_than_there_is_that_comes_on_top() -> None:
    assert cpus(among(80, leaf("a", 80), leaf("b", 20))) == {"a": 40}
    assert cpus(among(80, leaf("a", 80), leaf("b", 20, wants=20))) == {}


@st.composite
def busy(draw: st.DrawFn) -> Problem:
    """A tree whose leaves all use something, by any policy, within any band."""
    problem = draw(trees.whole() | trees.real())
    grain = max([1, *problem.unit.values()])
    for queue in trees.leaves(problem):
        used = {resource: draw(st.integers(0, 40)) * grain for resource in problem.total}
        pinned = {resource: draw(st.integers(0, 1)) * draw(st.integers(0, 3)) * grain for resource in problem.total}
        pinned = {resource: min(amount, used[resource]) for resource, amount in pinned.items()}
        problem = trees.with_queue(problem, queue.name, used=used, pinned=pinned)
    band, policy = draw(st.sampled_from((0, 0.1, 0.5))), draw(st.sampled_from(ReclaimPolicy))
    return replace(problem, dead_band_ratio=band, reclaim_policy=policy)


many = settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))


@many
@given(busy())
def test_nobody_pays_more_than_it_has_above_its_target(problem: Problem) -> None:
    solution = solve(Tree.of(problem))
    for name, resource, amount in _each(reclaim(solution.tree, solution)):
        queue = next(queue for queue in problem.queues if queue.name == name)
        used, target = queue.used[resource], solution.grant(name)[resource]
        assert 0 < amount <= (used - target) * (1 + 1e-9)
        assert amount <= (used - queue.pinned.get(resource, 0)) * (1 + 1e-9)
        assert used > (1 + problem.dead_band_ratio) * target


@many
@given(busy())
def test_what_is_taken_is_missing_somewhere(problem: Problem) -> None:
    solution = solve(Tree.of(problem))
    plan = reclaim(solution.tree, solution)
    for resource in problem.total:
        taken = sum(amounts.get(resource, 0) for amounts in plan.values())
        over = sum(queue.used.get(resource, 0) for queue in problem.queues) - problem.total[resource]
        assert taken <= max(0, _missing(problem, solution, resource) + over) * (1 + 1e-9)


@many
@given(busy())
def test_a_plan_that_was_carried_out_is_not_repeated(problem: Problem) -> None:
    plan = asked(problem)
    assert asked(_without(problem, plan)) == {}


def _each(plan: Plan) -> list[tuple[str, str, Amount]]:
    return [(name, resource, amount) for name, amounts in plan.items() for resource, amount in amounts.items()]


def _missing(problem: Problem, solution: Solution, resource: str) -> Amount:
    leaves, usable = trees.leaves(problem), solution.usable_by_leaf()
    return sum(max(0, usable[queue.name][resource] - queue.used.get(resource, 0)) for queue in leaves)


def _without(problem: Problem, plan: Plan) -> Problem:
    """Take what the plan says; who waited waits still."""

    def less(used: Mapping[str, Amount], taken: Mapping[str, Amount]) -> dict[str, Amount]:
        return {resource: amount - taken.get(resource, 0) for resource, amount in used.items()}

    queues = tuple(replace(queue, used=less(queue.used, plan.get(queue.name, {}))) for queue in problem.queues)
    return replace(problem, queues=queues)
