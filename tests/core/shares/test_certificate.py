"""The checker: it finds nothing in a right answer, and something in any other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.shares import Amount, Binding, Level, Problem, Queue, ShareMode, Tree, solve
from bridge.core.shares.certificate import Flaw, FlawKind, verify
from tests.core.shares.claims import many, picks, solved
from tests.core.shares.trees import real, whole


@dataclass(frozen=True, slots=True)
class Claim:
    """An answer that anybody may have made up."""

    granted: Mapping[str, Mapping[str, Amount]]
    certificate: Mapping[str, Mapping[str, Level]]
    usable: Mapping[str, Mapping[str, Amount]]
    remaining: Mapping[str, Amount]

    def shares(self) -> Mapping[str, Mapping[str, Amount]]:
        return self.granted

    def usable_by_leaf(self) -> Mapping[str, Mapping[str, Amount]]:
        return self.usable


def claim(problem: Problem) -> Claim:
    """The right answer, for spoiling."""
    solution = solve(Tree.of(problem))
    return Claim(solution.shares(), solution.certificate, solution.usable_by_leaf(), solution.remaining)


def with_grant(right: Claim, queue: str, resource: str, more: Amount) -> Claim:
    amounts = {**right.granted[queue], resource: right.granted[queue][resource] + more}
    return replace(right, granted={**right.granted, queue: amounts})


def with_level(right: Claim, level: Level) -> Claim:
    """Change the level at the root of a problem with processors alone."""
    return replace(right, certificate={**right.certificate, "root": {"cpu": level}})


def cpus(total: Amount, *queues: Queue) -> Problem:
    return Problem(total={"cpu": total}, unit={"cpu": 1}, queues=queues)


THREE = cpus(10, Queue(name="a"), Queue(name="b"), Queue(name="c", demand={"cpu": 1}))
"""5, 4 and 1, at a level of 4.5."""
SHORT = cpus(9, Queue(name="a", guarantee={"cpu": 8}), Queue(name="b", guarantee={"cpu": 4}))
"""6 and 3, at three quarters of the guarantees."""


@given(whole() | real())
@many
def test_a_right_answer_has_no_flaw(problem: Problem) -> None:
    assert verify(problem, solve(Tree.of(problem))) == ()


@given(whole(), picks, st.sampled_from((-1, 1)))
@many
def test_a_grant_that_is_off_by_one_unit_is_a_flaw(problem: Problem, pick: int, sign: int) -> None:
    queue = problem.queues[pick % len(problem.queues)].name
    resource = sorted(problem.unit)[pick % len(problem.unit)]
    wrong = with_grant(claim(problem), queue, resource, sign * problem.unit[resource])
    assert verify(problem, wrong) != ()


@given(real(), picks, st.sampled_from((-1, 1)))
@many
def test_a_grant_that_is_off_by_a_millionth_is_a_flaw(problem: Problem, pick: int, sign: int) -> None:
    queue = problem.queues[pick % len(problem.queues)].name
    resource = sorted(problem.total)[pick % len(problem.total)]
    wrong = with_grant(claim(problem), queue, resource, sign * max(1, problem.total[resource]) / 1e6)
    assert verify(problem, wrong) != ()


def test_a_unit_that_went_to_the_wrong_sibling_is_a_flaw() -> None:
    wrong = with_grant(with_grant(claim(THREE), "a", "cpu", -1), "b", "cpu", 1)
    assert verify(THREE, replace(wrong, usable=wrong.granted)) == (
        Flaw(kind=FlawKind.ROUNDING, queue="a", resource="cpu", stated=4, due=5),
    )


@pytest.mark.parametrize("lambda_", [0, 1, 3, 4, 5, 6, 1e9, None])
def test_another_level_is_a_flaw(lambda_: float | None) -> None:
    right = claim(THREE)
    level = right.certificate["root"]["cpu"]
    assert level.lambda_ == 4.5
    assert verify(THREE, with_level(right, replace(level, lambda_=lambda_))) != ()


@pytest.mark.parametrize("mu", [0, 0.5, 0.7, 0.8, 1, None])
def test_another_ratio_of_guarantees_is_a_flaw(mu: float | None) -> None:
    right = claim(SHORT)
    level = right.certificate["root"]["cpu"]
    assert level.mu == 0.75
    assert verify(SHORT, with_level(right, replace(level, mu=mu))) != ()


def test_the_levels_of_two_nodes_cant_be_swapped() -> None:
    queues = (Queue(name="a"), Queue(name="b"), Queue(name="x", parent="b"), Queue(name="y", parent="b", weight=2))
    problem = cpus(40, *queues)
    right = claim(problem)
    swapped = {"root": right.certificate["b"], "b": right.certificate["root"]}
    assert {flaw.queue for flaw in verify(problem, replace(right, certificate=swapped))} == {"root", "b"}


def test_another_tier_is_a_flaw() -> None:
    problem = cpus(10, Queue(name="first", priority=1, demand={"cpu": 6}), Queue(name="second"))
    right = claim(problem)
    level = right.certificate["root"]["cpu"]
    assert (level.tier, level.lambda_) == (0, 4)
    assert verify(problem, with_level(right, replace(level, tier=1))) != ()


@pytest.mark.parametrize("binding", [{}, {"c": Binding.MAX}, {"c": Binding.BORROWING_LIMIT}, {"a": Binding.DEMAND}])
def test_another_bound_is_a_flaw(binding: Mapping[str, Binding]) -> None:
    right = claim(THREE)
    level = right.certificate["root"]["cpu"]
    assert level.binding == {"c": Binding.DEMAND}
    flaws = verify(THREE, with_level(right, replace(level, binding=binding)))
    assert {flaw.kind for flaw in flaws} == {FlawKind.BINDING}


def test_what_is_left_over_and_what_is_usable_are_checked_too() -> None:
    right = claim(THREE)
    assert verify(THREE, replace(right, remaining={"cpu": 1})) == (
        Flaw(kind=FlawKind.REMAINING, queue="root", resource="cpu", stated=1, due=0),
    )
    assert verify(THREE, replace(right, usable={**right.usable, "c": {"cpu": 2}})) == (
        Flaw(kind=FlawKind.USABLE, queue="c", resource="cpu", stated=2, due=1),
    )


@pytest.mark.parametrize("unit", [{}, {"cpu": 1}], ids=["real", "whole"])
def test_bounds_are_named_where_any_level_of_many_would_do(unit: Mapping[str, Amount]) -> None:
    """The levels from 10/3 to 30 all say the same: one queue has what it wants, the other its guarantee."""
    queues = (
        Queue(name="content", weight=1.5, demand={"cpu": 5}),
        Queue(name="guaranteed", weight=0.1, guarantee={"cpu": 3}),
        Queue(name="last", weight=2, priority=-1, guarantee={"cpu": 9}, demand={"cpu": 5}),
    )
    problem = Problem(total={"cpu": 13}, unit=unit, queues=queues, share_mode=ShareMode.FLOOR)
    level = solved(problem).certificate["root"]["cpu"]
    for name, weight, bound, part in (("content", 1.5, Binding.DEMAND, 5), ("guaranteed", 0.1, Binding.MIN, 3)):
        assert level.lambda_ is not None
        assert level.binding.get(name) is bound or level.lambda_ * weight == pytest.approx(part)
