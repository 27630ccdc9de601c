"""The last look: each limit that a step can break is found, whatever policy asked for the step."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bridge.core.actions import CreatePod, DeletePod, Plan, Purpose, ResizeNode, Step
from bridge.core.check import check
from bridge.core.lifecycle import State
from bridge.core.reasons import CheckFailure, Gap, LenderRefusal, Reason
from bridge.core.resources import NOTHING, Resources
from bridge.core.snapshot import Snapshot
from tests.build import (
    AT,
    BACK_BY,
    LABEL,
    MINIMUM,
    SHAPE,
    ip_of,
    make_elastic,
    make_lender,
    make_policy,
    make_promise,
    make_snapshot,
    make_window,
    minutes,
    room,
    seconds,
    with_gap,
)

POLICY = make_policy()
TIMEOUT = seconds(10)


def create(id: str = "new", lender: str = "a", **changes: Any) -> Step:
    promise = make_promise(id, State.REQUESTED, lender=lender, **changes)
    act = CreatePod(
        promise_id=id,
        lender=lender,
        shape=promise.shape.yarn,
        requests=promise.shape.pod,
        label=LABEL,
        lives_at_most=minutes(300),
        grace=POLICY.grace,
    )
    return Step(promise=promise, act=act, reason=Reason.WORK_IS_WAITING)


def resize(purpose: Purpose, state: State, total: Resources = MINIMUM, timeout: Any = None, **changes: Any) -> Step:
    act = ResizeNode(node_id=f"{ip_of('p1')}:8041", total=total, overcommit_timeout=timeout, purpose=purpose)
    return Step(promise=make_promise("p1", state, **changes), act=act, reason=Reason.NO_WORK_FOR_IT)


def failures(world: Snapshot, *steps: Step) -> list[CheckFailure]:
    plan = check(Plan(steps=steps), world)
    assert {id(step) for step in plan.steps}.isdisjoint(id(entry.step) for entry in plan.refusals)
    return [entry.failure for entry in plan.refusals]


BUSY = make_elastic("p1", containers=2)
CLOSED = make_elastic("p1", State.CORDONED, containers=2)
FORCED = make_elastic("p1", State.FORCED, containers=2)
TIGHT = (make_lender(allocatable=room(8, 18)),)
EMPTY_WORLD = make_snapshot()


@pytest.mark.parametrize(
    ("world", "step", "failure"),
    [
        pytest.param(EMPTY_WORLD, create(), None, id="a good creation"),
        pytest.param(EMPTY_WORLD, create(lender="z"), CheckFailure.LENDER_OVERSOLD, id="a lender nobody knows"),
        pytest.param(
            make_snapshot(lenders=(make_lender(refusal=LenderRefusal.NOT_READY),)),
            create(),
            CheckFailure.LENDER_OVERSOLD,
            id="a lender that refuses",
        ),
        pytest.param(
            make_snapshot(BUSY, lenders=(make_lender(online=room(9, 0)),)),
            create(),
            CheckFailure.LENDER_OVERSOLD,
            id="no room beside pod and online pods",
        ),
        pytest.param(
            make_snapshot(make_elastic("p1", State.REQUESTED), lenders=(make_lender(allocatable=room(7, 36)),)),
            create(),
            CheckFailure.LENDER_OVERSOLD,
            id="no room beside a promise whose pod isn't there yet",
        ),
        pytest.param(
            make_snapshot(make_elastic("p1", State.DELETING), lenders=(make_lender(allocatable=room(7, 36)),)),
            create(),
            CheckFailure.LENDER_OVERSOLD,
            id="no room beside a pod on its way out",
        ),
        pytest.param(
            make_snapshot(windows=(make_window(max_ratio=0.2),)),
            create(),
            CheckFailure.ABOVE_OFFER,
            id="above the window",
        ),
        pytest.param(
            make_snapshot(BUSY, windows=(make_window(max_ratio=0.49),)),
            create(),
            CheckFailure.ABOVE_OFFER,
            id="above the window, with what is lent",
        ),
        pytest.param(make_snapshot(windows=()), create(), CheckFailure.ABOVE_OFFER, id="no window"),
        pytest.param(
            make_snapshot(BUSY, policy=make_policy(max_nodes=1)),
            create(),
            CheckFailure.ABOVE_OFFER,
            id="too many nodes",
        ),
        pytest.param(make_snapshot(kube=Gap.STALE), create(), CheckFailure.WORLD_UNKNOWN, id="Kubernetes unread"),
        pytest.param(make_snapshot(yarn=Gap.STALE), create(), CheckFailure.WORLD_UNKNOWN, id="the RM unread"),
        pytest.param(make_snapshot(promises=Gap.STALE), create(), CheckFailure.WORLD_UNKNOWN, id="the journal unread"),
        pytest.param(EMPTY_WORLD, create(deadline=None), CheckFailure.NO_DEADLINE, id="no deadline"),
        pytest.param(
            EMPTY_WORLD, create(deadline=AT + POLICY.tail), CheckFailure.DEADLINE_PASSED, id="its end is there already"
        ),
        pytest.param(
            make_snapshot(yarn={"minimum": Resources(vcores=1, memory_mib=9000)}),
            create(),
            CheckFailure.SHAPE_BELOW_MINIMUM,
            id="too small to register",
        ),
        pytest.param(
            make_snapshot(make_elastic("new", State.GONE, label_host="10.0.0.1")),
            create(),
            CheckFailure.TRANSITION_NOT_ALLOWED,
            id="a node that is gone is not made again",
        ),
        pytest.param(
            make_snapshot(make_elastic("new", State.REQUESTED), lenders=TIGHT), create(), None, id="made again: counted"
        ),
        pytest.param(
            make_snapshot(make_elastic("new", State.REQUESTED), lenders=(make_lender(online=room(13, 0)),)),
            create(),
            CheckFailure.LENDER_OVERSOLD,
            id="made again, but its room is taken by now",
        ),
        pytest.param(make_snapshot(BUSY), resize(Purpose.CORDON, State.CORDONED), None, id="a good cordon"),
        pytest.param(
            make_snapshot(BUSY),
            resize(Purpose.CORDON, State.CORDONED, timeout=TIMEOUT),
            CheckFailure.KILLS_BEFORE_TIME,
            id="a cordon with a timeout kills",
        ),
        pytest.param(
            make_snapshot(CLOSED),
            resize(Purpose.EMPTY, State.EMPTY, NOTHING),
            CheckFailure.KILLS_BEFORE_TIME,
            id="a busy node isn't emptied",
        ),
        pytest.param(
            make_snapshot(BUSY),
            resize(Purpose.FORCE, State.FORCED, timeout=TIMEOUT, deadline=AT + POLICY.tail + seconds(1)),
            CheckFailure.KILLS_BEFORE_TIME,
            id="force before the tail",
        ),
        pytest.param(
            make_snapshot(BUSY),
            resize(Purpose.FORCE, State.FORCED, timeout=TIMEOUT, deadline=AT + POLICY.tail),
            None,
            id="force in the tail",
        ),
        pytest.param(
            make_snapshot(BUSY),
            resize(Purpose.FORCE, State.FORCED, timeout=TIMEOUT, deadline=None),
            CheckFailure.NO_DEADLINE,
            id="force without a deadline",
        ),
        pytest.param(
            make_snapshot(FORCED),
            resize(Purpose.FORCE, State.FORCED, timeout=TIMEOUT, deadline=BACK_BY),
            None,
            id="force again",
        ),
        pytest.param(
            make_snapshot(FORCED),
            resize(Purpose.RECOMMISSION, State.SERVING, SHAPE.yarn),
            CheckFailure.TRANSITION_NOT_ALLOWED,
            id="no way back from force",
        ),
        pytest.param(
            make_snapshot(BUSY.change(yarn={"has_custom_resources": True})),
            resize(Purpose.CORDON, State.CORDONED),
            CheckFailure.CUSTOM_RESOURCES,
            id="custom resources would be dropped",
        ),
        pytest.param(
            make_snapshot(BUSY.without("yarn")),
            resize(Purpose.CORDON, State.CORDONED),
            CheckFailure.WORLD_UNKNOWN,
            id="a node that isn't listed",
        ),
        *(
            pytest.param(
                with_gap(make_snapshot(CLOSED), part),
                resize(purpose, State.SERVING, SHAPE.yarn),
                CheckFailure.WORLD_UNKNOWN,
                id=f"{purpose} without {part}",
            )
            for part in ("kube", "yarn", "promises")
            for purpose in (Purpose.RECOMMISSION, Purpose.REASSERT)
        ),
    ],
)
def test_each_failure_is_found(world: Snapshot, step: Step, failure: CheckFailure | None) -> None:
    assert failures(world, step) == ([] if failure is None else [failure])


def test_creations_are_counted_one_after_another() -> None:
    steps = tuple(create(f"n{number}") for number in range(3))
    assert failures(make_snapshot(lenders=TIGHT), *steps) == [CheckFailure.LENDER_OVERSOLD]
    wide = (make_lender(), make_lender("b"))
    world = make_snapshot(lenders=wide, windows=(make_window(max_ratio=0.3),))
    assert failures(world, *steps) == [CheckFailure.ABOVE_OFFER]
    assert failures(make_snapshot(policy=make_policy(max_nodes=1)), *steps) == [CheckFailure.ABOVE_OFFER] * 2


def test_larger_nodes_from_an_earlier_configuration_count_as_what_they_are() -> None:
    large = replace(SHAPE, pod=room(12, 9))
    world = make_snapshot(make_elastic("p1", containers=1, shape=large), windows=(make_window(max_ratio=0.8),))
    assert failures(world, create()) == [CheckFailure.ABOVE_OFFER]


def test_what_only_gives_back_is_always_let_through() -> None:
    step = Step(
        promise=make_promise("p1", State.DELETING),
        act=DeletePod(promise_id="p1", uid="uid-p1", grace=POLICY.grace),
        reason=Reason.DEADLINE_NEAR,
    )
    world = make_snapshot(kube=Gap.STALE, yarn=Gap.STALE, promises=Gap.STALE)
    assert failures(world, step) == []


def test_nothing_else_is_done_for_a_node_whose_step_was_refused() -> None:
    refused = resize(Purpose.CORDON, State.CORDONED, timeout=TIMEOUT)
    follows = Step(promise=refused.promise, act=None, reason=Reason.NO_WORK_FOR_IT)
    assert check(Plan(steps=(refused, follows)), make_snapshot(BUSY)).steps == ()


def test_earlier_refusals_are_kept() -> None:
    plan = check(Plan(steps=(create(lender="z"),)), EMPTY_WORLD)
    assert check(plan, EMPTY_WORLD) == plan
