"""Builders with legal defaults, so that a test names only what matters; and strategies for random worlds.

An elastic node is built whole: its promise, its pod and its YARN node agree until a test says otherwise.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from bridge.core.forecast.values import HORIZONS, Forecast, Method, PeakBound, SeriesForecast
from bridge.core.lifecycle import State
from bridge.core.load import Belief, SignalReason, SignalState
from bridge.core.reasons import Gap, LenderRefusal, Reason
from bridge.core.resources import NO_ROOM, NOTHING, Resources, Room, Shape
from bridge.core.snapshot import (
    CannotDecommission,
    CannotResize,
    ElasticPod,
    KubeFacts,
    Lender,
    Memory,
    Pause,
    PodPhase,
    PoolPolicy,
    Promise,
    Snapshot,
    YarnFacts,
    YarnNode,
    YarnNodeState,
)
from bridge.core.tasks import NO_HISTORY, Task, TaskHistory
from bridge.core.waiting import WaitingContainers
from bridge.core.window import WindowSpan

AT = datetime(2026, 1, 6, 1, 0, tzinfo=UTC)
"""An instant in the middle of the default window."""
BACK_BY = AT + timedelta(hours=5)
LEAD = timedelta(minutes=45)
LABEL = "k8s"
MINIMUM = Resources(vcores=1, memory_mib=1024)
SHAPE = Shape(yarn=Resources(vcores=4, memory_mib=8192), pod=Room(cpu_millicores=4000, memory_mib=9216))
PORT = 8041

WITH_POD = frozenset(State) - {State.REQUESTED, State.GONE}
REGISTERED = frozenset({State.SERVING, State.CORDONED, State.DRAINING, State.FORCED, State.EMPTY, State.DELETING})
PROMISED = frozenset({State.DRAINING, State.FORCED})

_TOTAL = {
    State.SERVING: SHAPE.yarn,
    State.CORDONED: MINIMUM,
    State.DRAINING: MINIMUM,
    State.FORCED: NOTHING,
    State.EMPTY: NOTHING,
    State.DELETING: NOTHING,
}
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


def minutes(count: float) -> timedelta:
    """Write a duration shortly."""
    return timedelta(minutes=count)


def seconds(count: float) -> timedelta:
    """Write a duration shortly."""
    return timedelta(seconds=count)


def room(cores: float, gib: float) -> Room:
    """Write a Kubernetes amount in cores and GiB."""
    return Room(cpu_millicores=int(cores * 1000), memory_mib=int(gib * 1024))


def make_policy(**changes: Any) -> PoolPolicy:
    """Make a pool's policy; no margin, label of placement spill."""
    return replace(PoolPolicy(name="night", shape=SHAPE, label=LABEL, max_nodes=100, grow_per_tick=10), **changes)


def make_window(**changes: Any) -> WindowSpan:
    """Make a window that is open at AT, far from its end."""
    window = WindowSpan(name="nights", start=AT - minutes(180), back_by=BACK_BY, lead=LEAD, max_ratio=1.0)
    return replace(window, **changes)


def make_belief(millicores: Mapping[str, int], **changes: Any) -> Belief:
    """Make what a signal that is trusted says of lenders."""
    belief = Belief(
        state=SignalState.FRESH,
        reason=SignalReason.IN_TIME,
        since=AT,
        changes_at=None,
        sampled_at=AT,
        total_millicores=sum(millicores.values()),
        by_lender=dict(millicores),
    )
    return replace(belief, **changes)


def make_bounds(*ratios: float) -> SeriesForecast:
    """Make the bounds of one series, for each horizon; one alone is for all."""
    ratios = ratios * len(HORIZONS) if len(ratios) == 1 else ratios
    return SeriesForecast(
        bounds=tuple(
            PeakBound(horizon=horizon, ratio=ratio, method=Method.RISE, expected_ratio=ratio, margin_ratio=0.0)
            for horizon, ratio in zip(HORIZONS, ratios, strict=True)
        ),
        history=timedelta(days=14),
    )


def make_forecast(total: SeriesForecast, **by_lender: SeriesForecast) -> Forecast:
    """Make a forecast of all together and of single lenders."""
    return Forecast(made_at=AT, total=total, by_lender=by_lender)


def make_lender(name: str = "a", **changes: Any) -> Lender:
    """Make a lender with room for four nodes of the default shape."""
    lender = Lender(name=name, allocatable=room(16, 36), online=NO_ROOM, pod_slots=50)
    return replace(lender, **changes)


