"""What makes no difference, on random trees: the input's order, the scale of its numbers, how the answer is found."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.shares import Amount, Problem, Queue, Solver, Tree
from bridge.core.shares.certificate import verify
from tests.core.shares import oracle
from tests.core.shares.claims import (
    dust_of,
    in_bytes,
    is_near,
    lowered,
    many,
    ordered,
    path_of,
    picked,
    picks,
    shares,
    solved,
    weight_of,
)
from tests.core.shares.oracle import exact
from tests.core.shares.trees import real, scaled, whole, with_demand, with_queue


@given(whole() | real(), st.randoms(use_true_random=False))
@many
def test_the_order_of_the_input_changes_no_byte(problem: Problem, chance: random.Random) -> None:
    problem = ordered(problem)
    queues = list(problem.queues)
    chance.shuffle(queues)
    shuffled = replace(
        problem,
        queues=tuple(replace(queue, demand=backwards(queue.demand)) for queue in queues),
        total=backwards(problem.total),
    )
    assert in_bytes(problem) == in_bytes(problem) == in_bytes(shuffled)


def backwards(amounts: Mapping[str, Amount]) -> dict[str, Amount]:
    """Name the last first."""
    return {resource: amounts[resource] for resource in reversed(list(amounts))}


@given(whole(), st.sampled_from((2, 8, 1000)))
@many
def test_only_the_ratio_of_weights_matters(problem: Problem, factor: int) -> None:
    heavier = tuple(
        replace(queue, weight={resource: weight_of(queue, resource) * factor for resource in problem.total})
        for queue in problem.queues
    )
    assert shares(replace(problem, queues=heavier)) == shares(problem)


@given(whole(), st.sampled_from((2, 1000, 2**20)))
@many
def test_a_smaller_unit_changes_only_the_numbers(problem: Problem, factor: int) -> None:
    granted = shares(problem)
    expected = {name: {r: amount * factor for r, amount in amounts.items()} for name, amounts in granted.items()}
    assert shares(scaled(problem, factor)) == expected


@given(whole(), picks)
@many
def test_a_chain_of_single_children_changes_nothing(problem: Problem, pick: int) -> None:
    problem = ordered(problem)
    leaf, _ = picked(problem, pick)
    above = Queue(name="above", parent=leaf.parent, weight=leaf.weight, priority=leaf.priority, order=leaf.order)
    longer = with_queue(problem, leaf.name, parent="above")
    granted = shares(replace(longer, queues=(*longer.queues, above)))
    assert granted.pop("above") == granted[leaf.name]
    assert granted == shares(problem)


@given(real(), picks)
@many
def test_a_leaf_that_is_split_in_two_equal_parts_gets_the_same(problem: Problem, pick: int) -> None:
    leaf, _ = picked(problem, pick)
    parts = tuple(half(leaf, name) for name in ("left", "right"))
    above = with_queue(problem, leaf.name, demand={}, used={}, pinned={})
    granted = shares(replace(above, queues=(*above.queues, *parts)))
    left, right = granted.pop("left"), granted.pop("right")
    before = shares(problem)
    assert all(is_near(left[r], right[r], dust_of(before, r)) for r in problem.total)
    assert lowered(before, granted) == lowered(granted, before) == {}


def half(leaf: Queue, name: str) -> Queue:
    """A child with half of what its parent wants, and no limits but its parent's."""

    def halved(amounts: Mapping[str, Amount]) -> dict[str, Amount]:
        return {resource: amount / 2 for resource, amount in amounts.items()}

    demand, used, pinned = halved(leaf.demand), halved(leaf.used), halved(leaf.pinned)
    return Queue(name=name, parent=leaf.name, demand=demand, used=used, pinned=pinned)


@given(whole())
@many
def test_rounding_costs_less_than_a_unit_a_level(problem: Problem) -> None:
    rounded, exactly = shares(problem), oracle.grants(problem, is_rounded=False)
    for queue in problem.queues:
        depth = len(path_of(queue.name, problem))
        for resource, unit in problem.unit.items():
            part = rounded[queue.name][resource]
            assert abs(part - exactly[queue.name][resource]) < depth * unit
            assert part % exact(unit) == 0


