"""What goes back, which first, and by when."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bridge.core.actions import CreatePod
from bridge.core.decide import decide
from bridge.core.drain import Return
from bridge.core.lifecycle import State
from bridge.core.nodes import elastic_nodes
from bridge.core.outlook import Outlook
from bridge.core.plan import plan
from bridge.core.reasons import Gap, LenderRefusal, Reason
from bridge.core.snapshot import LeftAlone, Lender, Memory
from bridge.core.turns import Turns
from tests.build import (
    AT,
    BACK_BY,
    Elastic,
    make_elastic,
    make_lender,
    make_policy,
    make_snapshot,
    make_waiting,
    make_window,
    minutes,
    room,
    seconds,
)

IDLE = make_elastic("idle")
LIGHT = make_elastic("light", containers=1)
HEAVY = make_elastic("heavy", containers=3)
MASTER = make_elastic("master", containers=1).change(yarn={"has_am": True})
COMING = make_elastic("coming", State.STARTING)
ALL = (MASTER, HEAVY, IDLE, LIGHT)
SOON = AT + seconds(60)
ENDING = BACK_BY - minutes(45)


def returned(*elastic: Elastic, **facts: Any) -> tuple[Return, ...]:
    return decide(make_snapshot(*elastic, **facts)).returns


def back(id: str, deadline: Any, reason: Reason) -> Return:
    return Return(node_id=id, deadline=deadline, reason=reason)


def test_cheapest_work_goes_first_and_masters_last() -> None:
    nodes = elastic_nodes(make_snapshot(*ALL, COMING))
    snapshot = make_snapshot()
    turns = Turns(snapshot.policy, Outlook.of(snapshot))
    assert [node.id for node in turns.order(nodes, SOON, ())] == ["coming", "idle", "light", "heavy", "master"]


@pytest.mark.parametrize(
    ("missing", "leaving"),
    [
        pytest.param(0, (), id="it fits"),
        pytest.param(4, ("idle",), id="one"),
        pytest.param(5, ("idle", "light"), id="a part of a node is a node"),
        pytest.param(12, ("heavy", "idle", "light"), id="three"),
        pytest.param(16, ("heavy", "idle", "light", "master"), id="all"),
    ],
)
def test_a_lender_gets_back_what_it_misses_and_no_more(missing: float, leaving: tuple[str, ...]) -> None:
    lenders = (make_lender(online=room(missing, 0)), make_lender("b", allocatable=room(90, 200)))
    assert returned(*ALL, lenders=lenders) == tuple(back(id, SOON, Reason.KUBERNETES_NEEDS_ROOM) for id in leaving)


@pytest.mark.parametrize(
    ("refusal", "is_drained"),
    [
        pytest.param(refusal, refusal in {LenderRefusal.CORDONED, LenderRefusal.DELETING}, id=refusal)
        for refusal in LenderRefusal
        if refusal is not LenderRefusal.PRESSURE
    ],
)
def test_only_a_lender_that_is_leaving_is_drained(refusal: LenderRefusal, is_drained: bool) -> None:
    lenders = (make_lender(refusal=refusal), make_lender("b"))
    expected = (back("heavy", SOON, Reason.LENDER_REFUSES),) if is_drained else ()
    assert returned(HEAVY, lenders=lenders) == expected


def test_a_lender_under_pressure_gets_back_what_is_idle_and_then_the_cheapest_one_by_one() -> None:
    lenders = (make_lender(refusal=LenderRefusal.PRESSURE), make_lender("b"))
    policy = make_policy(cool_down=minutes(2))
    holding = IDLE.change(yarn={"held_vcore_s": 900})
    elsewhere = make_elastic("elsewhere", lender="b")
    nodes = (MASTER, HEAVY, LIGHT, COMING, elsewhere)
    urgent = AT + policy.spike_tail
    first = decide(make_snapshot(*nodes, IDLE, lenders=lenders, policy=policy))
    called = [back(id, urgent, Reason.LENDER_UNDER_PRESSURE) for id in ("coming", "idle", "light")]
    assert list(first.returns) == called
    assert first.memory.left_alone == (LeftAlone(lender="a", until=AT + minutes(2), is_relieved=True),)
    # Idle, but what ended there is still needed: that is work.
    for passed, later in ((minutes(1), ()), (minutes(2), (back("idle", urgent + minutes(2), called[0].reason),))):
        again = make_snapshot(HEAVY, holding, at=AT + passed, lenders=lenders, policy=policy, memory=first.memory)
        assert decide(again).returns == later


def test_what_somebody_else_took_of_a_lender_under_pressure_counts() -> None:
    lenders = (make_lender(refusal=LenderRefusal.PRESSURE),)
    for is_relieved, expected in ((True, 0), (False, 1)):
        known = Memory(left_alone=(LeftAlone(lender="a", until=AT + minutes(1), is_relieved=is_relieved),))
        assert len(decide(make_snapshot(HEAVY, LIGHT, lenders=lenders, memory=known)).returns) == expected


@pytest.mark.parametrize(
    "lenders",
    [
        pytest.param((make_lender("b"),), id="its labels are gone"),
        pytest.param((), id="no lender is left"),
        pytest.param(
            (make_lender(allocatable=room(0, 0), refusal=LenderRefusal.UNKNOWN_ROLE), make_lender("b")),
            id="it does not say what it has",
        ),
    ],
)
def test_a_lender_that_is_not_seen_lends_no_more_and_that_is_all(lenders: tuple[Lender, ...]) -> None:
    assert returned(HEAVY, lenders=lenders) == ()


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param({"at": ENDING - seconds(1)}, (), id="before the lead"),
        pytest.param({"at": ENDING}, (back("heavy", BACK_BY, Reason.WINDOW_ENDS),), id="from the lead on"),
        pytest.param(
            {"windows": ()}, (back("heavy", SOON, Reason.WINDOW_CLOSED),), id="no window is open, whatever was promised"
        ),
        pytest.param(
            {"windows": (make_window(lead=seconds(0)),), "at": BACK_BY - seconds(100)},
            (back("heavy", BACK_BY, Reason.WINDOW_ENDS),),
            id="no lead is shorter than the end takes",
        ),
        pytest.param(
            {"windows": (), "kube": Gap.STALE}, (back("heavy", SOON, Reason.WINDOW_CLOSED),), id="time, blind"
        ),
        pytest.param(
            {"at": ENDING, "kube": Gap.STALE}, (back("heavy", BACK_BY, Reason.WINDOW_ENDS),), id="lead, blind"
        ),
        pytest.param({"kube": Gap.STALE, "lenders": ()}, (), id="what lenders need is unknown, blind"),
    ],
)
def test_windows_call_back(facts: dict[str, Any], expected: tuple[Return, ...]) -> None:
    assert returned(HEAVY, **facts) == expected


def test_only_what_is_above_the_next_limit_must_go() -> None:
    later = make_window(name="late", start=BACK_BY, back_by=BACK_BY + minutes(60), max_ratio=0.5)
    far = tuple(replace(node, promise=replace(node.promise, deadline=later.back_by)) for node in ALL)
    found = returned(*far, windows=(make_window(), later), at=ENDING)
    assert found == tuple(back(id, BACK_BY, Reason.WINDOW_ENDS) for id in ("idle", "light"))


def test_a_ratio_that_fell_calls_back_the_excess() -> None:
    assert returned(*ALL, windows=(make_window(max_ratio=0.5),)) == tuple(
        back(id, SOON, Reason.KUBERNETES_NEEDS_ROOM) for id in ("idle", "light")
    )


def test_what_is_on_its_way_back_in_time_counts() -> None:
    leaving = make_elastic("leaving", State.DRAINING, containers=1, deadline=AT + seconds(50))
    found = returned(*ALL[:3], leaving, lenders=(make_lender(online=room(4, 0)),))
    assert found == (back("leaving", AT + seconds(50), Reason.WINDOW_ENDS),)


def test_a_promise_comes_forward_when_its_lender_needs_the_room_sooner() -> None:
    leaving = make_elastic("leaving", State.DRAINING, containers=1)
    found = returned(MASTER, HEAVY, leaving, lenders=(make_lender(online=room(8, 0)),))
    assert found == (back("leaving", SOON, Reason.KUBERNETES_NEEDS_ROOM),)


def test_an_idle_node_goes_before_a_promise_comes_forward() -> None:
    leaving = make_elastic("leaving", State.DRAINING, containers=1)
    found = returned(IDLE, HEAVY, leaving, lenders=(make_lender(online=room(8, 0)),))
    assert found == (
        back("idle", SOON, Reason.KUBERNETES_NEEDS_ROOM),
        back("leaving", AT + minutes(30), Reason.WINDOW_ENDS),
    )


def test_a_promise_on_a_cordoned_lender_comes_forward() -> None:
    leaving = make_elastic("leaving", State.DRAINING, containers=1)
    found = returned(leaving, lenders=(make_lender(refusal=LenderRefusal.CORDONED),))
    assert found == (back("leaving", SOON, Reason.LENDER_REFUSES),)


@pytest.mark.parametrize("state", [State.DRAINING, State.FORCED])
def test_a_promise_is_kept_though_a_window_opened_again(state: State) -> None:
    node = make_elastic("p1", state, containers=1)
    assert returned(node) == (back("p1", AT + minutes(30), Reason.WINDOW_ENDS),)


@pytest.mark.parametrize(
    "facts",
    [
        pytest.param({"windows": (make_window(back_by=AT + minutes(40)),)}, id="a window that ends later"),
        pytest.param({"lenders": (make_lender(online=room(99, 0)),)}, id="a lender in need"),
        pytest.param({"windows": ()}, id="no window"),
    ],
)
def test_a_deadline_never_moves_back(facts: dict[str, Any]) -> None:
    early = AT + seconds(150)
    node = make_elastic("p1", deadline=early, containers=1)
    policy = make_policy(reclaim_within=minutes(10))
    assert [entry.deadline for entry in returned(node, policy=policy, **facts)] == [early]


@pytest.mark.parametrize("parts", [("kube",), ("yarn",), ("kube", "yarn")])
def test_a_nodes_own_deadline_calls_back_whatever_is_known(parts: tuple[str, ...]) -> None:
    deadline = AT + make_window().lead
    node = make_elastic("p1", deadline=deadline, containers=1)
    gaps: dict[str, Any] = dict.fromkeys(parts, Gap.UNREACHABLE)
    assert returned(node, **gaps) == (back("p1", deadline, Reason.WINDOW_ENDS),)
    later = make_elastic("p1", deadline=deadline + seconds(1), containers=1)
    assert returned(later, **gaps) == ()


def test_an_idle_node_that_nobody_needs_gets_no_deadline_of_its_own() -> None:
    closing = make_elastic("p1", State.CORDONED)
    emptied = make_elastic("p2", State.EMPTY)
    assert returned(closing, emptied) == ()


def test_the_lead_of_another_window_calls_nothing_back() -> None:
    at = BACK_BY - minutes(50)
    later = make_window(start=BACK_BY + minutes(60), back_by=BACK_BY + minutes(600), lead=minutes(120))
    assert returned(HEAVY, at=at, windows=(make_window(lead=minutes(45)), later)) == ()
    assert returned(HEAVY, at=at, windows=(make_window(lead=minutes(50)), later)) == (
        back("heavy", BACK_BY, Reason.WINDOW_ENDS),
    )


def test_what_is_made_in_a_tick_is_not_called_back_in_the_next_for_another_windows_lead() -> None:
    at = BACK_BY - minutes(50)
    later = make_window(start=BACK_BY + minutes(60), back_by=BACK_BY + minutes(600), lead=minutes(120))
    windows = (make_window(lead=minutes(45)), later)
    world = make_snapshot(at=at, windows=windows, waiting=(make_waiting(4),))
    steps = plan(world, decide(world)).acts
    assert [type(step.act) for step in steps] == [CreatePod]
    promise = steps[0].promise
    assert promise is not None
    assert promise.deadline == BACK_BY
    assert returned(make_elastic(promise.id, deadline=promise.deadline), at=at + seconds(10), windows=windows) == ()
