"""Numbers that hurt: very large amounts, very unequal weights, very many queues. Nothing is lost, nothing is NaN."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.shares import Amount, Problem, Queue, ShareMode, Tree, solve
from tests.core.shares import oracle
from tests.core.shares.claims import lowered, many, shares, solved

LARGEST = 10**15
amounts = st.integers(0, LARGEST)
weights = st.sampled_from([10.0**power for power in range(-9, 10)]) | st.floats(1e-9, 1e9)
lines = st.lists(st.tuples(amounts, amounts, weights), min_size=1, max_size=8)
Lines = list[tuple[int, int, float]]


def group(total: Amount, lines: Lines, mode: ShareMode, unit: Amount | None = 1) -> Problem:
    queues = tuple(
        Queue(name=f"q{number}", demand={"cpu": demand}, guarantee={"cpu": guarantee}, weight=weight)
        for number, (demand, guarantee, weight) in enumerate(lines)
    )
    return Problem(queues=queues, total={"cpu": total}, unit={} if unit is None else {"cpu": unit}, share_mode=mode)


@given(amounts, lines, st.sampled_from(ShareMode))
@many
def test_large_amounts_and_unequal_weights_are_divided_exactly(total: int, lines: Lines, mode: ShareMode) -> None:
    problem = group(total, lines, mode)
    assert shares(problem) == oracle.grants(problem)


@given(amounts, lines, st.sampled_from(ShareMode))
@many
def test_they_are_divided_to_a_part_in_10_to_the_9_in_real_numbers(total: int, lines: Lines, mode: ShareMode) -> None:
    problem = group(total, lines, mode, unit=None)
    granted, expected = shares(problem), oracle.grants(problem)
    assert lowered(granted, expected) == lowered(expected, granted) == {}


def test_the_least_weight_beside_the_greatest_gets_its_part() -> None:
    problem = group(LARGEST + 1, [(LARGEST, 0, 1e-9), (LARGEST, 0, 1e6)], ShareMode.FLOOR)
    assert shares(problem) == {"q0": {"cpu": 1}, "q1": {"cpu": LARGEST}}


@pytest.mark.parametrize("total", [99_999, LARGEST + 1])
def test_100_000_equal_queues_get_the_same_to_one_unit(total: int) -> None:
    problem = Problem(
        queues=tuple(Queue(name=f"q{number}") for number in range(100_000)),
        total={"cpu": total},
        unit={"cpu": 1},
    )
    found = [amounts["cpu"] for amounts in solve(Tree.of(problem)).shares().values()]
    assert sum(found) == total
    assert found == sorted(found, reverse=True), "the first get the units that are left"
    assert found[0] - found[-1] == (1 if total % 100_000 else 0)


def test_100_000_equal_queues_get_the_same_in_real_numbers() -> None:
    queues = tuple(Queue(name=f"q{number}", demand={"cpu": 2}) for number in range(100_000))
    found = solve(Tree.of(Problem(queues=queues, total={"cpu": 1e5 / 3}))).shares()
    assert [amounts["cpu"] for amounts in found.values()] == pytest.approx([1 / 3] * 100_000, rel=1e-12)


def test_10_000_equal_queues_have_a_certificate() -> None:
    queues = tuple(Queue(name=f"q{number}") for number in range(10_000))
    assert solved(Problem(queues=queues, total={"cpu": 12_345}, unit={"cpu": 1})).remaining == {"cpu": 0}