def ip_of(promise_id: str) -> str:
    """Give each promise's pod an address of its own."""
    number = zlib.crc32(promise_id.encode())
    return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


def make_promise(id: str = "p1", state: State = State.SERVING, **changes: Any) -> Promise:
    """Make a journal's record that fits its state."""
    promise = Promise(
        id=id,
        pool="night",
        lender="a",
        shape=SHAPE,
        state=state,
        made_at=AT - minutes(60) if state in REGISTERED or state is State.LOST else AT - seconds(20),
        since=AT - seconds(20),
        deadline=AT + minutes(30) if state in PROMISED else BACK_BY,
        reason=_REASON[state],
        pod_uid=f"uid-{id}" if state is not State.REQUESTED else None,
        node_id=f"{ip_of(id)}:{PORT}" if state in REGISTERED or state is State.LOST else None,
        served=state in REGISTERED or state is State.LOST,
        told_rm_started_at=AT - minutes(600) if state is State.FORCED else None,
        label_host=ip_of(id) if state is not State.REQUESTED else None,
    )
    return replace(promise, **changes)


def make_pod(promise: Promise | None = None, **changes: Any) -> ElasticPod:
    """Make the pod of a promise, running."""
    promise = promise or make_promise()
    pod = ElasticPod(
        name=f"night-{promise.id}",
        uid=f"uid-{promise.id}",
        promise_id=promise.id,
        lender=promise.lender,
        requests=promise.shape.pod,
        shape=promise.shape.yarn,
        phase=PodPhase.RUNNING,
        deadline=promise.deadline,
        created_at=promise.made_at,
        node=promise.lender,
        ip=ip_of(promise.id),
        deleting_since=AT - seconds(2) if promise.state is State.DELETING else None,
        requested=promise.shape.pod,
        allocated=promise.shape.pod,
    )
    return replace(pod, **changes)


