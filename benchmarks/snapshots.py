"""Snapshots of large clusters: 5,000 YARN nodes, 5,000 lenders, 50,000 pods as the sums that a snapshot has of them.

Half of the YARN nodes are elastic. The same name always gives the same snapshot.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from bridge.core.lifecycle import State
from bridge.core.reasons import Gap, LenderRefusal, Reason
from bridge.core.resources import NOTHING, Resources, Room, Shape
from bridge.core.snapshot import (
    ElasticPod,
    KubeFacts,
    Lender,
    Memory,
    PodPhase,
    PoolPolicy,
    Promise,
    Snapshot,
    YarnFacts,
    YarnNode,
    YarnNodeState,
)
from bridge.core.tasks import NO_HISTORY, EndedTask, Task
from bridge.core.waiting import WaitingContainers
from bridge.core.window import WindowSpan

YARN_NODES = 5_000
LENDERS = 5_000
PODS = 50_000
ELASTIC = 2_500
TASKS_EACH = 10

SHAPE = Shape(yarn=Resources(vcores=4, memory_mib=8192), pod=Room(cpu_millicores=4250, memory_mib=9216))
MINIMUM = Resources(vcores=1, memory_mib=1024)
LABEL = "k8s"

_BACK_BY = datetime(2026, 3, 3, 6, tzinfo=UTC)
_LEAD = timedelta(minutes=45)
_NIGHT = _BACK_BY - timedelta(hours=5)
_RM_STARTED = _BACK_BY - timedelta(days=9)

_REGISTERED = frozenset({State.SERVING, State.CORDONED, State.DRAINING, State.FORCED, State.EMPTY, State.DELETING})
_PROMISED = frozenset({State.DRAINING, State.FORCED})
_TOTAL = {State.SERVING: SHAPE.yarn, State.CORDONED: MINIMUM, State.DRAINING: MINIMUM}
_REASON = {
    State.REQUESTED: Reason.WORK_IS_WAITING,
    State.STARTING: Reason.POD_SEEN,
    State.SERVING: Reason.REGISTERED,
    State.CORDONED: Reason.NO_WORK_FOR_IT,
    State.DRAINING: Reason.WINDOW_ENDS,
    State.FORCED: Reason.WINDOW_ENDS,
    State.EMPTY: Reason.NO_WORK_FOR_IT,
    State.DELETING: Reason.NO_WORK_FOR_IT,
    State.LOST: Reason.NODE_UNSEEN,
    State.GONE: Reason.VERIFIED_FREE,
}
_MIXED = (
    *(State.SERVING,) * 70,
    *(State.CORDONED,) * 8,
    *(State.DRAINING,) * 8,
    *(State.STARTING,) * 4,
    *(State.REQUESTED,) * 3,
    *(State.EMPTY,) * 2,
    *(State.FORCED,) * 2,
    State.LOST,
    State.DELETING,
    State.GONE,
)
"""What a hundred elastic nodes of a busy night are."""


def make_growing() -> Snapshot:
    """Make a night's beginning: half of the elastic nodes in all states, and work for more than the other half."""
    world = _world(ELASTIC // 2, state_of=_mixed, containers_of=_some, grow_per_tick=ELASTIC // 2)
    return _with_work(world, count=20_000)


def make_steady() -> Snapshot:
    """Make the middle of a night: all elastic nodes in all states, and nothing to change beside what is under way."""
    return _world(ELASTIC, state_of=_mixed, containers_of=_some)


def make_idle() -> Snapshot:
    """Make the end of all work: every elastic node open, empty, and for long not needed."""
    world = _world(ELASTIC, state_of=lambda _: State.SERVING, containers_of=lambda _: 0)
    return replace(world, memory=Memory(waiting=(), surplus_since=world.at - timedelta(hours=1)))


def make_lead() -> Snapshot:
    """Make the minute in which a whole pool must begin to leave."""
    return _world(ELASTIC, state_of=lambda _: State.SERVING, containers_of=_some, at=_BACK_BY - _LEAD)


def make_forced() -> Snapshot:
    """Make the minute in which a whole pool is busy, and must be gone at once."""
    tail = PoolPolicy(name="night", shape=SHAPE, label=LABEL).tail
    at = _BACK_BY - tail + timedelta(seconds=1)
    return _world(
        ELASTIC, state_of=lambda _: State.DRAINING, containers_of=lambda n: 1 + n % 3, at=at, deadline=_BACK_BY
    )


def make_giving_back() -> Snapshot:
    """Make a minute before a window's end: 5,000 elastic nodes with ten tasks each go back, of 500 applications."""
    world = _world(
        YARN_NODES, state_of=lambda _: State.SERVING, containers_of=lambda _: TASKS_EACH, at=_BACK_BY - _LEAD / 3
    )
    assert not isinstance(world.yarn, Gap)
    nodes = tuple(replace(node, tasks=_tasks(number, world.at)) for number, node in enumerate(world.yarn.nodes))
    lengths = (
        EndedTask(node_id="", app=task.app, queue=task.queue, kind=task.kind, lasted=_length(task))
        for task in itertools.chain.from_iterable(node.tasks for node in nodes)
    )
    apps = frozenset(f"application_1_{number:04}" for number in range(500))
    history = NO_HISTORY.learned(world.at, lengths, apps)
    return replace(world, yarn=replace(world.yarn, nodes=nodes, apps=apps), tasks=history)


def _tasks(number: int, at: datetime) -> tuple[Task, ...]:
    return tuple(
        Task(
            app=f"application_1_{(number * 7 + index) % 500:04}",
            queue=f"root.q{(number * 7 + index) % 50}",
            kind=20 - index % 2,
            vcores=1,
            began=at - timedelta(seconds=(number * 31 + index * 97) % 1800),
        )
        for index in range(TASKS_EACH)
    )


def _length(task: Task) -> timedelta:
    """Say how long such a task took: between a minute and an hour, by its application."""
    return timedelta(seconds=60 + int(task.app[-4:]) * 7 + task.kind)


WORLDS: Mapping[str, Callable[[], Snapshot]] = {
    "growing by 1,250 nodes": make_growing,
    "steady, states mixed": make_steady,
    "no work for any node": make_idle,
    "whole pool at its lead": make_lead,
    "whole pool forced": make_forced,
}


def _mixed(number: int) -> State:
    return _MIXED[number * 37 % 100]


def _some(number: int) -> int:
    return number % 4


def _world(
    elastic: int,
    *,
    state_of: Callable[[int], State],
    containers_of: Callable[[int], int],
    at: datetime = _NIGHT,
    deadline: datetime | None = None,
    grow_per_tick: int = 100,
) -> Snapshot:
    promises = tuple(_promise(number, state_of(number), at, deadline) for number in range(elastic))
    pods = tuple(_pod(promise, at) for promise in promises if promise.state not in {State.REQUESTED, State.GONE})
    nodes = [
        _yarn_node(promise, containers_of(number), at)
        for number, promise in enumerate(promises)
        if promise.state in _REGISTERED
    ]
    nodes += [_static_node(number, at) for number in range(YARN_NODES - len(nodes))]
    return Snapshot(
        at=at,
        policy=PoolPolicy(
            name="night",
            shape=SHAPE,
            label=LABEL,
            margin_ratio=0.1,
            keep_free=Room(cpu_millicores=100_000, memory_mib=200_000),
            max_nodes=LENDERS,
            grow_per_tick=grow_per_tick,
        ),
        windows=(
            WindowSpan(name="nights", start=_BACK_BY - timedelta(hours=8), back_by=_BACK_BY, lead=_LEAD, max_ratio=0.7),
        ),
        kube=KubeFacts(lenders=tuple(_lender(number) for number in range(LENDERS)), pods=pods),
        yarn=YarnFacts(
            started_at=_RM_STARTED,
            minimum=MINIMUM,
            nodes=tuple(nodes),
            waiting=(),
            labels=frozenset({LABEL}),
            label_by_host={promise.label_host: LABEL for promise in promises if promise.label_host is not None},
        ),
        promises=promises,
        memory=Memory(waiting=()),
        fresh_ids=tuple(f"fresh{number:06}" for number in range(grow_per_tick)),
    )


def _with_work(world: Snapshot, count: int) -> Snapshot:
    """Let work wait, in forty sizes, and have waited before."""
    waiting = tuple(
        WaitingContainers(
            vcores=1 + number % 4, memory_mib=1024 * (1 + number % 8) + 64 * number, label="", count=count // 40
        )
        for number in range(40)
    )
    assert not isinstance(world.yarn, Gap)
    return replace(world, yarn=replace(world.yarn, waiting=waiting), memory=Memory(waiting=waiting))


def _lender(number: int) -> Lender:
    """Make a lender with what its ten pods ask for; one in fifty refuses."""
    return Lender(
        name=_lender_name(number),
        allocatable=Room(cpu_millicores=31_500, memory_mib=126_976),
        online=Room(cpu_millicores=4000 + 250 * (number % 41), memory_mib=16_384 + 1024 * (number % 37)),
        pod_slots=100,
        refusal=LenderRefusal.PRESSURE if number % 50 == 49 else None,
    )


def _lender_name(number: int) -> str:
    return f"node-{number:05}.cluster.internal"


def _ip(number: int) -> str:
    return f"10.244.{number // 250}.{number % 250 + 1}"


def _promise(number: int, state: State, at: datetime, deadline: datetime | None) -> Promise:
    has_pod, is_registered = state is not State.REQUESTED, state in _REGISTERED or state is State.LOST
    if deadline is None:
        deadline = at + timedelta(minutes=20) if state in _PROMISED else _BACK_BY
    return Promise(
        id=f"p{number:011}",
        pool="night",
        lender=_lender_name(number * 2 % LENDERS),
        shape=SHAPE,
        state=state,
        made_at=at - timedelta(hours=1 if is_registered else 0),
        since=at - timedelta(seconds=20),
        deadline=deadline,
        reason=_REASON[state],
        pod_uid=f"00000000-0000-4000-8000-{number:012}" if has_pod else None,
        node_id=f"{_ip(number)}:8041" if is_registered else None,
        served=is_registered,
        told_rm_started_at=_RM_STARTED if state is State.FORCED else None,
        label_host=_ip(number) if has_pod else None,
    )


def _pod(promise: Promise, at: datetime) -> ElasticPod:
    return ElasticPod(
        name=f"nm-night-{promise.id}",
        uid=promise.pod_uid or "",
        promise_id=promise.id,
        lender=promise.lender,
        requests=promise.shape.pod,
        shape=promise.shape.yarn,
        phase=PodPhase.RUNNING,
        deadline=promise.deadline,
        created_at=promise.made_at,
        node=promise.lender,
        ip=promise.label_host,
        deleting_since=at - timedelta(seconds=2) if promise.state is State.DELETING else None,
    )


def _yarn_node(promise: Promise, containers: int, at: datetime) -> YarnNode:
    return YarnNode(
        node_id=promise.node_id or "",
        state=YarnNodeState.RUNNING,
        total=_TOTAL.get(promise.state, NOTHING),
        used=MINIMUM * containers,
        containers=containers,
        label=LABEL,
        health_at=at - timedelta(seconds=30),
    )


def _static_node(number: int, at: datetime) -> YarnNode:
    return YarnNode(
        node_id=f"static-{number:05}.cluster.internal:8041",
        state=YarnNodeState.RUNNING,
        total=Resources(vcores=32, memory_mib=131_072),
        used=Resources(vcores=24, memory_mib=98_304),
        containers=24,
        has_am=number % 5 == 0,
        health_at=at - timedelta(seconds=30),
    )
