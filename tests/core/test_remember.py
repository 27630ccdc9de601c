"""What a tick leaves for the next: a lender from which somebody took a pod is left alone for a while."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from bridge.core.actions import CreatePod
from bridge.core.decide import decide
from bridge.core.lifecycle import State
from bridge.core.plan import plan
from bridge.core.snapshot import Memory, Snapshot, Taken
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
    assert decide(make_snapshot(taken)).memory.taken == (Taken(lender="a", at=AT),)


def test_a_lender_whose_pod_was_taken_gets_no_new_one_until_the_cool_down_is_over() -> None:
    fresh = Memory(taken=(Taken(lender="a", at=AT - timedelta(seconds=119)),))
    over = Memory(taken=(Taken(lender="a", at=AT - timedelta(seconds=120)),))
    assert _lenders_of_new_pods(_after(fresh)) == {"b"}
    assert _lenders_of_new_pods(_after(over)) == {"a", "b"}


def test_what_is_over_is_forgotten() -> None:
    memory = Memory(taken=(Taken(lender="a", at=AT - timedelta(minutes=3)),))
    assert decide(_after(memory)).memory.taken == ()
