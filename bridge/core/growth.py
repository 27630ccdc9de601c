"""Where new elastic nodes come from: closed ones are opened again, then pods are promised on the roomiest lenders."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta

from bridge.core.actions import CreatePod, Step
from bridge.core.decide import Decision
from bridge.core.drain import Return
from bridge.core.extend import longest_extension
from bridge.core.left_alone import lenders_left_alone
from bridge.core.lifecycle import State
from bridge.core.nodes import ElasticNode
from bridge.core.outlook import Outlook
from bridge.core.reasons import Gap, Reason
from bridge.core.resources import NO_ROOM, Room
from bridge.core.snapshot import Promise, Snapshot
from bridge.core.turns import Turns


def reopened(snapshot: Snapshot, decision: Decision, returns: dict[str, Return]) -> frozenset[str]:
    """Choose closed nodes to open again: recommission before create."""
    missing = max(0, decision.size.target - decision.size.open_nodes)
    if isinstance(decision.offer, Gap) or missing == 0:
        return frozenset()
    closed = [
        node
        for node in decision.nodes
        if node.state in {State.CORDONED, State.EMPTY} and node.id not in returns and node.running is not None
    ]
    if not closed:
        return frozenset()
    held = _held(decision.nodes)
    lending = {
        name
        for name, entry in decision.offer.by_lender.items()
        if entry.refusal is None and held[name][1] <= entry.lasting_nodes
    }
    turns = Turns(snapshot.policy, Outlook.of(snapshot))
    dearest = turns.order((node for node in closed if node.promise.lender in lending), snapshot.at, ())[::-1]
    return frozenset(node.id for node in dearest[:missing])


def new_nodes(snapshot: Snapshot, decision: Decision, reopened_nodes: int) -> Iterator[Step]:
    """Promise new nodes on the lenders with most room left, no more than are missing."""
    if isinstance(decision.offer, Gap) or isinstance(snapshot.promises, Gap) or isinstance(snapshot.yarn, Gap):
        return
    shape, deadline = snapshot.policy.shape, decision.window.closes_at
    missing = decision.size.target - decision.size.open_nodes - reopened_nodes
    if deadline is None or snapshot.at >= deadline - snapshot.policy.notice or missing <= 0:
        return
    there = sum(1 for node in decision.nodes if node.state is not State.GONE)
    missing = max(0, min(missing, decision.offer.ceiling - there))
    held = _held(decision.nodes)
    left_alone = lenders_left_alone(snapshot)
    rooms: list[tuple[int, str]] = []
    for name, entry in decision.offer.by_lender.items():
        amount, count = held[name]
        free = min(shape.pod.times_in(entry.lasting_room - amount), entry.lasting_nodes - count)
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
        yield Step(promise=promise, act=create_pod(snapshot, promise), reason=promise.reason)


def _held(nodes: tuple[ElasticNode, ...]) -> defaultdict[str, tuple[Room, int]]:
    """Sum what elastic pods hold on each lender, those on their way out included."""
    held: defaultdict[str, tuple[Room, int]] = defaultdict(lambda: (NO_ROOM, 0))
    for node in nodes:
        if node.state is not State.GONE:
            amount, count = held[node.promise.lender]
            held[node.promise.lender] = (amount + node.holds, count + 1)
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


def create_pod(snapshot: Snapshot, promise: Promise) -> CreatePod:
    """Order a promise's pod, with the dead man's switch that ends it if nobody comes back for it."""
    policy = snapshot.policy
    deadline = promise.deadline or snapshot.at
    return CreatePod(
        promise_id=promise.id,
        lender=promise.lender,
        shape=promise.shape.yarn,
        requests=promise.shape.pod,
        label=policy.label,
        lives_at_most=max(timedelta(seconds=1), deadline - snapshot.at + longest_extension(snapshot, deadline)),
        grace=policy.grace,
    )
