"""Random trees of queues: deep and wide, generous and overcommitted, with every limit and every corner."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from bridge.core.shares.problem import ROOT, Amount, Problem, Queue, ShareMode

RESOURCES = ("cpu", "memory", "gpu")
WEIGHTS: tuple[float, ...] = (1, 1, 1, 2, 3, 10, 0.1, 0.25, 1.5, 0)
HUGE = 10**12
DEEPEST = 5
LIMITS = ("guarantee", "ceiling", "lending_limit", "borrowing_limit")

AMOUNTS = (*LIMITS, "demand", "used", "pinned")

modes = st.sampled_from(ShareMode)
weights = st.sampled_from(WEIGHTS)
priorities = st.sampled_from((0, 0, 0, 1, -1, 7))
chances = st.integers(0, 2**16 - 1).map(lambda bits: bits >> 8 & bits)
"""Eight bits of which each is set in one case of four; it shrinks to none."""


@st.composite
def shapes(draw: st.DrawFn) -> tuple[int, ...]:
    """The parent of each node, -1 for the top: bushy trees, chains, and now and then one of 50 siblings."""
    if draw(st.integers(0, 24)) == 13:
        return (*[-1] * 3, *[0] * draw(st.integers(30, 50)))
    parents: list[int] = []
    depths: list[int] = []
    for node in range(draw(st.integers(1, 14))):
        parent = draw(st.integers(-1, node - 1))
        while parent >= 0 and depths[parent] == DEEPEST:
            parent = parents[parent]
        parents.append(parent)
        depths.append(1 + (depths[parent] if parent >= 0 else 0))
    return tuple(parents)


@st.composite
def queues(draw: st.DrawFn, name: str, parent: str, *, is_leaf: bool, resources: tuple[str, ...]) -> Queue:
    """A queue with some of the many things that one may say about it; use and demand on leaves alone."""
    chance = draw(chances)
    said: dict[str, Any] = {key: draw(some(resources)) for bit, key in enumerate(LIMITS) if chance >> bit & 1}
    if chance >> 4 & 1:
        said["weight"] = {resource: draw(weights) for resource in resources}
    return Queue(
        name=name,
        parent=parent,
        is_active=not chance >> 5 & chance >> 6 & 1,
        priority=draw(priorities),
        share_mode=None if is_leaf else draw(st.none() | modes),
        **({"weight": draw(weights)} | said | (draw(uses(resources, has_pins=bool(chance >> 7))) if is_leaf else {})),
    )


@st.composite
def some(draw: st.DrawFn, resources: tuple[str, ...]) -> dict[str, Amount]:
    """A small amount of some of the resources."""
    found = {resource: draw(st.integers(-1, 24)) for resource in resources}
    return {resource: amount for resource, amount in found.items() if amount >= 0}


@st.composite
def uses(draw: st.DrawFn, resources: tuple[str, ...], *, has_pins: bool) -> dict[str, dict[str, Amount]]:
    """What a leaf wants (nothing, something, a lot, or, if absent, all), what it uses, and what of that is pinned."""
    wanted = {resource: draw(st.integers(-3, 30)) for resource in resources}
    demand: dict[str, Amount] = {r: HUGE if d == 30 else max(0, d) for r, d in wanted.items() if d > -3}
    used = draw(some(resources)) if has_pins else {}
    pinned: dict[str, Amount] = {r: draw(st.integers(0, int(amount))) for r, amount in used.items()}
    return {"demand": demand, "used": used, "pinned": pinned}


@st.composite
def problems(draw: st.DrawFn, *, unit: int | None = None, grain: Amount = 1, mode: ShareMode | None = None) -> Problem:
    """A problem in whole *unit*s, or else in real numbers, multiples of a *grain*; a *mode* for all, or else mixed."""
    resources = RESOURCES[: draw(st.sampled_from((1, 1, 2, 3)))]
    parents = draw(shapes())
    names = tuple(f"q{node}" for node in range(len(parents)))
    above = tuple(names[parent] if parent >= 0 else ROOT for parent in parents)
    found = tuple(
        draw(queues(name, parent, is_leaf=name not in above, resources=resources))
        for name, parent in zip(names, above, strict=True)
    )
    problem = Problem(
        queues=found if mode is None else tuple(replace(queue, share_mode=None) for queue in found),
        total={resource: draw(st.integers(0, 80) | st.just(HUGE)) for resource in resources},
        share_mode=draw(modes) if mode is None else mode,
    )
    if unit is None:
        return scaled(problem, grain)
    return replace(scaled(problem, unit), unit=dict.fromkeys(resources, unit))


def whole(mode: ShareMode | None = None) -> st.SearchStrategy[Problem]:
    """Problems in whole units."""
    return st.sampled_from((1, 1, 512)).flatmap(lambda unit: problems(unit=unit, mode=mode))


def real(mode: ShareMode | None = None) -> st.SearchStrategy[Problem]:
    """Problems in real numbers."""
    return st.sampled_from((1, 0.1, 1e6 / 3)).flatmap(lambda grain: problems(grain=grain, mode=mode))


@st.composite
def in_use(draw: st.DrawFn) -> Problem:
    """Whole units, nothing withheld, and leaves that use some of what there is and want at least that."""
    problem = draw(problems(unit=1))
    free = dict(problem.total)
    for leaf in leaves(problem):
        used = {resource: min(draw(st.integers(0, 24)), int(free[resource])) for resource in problem.total}
        free = {resource: free[resource] - used[resource] for resource in free}
        demand = {resource: max(used[resource], leaf.demand.get(resource, HUGE)) for resource in used}
        pinned = {resource: min(used[resource], leaf.pinned.get(resource, 0)) for resource in used}
        problem = with_queue(problem, leaf.name, used=used, demand=demand, pinned=pinned, is_active=True)
    return replace(problem, queues=tuple(replace(q, lending_limit={}, is_active=True) for q in problem.queues))


def scaled(problem: Problem, factor: Amount) -> Problem:
    """Multiply all amounts: the same problem, in a unit that is smaller."""

    def times(amounts: Mapping[str, Amount]) -> dict[str, Amount]:
        return {resource: amount * factor for resource, amount in amounts.items()}

    def grown(queue: Queue) -> Queue:
        changes: dict[str, Any] = {key: times(getattr(queue, key)) for key in AMOUNTS}
        return replace(queue, **changes)

    return replace(
        problem,
        queues=tuple(map(grown, problem.queues)),
        total=times(problem.total),
        unit=times(problem.unit),
    )


def with_queue(problem: Problem, name: str, **changes: Any) -> Problem:
    """Change what is said of one queue."""
    return replace(problem, queues=tuple(replace(q, **changes) if q.name == name else q for q in problem.queues))


def with_demand(problem: Problem, name: str, resource: str, amount: Amount) -> Problem:
    """Change what a leaf wants of one resource."""
    leaf = next(queue for queue in problem.queues if queue.name == name)
    return with_queue(problem, name, demand={**leaf.demand, resource: amount})


def leaves(problem: Problem) -> tuple[Queue, ...]:
    """The queues without children."""
    parents = {queue.parent for queue in problem.queues}
    return tuple(queue for queue in problem.queues if queue.name not in parents)
