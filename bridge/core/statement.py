"""What is told beforehand of a deadline: how much frees itself, what must be preempted, and whether the time holds.

Of a node that is closed already its own tasks count, by how likely each still runs when containers are preempted. Of
one that is still open those count that will be met there when it is closed: as much as now, at chance ages.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from bridge.core.drain import Return
from bridge.core.extend import extended_until
from bridge.core.lead import Lead
from bridge.core.lifecycle import GROWING, State
from bridge.core.nodes import ElasticNode
from bridge.core.outlook import Outlook
from bridge.core.reasons import Gap, Reason, Verdict
from bridge.core.snapshot import ElasticPod, PoolPolicy, Snapshot, YarnNode


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What will be back by one time, and at what price, as far as is known now. Amounts are expected values."""

    deadline: datetime
    reason: Reason
    nodes: int
    vcores: int
    """All that goes back."""
    told_at: datetime
    """When the ResourceManager is told to preempt what still runs, after a short notice."""
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
class Fate:
    """What is expected of one node when containers are preempted for its deadline."""

    deadline: datetime
    busy_vcores: float
    """Still held then."""
    tasks_by_app: Mapping[str, float]
    """Tasks that are preempted; those that nobody has read yet are of an application of their own, the node's id."""
    lost_vcore_s: float
    """What these will have worked, and what the node holds of output that others need."""

    @property
    def tasks(self) -> float:
        """Count the tasks that are preempted."""
        return sum(self.tasks_by_app.values())


class Foretold:
    """What will come of the deadlines, worked out when somebody asks: a replay asks for no more than what is bad."""

    def __init__(
        self,
        snapshot: Snapshot,
        nodes: tuple[ElasticNode, ...],
        returns: tuple[Return, ...],
        lead: Lead,
        outlook: Outlook,
    ) -> None:
        """Take what *returns* and the nodes' own deadlines promise; *lead*: how long before it nodes are closed."""
        self._snapshot = snapshot
        self._nodes = nodes
        self._returns = returns
        self._lead = lead
        self._outlook = outlook

    @cached_property
    def fates(self) -> Mapping[str, Fate]:
        """What is expected of each node with a deadline, by id."""
        return fates(self._snapshot, self._nodes, self._returns, self._lead.length, self._outlook)

    @cached_property
    def statements(self) -> tuple[Statement, ...]:
        """What will come of each deadline, nearest first."""
        return statements(self._snapshot, self._nodes, self._returns, self.fates, self._outlook)

    @cached_property
    def bad(self) -> Mapping[datetime, Verdict]:
        """The deadlines that won't hold, or of which nobody can say, nearest first, and the statements' verdicts."""
        if isinstance(self._snapshot.kube, Gap) or self._may_be_extended:
            return {entry.deadline: entry.verdict for entry in self.statements if entry.verdict.is_bad}
        return dict.fromkeys(sorted(self._late()), Verdict.LATE)

    @property
    def _may_be_extended(self) -> bool:
        given = any(node.promise.extended_until is not None for node in self._nodes)
        return self._snapshot.policy.prefers_work or given

    def _late(self) -> set[datetime]:
        """Find the deadlines that nodes miss, without a look at their tasks."""
        policy, at = self._snapshot.policy, self._snapshot.at
        at_once = at + policy.grace + policy.safety
        due = {entry.node_id: entry.deadline for entry in self._returns}
        late = set()
        for node in self._nodes:
            deadline = due.get(node.id, node.promise.deadline)
            if deadline is None or (node.is_steady and deadline >= at_once) or node.state is State.GONE:
                continue
            if _ready_at(node, policy, at, at_once) > deadline:
                late.add(deadline)
        return late


def fates(
    snapshot: Snapshot, nodes: Iterable[ElasticNode], returns: Iterable[Return], lead: timedelta, outlook: Outlook
) -> Mapping[str, Fate]:
    """Say of each node with a deadline what is expected; *lead*: how long before it open nodes are closed."""
    due = {entry.node_id: entry.deadline for entry in returns}
    found = {}
    for node in nodes:
        deadline = due.get(node.id, node.promise.deadline)
        if deadline is not None and node.state is not State.GONE:
            closes_at = snapshot.at if node.id in due else max(snapshot.at, deadline - lead)
            told_at = _told_at(snapshot, deadline)
            found[node.id] = _fate(node, deadline, told_at, snapshot.policy.overcommit_timeout, closes_at, outlook)
    return found


def statements(
    snapshot: Snapshot,
    nodes: Iterable[ElasticNode],
    returns: Iterable[Return],
    fates: Mapping[str, Fate],
    outlook: Outlook,
) -> tuple[Statement, ...]:
    """Say of each deadline, nearest first, what will come of it."""
    reasons = {entry.node_id: entry.reason for entry in returns}
    by_deadline: defaultdict[datetime, list[ElasticNode]] = defaultdict(list)
    for node in nodes:
        if node.id in fates:
            by_deadline[fates[node.id].deadline].append(node)
    return tuple(_statement(snapshot, at, by_deadline[at], reasons, fates, outlook) for at in sorted(by_deadline))


