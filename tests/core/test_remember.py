"""What a tick leaves for the next: a lender from which somebody took a pod is left alone for a while."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from bridge.core.actions import CreatePod
from bridge.core.decide import decide
from bridge.core.lifecycle import State
from bridge.core.plan import plan
from bridge.core.snapshot import LeftAlone, Memory, Snapshot
from tests.build import AT, make_elastic, make_lender, make_policy, make_snapshot, make_waiting

POLICY = make_policy(cool_down=timedelta(minutes=2), grow_per_tick=5)


def _after(memory: Memory) -> Snapshot:
    """Make a world with two lenders, and more work waiting than five new nodes could hold."""
    waiting = (make_waiting(500),)
    return make_snapshot(
        policy=POLICY,
        lenders=(make_lender("a"), make_lender("b")),
        waiting=waiting,
        memory=replace(memory, waiting=waiting),
    )


def _lenders_of_new_pods(snapshot: Snapshot) -> set[str]:
    steps = plan(snapshot, decide(snapshot)).acts
    return {step.act.lender for step in steps if isinstance(step.act, CreatePod)}


def test_a_pod_that_somebody_else_deleted_is_remembered_with_its_lender() -> None:
    taken = replace(make_elastic("p1", State.SERVING), pod=None, yarn=None)
    assert decide(make_snapshot(taken)).memory.left_alone == (
        LeftAlone(lender="a", until=AT + timedelta(seconds=120), is_relieved=True),
    )


def test_a_lender_whose_pod_was_taken_gets_no_new_one_until_the_cool_down_is_over() -> None:
    fresh = Memory(left_alone=(LeftAlone(lender="a", until=AT + timedelta(seconds=1)),))
    over = Memory(left_alone=(LeftAlone(lender="a", until=AT),))
    assert _lenders_of_new_pods(_after(fresh)) == {"b"}
    assert _lenders_of_new_pods(_after(over)) == {"a", "b"}


def test_a_lender_on_which_a_pod_never_served_is_left_to_others_for_longer() -> None:
    late = make_elastic("p1", State.STARTING, since=AT - timedelta(hours=1))
    memory = decide(make_snapshot(late, policy=POLICY)).memory
    assert memory.left_alone == (LeftAlone(lender="a", until=AT + timedelta(minutes=10)),)


def test_what_is_over_is_forgotten() -> None:
    memory = Memory(left_alone=(LeftAlone(lender="a", until=AT - timedelta(minutes=3)),))
    assert decide(_after(memory)).memory.left_alone == ()
