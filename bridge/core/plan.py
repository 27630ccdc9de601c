"""From a decision to steps: for each elastic node what the journal says next, and what is done. Pure.

A node that must go back is taken through cordon, force and deletion by the time left to its deadline, so a controller
that was away for an hour does at once what is due now.
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from bridge.core.actions import (
    Act,
    AddLabel,
    CreatePod,
    DeletePod,
    MapLabel,
    Plan,
    Purpose,
    ResizeNode,
    Step,
    UnmapLabel,
)
from bridge.core.decide import Decision
from bridge.core.drain import Return, cost
from bridge.core.lifecycle import GROWING, State
from bridge.core.nodes import ElasticNode
from bridge.core.reasons import Gap, Reason
from bridge.core.remember import lenders_left_alone
from bridge.core.resources import NOTHING, Resources, Room
from bridge.core.snapshot import ElasticPod, PoolPolicy, Promise, Snapshot, YarnNode, YarnNodeState

_ORDER = {DeletePod: 0, ResizeNode: 1, UnmapLabel: 3, AddLabel: 4, MapLabel: 5, CreatePod: 7}


def plan(snapshot: Snapshot, decision: Decision) -> Plan:
    """Make the steps that lead from the world as seen to the world as decided.

    A journal that couldn't be read isn't written over: what pods say of a promise is less than what it holds.
    """
    returns = {entry.node_id: entry for entry in decision.returns}
    cordons, reopened = frozenset(decision.cordons), _reopened(decision, returns)
    steps: list[Step] = []
    for node in decision.nodes:
        steps += _steps(snapshot, node, returns.get(node.id), node.id in cordons, node.id in reopened)
    steps += _label_steps(snapshot, decision)
    steps += _new_nodes(snapshot, decision, len(reopened))
    if isinstance(snapshot.promises, Gap):
        steps = [replace(step, promise=None, done=None) for step in steps if step.act is not None]
    return Plan(steps=tuple(sorted(steps, key=_urgency)))


def _urgency(step: Step) -> int:
    """Give back first, then write down, then label, then grow."""
    if step.act is None:
        return 2
    return 6 if step.grows and not isinstance(step.act, CreatePod) else _ORDER[type(step.act)]


def _steps(snapshot: Snapshot, node: ElasticNode, due: Return | None, cordon: bool, reopen: bool) -> Iterator[Step]:
    """Make one node's steps: at most one act besides the labels."""
    host = _host_to_label(snapshot, node)
    if host is not None and host != node.promise.label_host:
        node = replace(node, promise=replace(node.promise, label_host=host))
    step = _next(snapshot, node, due, cordon, reopen)
    if step.act is not None or step.promise != node.recorded:
        yield step
    if host is not None:
        yield from _map_label(snapshot, step, host)


def _next(snapshot: Snapshot, node: ElasticNode, due: Return | None, cordon: bool, reopen: bool) -> Step:
    """Choose what to do with a node by its state."""
    if node.state is State.GONE:
        return _stay(node)
    if node.state is State.DELETING:
        return _delete(snapshot, node, node.promise.reason)
    if due is not None:
        return _give_back(snapshot, node, due)
    match node.state:
        case State.REQUESTED:
            return _request(snapshot, node, drop=cordon)
        case State.SERVING if cordon:
            return _resize(snapshot, node, State.CORDONED, _minimum(snapshot), Purpose.CORDON, Reason.NO_WORK_FOR_IT)
        case State.SERVING:
            return _hold(node, node.promise.shape.yarn)
        case State.CORDONED | State.EMPTY if reopen:
            return _resize(
                snapshot, node, State.SERVING, node.promise.shape.yarn, Purpose.RECOMMISSION, Reason.WORK_RETURNED
            )
        case State.CORDONED | State.DRAINING:
            return _close(snapshot, node, State.CORDONED, Reason.NO_WORK_FOR_IT)
        case State.EMPTY:
            return _finish(snapshot, node, State.CORDONED, Reason.NO_WORK_FOR_IT)
        case _:
            return _stay(node)


