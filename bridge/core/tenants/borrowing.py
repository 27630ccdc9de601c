"""Who uses whose part: what a tenant uses beyond its own part comes from those who use less than theirs.

A tenant's part is what it would get if everybody wanted everything: by guarantees and weights alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from bridge.core.resources import NO_ROOM, Room
from bridge.core.shares import Problem, Queue, Tree, solve
from bridge.core.tenants.divide import Division
from bridge.core.tenants.tree import amounts, room, tenant_node


def parts(division: Division) -> dict[str, Room]:
    """Say what each tenant's part of both capacities is."""
    total = (division.static or NO_ROOM) + (division.lendable or NO_ROOM)
    leaves = {str(share.leaf) for share in division.shares}
    queues = tuple(_wanting(queue) if queue.name in leaves else queue for queue in division.problem.queues)
    solution = solve(Tree.of(_of_all(division.problem, queues, total)))
    return {name: room(solution.grant(tenant_node(name))) for name in {share.tenant for share in division.shares}}


def _wanting(leaf: Queue) -> Queue:
    """Let a leaf want everything and hold nothing."""
    return replace(leaf, demand={}, used={}, pinned={})


def _of_all(problem: Problem, queues: tuple[Queue, ...], total: Room) -> Problem:
    return replace(problem, queues=queues, total=amounts(total))


def borrowed(part: Mapping[str, float], used: Mapping[str, float]) -> dict[str, dict[str, float]]:
    """Say, by borrower and then by lender, how much of one resource is in use beyond the borrower's own part.

    Lenders are all who use less than their part, in proportion to how much less.
    """
    above = {name: max(0.0, used[name] - part[name]) for name in part}
    below = {name: max(0.0, part[name] - used[name]) for name in part}
    whole = max(sum(above.values()), sum(below.values()))
    return {
        borrower: {lender: more * less / whole for lender, less in below.items() if less > 0}
        for borrower, more in above.items()
        if more > 0
    }
