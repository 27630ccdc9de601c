"""What is told beforehand of a deadline: how much frees itself, what must be preempted, and whether the time holds.

Of a node that is closed already its own tasks count, by how likely each still runs when containers are preempted. Of
one that is still open those count that will be met there when it is closed: as much as now, at chance ages.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from bridge.core.drain import Return
from bridge.core.extend import extended_until
from bridge.core.lifecycle import GROWING, State
from bridge.core.nodes import ElasticNode
from bridge.core.outlook import Outlook
from bridge.core.reasons import Gap, Reason, Verdict
from bridge.core.snapshot import ElasticPod, PoolPolicy, Snapshot, YarnNode
from bridge.core.tasks import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What will be back by one time, and at what price, as far as is known now. Amounts are expected values."""

    deadline: datetime
    reason: Reason
    nodes: int
    vcores: int
    """All that goes back."""
    told_at: datetime
    """When what still runs is preempted."""
    free_vcores: int
    """What is free by then by itself."""
    free_now_vcores: int
    preempted_tasks: int
    preempted_apps: int
    ams: int
    lost_vcore_s: int
    ready_at: datetime | None
    """When all is back, as far as anybody can say."""
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fate:
    """What is expected of one task, or of the ones that will be in its place."""

    app: str
    busy_vcores: float
    """Still held when containers are preempted."""
    runs: float
    lost_vcore_s: float


def statements(
    snapshot: Snapshot, nodes: Iterable[ElasticNode], returns: Iterable[Return], lead: timedelta, outlook: Outlook
) -> tuple[Statement, ...]:
    """Say of each deadline, nearest first, what will come of it; *lead*: how long before it open nodes are closed."""
    due = {entry.node_id: entry for entry in returns}
    by_deadline: defaultdict[datetime, list[ElasticNode]] = defaultdict(list)
    for node in nodes:
        deadline = due[node.id].deadline if node.id in due else node.promise.deadline
        if deadline is not None and node.state is not State.GONE:
            by_deadline[deadline].append(node)
    return tuple(_statement(snapshot, at, by_deadline[at], due, lead, outlook) for at in sorted(by_deadline))


def _statement(
    snapshot: Snapshot,
    deadline: datetime,
    nodes: list[ElasticNode],
    due: dict[str, Return],
    lead: timedelta,
    outlook: Outlook,
) -> Statement:
    told_at = max(snapshot.at, deadline - snapshot.policy.tail)
    fates = [
        fate for node in nodes for fate in _fates(node, told_at, None if node.id in due else deadline - lead, outlook)
    ]
    vcores = sum(node.promise.shape.yarn.vcores for node in nodes)
    held_now = sum(0 if node.running is None else node.running.used.vcores for node in nodes)
    tasks = round(sum(fate.runs for fate in fates))
    verdict, ready_at = _verdict(snapshot, deadline, nodes, tasks)
    reasons = {due[node.id].reason for node in nodes if node.id in due}
    held_vcore_s = sum(0 if node.running is None else node.running.held_vcore_s for node in nodes)
    return Statement(
        deadline=deadline,
        reason=min(reasons, default=Reason.WINDOW_ENDS),
        nodes=len(nodes),
        vcores=vcores,
        told_at=told_at,
        free_vcores=max(0, round(vcores - sum(fate.busy_vcores for fate in fates))),
        free_now_vcores=max(0, vcores - held_now),
        preempted_tasks=tasks,
        preempted_apps=_apps(fates, tasks),
        ams=sum(1 for node in nodes if node.running is not None and node.running.has_am),
        lost_vcore_s=round(sum(fate.lost_vcore_s for fate in fates)) + held_vcore_s,
        ready_at=ready_at,
        verdict=verdict,
    )


def _fates(node: ElasticNode, told_at: datetime, closes_at: datetime | None, outlook: Outlook) -> Iterable[_Fate]:
    """Say what becomes of what runs on a node that is closed, or (*closes_at*) will be."""
    if node.running is None or node.state in GROWING:
        return
    is_closed = closes_at is None or closes_at <= outlook.at
    left = told_at - outlook.at if closes_at is None or is_closed else told_at - closes_at
    for task in node.running.tasks:
        part = outlook.still_runs(task, told_at) if is_closed else outlook.met_still_runs(task.queue, left)
        yield _of(task, part, left, outlook)
    yield from _of_unread(node.running, left, outlook)


def _of_unread(running: YarnNode, left: timedelta, outlook: Outlook) -> Iterable[_Fate]:
    """Say what becomes of containers that nobody has read yet: nobody knows whose they are, nor since when."""
    count = running.containers - len(running.tasks) - int(running.has_am)
    vcores = running.used.vcores - sum(task.vcores for task in running.tasks)
    if count > 0:
        part = outlook.met_still_runs(None, left)
        yield _Fate(app=running.node_id, busy_vcores=max(0, vcores) * part, runs=count * part, lost_vcore_s=0.0)


def _of(task: Task, part: float, left: timedelta, outlook: Outlook) -> _Fate:
    worked_s = (task.age(outlook.at) + max(left, timedelta(0))).total_seconds()
    return _Fate(app=task.app, busy_vcores=task.vcores * part, runs=part, lost_vcore_s=task.vcores * part * worked_s)


def _apps(fates: list[_Fate], tasks: int) -> int:
    """Count the applications that lose tasks: those expected to lose at least half of one, if any are lost at all."""
    by_app: defaultdict[str, float] = defaultdict(float)
    for fate in fates:
        by_app[fate.app] += fate.runs
    return min(tasks, max(sum(1 for runs in by_app.values() if runs >= 0.5), 1 if tasks else 0))


def _verdict(
    snapshot: Snapshot, deadline: datetime, nodes: list[ElasticNode], tasks: int
) -> tuple[Verdict, datetime | None]:
    """Say whether the deadline holds, and when all is back."""
    policy, at = snapshot.policy, snapshot.at
    if isinstance(snapshot.kube, Gap):
        return Verdict.UNKNOWN, None
    ready_at = max([deadline, *(_ready_at(node, policy, at) for node in nodes)])
    until = extended_until(snapshot, deadline, nodes, is_needed=tasks > 0)
    if until is not None and ready_at <= until:
        return Verdict.EXTENDED, until
    if ready_at > deadline:
        return Verdict.LATE, ready_at
    if tasks == 0:
        return Verdict.BY_ITSELF, ready_at
    return (Verdict.BY_DELETION if isinstance(snapshot.yarn, Gap) else Verdict.BY_PREEMPTION), ready_at


def _ready_at(node: ElasticNode, policy: PoolPolicy, at: datetime) -> datetime:
    """Say when a node's room is back at the earliest, if it is given back from now on as fast as can be."""
    if isinstance(node.pod, ElasticPod) and node.pod.deleting_since is not None:
        return max(at, node.pod.deleting_since + policy.grace + policy.safety)
    if node.pod is None or (isinstance(node.pod, ElasticPod) and node.pod.phase.is_over):
        return at
    return at + policy.grace + policy.safety