def _give_back(snapshot: Snapshot, node: ElasticNode, due: Return) -> Step:
    """Take a node one step nearer to being free by its deadline."""
    policy, at = snapshot.policy, snapshot.at
    if node.promise.deadline != due.deadline:
        node = replace(node, promise=replace(node.promise, deadline=due.deadline))
    if node.state is State.REQUESTED and node.pod is None:
        return _move(snapshot, node, State.GONE, due.reason)
    if node.state in GROWING and _is_settled(snapshot):
        return _delete(snapshot, node, due.reason)
    if at >= due.deadline - policy.pod_tail:
        return _delete(snapshot, node, Reason.DEADLINE_NEAR)
    if node.running is None:
        return _stay(node) if node.state is not State.SERVING else _move(snapshot, node, State.DRAINING, due.reason)
    if node.state is State.FORCED or at >= due.deadline - policy.tail:
        return _force(snapshot, node, node.running, due.reason)
    if node.state is State.EMPTY:
        return _finish(snapshot, node, State.DRAINING, due.reason)
    return _close(snapshot, node, State.DRAINING, due.reason)


def _close(snapshot: Snapshot, node: ElasticNode, closed: State, reason: Reason) -> Step:
    """Keep a node closed; once nothing runs on it, close it to the last vcore."""
    running = node.running
    if running is None:
        return _move(snapshot, node, closed, reason)
    if node.state is closed and _is_idle(snapshot, node):
        return _resize(snapshot, node, State.EMPTY, NOTHING, Purpose.EMPTY, Reason.NOTHING_RUNS_ON_IT, reason)
    return _resize(snapshot, node, closed, _minimum(snapshot), Purpose.CORDON, reason)


def _finish(snapshot: Snapshot, node: ElasticNode, closed: State, reason: Reason) -> Step:
    """Delete a node that was found empty twice; one on which a container came late is opened to it again."""
    running = node.running
    if running is None or not running.is_settled or not _is_settled(snapshot):
        return _stay(node)
    if running.containers > 0:
        return _resize(snapshot, node, closed, _minimum(snapshot), Purpose.CORDON, Reason.CONTAINER_CAME_LATE, reason)
    if running.total.is_empty:
        return _delete(snapshot, node, reason)
    return _resize(snapshot, node, State.EMPTY, NOTHING, Purpose.EMPTY, Reason.NOTHING_RUNS_ON_IT, reason)


def _force(snapshot: Snapshot, node: ElasticNode, running: YarnNode, reason: Reason) -> Step:
    """Have the ResourceManager preempt what is left.

    It ignores a resize to the amount that a node has already, and forgets the timer when it restarts. A node at nothing
    would then be shut down, its containers lost uncounted. So the amount alternates between the minimum allocation and
    1 MiB more, and only what still fits there after the timer has run is told to leave by 0/0 (docs/yarn-seen.md).
    """
    if _is_idle(snapshot, node):
        return _delete(snapshot, node, reason)
    total = _forced_total(snapshot, node, running)
    if total is None:
        return _stay(node)
    moved = _moved(snapshot, node, State.FORCED, reason)
    told = None if isinstance(snapshot.yarn, Gap) else snapshot.yarn.started_at
    act = ResizeNode(
        node_id=running.node_id,
        total=total,
        overcommit_timeout=snapshot.policy.overcommit_timeout,
        purpose=Purpose.FORCE,
    )
    return Step(
        promise=replace(moved, told_rm_started_at=None),
        act=act,
        reason=Reason.DEADLINE_NEAR,
        done=replace(moved, told_rm_started_at=told),
    )


def _forced_total(snapshot: Snapshot, node: ElasticNode, running: YarnNode) -> Resources | None:
    """Choose the amount that the forced step tells next; None while a timer runs."""
    policy, minimum = snapshot.policy, _minimum(snapshot)
    if isinstance(snapshot.yarn, Gap) or isinstance(snapshot.promises, Gap):
        # Without a journal nobody knows what was told: nothing is the one amount that is told only once.
        return None if running.total.is_empty else NOTHING
    if node.state is State.FORCED and node.promise.told_rm_started_at == snapshot.yarn.started_at:
        has_run = snapshot.at - node.promise.since >= policy.overcommit_timeout + policy.kill_time
        return NOTHING if has_run and not running.total.is_empty else None
    a_little_more = replace(minimum, memory_mib=minimum.memory_mib + 1)
    return minimum if running.total == a_little_more else a_little_more


def _request(snapshot: Snapshot, node: ElasticNode, *, drop: bool) -> Step:
    """Make the pod of a promise that has none yet: the controller may have died in between."""
    if isinstance(node.pod, Gap):
        return _stay(node)
    if drop or node.promise.deadline is None:
        return _move(snapshot, node, State.GONE, Reason.NO_LONGER_WANTED)
    return Step(promise=node.promise, act=_create(snapshot, node.promise), reason=node.promise.reason)