def _statement(
    snapshot: Snapshot,
    deadline: datetime,
    nodes: list[ElasticNode],
    reasons: Mapping[str, Reason],
    fates: Mapping[str, Fate],
    outlook: Outlook,
) -> Statement:
    expected = [fates[node.id] for node in nodes]
    running = [node.running for node in nodes if node.running is not None]
    vcores = sum(node.promise.shape.yarn.vcores for node in nodes)
    tasks = round(sum(fate.tasks for fate in expected))
    verdict, ready_at = _verdict(snapshot, deadline, nodes, tasks, outlook)
    return Statement(
        deadline=deadline,
        reason=min((reasons[node.id] for node in nodes if node.id in reasons), default=Reason.WINDOW_ENDS),
        nodes=len(nodes),
        vcores=vcores,
        told_at=_told_at(snapshot, deadline),
        free_vcores=max(0, round(vcores - sum(fate.busy_vcores for fate in expected))),
        free_now_vcores=max(0, vcores - sum(one.used.vcores for one in running)),
        preempted_tasks=tasks,
        preempted_apps=_apps(expected, tasks),
        ams=sum(1 for one in running if one.has_am),
        lost_vcore_s=round(sum(fate.lost_vcore_s for fate in expected)),
        ready_at=ready_at,
        verdict=verdict,
    )


def _told_at(snapshot: Snapshot, deadline: datetime) -> datetime:
    return max(snapshot.at, deadline - snapshot.policy.tail)


def _fate(
    node: ElasticNode, deadline: datetime, told_at: datetime, notice: timedelta, closes_at: datetime, outlook: Outlook
) -> Fate:
    """Say what becomes of what runs on a node that is closed, or will be at *closes_at*.

    Preempted is what still runs after the *notice* that ApplicationMasters get.
    """
    if isinstance(node.yarn, Gap):
        # What can't be seen is taken to run on: it ends with its pod.
        return Fate(deadline=deadline, busy_vcores=node.promise.shape.yarn.vcores, tasks_by_app={}, lost_vcore_s=0.0)
    running = None if node.state in GROWING else node.running
    if running is None or (not running.tasks and running.containers == 0):
        held = 0 if running is None else running.held_vcore_s
        return Fate(deadline=deadline, busy_vcores=0.0, tasks_by_app={}, lost_vcore_s=float(held))
    is_closed, left = closes_at <= outlook.at, told_at - closes_at
    left_all = left + notice
    left_s, all_s = left.total_seconds(), left_all.total_seconds()
    busy, lost = 0.0, float(running.held_vcore_s)
    by_app: dict[str, float] = {}
    for task in running.tasks:
        if is_closed:
            part, preempted = outlook.runs_on(task, left_s, all_s)
        else:
            part, preempted = outlook.met_still_runs(task.queue, left), outlook.met_still_runs(task.queue, left_all)
        busy += task.vcores * part
        lost += task.vcores * preempted * ((outlook.at - task.began).total_seconds() + all_s)
        by_app[task.app] = by_app.get(task.app, 0.0) + preempted
    unread, vcores = _unread(running)
    if unread:
        # What hasn't been read has mostly just begun.
        part, preempted = (
            outlook.table().runs_longer(time.total_seconds()) if is_closed else outlook.met_still_runs(None, time)
            for time in (left, left_all)
        )
        busy, by_app[running.node_id] = busy + vcores * part, unread * preempted
    return Fate(deadline=deadline, busy_vcores=busy, tasks_by_app=by_app, lost_vcore_s=lost)


def _unread(running: YarnNode) -> tuple[int, int]:
    """Count containers that nobody has read yet, and their vcores: nobody knows whose they are, nor since when."""
    count = running.containers - len(running.tasks) - int(running.has_am)
    if count <= 0:
        return 0, 0
    return count, max(0, running.used.vcores - sum(task.vcores for task in running.tasks))


def _apps(fates: list[Fate], tasks: int) -> int:
    """Count the applications that lose tasks: those expected to lose at least half of one, if any are lost at all."""
    by_app: defaultdict[str, float] = defaultdict(float)
    for fate in fates:
        for app, count in fate.tasks_by_app.items():
            by_app[app] += count
    return min(tasks, max(sum(1 for count in by_app.values() if count >= 0.5), 1 if tasks else 0))


def _verdict(
    snapshot: Snapshot, deadline: datetime, nodes: list[ElasticNode], tasks: int, outlook: Outlook
) -> tuple[Verdict, datetime | None]:
    """Say whether the deadline holds, and when all is back."""
    policy, at = snapshot.policy, snapshot.at
    if isinstance(snapshot.kube, Gap):
        return Verdict.UNKNOWN, None
    at_once = at + policy.grace + policy.safety
    ready_at = max([deadline, *(_ready_at(node, policy, at, at_once) for node in nodes)])
    until = extended_until(snapshot, deadline, nodes, outlook, is_needed=tasks > 0)
    if until is not None and ready_at <= until:
        return Verdict.EXTENDED, until
    if ready_at > deadline:
        return Verdict.LATE, ready_at
    if isinstance(snapshot.yarn, Gap):
        return Verdict.BY_DELETION, ready_at
    return (Verdict.BY_PREEMPTION if tasks > 0 else Verdict.BY_ITSELF), ready_at


def _ready_at(node: ElasticNode, policy: PoolPolicy, at: datetime, at_once: datetime) -> datetime:
    """Say when a node's room is back at the earliest, if it is given back from now on as fast as can be.

    *at_once*: when that is for a pod that is deleted now.
    """
    if isinstance(node.pod, ElasticPod) and node.pod.deleting_since is not None:
        ends_at = node.pod.deleting_since + policy.grace + policy.safety
        # One that hasn't ended by then, because its kubelet is away, say, may take as long again from now.
        return ends_at if at <= ends_at else at + policy.grace + policy.safety
    if (node.pod is None and not node.is_unseen) or (isinstance(node.pod, ElasticPod) and node.pod.phase.is_over):
        return at
    return at_once
