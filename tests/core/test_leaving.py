"""Nodes that must go by a deadline, where they can be decommissioned gracefully: who is told what, and when not."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from bridge.core.actions import Decommission, DeletePod, Purpose, Readmit, ResizeNode
from bridge.core.check import check
from bridge.core.decide import decide
from bridge.core.lifecycle import State
from bridge.core.plan import plan
from bridge.core.reasons import Gap
from bridge.core.resources import NOTHING
from bridge.core.snapshot import CannotDecommission, Snapshot, YarnNodeState
from tests.build import (
    AT,
    SHAPE,
    Elastic,
    ip_of,
    make_elastic,
    make_policy,
    make_snapshot,
    make_window,
    minutes,
    seconds,
)

TEN = timedelta(minutes=10)
"""Until the window's end, of which all nodes must be closed by now."""
OUT = YarnNodeState.DECOMMISSIONING


def ending(*nodes: Elastic, left: timedelta = TEN, excluded: dict[str, int] | None = None, **facts: Any) -> Snapshot:
    window = make_window(start=AT - minutes(300), back_by=AT + left, lead=minutes(20))
    yarn = {"cannot_decommission": None, "excluded": excluded or {}, **facts.pop("yarn", {})}
    return make_snapshot(*nodes, windows=(window,), yarn=yarn, **facts)


def acts(world: Snapshot) -> list[Any]:
    planned = check(plan(world, decide(world)), world)
    assert planned.refusals == ()
    return [step.act for step in planned.steps if step.act is not None]


def draining(id: str = "p", *, containers: int = 1, **yarn: Any) -> Elastic:
    """Make a node that began to run out a minute ago."""
    made = make_elastic(id, State.DRAINING, containers=containers, since=AT - minutes(1), deadline=AT + TEN)
    total = {"total": made.yarn.used} if made.yarn is not None else {}
    return made.change(yarn={"state": OUT, **total, **yarn})


def test_all_that_must_go_are_told_in_one_call_to_end_by_their_deadline_at_the_latest() -> None:
    world = ending(make_elastic("p1", containers=1), make_elastic("p2", containers=1))
    told = tuple(sorted((ip_of(id), 600) for id in ("p1", "p2")))
    assert acts(world) == [Decommission(timeout_s_by_host=told)]
    states = {step.promise.id: step.promise.state for step in plan(world, decide(world)).steps if step.promise}
    assert states == {"p1": State.DRAINING, "p2": State.DRAINING}


def test_a_node_that_runs_out_is_left_alone_until_nothing_runs_on_it() -> None:
    excluded = {ip_of("p"): 660}
    assert acts(ending(draining(), excluded=excluded)) == []
    (act,) = acts(ending(draining(containers=0), excluded=excluded))
    assert isinstance(act, DeletePod)


def test_output_that_others_need_keeps_a_node_that_runs_out() -> None:
    assert acts(ending(draining(containers=0, held_vcore_s=60), excluded={ip_of("p"): 660})) == []


def untold(since: datetime) -> Elastic:
    """Make a node that was to run out since then, and of which the ResourceManager shows nothing of the kind."""
    made = make_elastic("p", State.DRAINING, containers=1, since=since, deadline=AT + TEN)
    return made.change(yarn={"total": SHAPE.yarn})


def test_one_that_was_told_and_did_not_hear_is_told_again_with_the_same_time() -> None:
    deaf = make_elastic("p", State.DRAINING, containers=1, since=AT - seconds(20), deadline=AT + TEN).change(
        yarn={"total": SHAPE.yarn}
    )
    assert acts(ending(deaf, excluded={ip_of("p"): 620})) == [Decommission(timeout_s_by_host=((ip_of("p"), 620),))]


def test_one_that_does_not_run_out_though_it_was_told_is_closed_by_a_resize() -> None:
    """The ResourceManager may read another copy of the exclude file."""
    deaf = make_elastic("p", State.DRAINING, containers=1, since=AT - seconds(30), deadline=AT + TEN).change(
        yarn={"total": SHAPE.yarn}
    )
    (act,) = acts(ending(deaf, excluded={ip_of("p"): 630}))
    assert isinstance(act, ResizeNode)
    assert act.purpose is Purpose.CORDON


def test_a_deadline_that_has_moved_moves_the_time() -> None:
    assert acts(ending(draining(), excluded={ip_of("p"): 60})) == [Decommission(timeout_s_by_host=((ip_of("p"), 660),))]


def test_what_still_runs_when_the_time_is_up_ends_with_its_pod() -> None:
    near = ending(draining(), left=make_policy().tail - seconds(1), excluded={ip_of("p"): 660})
    (act,) = acts(near)
    assert isinstance(act, DeletePod)


def test_what_another_hand_lets_run_out_keeps_that_hands_time() -> None:
    assert acts(ending(draining())) == []


@pytest.mark.parametrize("why", list(CannotDecommission))
def test_where_it_cannot_be_done_nodes_are_closed_by_a_resize(why: CannotDecommission) -> None:
    (act,) = acts(ending(make_elastic("p", containers=1), yarn={"cannot_decommission": why}))
    assert isinstance(act, ResizeNode)


def test_without_a_journal_nodes_are_closed_by_a_resize() -> None:
    (act,) = acts(ending(make_elastic("p", containers=1), promises=Gap.UNREACHABLE))
    assert isinstance(act, ResizeNode)


def test_a_node_that_the_resourcemanager_has_sent_away_is_deleted() -> None:
    gone = draining(containers=0, state=YarnNodeState.DECOMMISSIONED, total=NOTHING)
    (act,) = acts(ending(gone, excluded={ip_of("p"): 660}))
    assert isinstance(act, DeletePod)


def test_the_address_of_a_pod_that_is_gone_is_readmitted_and_another_hands_isnt() -> None:
    excluded = {ip_of("p"): 660, "10.9.9.9": 60}
    gone = make_elastic("p", State.DELETING, label_host=None).without("pod", "yarn")
    assert acts(ending(gone, excluded=excluded)) == [Readmit(hosts=(ip_of("p"),))]


def test_an_address_that_a_new_pod_has_got_is_readmitted() -> None:
    fresh = make_elastic("new", State.STARTING)
    found = acts(make_snapshot(fresh, yarn={"cannot_decommission": None, "excluded": {ip_of("new"): 60}}))
    assert [act for act in found if isinstance(act, Readmit)] == [Readmit(hosts=(ip_of("new"),))]