def _hold(node: ElasticNode, total: Resources) -> Step:
    """Keep a serving node at its amount: a NodeManager that restarted brings its configured one."""
    running = node.running
    if running is None or running.total == total or running.has_custom_resources or total.is_empty:
        return _stay(node)
    if running.state is not YarnNodeState.RUNNING:
        return _stay(node)
    act = ResizeNode(node_id=running.node_id, total=total, overcommit_timeout=None, purpose=Purpose.REASSERT)
    return Step(promise=node.promise, act=act, reason=Reason.AMOUNT_DIFFERS)


def _delete(snapshot: Snapshot, node: ElasticNode, reason: Reason) -> Step:
    """Delete the pod; one that is already on its way out is left to end."""
    moved = node.promise if node.state is State.DELETING else _moved(snapshot, node, State.DELETING, reason)
    leaving = isinstance(node.pod, ElasticPod) and node.pod.deleting_since is not None
    if moved.pod_uid is None or leaving or node.pod is None:
        return Step(promise=moved, act=None, reason=reason)
    act = DeletePod(promise_id=node.id, uid=moved.pod_uid, grace=snapshot.policy.grace)
    return Step(promise=moved, act=act, reason=reason)


def _resize(
    snapshot: Snapshot,
    node: ElasticNode,
    state: State,
    total: Resources,
    purpose: Purpose,
    why: Reason,
    reason: Reason | None = None,
) -> Step:
    """Move a node to *state*, and resize it without a timeout where it hasn't the amount yet."""
    moved = _moved(snapshot, node, state, reason or why)
    running = node.running
    if running is None or running.total == total or running.has_custom_resources:
        return Step(promise=moved, act=None, reason=why)
    act = ResizeNode(node_id=running.node_id, total=total, overcommit_timeout=None, purpose=purpose)
    return Step(promise=moved, act=act, reason=why)


def _move(snapshot: Snapshot, node: ElasticNode, state: State, reason: Reason) -> Step:
    return Step(promise=_moved(snapshot, node, state, reason), act=None, reason=reason)


def _stay(node: ElasticNode) -> Step:
    return Step(promise=node.promise, act=None, reason=node.promise.reason)


def _moved(snapshot: Snapshot, node: ElasticNode, state: State, reason: Reason) -> Promise:
    """Change a promise's state; the time and the reason change with it."""
    if node.state is state:
        return node.promise
    return replace(node.promise, state=state, since=snapshot.at, reason=reason)


def _minimum(snapshot: Snapshot) -> Resources:
    """The amount of a closed node: at nothing, an RM restart would end it with all its containers."""
    return NOTHING if isinstance(snapshot.yarn, Gap) else snapshot.yarn.minimum


def _is_settled(snapshot: Snapshot) -> bool:
    return not isinstance(snapshot.yarn, Gap) and not snapshot.yarn.is_settling


def _is_idle(snapshot: Snapshot, node: ElasticNode) -> bool:
    """Say whether nothing runs on a node, and the ResourceManager has had time to know."""
    return node.is_idle and _is_settled(snapshot)


def _reopened(decision: Decision, returns: dict[str, Return]) -> frozenset[str]:
    """Choose closed nodes to open again: recommission before create."""
    missing = max(0, decision.size.target - decision.size.open_nodes)
    if isinstance(decision.offer, Gap) or missing == 0:
        return frozenset()
    lending = {name for name, entry in decision.offer.by_lender.items() if entry.refusal is None}
    closed = [
        node
        for node in decision.nodes
        if node.state in {State.CORDONED, State.EMPTY}
        and node.id not in returns
        and node.running is not None
        and node.promise.lender in lending
    ]
    return frozenset(node.id for node in sorted(closed, key=cost, reverse=True)[:missing])


def _new_nodes(snapshot: Snapshot, decision: Decision, reopened: int) -> Iterator[Step]:
    """Promise new nodes on the lenders with most room left, no more than are missing."""
    if isinstance(decision.offer, Gap) or isinstance(snapshot.promises, Gap) or isinstance(snapshot.yarn, Gap):
        return
    shape, deadline = snapshot.policy.shape, decision.allowance.closes_at
    held = _held(decision.nodes)
    there = sum(1 for node in decision.nodes if node.state is not State.GONE)
    missing = min(decision.size.target - decision.size.open_nodes - reopened, decision.offer.ceiling - there)
    if deadline is None or snapshot.at >= deadline - snapshot.policy.notice or missing <= 0:
        return
    left_alone = lenders_left_alone(snapshot)
    rooms: list[tuple[int, str]] = []
    for name, entry in decision.offer.by_lender.items():
        amount, count = held[name]
        free = min(shape.pod.times_in(entry.room - amount), entry.nodes - count)
        if entry.refusal is None and name not in left_alone and free > 0:
            rooms.append((-free, name))
    heapq.heapify(rooms)
    for promise_id in snapshot.fresh_ids[:missing]:
        if not rooms:
            return
        free, lender = heapq.heappop(rooms)
        if free + 1 < 0:
            heapq.heappush(rooms, (free + 1, lender))
        promise = _promise(snapshot, promise_id, lender, deadline)
        yield Step(promise=promise, act=_create(snapshot, promise), reason=promise.reason)


