"""Who may be told more at once, when not everything that is to change hands has been let go of."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bridge.core.resources import Room
from bridge.core.shares import Problem, Queue, Tree, solve
from bridge.core.tenants.facts import Leaf


def settle(*, now: Mapping[Leaf, Room], aims: Mapping[Leaf, Room], free: Room) -> dict[Leaf, Room]:
    """Lower every leaf to its aim, and raise within *free*: all of it, or equal parts up to what each lacks."""
    cpu = _axis(now, aims, free.cpu_millicores, lambda amount: amount.cpu_millicores)
    memory = _axis(now, aims, free.memory_mib, lambda amount: amount.memory_mib)
    return {leaf: Room(cpu_millicores=cpu[leaf], memory_mib=memory[leaf]) for leaf in now}


def _axis(
    now: Mapping[Leaf, Room], aims: Mapping[Leaf, Room], free: int, get: Callable[[Room], int]
) -> dict[Leaf, int]:
    lacks = {leaf: get(aims[leaf]) - get(now[leaf]) for leaf in now}
    raises = _shared({leaf: lack for leaf, lack in lacks.items() if lack > 0}, free)
    return {leaf: get(now[leaf]) + (raises[leaf] if leaf in raises else lacks[leaf]) for leaf in now}


def _shared(lacks: Mapping[Leaf, int], free: int) -> dict[Leaf, int]:
    """Share *free* among those that lack something."""
    if sum(lacks.values()) <= free:
        return dict(lacks)
    queues = tuple(Queue(name=str(leaf), demand={"amount": lack}) for leaf, lack in lacks.items())
    solution = solve(Tree.of(Problem(queues=queues, total={"amount": free}, unit={"amount": 1})))
    return {leaf: int(solution.grant(str(leaf))["amount"]) for leaf in lacks}