def make_yarn_node(promise: Promise | None = None, *, containers: int = 0, **changes: Any) -> YarnNode:
    """Make the YARN node of a promise at the amount that its state asks for; a container takes the minimum."""
    promise = promise or make_promise()
    total = promise.shape.yarn if promise.state is State.SERVING else _TOTAL.get(promise.state, promise.shape.yarn)
    node = YarnNode(
        node_id=f"{ip_of(promise.id)}:{PORT}",
        state=YarnNodeState.RUNNING,
        total=total,
        used=MINIMUM * containers,
        containers=containers,
        label=LABEL,
        health_at=AT,
    )
    return replace(node, **changes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Elastic:
    """An elastic node as the world and the journal hold it."""

    promise: Promise
    pod: ElasticPod | None
    yarn: YarnNode | None
    in_journal: bool = True

    @property
    def id(self) -> str:
        """The promise's id."""
        return self.promise.id

    def change(self, *, pod: dict[str, Any] | None = None, yarn: dict[str, Any] | None = None) -> Elastic:
        """Change facts of its pod or its YARN node."""
        return replace(
            self,
            pod=self.pod if self.pod is None or pod is None else replace(self.pod, **pod),
            yarn=self.yarn if self.yarn is None or yarn is None else replace(self.yarn, **yarn),
        )

    def without(self, *parts: str) -> Elastic:
        """Leave out ``pod``, ``yarn`` or the ``journal``'s record."""
        return replace(
            self,
            pod=None if "pod" in parts else self.pod,
            yarn=None if "yarn" in parts else self.yarn,
            in_journal=self.in_journal and "journal" not in parts,
        )


def make_elastic(id: str = "p1", state: State = State.SERVING, *, containers: int = 0, **changes: Any) -> Elastic:
    """Make an elastic node whose three parts agree."""
    promise = make_promise(id, state, **changes)
    return Elastic(
        promise=promise,
        pod=make_pod(promise) if state in WITH_POD else None,
        yarn=make_yarn_node(promise, containers=containers) if state in REGISTERED else None,
    )


def make_task(app: str = "app-1", *, age_s: float = 60, **changes: Any) -> Task:
    """Make a task of one vcore that has run for a minute."""
    return replace(Task(app=app, queue="root.default", kind=0, vcores=1, began=AT - seconds(age_s)), **changes)


def make_waiting(count: int, *, vcores: int = 1, memory_mib: int = 1024, label: str = "") -> WaitingContainers:
    """Make containers that wait, unlabelled."""
    return WaitingContainers(vcores=vcores, memory_mib=memory_mib, label=label, count=count)


def make_kube(elastic: tuple[Elastic, ...] = (), **changes: Any) -> KubeFacts:
    """Make Kubernetes' facts with one lender and the pods of *elastic*."""
    facts = KubeFacts(lenders=(make_lender(),), pods=tuple(entry.pod for entry in elastic if entry.pod is not None))
    return replace(facts, **changes)


def make_yarn(elastic: tuple[Elastic, ...] = (), **changes: Any) -> YarnFacts:
    """Make YARN's facts with the nodes of *elastic*, every address of theirs labelled."""
    facts = YarnFacts(
        started_at=AT - minutes(600),
        minimum=MINIMUM,
        nodes=tuple(entry.yarn for entry in elastic if entry.yarn is not None),
        waiting=(),
        labels=frozenset({LABEL}),
        label_by_host={entry.promise.label_host: LABEL for entry in elastic if entry.promise.label_host is not None},
    )
    return replace(facts, **changes)


def make_snapshot(
    *elastic: Elastic,
    at: datetime = AT,
    policy: PoolPolicy | None = None,
    windows: tuple[WindowSpan, ...] | None = None,
    lenders: tuple[Lender, ...] | None = None,
    waiting: tuple[WaitingContainers, ...] = (),
    memory: Memory | None = None,
    kube: dict[str, Any] | Gap | None = None,
    yarn: dict[str, Any] | Gap | None = None,
    promises: tuple[Promise, ...] | Gap | None = None,
    pause: Pause | None = None,
    load: Belief | None = None,
    forecast: Forecast | Gap | None = None,
    tasks: TaskHistory = NO_HISTORY,
    recalled: Mapping[str, Promise] | None = None,
) -> Snapshot:
    """Make a snapshot around *elastic* nodes; what waits has waited before. A Gap takes a part's place."""
    policy = policy or make_policy()
    recorded = tuple(entry.promise for entry in elastic if entry.in_journal)
    kube_changes = kube if isinstance(kube, dict) else {}
    if lenders is not None:
        kube_changes = {"lenders": lenders, **kube_changes}
    yarn_changes = {"waiting": waiting, **(yarn if isinstance(yarn, dict) else {})}
    return Snapshot(
        at=at,
        policy=policy,
        windows=(make_window(),) if windows is None else windows,
        kube=kube if isinstance(kube, Gap) else make_kube(elastic, **kube_changes),
        yarn=yarn if isinstance(yarn, Gap) else make_yarn(elastic, **yarn_changes),
        promises=recorded if promises is None else promises,
        recalled=recalled or {},
        memory=Memory(waiting=waiting) if memory is None else memory,
        pause=pause,
        load=load,
        forecast=forecast,
        tasks=tasks,
        fresh_ids=tuple(f"new{number}" for number in range(policy.grow_per_tick)),
    )


# Random worlds ---------------------------------------------------------------------------------------------------

OTHER_SHAPE = Shape(yarn=Resources(vcores=8, memory_mib=8192), pod=Room(cpu_millicores=8000, memory_mib=10240))


def _offsets(*lengths: float) -> st.SearchStrategy[timedelta]:
    return st.sampled_from([minutes(length) for length in lengths])


@st.composite
def policies(draw: st.DrawFn) -> PoolPolicy:
    """Draw policies with small limits, so that each of them binds now and then."""
    return make_policy(
        label=draw(st.sampled_from([LABEL, LABEL, None])),
        margin_ratio=draw(st.sampled_from([0.0, 0.1, 0.33])),
        keep_free=draw(st.sampled_from([NO_ROOM, room(2, 2), room(9, 9)])),
        max_nodes=draw(st.sampled_from([100, 100, 100, 6, 2, 0])),
        grow_per_tick=draw(st.integers(min_value=1, max_value=4)),
        reclaim_within=draw(st.sampled_from([seconds(60), seconds(90), minutes(10)])),
    )


@st.composite
def windows_around(draw: st.DrawFn, at: datetime = AT) -> tuple[WindowSpan, ...]:
    """Draw windows in every phase around *at*: far, open, in their lead, in their tail, over; overlapping, dropping."""
    if draw(st.booleans()):
        return (make_window(),)
    spans = []
    for number in range(draw(st.sampled_from([1, 1, 2, 3, 0]))):
        start = at + draw(_offsets(-300, -120, -30, -1, 0, 5, 60))
        end = at + draw(
            st.sampled_from([minutes(480), minutes(300), minutes(60), minutes(20), minutes(2)])
            | _offsets(1.5, 0.9, 0.5, 0.2, 0, -10)
        )
        if end > start:
            spans.append(
                WindowSpan(
                    name=f"w{number}",
                    start=start,
                    back_by=end,
                    lead=draw(_offsets(45, 45, 10, 1, 0)),
                    max_ratio=draw(st.sampled_from([1.0, 1.0, 0.6, 0.29, 0.0])),
                    max_extend=draw(_offsets(0, 30)),
                )
            )
    return tuple(spans)


@st.composite
def lenders(draw: st.DrawFn, name: str) -> Lender:
    """Draw a lender, mostly willing; online pods may have taken more than there is."""
    return make_lender(
        name,
        allocatable=draw(st.sampled_from([room(16, 36), room(8.5, 20), room(33, 60), room(3, 64)])),
        online=draw(st.sampled_from([NO_ROOM, NO_ROOM, room(5, 2), room(1, 17), room(12, 30), room(40, 80)])),
        pod_slots=draw(st.sampled_from([50, 50, 2, 0])),
        refusal=draw(st.sampled_from([None] * 6 + list(LenderRefusal))),
    )


@st.composite
def elastics(draw: st.DrawFn, id: str, lender: str, *, is_consistent: bool = False) -> Elastic:
    """Draw an elastic node in any state; unless *is_consistent*, its facts may contradict the journal."""
    often = [State.SERVING, State.SERVING, State.SERVING, State.CORDONED, State.CORDONED, State.DRAINING]
    state = draw(st.sampled_from([*often, *State]))
    deadline = draw(
        st.sampled_from([BACK_BY, AT + minutes(30), AT + minutes(2)])
        if is_consistent
        else st.sampled_from([BACK_BY, BACK_BY, AT + minutes(30), AT + minutes(2)])
        | st.sampled_from([AT + seconds(45), AT + seconds(20), AT, AT - minutes(5), None])
    )
    if state in PROMISED and deadline is None:
        deadline = AT + minutes(2)
    made = make_elastic(
        id,
        state,
        containers=draw(st.sampled_from([0, 0, 1, 3])) if state is not State.EMPTY or not is_consistent else 0,
        lender=lender,
        deadline=deadline,
        shape=draw(st.sampled_from([SHAPE] * 7 + [OTHER_SHAPE])),
        since=AT - draw(_offsets(0.2, 0.2, 2, 10)),
        reason=draw(st.sampled_from([_REASON[state], Reason.WINDOW_ENDS, Reason.KUBERNETES_NEEDS_ROOM])),
    )
    if state is State.GONE:
        made = replace(made, promise=replace(made.promise, label_host=draw(st.sampled_from([None, ip_of(id)]))))
    return made if is_consistent else _contradict(draw, made)


def _contradict(draw: st.DrawFn, made: Elastic) -> Elastic:
    """Let a part be missing or say something else."""
    promise = made.promise
    if made.yarn is None and made.pod is not None and draw(st.booleans()):
        made = replace(made, yarn=make_yarn_node(promise, containers=draw(st.integers(0, 2))))
    if promise.state is State.REQUESTED and draw(st.booleans()):
        made = replace(made, pod=make_pod(promise), yarn=draw(st.sampled_from([None, make_yarn_node(promise)])))
    match draw(
        st.sampled_from(
            ["nothing"] * 4
            + ["pod", "yarn", "journal", "deleting", "failed", "pending", "total", "total", "strange", "unlabelled"]
        )
    ):
        case "pod" | "yarn" | "journal" as part:
            return made.without(part)
        case "deleting":
            return made.change(pod={"deleting_since": AT - seconds(3)})
        case "unlabelled":
            return replace(made, promise=replace(promise, label_host=None))
        case "failed":
            return made.change(pod={"phase": PodPhase.FAILED})
        case "pending":
            return made.change(pod={"phase": PodPhase.PENDING, "ip": None, "node": None, "trouble": "Unschedulable"})
        case "total":
            totals = [SHAPE.yarn, MINIMUM, NOTHING, Resources(vcores=3, memory_mib=700)]
            return made.change(yarn={"total": draw(st.sampled_from(totals))})
        case "strange":
            node_states = [YarnNodeState.RUNNING, YarnNodeState.UNHEALTHY, YarnNodeState.LOST, YarnNodeState.UNKNOWN]
            return made.change(
                yarn={
                    "state": draw(st.sampled_from(node_states)),
                    "has_custom_resources": draw(st.booleans()),
                    "has_am": draw(st.booleans()),
                    "is_settled": draw(st.booleans()),
                    "health_at": draw(st.sampled_from([AT, None, AT - minutes(600)])),
                }
            )
        case _:
            return made


def waitings() -> st.SearchStrategy[tuple[WaitingContainers, ...]]:
    """Draw what waits: small, large, too large, for this label and another."""
    entry = st.builds(
        make_waiting,
        st.sampled_from([1, 3, 9, 40]),
        vcores=st.sampled_from([1, 3, 9]),
        memory_mib=st.sampled_from([1024, 5000]),
        label=st.sampled_from(["", "", LABEL, "gpu"]),
    )
    return st.lists(entry, min_size=1, max_size=3, unique_by=lambda entry: (entry.size, entry.label)).map(tuple)


def memories(waiting: tuple[WaitingContainers, ...]) -> st.SearchStrategy[Memory]:
    """Draw what the last tick left."""
    return st.builds(
        Memory,
        waiting=st.sampled_from([waiting, waiting, waiting, (), None]),
        surplus_since=st.sampled_from([None, AT - seconds(30), AT - minutes(10)]),
        failed_start_at=st.sampled_from([None, None, None, AT - seconds(30), AT - minutes(10)]),
    )


@st.composite
def worlds(draw: st.DrawFn, *, is_consistent: bool = False, has_gaps: bool = False) -> Snapshot:
    """Draw a snapshot with several lenders and elastic nodes; ``has_gaps`` lets parts of it be unread."""
    is_roomy = draw(st.booleans())
    names = [f"lender{number}" for number in range(draw(st.integers(1, 3)))]
    nodes = tuple(
        draw(elastics(f"p{number}", draw(st.sampled_from(names)), is_consistent=is_consistent))
        for number in range(draw(st.integers(0, 3 if is_roomy else 6)))
    )
    waiting = draw(st.just(()) | waitings())
    settles = draw(st.sampled_from([False, False, False, not is_consistent]))
    world = make_snapshot(
        *nodes,
        policy=draw(policies()),
        windows=draw(windows_around()),
        lenders=tuple(draw(lenders(name)) for name in names),
        waiting=waiting,
        memory=draw(memories(waiting)),
        kube={
            "online_waiting": draw(st.sampled_from([NO_ROOM, NO_ROOM, NO_ROOM, room(4, 4)])),
            "impostors": draw(st.sampled_from([(), ("stranger",)])),
            "cannot_resize": draw(st.sampled_from([None, None, CannotResize.NOT_SERVED])),
            "may_stamp": draw(st.booleans()),
        },
        yarn={
            "is_settling": settles,
            "cannot_decommission": draw(st.sampled_from([CannotDecommission.NOT_CONFIGURED, None])),
            "labels": draw(st.sampled_from([frozenset({LABEL}), frozenset({LABEL}), frozenset[str]()])),
        },
        pause=draw(st.sampled_from([None] * 5 + [Pause(until=AT + minutes(60), why="maintenance")])),
    )
    if is_roomy:
        world = _with_room(world, names)
    if has_gaps:
        for part in draw(st.sets(st.sampled_from(["kube", "yarn", "promises"]), max_size=3)):
            world = with_gap(world, part)
    return world


def _with_room(world: Snapshot, names: list[str]) -> Snapshot:
    """Take every limit away but the pool's own, so that worlds that grow are as many as those that can't."""
    assert isinstance(world.kube, KubeFacts)
    wide = tuple(make_lender(name, allocatable=room(40, 90)) for name in names)
    return replace(
        world,
        windows=(make_window(),),
        policy=replace(world.policy, keep_free=NO_ROOM, max_nodes=100),
        kube=replace(world.kube, lenders=wide, online_waiting=NO_ROOM),
        memory=replace(world.memory, failed_start_at=None),
        pause=None,
    )


def with_gap(world: Snapshot, part: str, gap: Gap = Gap.UNREACHABLE) -> Snapshot:
    """Leave one part of a world unread. What the database remembers goes with its promises."""
    match part:
        case "kube":
            return replace(world, kube=gap)
        case "yarn":
            return replace(world, yarn=gap)
        case _:
            return replace(world, promises=gap, memory=Memory(), pause=None)
