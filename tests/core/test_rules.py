"""The rules of the field that the core carries, each under its own name. Each was paid for by somebody."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bridge.core.actions import CreatePod, Plan, Purpose, ResizeNode
from bridge.core.decide import decide
from bridge.core.lifecycle import State
from bridge.core.nodes import elastic_nodes
from bridge.core.offer import Offer
from bridge.core.reasons import Gap, LenderRefusal, Limit
from bridge.core.resources import NOTHING, Room
from bridge.core.snapshot import Memory, YarnNodeState
from tests.build import (
    AT,
    Elastic,
    ip_of,
    make_elastic,
    make_lender,
    make_policy,
    make_snapshot,
    make_task,
    make_waiting,
    make_window,
    make_yarn_node,
    minutes,
    room,
    seconds,
)
from tests.core.model import think


def planned(*elastic: Elastic, **facts: Any) -> Plan:
    return think(make_snapshot(*elastic, **facts)).plan


def offered(**facts: Any) -> Offer:
    found = decide(make_snapshot(**facts)).offer
    assert isinstance(found, Offer)
    return found


def resized(plan: Plan) -> list[tuple[Purpose, Any]]:
    return [(step.act.purpose, step.act.overcommit_timeout) for step in plan.steps if isinstance(step.act, ResizeNode)]


def created(plan: Plan) -> int:
    return sum(isinstance(step.act, CreatePod) for step in plan.steps)


NEED = (make_lender(online=room(16, 0)),)
WORK = (make_waiting(4),)


def test_rule_1_only_the_forced_step_carries_a_timeout_and_after_it_a_node_is_only_deleted() -> None:
    assert resized(planned(make_elastic(containers=2), lenders=NEED)) == [(Purpose.CORDON, None)]
    assert resized(planned(make_elastic(containers=2, deadline=AT + seconds(40)))) == [(Purpose.FORCE, seconds(10))]
    forced = make_elastic(state=State.FORCED)
    assert type(planned(forced, waiting=WORK).acts[0].act).__name__ == "DeletePod"


def test_rule_2_what_must_go_is_preempted_by_the_rm_before_its_pod_is_deleted() -> None:
    policy = make_policy()
    deadline = AT + policy.tail
    assert resized(planned(make_elastic(state=State.DRAINING, containers=1, deadline=deadline)))[0][0] is Purpose.FORCE
    assert policy.tail - policy.pod_tail >= policy.overcommit_timeout + policy.kill_time


def test_rule_3_nothing_is_published_because_a_reading_is_missing() -> None:
    for part in ("kube", "yarn", "promises"):
        assert resized(planned(make_elastic(containers=2), **{part: Gap.UNREACHABLE})) == []
    unreadable = make_elastic(containers=2).change(pod={"shape": NOTHING}).without("journal")
    assert resized(planned(unreadable)) == []


@pytest.mark.parametrize("refusal", list(LenderRefusal))
def test_rule_4_a_lender_that_is_not_surely_able_lends_nothing(refusal: LenderRefusal) -> None:
    assert created(planned(lenders=(make_lender(refusal=refusal),), waiting=WORK)) == 0


def test_rule_4_a_frozen_view_holds_what_is_there() -> None:
    idle = make_elastic()
    old = Memory(surplus_since=AT - minutes(10))
    for part in ("kube", "yarn", "promises"):
        assert planned(idle, memory=old, **{part: Gap.STALE}).acts == ()


def test_rule_5_offers_round_down_and_charges_round_up() -> None:
    lender = make_lender(allocatable=Room(cpu_millicores=15_999, memory_mib=36 * 1024))
    assert offered(lenders=(lender,)).nodes == 3
    assert decide(make_snapshot(waiting=(make_waiting(5),))).size.target == 2


def test_rule_6_own_use_is_not_online_use() -> None:
    lent = tuple(make_elastic(f"p{number}", containers=1) for number in range(4))
    decision = decide(make_snapshot(*lent))
    assert isinstance(decision.offer, Offer)
    assert (decision.offer.nodes, decision.returns) == (4, ())


def test_rule_7_up_slowly_down_fast() -> None:
    wide = (make_lender(allocatable=room(400, 900)),)
    assert created(planned(lenders=wide, waiting=(make_waiting(400),), policy=make_policy(grow_per_tick=3))) == 3
    lent = tuple(make_elastic(f"p{number}", containers=1) for number in range(4))
    assert len(decide(make_snapshot(*lent, lenders=NEED)).returns) == 4


def test_rule_7_each_resource_is_judged_by_itself() -> None:
    assert offered(lenders=(make_lender(online=room(0, 27)),)).nodes == 1
    assert offered(lenders=(make_lender(online=room(12, 0)),)).nodes == 1


def test_rule_8_the_end_is_planned_backward_from_the_deadline() -> None:
    policy = make_policy()
    node = make_elastic(state=State.DRAINING, containers=2, deadline=AT)
    kinds = {
        left: [type(step.act).__name__ for step in planned(node, at=AT - left).acts]
        for left in (policy.tail + seconds(1), policy.tail, policy.pod_tail)
    }
    assert list(kinds.values()) == [[], ["ResizeNode"], ["DeletePod"]]


def test_rule_8_a_node_is_gone_only_when_its_pod_is_seen_to_be() -> None:
    leaving = make_elastic(state=State.DELETING)
    assert elastic_nodes(make_snapshot(leaving))[0].state is State.DELETING
    assert elastic_nodes(make_snapshot(leaving, kube=Gap.STALE))[0].state is State.DELETING
    assert elastic_nodes(make_snapshot(leaving.without("pod")))[0].state is State.GONE


def test_rule_9_recommission_before_create() -> None:
    plan = planned(make_elastic(state=State.CORDONED), waiting=WORK)
    assert (resized(plan), created(plan)) == ([(Purpose.RECOMMISSION, None)], 0)


def test_rule_9_nodes_without_masters_go_first() -> None:
    master = make_elastic("a", containers=1).change(yarn={"has_am": True})
    busy = make_elastic("b", containers=3)
    found = decide(make_snapshot(master, busy, lenders=(make_lender(online=room(9, 0)),))).returns
    assert [entry.node_id for entry in found] == ["b"]


def test_rule_9_then_those_whose_containers_have_worked_least() -> None:
    long, short = (
        make_elastic(id, containers=count).change(yarn={"tasks": (make_task(age_s=done),)})
        for id, count, done in (("a", 1, 40_000), ("b", 3, 90))
    )
    found = decide(make_snapshot(long, short, lenders=(make_lender(online=room(9, 0)),))).returns
    assert [entry.node_id for entry in found] == ["b"]


@pytest.mark.parametrize(
    "waiting",
    [
        pytest.param(make_waiting(9, label="gpu"), id="another label"),
        pytest.param(make_waiting(9, vcores=5), id="larger than a node"),
    ],
)
def test_rule_10_work_that_a_new_node_could_not_serve_is_not_demand(waiting: Any) -> None:
    assert created(planned(waiting=(waiting,))) == 0
    assert created(planned(yarn={"ams_waiting": 9})) == 0


def test_rule_11_an_older_node_on_the_same_address_is_another_one() -> None:
    new = make_elastic(state=State.STARTING, made_at=AT - minutes(1))
    ghost = make_yarn_node(containers=3, health_at=AT - minutes(9))
    world = make_snapshot(Elastic(promise=new.promise, pod=new.pod, yarn=ghost))
    assert elastic_nodes(world)[0].state is State.STARTING


def test_rule_12_lost_is_not_capacity() -> None:
    lost = make_elastic(containers=2).change(yarn={"state": YarnNodeState.LOST})
    decision = decide(make_snapshot(lost, waiting=WORK))
    assert decision.nodes[0].state is State.LOST
    assert (decision.size.open_nodes, decision.size.target) == (0, 1)


def test_rule_15_a_restarted_rm_is_told_the_forced_step_again() -> None:
    forced = make_elastic(state=State.FORCED, containers=2, deadline=AT + seconds(40))
    assert resized(planned(forced)) == []
    assert resized(planned(forced, yarn={"started_at": AT - seconds(9)})) == [(Purpose.FORCE, seconds(10))]


def test_rule_15_a_closed_node_that_the_rm_forgot_to_close_is_closed_again() -> None:
    full = make_yarn_node(containers=1)
    draining = make_elastic(state=State.DRAINING, containers=1)
    assert resized(planned(replace(draining, yarn=full))) == [(Purpose.CORDON, None)]


@pytest.mark.parametrize("state", [State.SERVING, State.CORDONED, State.DRAINING, State.FORCED, State.EMPTY])
@pytest.mark.parametrize("left", [300, 45, 5])
def test_rule_16_a_node_with_custom_resources_is_never_resized(state: State, left: int) -> None:
    node = make_elastic(state=state, containers=1, deadline=AT + seconds(left)).change(
        yarn={"has_custom_resources": True, "total": make_policy().shape.yarn}
    )
    assert resized(planned(node, lenders=NEED)) == []


def test_rule_17_what_another_hand_takes_out_of_service_is_left_to_it() -> None:
    leaving = make_elastic(containers=1).change(yarn={"state": YarnNodeState.DECOMMISSIONING, "total": NOTHING})
    assert planned(leaving).acts == ()
    deleted = make_elastic(containers=1).change(pod={"deleting_since": AT})
    assert planned(deleted).acts == ()


def test_rule_19_a_pod_on_its_way_out_is_capacity_on_its_way_back() -> None:
    lender = (make_lender(online=room(4, 0)),)
    staying = tuple(make_elastic(f"p{number}", containers=1) for number in range(3))
    leaving = make_elastic("p3", State.DELETING)
    assert decide(make_snapshot(*staying, leaving, lenders=lender)).returns == ()


def test_rule_24_an_empty_list_right_after_an_rm_start_means_nothing() -> None:
    nodes = tuple(make_elastic(f"p{number}", containers=1) for number in range(3))
    world = make_snapshot(*nodes, yarn={"nodes": (), "is_settling": True, "started_at": AT - seconds(1)})
    decision = decide(world)
    assert {node.state for node in decision.nodes} == {State.SERVING}
    assert think(world).plan.steps == ()


def test_meaning_of_placement_no_master_can_land_before_the_label() -> None:
    """The address is mapped in the very tick in which it is first seen, before the pod counts as serving."""
    starting = make_elastic(state=State.STARTING, label_host=None)
    plan = planned(starting, yarn={"label_by_host": {}})
    assert [getattr(step.act, "host", None) for step in plan.acts] == [ip_of("p1")]


def test_meaning_of_a_window_its_limit_counts_what_is_lent_already() -> None:
    lent = (make_elastic("p1", containers=4), make_elastic("p2", containers=4))
    facts: dict[str, Any] = {"waiting": (make_waiting(40),), "windows": (make_window(max_ratio=0.5),)}
    assert created(planned(*lent, **facts)) == 0
    assert decide(make_snapshot(*lent, **facts)).size.bound_by is Limit.WINDOW_RATIO
