"""Who goes first when room must go back: idle nodes, no ApplicationMasters, then least work lost, fewest applications.

What is lost with a node is what will still run when the ResourceManager is told to preempt, and output that others
still need. No application loses more than a set part of its tasks while another one could give instead.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from datetime import datetime

from bridge.core.nodes import ElasticNode
from bridge.core.outlook import Outlook
from bridge.core.snapshot import PoolPolicy

Cost = tuple[int, int, int, int, int, int, str]


class Turns:
    """One tick's order of nodes."""

    def __init__(self, policy: PoolPolicy, outlook: Outlook) -> None:
        self._policy = policy
        self._outlook = outlook
        self._lost: dict[tuple[str, datetime], int] = {}

    def cost(self, node: ElasticNode, by: datetime) -> Cost:
        """Order nodes by what their return by *by* costs: no AM, not yet serving, least work lost, few applications.

        Fewer containers come next, then less memory, then the id, so that the order is always the same.
        """
        running = node.running
        if running is None:
            return (0, 0, 0, 0, 0, 0, node.id)
        apps = len({task.app for task in running.tasks})
        lost = self.lost_vcore_s(node, by)
        return (int(running.has_am), 1, lost, apps, running.containers, running.used.memory_mib, node.id)

    def lost_vcore_s(self, node: ElasticNode, by: datetime) -> int:
        """Say how much work is expected to be lost with a node that is back by *by*, in vcore seconds."""
        if (node.id, by) not in self._lost:
            self._lost[node.id, by] = self._expected(node, by)
        return self._lost[node.id, by]

    def order(self, nodes: Iterable[ElasticNode], by: datetime, leaving: Collection[str]) -> list[ElasticNode]:
        """Put nodes in turn: idle ones, then those that are *leaving* anyway, then by cost, the pain spread."""
        nodes = list(nodes)
        if self._policy.newest_first:
            return sorted(nodes, key=lambda node: (node.promise.made_at, node.id), reverse=True)
        ordered = sorted(nodes, key=lambda node: (is_busy(node), node.id not in leaving, self.cost(node, by)))
        return self._spread(ordered)

    def _expected(self, node: ElasticNode, by: datetime) -> int:
        if node.running is None:
            return 0
        told_at, at = by - self._policy.tail, self._outlook.at
        worked = (
            task.vcores * task.age(at).total_seconds() * self._outlook.still_runs(task, told_at)
            for task in node.running.tasks
        )
        return node.running.held_vcore_s + round(sum(worked))

    def _spread(self, ordered: list[ElasticNode]) -> list[ElasticNode]:
        """Put back nodes whose applications have given their part already; nodes with AMs stay last of all."""
        most = self._most_by_app(ordered)
        given: Counter[str] = Counter()
        first: list[ElasticNode] = []
        later: list[ElasticNode] = []
        masters: list[ElasticNode] = []
        for node in ordered:
            if node.running is None or not node.running.tasks:
                (masters if _has_am(node) else first).append(node)
                continue
            tasks = Counter(task.app for task in node.running.tasks)
            if _has_am(node):
                masters.append(node)
            elif all(given[app] + count <= most[app] for app, count in tasks.items()):
                given.update(tasks)
                first.append(node)
            else:
                later.append(node)
        return first + later + masters

    def _most_by_app(self, nodes: Iterable[ElasticNode]) -> dict[str, int]:
        """Say how many of its tasks each application may lose before others do."""
        there: Counter[str] = Counter()
        for node in nodes:
            there.update(task.app for task in (() if node.running is None else node.running.tasks))
        return {app: max(1, int(count * self._policy.app_loss_ratio)) for app, count in there.items()}


def is_busy(node: ElasticNode) -> bool:
    """Say whether anything runs on a node."""
    return node.running is not None and node.running.containers > 0


def is_worth_keeping(node: ElasticNode) -> bool:
    """Say whether anything would be lost with a node: what runs there, or output that others still need."""
    return node.running is not None and (node.running.containers > 0 or node.running.held_vcore_s > 0)


def _has_am(node: ElasticNode) -> bool:
    return node.running is not None and node.running.has_am
