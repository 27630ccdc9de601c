"""Worked examples on which other schedulers go wrong: the answer that is right, and beside it what a peer answers."""

from __future__ import annotations

from fractions import Fraction

import pytest

from bridge.core.shares import Amount, Problem, Queue, Tree, reclaim, solve

CPU = "cpu"


def cpus(total: Amount, *queues: Queue, is_whole: bool = True) -> Problem:
    """A problem of processors alone, whole ones unless told otherwise."""
    return Problem(total={CPU: total}, unit={CPU: 1} if is_whole else {}, queues=queues)


def queue(name: str, **cpu: Amount) -> Queue:
    """A queue that wants everything, and of whose processors one says the rest."""
    return Queue(name=name, **{key: {CPU: amount} for key, amount in cpu.items()})  # type: ignore[arg-type]


def grants(problem: Problem) -> list[Amount]:
    """What each queue gets, in the order of the problem."""
    solution = solve(Tree.of(problem))
    return [solution.grant(queue.name)[CPU] for queue in problem.queues]


def taken(problem: Problem) -> dict[str, Amount]:
    """What each leaf must give back."""
    tree = Tree.of(problem)
    return {leaf: amounts[CPU] for leaf, amounts in reclaim(tree, solve(tree)).items() if amounts.get(CPU)}


def test_three_equal_queues_share_10240_without_making_two_more() -> None:
    """YARN's FairScheduler gives 3,414 to each: 10,242 in all."""
    assert grants(cpus(10_240, queue("a"), queue("b"), queue("c"))) == [3414, 3413, 3413]


def test_large_amounts_add_up_too() -> None:
    """YARN's FairScheduler halves an interval 25 times, and on 10^12 hands out 16,527 too much."""
    found = grants(cpus(10**12, *(queue(f"q{number}") for number in range(7))))
    assert sum(found) == 10**12
    assert max(found) - min(found) == 1


def test_guarantees_that_dont_fit_shrink_in_one_ratio() -> None:
    """YARN's FairScheduler gives 8 and 8, of 10."""
    assert grants(cpus(10, queue("a", guarantee=8), queue("b", guarantee=8))) == [5, 5]
    assert grants(cpus(10, queue("a", guarantee=12), queue("b", guarantee=8))) == [6, 4]


def test_no_unit_is_left_over() -> None:
    """YARN's CapacityScheduler gives 33 + 33 + 33 of 100."""
    assert grants(cpus(100, queue("a"), queue("b"), queue("c"))) == [34, 33, 33]


def test_no_more_is_taken_than_is_missing() -> None:
    """YARN's CapacityScheduler kills 21 containers where 20 suffice."""
    assert taken(cpus(60, queue("borrower", used=50), queue("owner", used=10), queue("idle", demand=0))) == {
        "borrower": 20
    }


def test_quotas_never_add_up_to_more_than_there_is() -> None:
    """KAI returns 15,000 for three quotas of 5,000 on 10,000."""
    found = grants(cpus(10_000, *(queue(name, guarantee=5000) for name in "abc")))
    assert found == [3334, 3333, 3333]


def test_an_idle_guarantee_is_lent() -> None:
    """Volcano's proportion keeps 20 of 30 for an idle owner, and hands out 20 + 10 + 10."""
    assert grants(cpus(30, queue("idle", guarantee=20, demand=0), queue("b"), queue("c"))) == [0, 15, 15]


def test_an_idle_guarantee_is_kept_if_told_to() -> None:
    """Volcano has no other way; here it is a lending limit."""
    idle = queue("idle", guarantee=20, demand=0, lending_limit=0)
    assert grants(cpus(30, idle, queue("b"), queue("c"))) == [20, 5, 5]


def test_giving_back_100_takes_100() -> None:
    """YuniKorn takes 98 for 100."""
    assert taken(cpus(700, queue("borrower", used=700), queue("owner", demand=100))) == {"borrower": 100}


def test_a_share_without_a_cap_is_exact() -> None:
    """Armada's estimate of it is 0.381."""
    equal = [Queue(name=name) for name in "abc"]
    assert grants(cpus(1.0, *equal, is_whole=False)) == pytest.approx([1 / 3] * 3, rel=1e-15)
    assert Fraction(sum(grants(cpus(1.0, *equal, is_whole=False)))) == pytest.approx(1, rel=1e-15)


def test_nobody_evicts_to_and_fro() -> None:
    """Kueue and YuniKorn order by ratios that move with every eviction; targets stay where they are."""
    before, after = {"a": 9, "b": 1, "c": 0}, {"a": 4, "b": 3, "c": 3}
    assert taken(cpus(10, *(queue(name, used=used) for name, used in before.items()))) == {"a": 5}
    assert taken(cpus(10, *(queue(name, used=used) for name, used in after.items()))) == {}


def test_the_documented_example() -> None:
    """Two queues, weights 3 and 1: the heavier one is below its share, and the other pays what isn't free."""
    ads = Queue(
        name="ads",
        weight=3,
        guarantee={"cpu": 200},
        ceiling={"cpu": 800},
        demand={"cpu": 900, "memory": 500},
        used={"cpu": 300},
    )
    etl = Queue(name="etl", weight=1, demand={"cpu": 600, "memory": 2000}, used={"cpu": 500})
    problem = Problem(
        total={"cpu": 1000, "memory": 4096},
        unit={"cpu": 1, "memory": 1},
        queues=(ads, etl),
    )
    tree = Tree.of(problem)
    solution = solve(tree)
    assert solution.shares() == {"ads": {"cpu": 750, "memory": 500}, "etl": {"cpu": 250, "memory": 2000}}
    assert solution.usable_by_leaf() == solution.shares()
    assert solution.remaining == {"cpu": 0, "memory": 1596}
    assert solution.corrections == ()
    cpu, memory = solution.certificate["root"]["cpu"], solution.certificate["root"]["memory"]
    assert (cpu.lambda_, cpu.mu, cpu.tier, dict(cpu.binding)) == (250, None, 0, {})
    assert (memory.lambda_, memory.mu, memory.tier) == (None, None, 0)
    assert memory.binding == {"ads": "demand", "etl": "demand"}
    assert reclaim(tree, solution) == {"etl": {"cpu": 250}}
