"""What elastic pods say that their work is worth."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.actions import StampPod
from bridge.core.decide import decide
from bridge.core.lifecycle import State
from bridge.core.plan import plan
from bridge.core.snapshot import Snapshot
from bridge.core.worth import STAMPS_A_TICK, WITH_AM
from tests.build import Elastic, make_elastic, make_lender, make_snapshot, make_task, room


def at_work(id: str, minutes: float, *, said: int | None = None, state: State = State.SERVING) -> Elastic:
    """Make a node on which a task of one vcore has run for so long."""
    made = make_elastic(id, state, containers=1)
    return made.change(yarn={"tasks": (make_task(age_s=60 * minutes),)}, pod={"worth": said})


def world(*elastic: Elastic) -> Snapshot:
    return make_snapshot(*elastic, kube={"may_stamp": True}, lenders=(make_lender(allocatable=room(200, 500)),))


def stamped(snapshot: Snapshot) -> dict[str, int]:
    acts = [step.act for step in plan(snapshot, decide(snapshot)).acts]
    return {act.promise_id: act.worth for act in acts if isinstance(act, StampPod)}


def test_a_pod_says_the_vcore_minutes_that_would_be_lost_with_it_as_a_power_of_two() -> None:
    assert stamped(world(*(at_work(f"p{minutes}", minutes) for minutes in (1, 3, 100)))) == {
        "p1": 1,
        "p3": 2,
        "p100": 64,
    }


@pytest.mark.parametrize("node", [at_work("p", 0.5), at_work("p", 100, said=64), at_work("p", 0, said=0)])
def test_one_that_says_so_already_or_is_worth_nothing_is_left_alone(node: Elastic) -> None:
    assert stamped(world(node)) == {}


def test_work_that_has_ended_is_taken_back() -> None:
    assert stamped(world(make_elastic("p").change(pod={"worth": 64}))) == {"p": 0}


def test_output_that_others_need_counts_and_an_application_master_counts_most() -> None:
    held = make_elastic("held").change(yarn={"held_vcore_s": 8 * 60})
    master = make_elastic("master", containers=1).change(yarn={"has_am": True})
    assert stamped(world(held, master)) == {"held": 8, "master": WITH_AM}


def test_nobody_is_stamped_without_the_right_and_none_that_is_on_its_way_out() -> None:
    assert stamped(make_snapshot(at_work("p", 100))) == {}
    assert stamped(world(at_work("p", 100, state=State.DELETING))) == {}
    unseen = at_work("p", 100).without("yarn")
    assert stamped(world(unseen)) == {}


def test_a_tick_stamps_some_those_that_are_furthest_off_first() -> None:
    near = [at_work(f"near{number:02}", 8, said=4) for number in range(STAMPS_A_TICK)]
    far = [at_work(f"far{number}", 1000) for number in range(3)]
    found = stamped(world(*near, *far))
    assert len(found) == STAMPS_A_TICK
    assert {node.id for node in far} <= set(found)


@given(minutes=st.integers(0, 10**7))
def test_a_stamp_is_at_most_the_work_and_more_than_half_of_it(minutes: int) -> None:
    found = stamped(world(at_work("p", minutes))).get("p", 0)
    assert found <= minutes < max(1, 2 * found)
