"""A process of its own: how long the admission rule takes on large trees of queues, and how much memory.

Times are for compiled trees: bounds, division, rounding, levels. What each queue gets isn't put into words.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import cycle

from benchmarks.figures import Figure, figure, hand_over, in_ms, peak_mib, rounds
from bridge.core.shares import Problem, Queue, Solver, Tree, solve
from bridge.core.shares.problem import ROOT

PART = "fair shares of whole units: solved, rounded, with levels"
GOAL_MIB = 500.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A tree of the same number of children at each level."""

    words: str
    children: tuple[int, ...]
    resources: int
    goal_ms: float


CASES = (
    Case(words="10,000 leaves in 4 levels, 8 resources", children=(10, 10, 10, 10), resources=8, goal_ms=100.0),
    Case(words="100,000 leaves in one level, one resource", children=(100_000,), resources=1, goal_ms=60.0),
    Case(words="100,000 leaves in one level, 8 resources", children=(100_000,), resources=8, goal_ms=1000.0),
    Case(words="100,000 leaves in 4 levels, 8 resources", children=(10, 10, 10, 100), resources=8, goal_ms=1000.0),
)
UPDATE_GOAL_MS = 5.0


def measure() -> list[Figure]:
    """Measure full solutions and updates of one leaf; memory is the peak over all of them."""
    figures = [_update()]
    for case in CASES:
        tree = Tree.of(problem(case))
        figures.append(figure(PART, case.words, in_ms(rounds(partial(solve, tree))), "ms", case.goal_ms))
    figures.append(figure(PART, "peak memory of the process", [peak_mib()], "MiB", GOAL_MIB))
    return figures


def _update() -> Figure:
    """Change one leaf's demand for one resource, to and fro: all of that resource's amounts move."""
    solver = Solver(Tree.of(problem(CASES[0])))
    leaf = solver.tree.leaves[4321]
    kept = {resource: 50 for resource in solver.tree.resources}
    first, demands = solver.tree.resources[0], cycle((500, 0, 77))
    solver.update(leaf, demand=kept)

    def act() -> None:
        solver.update(leaf, demand={**kept, first: next(demands)})

    return figure(PART, "an update of one of 10,000 leaves", in_ms(rounds(act)), "ms", UPDATE_GOAL_MS)


def problem(case: Case) -> Problem:
    """Make a tree that wants more than there is, with some guarantees and ceilings; always the same."""
    chance = random.Random(1)
    names = tuple(f"r{number}" for number in range(case.resources))
    queues: list[Queue] = []
    above = [ROOT]
    for level, count in enumerate(case.children):
        is_leaf = level == len(case.children) - 1
        below = [_queue(chance, parent, place, names, is_leaf) for parent in above for place in range(count)]
        queues += below
        above = [queue.name for queue in below]
    return Problem(queues=tuple(queues), total=dict.fromkeys(names, 60 * len(above)), unit=dict.fromkeys(names, 1))


def _queue(chance: random.Random, parent: str, place: int, resources: tuple[str, ...], is_leaf: bool) -> Queue:
    name, weight = f"{parent}.{place}", chance.choice((1, 2, 3, 5, 0.5))
    if not is_leaf:
        return Queue(name=name, parent=parent, weight=weight)
    return Queue(
        name=name,
        parent=parent,
        weight=weight,
        guarantee=dict(_some(chance, resources, 0.5, 40)),
        ceiling={resource: 100 + amount for resource, amount in _some(chance, resources, 0.3, 50)},
        demand=dict(_some(chance, resources, 1.0, 200)),
    )


def _some(chance: random.Random, resources: tuple[str, ...], likely: float, most: int) -> Iterator[tuple[str, int]]:
    return ((resource, chance.randrange(most)) for resource in resources if chance.random() < likely)


if __name__ == "__main__":
    hand_over(measure())
