"""From a decision to steps: for each state and situation the exact step."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

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
from bridge.core.lifecycle import State
from bridge.core.reasons import Gap, LenderRefusal, Reason
from bridge.core.resources import NOTHING, Resources
from bridge.core.snapshot import Memory, Pause
from bridge.core.window import WindowSpan
from tests.build import (
    AT,
    BACK_BY,
    LABEL,
    MINIMUM,
    SHAPE,
    Elastic,
    ip_of,
    make_elastic,
    make_lender,
    make_pod,
    make_policy,
    make_promise,
    make_snapshot,
    make_waiting,
    make_window,
    minutes,
    room,
    seconds,
)
from tests.core.model import think

POLICY = make_policy()
MORE = replace(MINIMUM, memory_mib=MINIMUM.memory_mib + 1)
SURPLUS = Memory(waiting=(), surplus_since=AT - minutes(10))
STARTED = AT - minutes(600)


def planned(*elastic: Elastic, **facts: Any) -> Plan:
    return think(make_snapshot(*elastic, **facts)).plan


def resize(total: Resources, purpose: Purpose, id: str = "p1", *, timeout: Any = None) -> ResizeNode:
    return ResizeNode(node_id=f"{ip_of(id)}:8041", total=total, overcommit_timeout=timeout, purpose=purpose)


def delete(id: str = "p1") -> DeletePod:
    return DeletePod(promise_id=id, uid=f"uid-{id}", grace=POLICY.grace)


CANCEL = DeletePod(promise_id="p1", uid=None, grace=POLICY.grace)


def force(total: Resources) -> ResizeNode:
    return resize(total, Purpose.FORCE, timeout=POLICY.overcommit_timeout)


CORDON = resize(MINIMUM, Purpose.CORDON)
EMPTY = resize(NOTHING, Purpose.EMPTY)
OPEN_AGAIN = resize(SHAPE.yarn, Purpose.RECOMMISSION)
REASSERT = resize(SHAPE.yarn, Purpose.REASSERT)


def node(
    state: State, containers: int = 0, /, *, left: Any = None, total: Resources | None = None, **changes: Any
) -> Elastic:
    """Make a node; ``left`` is the time to its deadline."""
    if left is not None:
        changes["deadline"] = AT + left
    made = make_elastic("p1", state, containers=containers, **changes)
    return made if total is None else made.change(yarn={"total": total})


TAIL, POD_TAIL = POLICY.tail, POLICY.pod_tail
FAR = minutes(30)
LATE = Reason.CONTAINER_CAME_LATE
NEED_ROOM = {"lenders": (make_lender(online=room(16, 0)),)}
RETURNING: dict[str, Any] = {"reason": Reason.WINDOW_ENDS}


@pytest.mark.parametrize(
    ("elastic", "facts", "expected"),
    [
        pytest.param(node(State.SERVING, 2), {}, None, id="serving, busy: nothing"),
        pytest.param(node(State.SERVING), {}, None, id="serving, idle for a moment: nothing"),
        pytest.param(
            node(State.SERVING), {"memory": SURPLUS}, (State.CORDONED, CORDON), id="serving, not needed: closed"
        ),
        pytest.param(
            node(State.SERVING, total=MINIMUM), {}, (State.SERVING, REASSERT), id="serving, wrong total: told"
        ),
        pytest.param(
            node(State.SERVING).change(yarn={"total": MINIMUM, "has_custom_resources": True}),
            {},
            None,
            id="serving, wrong total, custom resources: left alone",
        ),
        pytest.param(
            node(State.SERVING, total=MINIMUM), {"kube": Gap.STALE}, None, id="serving, wrong total, half a view: waits"
        ),
        pytest.param(node(State.SERVING, 2), NEED_ROOM, (State.DRAINING, CORDON), id="serving, room needed: drained"),
        pytest.param(node(State.SERVING, 2, left=TAIL), {}, (State.FORCED, force(MORE)), id="serving, in the tail"),
        pytest.param(node(State.SERVING, 2, left=POD_TAIL), {}, (State.DELETING, delete()), id="serving, at the end"),
        pytest.param(
            node(State.SERVING, 2, left=-FAR), {}, (State.DELETING, delete()), id="serving, long after its end"
        ),
        pytest.param(node(State.CORDONED), {}, (State.EMPTY, EMPTY), id="closed, idle: closed to the last vcore"),
        pytest.param(node(State.CORDONED, 1), {}, (State.SERVING, OPEN_AGAIN), id="closed, work came late: opened"),
        pytest.param(
            node(State.CORDONED, 1),
            {"pause": Pause(until=BACK_BY, why="")},
            None,
            id="closed, busy, no growth: waits for its end",
        ),
        pytest.param(
            node(State.CORDONED),
            {"yarn": {"is_settling": True}},
            None,
            id="closed, the RM's lists are half full: waits",
        ),
        pytest.param(
            node(State.CORDONED).change(yarn={"is_settled": False}), {}, None, id="closed, idle is not believed: waits"
        ),
        pytest.param(
            node(State.CORDONED),
            {"waiting": (make_waiting(4),)},
            (State.SERVING, OPEN_AGAIN),
            id="closed, work returned: opened",
        ),
        pytest.param(
            node(State.CORDONED),
            {"waiting": (make_waiting(4),), "lenders": (make_lender(refusal=LenderRefusal.TAINT),)},
            (State.EMPTY, EMPTY),
            id="closed, its lender refuses: not opened",
        ),
        pytest.param(node(State.CORDONED, 2), NEED_ROOM, (State.DRAINING, None), id="closed, room needed: promised"),
        pytest.param(
            node(State.CORDONED, 1, total=SHAPE.yarn),
            {"pause": Pause(until=BACK_BY, why="")},
            (State.CORDONED, CORDON),
            id="closed, the RM forgot: told again",
        ),
        pytest.param(node(State.DRAINING, 2), {}, None, id="draining, busy: waits"),
        pytest.param(node(State.DRAINING, 2, total=SHAPE.yarn), {}, (State.DRAINING, CORDON), id="draining, RM forgot"),
        pytest.param(node(State.DRAINING), {}, (State.EMPTY, EMPTY), id="draining, idle: closed to the last vcore"),
        pytest.param(node(State.DRAINING, 2, left=TAIL + seconds(1)), {}, None, id="draining, before the tail: waits"),
        pytest.param(node(State.DRAINING, 2, left=TAIL), {}, (State.FORCED, force(MORE)), id="draining, in the tail"),
        pytest.param(node(State.DRAINING, left=TAIL), {}, (State.DELETING, delete()), id="draining, idle, in the tail"),
        pytest.param(
            node(State.DRAINING, 2, left=TAIL, total=MORE),
            {},
            (State.FORCED, force(MINIMUM)),
            id="the forced step changes the amount",
        ),
        pytest.param(
            node(State.DRAINING, 2, left=TAIL).change(yarn={"has_custom_resources": True}),
            {},
            None,
            id="draining, in the tail, custom resources: never resized",
        ),
        pytest.param(
            node(State.DRAINING, 2, left=TAIL), {"yarn": Gap.STALE}, None, id="draining, in the tail, RM unread"
        ),
        pytest.param(
            node(State.DRAINING, 2, left=POD_TAIL),
            {"yarn": Gap.STALE},
            (State.DELETING, delete()),
            id="draining, at the end, RM unread: deleted",
        ),
        pytest.param(
            node(State.DRAINING, 2, left=POD_TAIL),
            {"kube": Gap.STALE},
            (State.DELETING, delete()),
            id="draining, at the end, Kubernetes unread: deleted",
        ),
        pytest.param(node(State.FORCED, 2, since=AT, total=MORE, left=TAIL), {}, None, id="forced, the timer runs"),
        pytest.param(
            node(State.FORCED, 1, since=AT - seconds(15), total=MORE, left=TAIL),
            {},
            (State.FORCED, replace(force(NOTHING), overcommit_timeout=seconds(0))),
            id="forced, the timer has run, one container fits: told to leave at once",
        ),
        pytest.param(
            node(State.FORCED, 2, total=MORE, left=TAIL),
            {"yarn": {"started_at": AT - seconds(5)}},
            (State.FORCED, force(MINIMUM)),
            id="forced, the RM restarted: told again with another amount",
        ),
        pytest.param(
            node(State.FORCED, 2, total=MORE, left=FAR, told_rm_started_at=None),
            {},
            (State.FORCED, force(MINIMUM)),
            id="forced, but nobody knows whether it was told: told again",
        ),
        pytest.param(node(State.FORCED), {}, (State.DELETING, delete()), id="forced, idle: only deletion"),
        pytest.param(node(State.FORCED, 2, left=POD_TAIL), {}, (State.DELETING, delete()), id="forced, at the end"),
        pytest.param(node(State.EMPTY), {}, (State.DELETING, delete()), id="empty, looked at twice: deleted"),
        pytest.param(
            node(State.EMPTY, total=SHAPE.yarn), {}, (State.EMPTY, EMPTY), id="empty, the RM forgot: told again"
        ),
        pytest.param(
            node(State.EMPTY, 1), {}, (State.CORDONED, CORDON), id="0/0 with -1, a late container: back to the minimum"
        ),
        pytest.param(
            node(State.EMPTY, 1, left=FAR, **RETURNING),
            {},
            (State.DRAINING, CORDON),
            id="0/0 with -1, promised, a late container: back to the minimum, promised",
        ),
        pytest.param(
            node(State.EMPTY, 1, left=TAIL, **RETURNING),
            {},
            (State.FORCED, force(MORE)),
            id="0/0, a late container, in the tail: forced upward",
        ),
        pytest.param(
            node(State.EMPTY), {"waiting": (make_waiting(4),)}, (State.SERVING, OPEN_AGAIN), id="empty, work returned"
        ),
        pytest.param(node(State.EMPTY), {"yarn": {"is_settling": True}}, None, id="empty, lists half full: waits"),
        pytest.param(node(State.EMPTY), {"yarn": Gap.STALE}, None, id="empty, RM unread: waits"),
        pytest.param(node(State.STARTING), {}, None, id="starting: nothing"),
        pytest.param(node(State.STARTING), NEED_ROOM, (State.DELETING, delete()), id="starting, room needed: deleted"),
        pytest.param(
            node(State.STARTING),
            {**NEED_ROOM, "yarn": Gap.STALE},
            (State.STARTING, None),
            id="starting, room needed, RM unread: it may serve by now",
        ),
        pytest.param(
            node(State.DELETING).change(pod={"deleting_since": None}), {}, (State.DELETING, delete()), id="again"
        ),
        pytest.param(node(State.DELETING), {}, None, id="on its way out: left to end"),
        pytest.param(node(State.LOST), {}, None, id="lost for a moment: nothing"),
        pytest.param(node(State.LOST, left=POD_TAIL), {}, (State.DELETING, delete()), id="lost, at the end: deleted"),
        pytest.param(
            node(State.REQUESTED), {"windows": ()}, (State.DELETING, CANCEL), id="promised, no window: cancelled"
        ),
    ],
)
def test_the_step_of_a_node(elastic: Elastic, facts: dict[str, Any], expected: tuple[State, Act | None] | None) -> None:
    if "pause" not in facts and "memory" not in facts and "waiting" not in facts:
        facts = {"memory": Memory(waiting=()), **facts}
    steps = [(step.promise.state, step.act) for step in planned(elastic, **facts).steps if step.promise is not None]
    assert steps == ([] if expected is None else [expected])


# Growing -----------------------------------------------------------------------------------------------------------

FOUR = (make_waiting(4),)


def test_a_new_node_is_promised_before_it_is_made() -> None:
    policy = replace(POLICY, prefers_work=True)
    (step,) = planned(waiting=FOUR, windows=(make_window(max_extend=minutes(30)),), policy=policy).steps
    promise = replace(
        make_promise("new0", State.REQUESTED), made_at=AT, since=AT, deadline=BACK_BY, reason=Reason.WORK_IS_WAITING
    )
    assert step == Step(
        promise=promise,
        act=CreatePod(
            promise_id="new0",
            lender="a",
            shape=SHAPE.yarn,
            requests=SHAPE.pod,
            label=LABEL,
            lives_at_most=minutes(5 * 60 + 30),
            grace=POLICY.grace,
        ),
        reason=Reason.WORK_IS_WAITING,
    )


def test_new_nodes_go_where_most_room_is_left() -> None:
    lenders = (make_lender("a", online=room(4, 0)), make_lender("b"), make_lender("c", online=room(8, 0)))
    acts = [step.act for step in planned(waiting=(make_waiting(16),), lenders=lenders).acts]
    assert [act.lender for act in acts if isinstance(act, CreatePod)] == ["b", "a", "b", "a"]


def test_a_promise_without_a_pod_is_made_again_with_the_same_deadline() -> None:
    promised = make_elastic("p1", State.REQUESTED, deadline=AT + minutes(90))
    (step,) = planned(promised, waiting=FOUR).steps
    assert step.promise == promised.promise
    assert isinstance(step.act, CreatePod)
    assert (step.act.promise_id, step.act.lives_at_most) == ("p1", minutes(90))


def test_recommission_comes_before_create() -> None:
    closed = make_elastic("p1", State.CORDONED)
    steps = planned(closed, waiting=(make_waiting(8),)).steps
    assert [step.act for step in steps if isinstance(step.act, ResizeNode)] == [OPEN_AGAIN]
    assert [step.promise.id for step in steps if isinstance(step.act, CreatePod) and step.promise] == ["new0"]


@pytest.mark.parametrize(
    "facts",
    [
        pytest.param({"kube": Gap.STALE}, id="Kubernetes unread"),
        pytest.param({"yarn": Gap.STALE}, id="the RM unread"),
        pytest.param({"promises": Gap.STALE}, id="the journal unread"),
        pytest.param({"windows": ()}, id="no window"),
        pytest.param({"pause": Pause(until=BACK_BY, why="")}, id="paused"),
        pytest.param({"lenders": (make_lender(refusal=LenderRefusal.TAINT),)}, id="no lender is willing"),
        pytest.param({"at": BACK_BY - minutes(45)}, id="the window is ending"),
        pytest.param(
            {"windows": (make_window(lead=seconds(0), back_by=AT + seconds(95)),)}, id="too late to be worth it"
        ),
    ],
)
def test_nothing_is_made(facts: dict[str, Any]) -> None:
    assert planned(**{"waiting": FOUR, **facts}).acts == ()


def test_a_pod_on_its_way_out_still_holds_its_lenders_room() -> None:
    leaving = [make_elastic(f"p{number}", State.DELETING) for number in range(4)]
    assert planned(*leaving, waiting=FOUR).acts == ()


def test_giving_back_comes_before_growing() -> None:
    acts = planned(
        make_elastic("old", deadline=AT, containers=1),
        make_elastic("closed", State.CORDONED),
        make_elastic("gone", State.GONE, label_host="10.0.0.1"),
        make_elastic("idle", State.DRAINING),
        waiting=(make_waiting(40),),
    ).acts
    kinds = [
        type(step.act).__name__ if not isinstance(step.act, ResizeNode) else str(step.act.purpose) for step in acts
    ]
    assert kinds == ["DeletePod", "empty", "UnmapLabel", "recommission", "CreatePod"]
    assert [step.grows for step in acts] == sorted(step.grows for step in acts)


# Labels ------------------------------------------------------------------------------------------------------------


def test_a_label_that_the_cluster_does_not_know_is_made_before_any_node() -> None:
    acts = [step.act for step in planned(waiting=FOUR, yarn={"labels": frozenset[str]()}).acts]
    assert acts == [AddLabel(label=LABEL)]
    assert any(isinstance(step.act, CreatePod) for step in planned(waiting=FOUR).acts)


def test_an_address_is_mapped_as_soon_as_the_pod_has_one() -> None:
    promise = make_promise("p1", State.STARTING, label_host=None)
    starting = Elastic(promise=promise, pod=make_pod(promise), yarn=None)
    labelled = replace(promise, label_host=ip_of("p1"))
    assert planned(starting).steps == (
        Step(promise=labelled, act=None, reason=Reason.POD_SEEN),
        Step(promise=labelled, act=MapLabel(host=ip_of("p1"), label=LABEL), reason=Reason.LABEL_BEFORE_WORK),
    )


def test_an_address_that_is_mapped_already_is_only_written_down() -> None:
    starting = make_elastic("p1", State.STARTING, label_host=None)
    plan = planned(starting, yarn={"label_by_host": {ip_of("p1"): LABEL}})
    assert [(step.act, step.promise.label_host) for step in plan.steps if step.promise] == [(None, ip_of("p1"))]


def test_mapping_a_label_does_not_write_over_the_nodes_own_step() -> None:
    serving = make_elastic("p1", containers=2, label_host=None)
    plan = planned(serving, lenders=(make_lender(online=room(16, 0)),), yarn={"label_by_host": {}})
    assert [type(step.act) for step in plan.steps] == [ResizeNode, MapLabel]
    assert {step.promise.state for step in plan.steps if step.promise} == {State.DRAINING}
    assert {step.promise.deadline for step in plan.steps if step.promise} == {AT + seconds(60)}


@pytest.mark.parametrize(
    ("elastic", "facts"),
    [
        pytest.param(
            make_elastic("p1", State.STARTING), {"policy": make_policy(label=None)}, id="a pool without label"
        ),
        pytest.param(
            make_elastic("p1", State.STARTING).change(pod={"ip": None}), {}, id="a pod that has no address yet"
        ),
        pytest.param(make_elastic("p1", State.DELETING), {"yarn": {"label_by_host": {}}}, id="a pod on its way out"),
        pytest.param(make_elastic("p1", State.STARTING), {"yarn": Gap.STALE}, id="labels unread"),
    ],
)
def test_nothing_is_mapped(elastic: Elastic, facts: dict[str, Any]) -> None:
    assert not [step for step in planned(elastic, **facts).acts if isinstance(step.act, MapLabel)]


HOST = ip_of("p1")
GONE = make_elastic("p1", State.GONE, label_host=HOST)
CLEARED = replace(GONE.promise, label_host=None)


@pytest.mark.parametrize(
    ("others", "mapped", "expected"),
    [
        pytest.param(
            (),
            {HOST: LABEL},
            Step(promise=GONE.promise, act=UnmapLabel(host=HOST), reason=Reason.ADDRESS_IS_FREE, done=CLEARED),
            id="cleared once the pod is gone",
        ),
        pytest.param(
            (),
            {},
            Step(promise=CLEARED, act=None, reason=Reason.ADDRESS_IS_FREE),
            id="cleared by another: written down",
        ),
        pytest.param(
            (make_elastic("p2", label_host=HOST).change(pod={"ip": HOST}, yarn={"node_id": f"{HOST}:8041"}),),
            {HOST: LABEL},
            Step(promise=CLEARED, act=None, reason=Reason.ADDRESS_IS_FREE),
            id="in use by another pod: not cleared",
        ),
    ],
)
def test_the_address_of_a_gone_pod(others: tuple[Elastic, ...], mapped: dict[str, str], expected: Step) -> None:
    plan = planned(GONE, *others, yarn={"label_by_host": mapped})
    assert [step for step in plan.steps if step.promise is not None and step.promise.id == "p1"] == [expected]


# The journal out of sight ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "windows",
    [
        (make_window(max_extend=minutes(30)),),
        (
            make_window(),
            make_window(start=BACK_BY + minutes(60), back_by=BACK_BY + minutes(90), max_extend=minutes(30)),
        ),
    ],
)
def test_a_pod_lives_no_longer_than_its_own_window_may_be_extended(windows: tuple[WindowSpan, ...]) -> None:
    prefers_work = len(windows) > 1
    (step,) = planned(waiting=FOUR, windows=windows, policy=replace(POLICY, prefers_work=prefers_work)).steps
    assert isinstance(step.act, CreatePod)
    assert step.act.lives_at_most == BACK_BY - AT


def test_without_a_journal_giving_back_goes_on() -> None:
    due = make_elastic("p1", deadline=AT, containers=3)
    (step,) = planned(due, promises=Gap.UNREACHABLE).steps
    assert (step.act, step.reason) == (delete(), Reason.DEADLINE_NEAR)


def test_without_a_journal_a_closed_node_stays_closed() -> None:
    closed = make_elastic("p1", State.DRAINING, containers=1)
    assert planned(closed, promises=Gap.UNREACHABLE).acts == ()


def test_a_pod_whose_shape_can_not_be_read_is_never_told_to_have_nothing() -> None:
    unknown = make_elastic("p1", containers=2).change(pod={"shape": NOTHING}).without("journal")
    assert planned(unknown).acts == ()