def _held(nodes: tuple[ElasticNode, ...]) -> defaultdict[str, tuple[Room, int]]:
    """Sum what elastic pods hold on each lender, those on their way out included."""
    held: defaultdict[str, tuple[Room, int]] = defaultdict(lambda: (Room(cpu_millicores=0, memory_mib=0), 0))
    for node in nodes:
        if node.state is not State.GONE:
            amount, count = held[node.promise.lender]
            held[node.promise.lender] = (amount + node.promise.shape.pod, count + 1)
    return held


def _promise(snapshot: Snapshot, promise_id: str, lender: str, deadline: datetime) -> Promise:
    return Promise(
        id=promise_id,
        pool=snapshot.policy.name,
        lender=lender,
        shape=snapshot.policy.shape,
        state=State.REQUESTED,
        made_at=snapshot.at,
        since=snapshot.at,
        deadline=deadline,
        reason=Reason.WORK_IS_WAITING,
    )


def _create(snapshot: Snapshot, promise: Promise) -> Act:
    policy: PoolPolicy = snapshot.policy
    deadline = promise.deadline or snapshot.at
    return CreatePod(
        promise_id=promise.id,
        lender=promise.lender,
        shape=promise.shape.yarn,
        requests=promise.shape.pod,
        label=policy.label,
        lives_at_most=max(timedelta(seconds=1), deadline - snapshot.at + _longest_extension(snapshot)),
        grace=policy.grace,
    )


def _longest_extension(snapshot: Snapshot) -> timedelta:
    return max((span.max_extend for span in snapshot.windows), default=timedelta(0))


def _label_steps(snapshot: Snapshot, decision: Decision) -> Iterator[Step]:
    """Make the pool's label known before the first node needs it; clear the addresses of nodes that are gone."""
    if isinstance(snapshot.yarn, Gap):
        return
    label, mapped = snapshot.policy.label, snapshot.yarn.label_by_host
    if label is not None and label not in snapshot.yarn.labels:
        yield Step(promise=None, act=AddLabel(label=label), reason=Reason.LABEL_IS_MISSING)
    in_use = Counter(
        node.pod.ip for node in decision.nodes if isinstance(node.pod, ElasticPod) and node.state is not State.GONE
    )
    for node in decision.nodes:
        host = node.promise.label_host
        if node.state is not State.GONE or host is None:
            continue
        cleared = replace(node.promise, label_host=None)
        if mapped.get(host) == label and not in_use[host]:
            yield Step(promise=node.promise, act=UnmapLabel(host=host), reason=Reason.ADDRESS_IS_FREE, done=cleared)
        else:
            yield Step(promise=cleared, act=None, reason=Reason.ADDRESS_IS_FREE)


def _host_to_label(snapshot: Snapshot, node: ElasticNode) -> str | None:
    """Find the address of a pod that is to carry the pool's label."""
    label = snapshot.policy.label
    if label is None or isinstance(snapshot.yarn, Gap) or not isinstance(node.pod, ElasticPod):
        return None
    return None if node.state is State.DELETING or label not in snapshot.yarn.labels else node.pod.ip


def _map_label(snapshot: Snapshot, step: Step, host: str) -> Iterator[Step]:
    """Map a pod's address before its NodeManager registers, so that no ApplicationMaster lands in between.

    The record is that of the node's own *step*: two steps of one node must not write different things. A node that is
    forced needs no label any more.
    """
    label = snapshot.policy.label
    if label is None or isinstance(snapshot.yarn, Gap) or snapshot.yarn.label_by_host.get(host) == label:
        return
    if step.promise is not None and step.promise.state not in {State.FORCED, State.DELETING}:
        yield Step(promise=step.promise, act=MapLabel(host=host, label=label), reason=Reason.LABEL_BEFORE_WORK)
