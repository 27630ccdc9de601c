"""The solver by examples, and where numbers are hard. Random trees are in test_properties and test_sameness."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from bridge.core.shares import (
    Amount,
    BadTree,
    Binding,
    Correction,
    Level,
    Problem,
    Queue,
    ShareMode,
    Solution,
    Tree,
    solve,
)
from tests.core.shares import oracle

EXAMPLE = Problem(
    total={"cpu": 1000, "memory": 4096},
    unit={"cpu": 1, "memory": 1},
    queues=(
        Queue(
            name="ads",
            weight=3,
            guarantee={"cpu": 200},
            ceiling={"cpu": 800},
            demand={"cpu": 900, "memory": 500},
            used={"cpu": 300},
        ),
        Queue(name="etl", demand={"cpu": 600, "memory": 2000}, used={"cpu": 500}),
    ),
)


def flat(total: Amount, queues: Sequence[Queue], *, unit: Amount | None = 1) -> Problem:
    """One resource, divided among siblings."""
    return Problem(queues=tuple(queues), total={"cpu": total}, unit={} if unit is None else {"cpu": unit})


def weighted(*weights: float, **said: Any) -> list[Queue]:
    return [Queue(name=f"q{place}", weight=weight, **said) for place, weight in enumerate(weights)]


def cpus(problem: Problem) -> list[Amount]:
    """What each queue gets, in the order of the problem."""
    solution = solve(Tree.of(problem))
    return [solution.grant(queue.name)["cpu"] for queue in problem.queues]


def agrees(problem: Problem) -> bool:
    found = solve(Tree.of(problem)).shares()
    return {name: {r: Fraction(a) for r, a in amounts.items()} for name, amounts in found.items()} == oracle.grants(
        problem
    )


def test_the_documented_example() -> None:
    solution = solve(Tree.of(EXAMPLE))
    assert solution.shares() == {"ads": {"cpu": 750, "memory": 500}, "etl": {"cpu": 250, "memory": 2000}}
    assert solution.usable_by_leaf() == solution.shares()
    assert solution.remaining == {"cpu": 0, "memory": 1596}
    full = {"ads": Binding.DEMAND, "etl": Binding.DEMAND}
    assert solution.certificate == {
        "root": {
            "cpu": Level(lambda_=250, mu=None, tier=0, binding={}),
            "memory": Level(lambda_=None, mu=None, tier=0, binding=full),
        }
    }
    assert solution.corrections == ()


def test_whole_units_are_whole_numbers_and_others_are_not() -> None:
    assert {type(amount) for amount in cpus(flat(10, weighted(1, 1, 1)))} == {int}
    assert cpus(flat(10, weighted(1, 1, 1), unit=None)) == [10 / 3] * 3


def test_ties_go_by_priority_then_order_then_position() -> None:
    queues = weighted(1, 1, 1)
    queues[2] = replace(queues[2], order=-1)
    assert cpus(flat(4, queues)) == [1, 1, 2]
    assert cpus(flat(4, weighted(1, 1, 1))) == [2, 1, 1]


def test_a_tier_is_served_before_the_next_and_weight_0_last() -> None:
    queues = [
        Queue(name="late", weight=0, demand={"cpu": 50}),
        Queue(name="low", demand={"cpu": 30}),
        Queue(name="high", priority=1, demand={"cpu": 60}, ceiling={"cpu": 60}),
        Queue(name="later", weight=0, guarantee={"cpu": 2}, demand={"cpu": 50}),
    ]
    assert cpus(flat(70, queues)) == [0, 8, 60, 2]
    assert cpus(flat(105, queues)) == [8, 30, 60, 7]
    assert solve(Tree.of(flat(70, queues))).certificate["root"]["cpu"] == Level(
        lambda_=8, mu=None, tier=0, binding={"high": Binding.DEMAND, "later": Binding.MIN}
    )


def test_guarantees_that_do_not_fit_share_one_ratio() -> None:
    problem = flat(10, [Queue(name="a", guarantee={"cpu": 8}), Queue(name="b", guarantee={"cpu": 32})])
    assert cpus(problem) == [2, 8]
    assert solve(Tree.of(problem)).certificate["root"]["cpu"].mu == 0.25


def test_pinned_use_stays_even_beyond_the_capacity() -> None:
    queues = [Queue(name="a", used={"cpu": 8}, pinned={"cpu": 8}), Queue(name="b", guarantee={"cpu": 8})]
    problem = flat(6, queues)
    assert cpus(problem) == [8, 0]
    assert solve(Tree.of(problem)).remaining == {"cpu": 0}


def test_a_guarantee_counts_in_floor_mode_and_comes_first_in_surplus_mode() -> None:
    problem = flat(100, [Queue(name="a", guarantee={"cpu": 40}), Queue(name="b")])
    assert cpus(problem) == [50, 50]
    assert cpus(replace(problem, share_mode=ShareMode.SURPLUS)) == [70, 30]


def test_a_mode_is_for_what_is_below_its_queue() -> None:
    queues = (
        Queue(name="top", share_mode=ShareMode.SURPLUS),
        Queue(name="a", parent="top", guarantee={"cpu": 40}),
        Queue(name="b", parent="top"),
    )
    assert cpus(flat(100, queues)) == [100, 70, 30]


def test_what_is_not_lent_is_withheld_but_not_usable() -> None:
    queues = [
        Queue(name="a", guarantee={"cpu": 60}, lending_limit={"cpu": 20}, demand={"cpu": 5}),
        Queue(name="b", borrowing_limit={"cpu": 50}),
    ]
    solution = solve(Tree.of(flat(100, queues)))
    assert solution.shares() == {"a": {"cpu": 40}, "b": {"cpu": 50}}
    assert solution.usable_by_leaf() == {"a": {"cpu": 5}, "b": {"cpu": 50}}
    assert solution.remaining == {"cpu": 10}
    assert solution.certificate["root"]["cpu"].binding == {"a": Binding.LENDING_LIMIT, "b": Binding.BORROWING_LIMIT}


def test_what_is_switched_off_wants_nothing_nor_does_anything_below() -> None:
    queues = (Queue(name="top", is_active=False), Queue(name="a", parent="top"), Queue(name="b"))
    assert cpus(flat(10, queues)) == [0, 0, 10]


def test_without_a_capacity_everybody_gets_its_bound() -> None:
    problem = Problem(queues=(Queue(name="a", ceiling={"gpu": 3}), Queue(name="b", demand={"gpu": 2})))
    assert solve(Tree.of(problem)).shares() == {"a": {"gpu": 3.0}, "b": {"gpu": 2.0}}


def test_a_tree_without_queues_leaves_everything() -> None:
    assert solve(Tree.of(flat(7, ()))).remaining == {"cpu": 7}


def test_the_order_of_the_input_does_not_matter_where_orders_are_said() -> None:
    chance = random.Random(5)
    queues = [
        Queue(name=f"q{n}", parent="root" if n < 4 else f"q{n % 4}", weight=chance.random(), order=n, priority=n % 3)
        for n in range(40)
    ]
    for unit in (1, None):
        told = _told(solve(Tree.of(flat(1000, queues, unit=unit))))
        chance.shuffle(queues)
        assert _told(solve(Tree.of(flat(1000, queues, unit=unit)))) == told


def _told(solution: Solution) -> str:
    return repr((solution.shares(), solution.remaining, solution.certificate))


@pytest.mark.parametrize("factor", [0.1, 1e-9, 7, 1e9])
@pytest.mark.parametrize("unit", [1, None])
def test_weights_mean_what_is_written(factor: float, unit: int | None) -> None:
    weights = [float(Fraction(str(factor)) * weight) for weight in (1, 2, 3)]
    assert cpus(flat(1000, weighted(*weights), unit=unit)) == cpus(flat(1000, weighted(1, 2, 3), unit=unit))


@pytest.mark.parametrize("unit", [512, 0.1, 0.25])
def test_parts_are_multiples_of_the_unit(unit: float) -> None:
    parts = cpus(flat(10 * unit, weighted(1, 1, 1), unit=unit))
    assert parts == [float(Fraction(str(unit)) * count) for count in (4, 3, 3)]


# Corrections -------------------------------------------------------------------------------------------------------


def test_corrections_say_what_became_of_what_was_asked() -> None:
    queues = (
        Queue(name="top", guarantee={"cpu": 10}, ceiling={"cpu": 40}),
        Queue(name="a", parent="top", guarantee={"cpu": 30}, ceiling={"cpu": 50}),
        Queue(name="b", guarantee={"cpu": 60}, ceiling={"cpu": 24.5}, demand={"cpu": 0.5}),
    )
    assert solve(Tree.of(flat(99.5, queues))).corrections == (
        Correction("root", "cpu", "total", 99.5, 99),
        Correction("top", "cpu", "min", 10, 30),
        Correction("b", "cpu", "demand", 0.5, 1),
        Correction("b", "cpu", "max", 24.5, 24),
        Correction("b", "cpu", "min", 60, 24),
        Correction("a", "cpu", "max", 50, 40),
    )


# Refusals ----------------------------------------------------------------------------------------------------------

ONE = Queue(name="a")


@pytest.mark.parametrize(
    ("problem", "queue", "key"),
    [
        pytest.param(flat(1, [replace(ONE, parent="b")]), "a", "parent", id="an unknown parent"),
        pytest.param(flat(1, [replace(ONE, parent="a")]), "a", "parent", id="a circle"),
        pytest.param(flat(1, [ONE, ONE]), "a", "name", id="a name twice"),
        pytest.param(flat(1, [Queue(name="root")]), "root", "name", id="the root's name"),
        pytest.param(flat(1, [replace(ONE, guarantee={"cpu": -1})]), "a", "min.cpu", id="a negative amount"),
        pytest.param(flat(1, [replace(ONE, ceiling={"cpu": float("nan")})]), "a", "max.cpu", id="no number"),
        pytest.param(flat(1, [replace(ONE, demand={"cpu": float("inf")})]), "a", "demand.cpu", id="infinity"),
        pytest.param(flat(1, [replace(ONE, demand={"cpu": 10**400})]), "a", "demand.cpu", id="beyond floats"),
        pytest.param(
            flat(1, [replace(ONE, demand={"cpu": 1}), Queue(name="b", parent="a")]),
            "a",
            "demand.cpu",
            id="inner demand",
        ),
        pytest.param(
            flat(1, [replace(ONE, used={"cpu": 1}, pinned={"cpu": 2})]), "a", "used_nonpreemptible.cpu", id="pinned"
        ),
        pytest.param(flat(1, [replace(ONE, weight=-1)]), "a", "weight", id="a negative weight"),
        pytest.param(flat(1, [replace(ONE, weight={"cpu": float("nan")})]), "a", "weight", id="a weight that is none"),
        pytest.param(flat(-1, [ONE]), None, "total.cpu", id="a negative capacity"),
        pytest.param(flat(1, [ONE], unit=0), None, "unit.cpu", id="a unit of nothing"),
        pytest.param(replace(flat(1, [ONE]), dead_band_ratio=-1), None, "dead_band_ratio", id="a negative band"),
        pytest.param(
            Problem(queues=(replace(ONE, guarantee={"gpu": 1}),)), "a", "demand.gpu", id="unbounded without capacity"
        ),
    ],
)
def test_a_bad_tree_is_refused_with_queue_and_key(problem: Problem, queue: str | None, key: str) -> None:
    with pytest.raises(BadTree) as refused:
        Tree.of(problem)
    assert (refused.value.queue, refused.value.key) == (queue, key)


# Hard numbers ------------------------------------------------------------------------------------------------------


def test_100_000_equal_queues_differ_by_a_unit() -> None:
    parts = cpus(flat(10**15 + 7, weighted(*[0.1] * 100_000)))
    assert sum(parts) == 10**15 + 7
    assert set(parts) == {10**10, 10**10 + 1}


def _hard(seed: int) -> Problem:
    """A small tree of amounts and weights of all sizes."""
    chance = random.Random(seed)
    most = chance.choice((10, 10**6, 10**12, 10**15, 10**18))

    def amount() -> int:
        return chance.choice((0, 1, most, chance.randrange(most), int(most ** chance.random())))

    def weight() -> float:
        return chance.choice((1, 2, 0, 0.1, 1 / 3, 1e9, 1e-9, chance.uniform(0.5, 2), 10 ** chance.uniform(-9, 9)))

    def some(likely: float) -> dict[str, int]:
        return {"cpu": amount()} if chance.random() < likely else {}

    parents = ["root", "root", "root", *(chance.choice(("root", "root", "q0")) for _ in range(chance.randrange(30)))]
    queues = [
        Queue(
            name=f"q{place}",
            parent=parent,
            weight=weight(),
            guarantee=some(0.4),
            ceiling=some(0.3),
            lending_limit=some(0.1),
            borrowing_limit=some(0.1),
            demand=some(0.8) if place or "q0" not in parents else {},
            priority=chance.choice((0, 0, 1)),
            share_mode=chance.choice((None, ShareMode.SURPLUS)),
        )
        for place, parent in enumerate(parents)
    ]
    return flat(amount(), queues)


@pytest.mark.parametrize("block", range(5))
def test_weights_and_amounts_of_all_sizes_come_out_exact(block: int) -> None:
    assert [seed for seed in range(60 * block, 60 * block + 60) if not agrees(_hard(seed))] == []


def _slow(base: float, most: Amount, count: int) -> list[Queue]:
    """Lines of which each step of the search settles just one: each weighs more than all that come later."""
    shares = [Fraction(str(base**-place)) for place in range(count)]
    demands = [share * (place + 1) * Fraction(most) for place, share in enumerate(shares)]
    return [
        Queue(name=f"q{place}", weight=float(share), demand={"cpu": int(demand) if most > 1 else float(demand)})
        for place, (share, demand) in enumerate(zip(shares, demands, strict=True))
    ]


def test_a_group_that_settles_slowly_comes_out_right() -> None:
    queues = _slow(3.0, 1, 60)
    total = sum(float(queue.demand["cpu"]) for queue in queues[:45])
    problem = flat(total, queues, unit=None)
    exact = [float(oracle.grants(problem)[queue.name]["cpu"]) for queue in queues]
    assert cpus(problem) == pytest.approx(exact, rel=1e-6)


def test_the_widest_weights_divide_one_group() -> None:
    assert cpus(flat(100, weighted(1e300, 1e-300, 1e300))) == [50, 0, 50]
    assert cpus(flat(100, weighted(1e300, 1e-300, demand={"cpu": 30}))) == [30, 30]


def test_numbers_far_beyond_floats_come_out_exact() -> None:
    queues = _slow(3.0, 10**120, 100)
    total = sum(int(queue.demand["cpu"]) for queue in queues[:95]) + 10**70
    assert agrees(flat(total, queues))
