"""The chain of reasons, from the root to a queue."""

from __future__ import annotations

from dataclasses import replace

from bridge.core.shares import Binding, Link, Problem, Queue, Tree, explain, solve

PROBLEM = Problem(
    total={"cpu": 100},
    unit={"cpu": 1},
    queues=(
        Queue(name="ads", weight=3, guarantee={"cpu": 20}, ceiling={"cpu": 80}),
        Queue(name="ranking", parent="ads", demand={"cpu": 15}),
        Queue(name="training", parent="ads"),
        Queue(name="etl", demand={"cpu": 60}),
        Queue(name="idle", demand={"cpu": 0}),
    ),
)


def links(problem: Problem, queue: str) -> tuple[Link, ...]:
    tree = Tree.of(problem)
    return explain(tree, solve(tree), queue)


def payer(problem: Problem, queue: str) -> str | None:
    return links(problem, queue)[-1].payer


def test_each_level_says_what_was_there_and_what_bound() -> None:
    assert links(PROBLEM, "ranking") == (
        Link(
            resource="cpu",
            queue="ads",
            parent="root",
            available=100,
            amount=75,
            lower=20,
            upper=80,
            lambda_=25,
            mu=None,
            tier=0,
            binding=None,
            payer="etl",
        ),
        Link(
            resource="cpu",
            queue="ranking",
            parent="ads",
            available=75,
            amount=15,
            lower=0,
            upper=15,
            lambda_=60,
            mu=None,
            tier=0,
            binding=Binding.DEMAND,
            payer="training",
        ),
    )


def test_what_has_no_bound_says_so() -> None:
    assert links(replace(PROBLEM, total={"cpu": 10}), "training")[-1].upper == 80
    assert links(Problem(queues=(Queue(name="a"),), total={"cpu": 1}), "a")[-1].upper is None


def test_nobody_pays_while_something_is_idle() -> None:
    assert payer(replace(PROBLEM, total={"cpu": 200}), "etl") is None


def test_a_low_priority_pays_before_others_and_weight_0_before_all() -> None:
    low = Queue(name="low", priority=-1, demand={"cpu": 4})
    late = Queue(name="late", weight=0, demand={"cpu": 3})
    crowd = (Queue(name="high", demand={"cpu": 90}), Queue(name="new", demand={"cpu": 3}))
    assert payer(replace(PROBLEM, total={"cpu": 95}, queues=(*crowd, low)), "new") == "low"
    assert payer(replace(PROBLEM, total={"cpu": 99}, queues=(*crowd, low, late)), "new") == "late"


def test_where_guarantees_do_not_fit_all_that_is_not_pinned_may_pay() -> None:
    queues = (
        Queue(name="a", guarantee={"cpu": 90}),
        Queue(name="b", guarantee={"cpu": 90}, used={"cpu": 80}, pinned={"cpu": 80}),
    )
    (link,) = links(replace(PROBLEM, queues=queues), "a")
    assert (link.amount, link.mu, link.lambda_, link.payer) == (20, 20 / 90, None, None)
