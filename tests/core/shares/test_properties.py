"""What the rule promises each queue, on random trees. Every answer in here has its certificate checked as well.

Amounts in whole units are compared exactly. What is true of real numbers only, because rounding may cost a unit, is
compared to one part in 10^9.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from bridge.core.shares import Problem, Queue, ShareMode
from tests.core.shares import oracle
from tests.core.shares.claims import (
    amount_of,
    dust_of,
    is_at_most,
    is_near,
    lowered,
    many,
    mode_below,
    path_of,
    picked,
    picks,
    shares,
    siblings,
    solved,
    weight_of,
)
from tests.core.shares.oracle import exact
from tests.core.shares.trees import HUGE, leaves, real, whole, with_demand, with_queue

# Amounts -----------------------------------------------------------------------------------------------------------


@given(whole())
@many
def test_children_never_get_more_than_their_parent(problem: Problem) -> None:
    """Unless more than that is pinned."""
    granted = shares(problem)
    for resource in problem.total:
        bounds = oracle.bounds(problem, resource)
        for parent, children in siblings(problem).items():
            parts = [granted[child.name][resource] for child in children]
            assert min(parts) >= 0
            pinned = sum(bounds[child.name].pinned for child in children)
            assert sum(parts) <= max(amount_of(parent, resource, problem, granted), pinned)


@given(whole())
@many
def test_nothing_is_idle_while_somebody_could_use_it(problem: Problem) -> None:
    granted = shares(problem)
    for resource in problem.total:
        bounds = oracle.bounds(problem, resource)
        for parent, children in siblings(problem).items():
            pinned = sum(bounds[child.name].pinned for child in children)
            wanted = oracle.sum_of(bounds[child.name].high for child in children)
            parts = sum(granted[child.name][resource] for child in children)
            assert parts == min(max(amount_of(parent, resource, problem, granted), pinned), wanted)


@given(whole())
@many
def test_a_guarantee_is_kept_where_all_of_them_fit(problem: Problem) -> None:
    granted = shares(problem)
    for resource in problem.total:
        bounds = oracle.bounds(problem, resource)
        short = {
            parent
            for parent, children in siblings(problem).items()
            if lows_of(children, bounds) > amount_of(parent, resource, problem, granted)
        }
        for queue in problem.queues:
            if not short & {"root", *path_of(queue.name, problem)[1:]}:
                bound = bounds[queue.name]
                assert granted[queue.name][resource] >= min(bound.guarantee, bound.demand)


@given(whole())
@many
def test_guarantees_that_dont_fit_shrink_in_one_ratio(problem: Problem) -> None:
    solution, granted = solved(problem), shares(problem)
    for resource, unit in problem.unit.items():
        bounds = oracle.bounds(problem, resource)
        for parent, children in siblings(problem).items():
            if lows_of(children, bounds) > amount_of(parent, resource, problem, granted):
                ratio = exact(solution.certificate[parent][resource].mu or 0)
                for child in children:
                    bound, part = bounds[child.name], granted[child.name][resource]
                    due = max(bound.pinned, min(ratio * bound.claim, bound.low))
                    assert abs(part - due) < unit


@given(whole())
@many
def test_only_what_is_pinned_or_withheld_crosses_a_limit(problem: Problem) -> None:
    granted = shares(problem)
    for resource in problem.total:
        for name, bound in oracle.bounds(problem, resource).items():
            assert granted[name][resource] <= max(bound.ceiling, bound.pinned)
            assert granted[name][resource] <= bound.high


def lows_of(children: list[Queue], bounds: dict[str, oracle.Bounds]) -> Fraction:
    """What must be given before anything is divided."""
    return sum((bounds[child.name].low for child in children), Fraction(0))


# Incentives --------------------------------------------------------------------------------------------------------


@given(real())
@many
def test_sharing_gives_each_at_least_what_it_had_if_everybody_wanted_everything(problem: Problem) -> None:
    greedy = replace(problem, queues=tuple(replace(queue, demand={}, is_active=True) for queue in problem.queues))
    granted, contested = shares(problem), shares(greedy)
    for resource in problem.total:
        bounds = oracle.bounds(problem, resource)
        for leaf in leaves(problem):
            least = min(bounds[leaf.name].demand, contested[leaf.name][resource])
            assert is_at_most(least, granted[leaf.name][resource], dust_of(granted, resource))


@given(real(), picks, st.integers(0, 60))
@many
def test_no_queue_gains_by_a_lie_about_its_demand(problem: Problem, pick: int, lie: int) -> None:
    leaf, resource = picked(problem, pick)
    needed = oracle.bounds(problem, resource)[leaf.name].demand
    granted = shares(problem)
    honest = granted[leaf.name][resource]
    lying = shares(with_demand(problem, leaf.name, resource, lie))[leaf.name][resource]
    assert is_at_most(min(lying, needed), min(honest, needed), dust_of(granted, resource))


@given(real())
@many
def test_siblings_that_no_bound_holds_get_the_same_for_their_weight(problem: Problem) -> None:
    """In floor mode all of it, in surplus mode what comes on top of the lower bound."""
    granted = shares(problem)
    for resource in problem.total:
        bounds, dust = oracle.bounds(problem, resource), dust_of(granted, resource) * 100
        for parent, children in siblings(problem).items():
            is_surplus = mode_below(parent, problem) is ShareMode.SURPLUS
            levels: dict[int, list[Fraction]] = {}
            for child in children:
                weight, bound, part = (
                    exact(weight_of(child, resource)),
                    bounds[child.name],
                    granted[child.name][resource],
                )
                # A part that a bound holds may lie beside it by what arithmetic leaves.
                if weight and bound.low + dust < part < bound.high - dust:
                    levels.setdefault(child.priority, []).append((part - is_surplus * bound.low) / weight)
            if lows_of(children, bounds) <= amount_of(parent, resource, problem, granted):
                assert all(is_near(max(same), min(same), dust) for same in levels.values())


# What may change, and whom it may hurt -----------------------------------------------------------------------------


@given(real(), picks, st.integers(1, 40))
@many
def test_more_capacity_lowers_nobody(problem: Problem, pick: int, more: int) -> None:
    resource = picked(problem, pick)[1]
    grown = replace(problem, total={**problem.total, resource: problem.total[resource] + more})
    assert lowered(shares(problem), shares(grown)) == {}


@given(real(), picks)
@many
def test_demand_that_goes_away_lowers_nobody_else(problem: Problem, pick: int) -> None:
    leaf, _ = picked(problem, pick)
    gone = with_queue(problem, leaf.name, is_active=False, pinned={}, used={})
    assert lowered(shares(problem), shares(gone), but=path_of(leaf.name, problem)) == {}


@given(real(), picks)
@many
def test_a_queue_that_goes_away_lowers_nobody_else(problem: Problem, pick: int) -> None:
    """One without a guarantee; a guarantee counts for its parent, and a borrowing limit there counts from it."""
    leaf, _ = picked(problem, pick)
    problem = with_queue(problem, leaf.name, guarantee={})
    others = tuple(queue for queue in problem.queues if queue.name != leaf.name)
    if any(queue.parent == leaf.parent for queue in others):
        lost = lowered(shares(problem), shares(replace(problem, queues=others)), but=path_of(leaf.name, problem))
        assert lost == {}


@given(real(), picks, st.integers(1, 40))
@many
def test_one_queues_demand_never_raises_anothers_grant(problem: Problem, pick: int, more: int) -> None:
    leaf, resource = picked(problem, pick)
    wanted = with_demand(problem, leaf.name, resource, leaf.demand.get(resource, HUGE) + more)
    assert lowered(shares(wanted), shares(problem), but=path_of(leaf.name, problem)) == {}


@given(real(), picks, st.sampled_from((0.5, 1, 7)))
@many
def test_a_higher_weight_never_lowers_its_owner(problem: Problem, pick: int, more: float) -> None:
    queue = problem.queues[pick % len(problem.queues)]
    weights = {resource: float(weight_of(queue, resource)) + more for resource in problem.total}
    before, after = shares(problem), shares(with_queue(problem, queue.name, weight=weights))
    assert queue.name not in lowered(before, after)


@given(real(), picks, st.integers(1, 20))
@many
def test_a_higher_guarantee_never_lowers_its_owner(problem: Problem, pick: int, more: int) -> None:
    queue = problem.queues[pick % len(problem.queues)]
    guarantee = {resource: queue.guarantee.get(resource, 0) + more for resource in problem.total}
    before, after = shares(problem), shares(with_queue(problem, queue.name, guarantee=guarantee))
    assert queue.name not in lowered(before, after)


@given(whole())
@many
def test_asking_for_what_one_got_gives_it_again(problem: Problem) -> None:
    """So a second round changes nothing."""
    granted = solved(problem).shares()
    parents = {queue.parent for queue in problem.queues}
    content = tuple(
        replace(queue, is_active=True, demand={} if queue.name in parents else granted[queue.name])
        for queue in problem.queues
    )
    assert solved(replace(problem, queues=content)).shares() == granted