# The same answer by other ways -------------------------------------------------------------------------------------


@given(whole())
@many
def test_whole_units_are_what_the_exact_rule_gives(problem: Problem) -> None:
    assert shares(problem) == oracle.grants(problem)


@given(whole(), st.sampled_from((3, 7, 100)))
@many
def test_room_is_rounded_down_to_whole_units_and_demand_up(problem: Problem, unit: int) -> None:
    ragged = replace(problem, unit=dict.fromkeys(problem.total, unit))
    assert shares(ragged) == oracle.grants(ragged)


@given(whole(), st.lists(st.tuples(picks, st.integers(0, 30)), min_size=1, max_size=5))
@many
def test_one_leaf_changed_is_the_same_as_all_solved_anew(problem: Problem, changes: list[tuple[int, int]]) -> None:
    solver = Solver(Tree.of(problem))
    for pick, wanted in changes:
        leaf, resource = picked(problem, pick)
        problem = with_demand(problem, leaf.name, resource, wanted * problem.unit[resource])
        demand = next(queue.demand for queue in problem.queues if queue.name == leaf.name)
        updated = solver.update(leaf.name, demand=demand)
        assert verify(problem, updated) == ()
        assert updated.shares() == solved(problem).shares()


@given(real())
@many
def test_real_numbers_are_what_the_exact_rule_gives(problem: Problem) -> None:
    granted, expected = shares(problem), oracle.grants(problem)
    assert lowered(granted, expected) == lowered(expected, granted) == {}


# Below the smallest normal number a float is no longer exact to its last bit.
CAPACITY = st.floats(0, 200, allow_subnormal=False)


@given(
    st.lists(st.tuples(st.floats(0, 50, allow_subnormal=False), st.floats(0.01, 10)), min_size=1, max_size=9), CAPACITY
)
@many
def test_a_flat_group_is_what_bisection_finds(lines: list[tuple[float, float]], capacity: float) -> None:
    """Without guarantees and limits: raise one level until the room is used up."""
    queues = tuple(Queue(name=f"q{n}", weight=w, demand={"cpu": d}) for n, (d, w) in enumerate(lines))
    granted = shares(Problem(queues=queues, total={"cpu": capacity}))
    low, high = 0.0, 1e5
    for _ in range(200):
        middle = (low + high) / 2
        is_too_much = sum(min(demand, middle * weight) for demand, weight in lines) > capacity
        low, high = (low, middle) if is_too_much else (middle, high)
    for number, (demand, weight) in enumerate(lines):
        assert float(granted[f"q{number}"]["cpu"]) == pytest.approx(min(demand, low * weight), rel=1e-9, abs=1e-9)


def test_where_dominant_resource_fairness_lowers_a_queue_as_capacity_grows_this_rule_does_not() -> None:
    """Why targets are set resource by resource. Example worked by hand from the rule of Ghodsi et al. (NSDI 2011)."""
    light, heavy = {"cpu": 1, "memory": 1}, {"cpu": 1, "memory": 5}
    small, large = {"cpu": 10, "memory": 20}, {"cpu": 10, "memory": 100}
    assert tasks_by_dominant_share(light, heavy, small) == pytest.approx((20 / 3, 8 / 3))
    assert tasks_by_dominant_share(light, heavy, large) == pytest.approx((5, 5))
    queues = (Queue(name="light"), Queue(name="heavy"))
    before, after = (shares(Problem(queues=queues, total=capacity)) for capacity in (small, large))
    assert before == {"light": {"cpu": 5, "memory": 10}, "heavy": {"cpu": 5, "memory": 10}}
    assert after == {"light": {"cpu": 5, "memory": 50}, "heavy": {"cpu": 5, "memory": 50}}


def tasks_by_dominant_share(
    one: dict[str, int], other: dict[str, int], capacity: dict[str, int]
) -> tuple[float, float]:
    """Run as many tasks of each as fit, at equal dominant shares."""
    costs = [max(bundle[resource] / capacity[resource] for resource in bundle) for bundle in (one, other)]
    share = min(capacity[r] / (one[r] / costs[0] + other[r] / costs[1]) for r in capacity)
    return share / costs[0], share / costs[1]
