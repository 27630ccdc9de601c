"""Promise, pod and YARN node joined, and moved to what the facts show."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.core.lifecycle import State
from bridge.core.nodes import ElasticNode, elastic_nodes
from bridge.core.reasons import Gap, Reason
from bridge.core.resources import NOTHING
from bridge.core.snapshot import PodPhase, YarnNodeState
from tests.build import (
    AT,
    Elastic,
    ip_of,
    make_elastic,
    make_pod,
    make_promise,
    make_snapshot,
    make_yarn_node,
    minutes,
    seconds,
)

SEEN_BY_RM = [State.SERVING, State.CORDONED, State.DRAINING, State.FORCED, State.EMPTY]


def joined(*elastic: Elastic, **facts: Any) -> ElasticNode:
    nodes = elastic_nodes(make_snapshot(*elastic, **facts))
    return nodes[0]


def moved(*elastic: Elastic, **facts: Any) -> tuple[State, Reason]:
    node = joined(*elastic, **facts)
    return node.state, node.promise.reason


OLD: dict[str, Any] = {"since": AT - minutes(10), "made_at": AT - minutes(10)}
FAILED = {"phase": PodPhase.FAILED}
LEAVING = {"deleting_since": AT - seconds(1)}
UNLISTED = ("yarn",)


@pytest.mark.parametrize(
    ("elastic", "expected"),
    [
        pytest.param(make_elastic(state=State.REQUESTED), (State.REQUESTED, Reason.WORK_IS_WAITING), id="not made yet"),
        pytest.param(
            make_elastic(state=State.REQUESTED, **OLD), (State.GONE, Reason.NEVER_SERVED), id="never made, given up"
        ),
        pytest.param(make_elastic(state=State.STARTING), (State.STARTING, Reason.POD_SEEN), id="starts"),
        pytest.param(
            make_elastic(state=State.STARTING, **OLD), (State.DELETING, Reason.NEVER_SERVED), id="never registered"
        ),
        pytest.param(
            make_elastic(state=State.STARTING).change(pod=FAILED), (State.DELETING, Reason.POD_ENDED), id="start failed"
        ),
        pytest.param(
            make_elastic(state=State.SERVING).change(pod=FAILED), (State.DELETING, Reason.POD_ENDED), id="pod failed"
        ),
        pytest.param(
            make_elastic(state=State.SERVING).change(pod={"phase": PodPhase.SUCCEEDED}),
            (State.DELETING, Reason.POD_ENDED),
            id="ended by the dead man's switch",
        ),
        pytest.param(
            make_elastic(state=State.SERVING).change(pod=LEAVING),
            (State.DELETING, Reason.DELETED_BY_ANOTHER),
            id="another hand deletes it",
        ),
        pytest.param(
            make_elastic(state=State.SERVING).without("pod"),
            (State.GONE, Reason.DELETED_BY_ANOTHER),
            id="another hand has deleted it",
        ),
        pytest.param(
            make_elastic(state=State.SERVING).without("yarn"), (State.LOST, Reason.NODE_UNSEEN), id="the RM lost it"
        ),
        pytest.param(
            make_elastic(state=State.FORCED).without("yarn"),
            (State.DELETING, Reason.NODE_UNSEEN),
            id="a forced node that the RM lost has nothing left to lose",
        ),
        pytest.param(make_elastic(state=State.LOST), (State.LOST, Reason.NODE_UNSEEN), id="lost for a moment"),
        pytest.param(
            make_elastic(state=State.LOST, **OLD), (State.DELETING, Reason.LOST_TOO_LONG), id="lost for too long"
        ),
        pytest.param(make_elastic(state=State.DELETING), (State.DELETING, Reason.NO_WORK_FOR_IT), id="on its way out"),
        pytest.param(
            make_elastic(state=State.DELETING).without("pod", "yarn"), (State.GONE, Reason.VERIFIED_FREE), id="gone"
        ),
        pytest.param(
            make_elastic(state=State.GONE, label_host="10.0.0.9"), (State.GONE, Reason.VERIFIED_FREE), id="stays gone"
        ),
    ],
)
def test_facts_move_a_node(elastic: Elastic, expected: tuple[State, Reason]) -> None:
    assert moved(elastic) == expected


def test_a_node_whose_pod_registered_while_nobody_looked_is_serving_at_once() -> None:
    promise = make_promise(state=State.REQUESTED)
    made = Elastic(promise=promise, pod=make_pod(promise), yarn=make_yarn_node(promise))
    node = joined(made)
    assert (node.state, node.promise.reason, node.promise.served) == (State.SERVING, Reason.REGISTERED, True)
    assert node.promise.pod_uid == "uid-p1"
    assert node.promise.node_id == f"{ip_of('p1')}:8041"
    assert node.promise.since == AT
    assert node.recorded == promise


def test_an_unhealthy_node_has_not_started_but_is_not_lost_either() -> None:
    sick = {"state": YarnNodeState.UNHEALTHY}
    starting = Elastic(
        promise=make_promise(state=State.STARTING),
        pod=make_pod(make_promise(state=State.STARTING)),
        yarn=make_yarn_node(),
    )
    assert moved(starting.change(yarn=sick))[0] is State.STARTING
    assert moved(make_elastic(state=State.SERVING).change(yarn=sick))[0] is State.SERVING


def test_a_node_came_back_after_an_rm_restart_serves_again() -> None:
    back = make_elastic(state=State.LOST)
    node = joined(Elastic(promise=back.promise, pod=back.pod, yarn=make_yarn_node(containers=3)))
    assert (node.state, node.promise.reason) == (State.SERVING, Reason.CAME_BACK)


@pytest.mark.parametrize("state", SEEN_BY_RM)
def test_a_settling_rm_never_loses_a_node(state: State) -> None:
    assert moved(make_elastic(state=state).without("yarn"), yarn={"is_settling": True})[0] is state


@pytest.mark.parametrize("state", [*SEEN_BY_RM, State.STARTING, State.LOST, State.REQUESTED])
def test_an_unread_rm_never_loses_or_gives_up_a_pod(state: State) -> None:
    old: dict[str, Any] = (
        {"since": AT - minutes(60), "made_at": AT - minutes(60)} if state is not State.REQUESTED else {}
    )
    assert moved(make_elastic(state=state, **old), yarn=Gap.UNREACHABLE)[0] is state


@pytest.mark.parametrize("state", [state for state in State if state is not State.GONE])
def test_an_unread_kubernetes_moves_nothing(state: State) -> None:
    assert moved(make_elastic(state=state, since=AT - minutes(60)), kube=Gap.STALE)[0] is state


def test_a_settling_rm_gives_no_start_up() -> None:
    waiting = make_elastic(state=State.STARTING, since=AT - minutes(60))
    assert moved(waiting, yarn={"is_settling": True})[0] is State.STARTING


def test_an_unread_kubernetes_still_finds_the_yarn_node_by_the_journal() -> None:
    node = joined(make_elastic(state=State.DRAINING, containers=2), kube=Gap.UNREACHABLE)
    assert node.pod is Gap.UNREACHABLE
    assert node.running is not None
    assert node.running.containers == 2


def test_a_ghost_on_a_used_address_is_not_the_pods_node() -> None:
    new = make_elastic(state=State.STARTING, made_at=AT - minutes(2))
    ghost = make_yarn_node(health_at=AT - minutes(3), containers=4)
    assert moved(Elastic(promise=new.promise, pod=new.pod, yarn=ghost)) == (State.STARTING, Reason.POD_SEEN)
    fresh = make_yarn_node(health_at=AT - minutes(2) - seconds(20), containers=0)
    assert moved(Elastic(promise=new.promise, pod=new.pod, yarn=fresh))[0] is State.SERVING


def test_one_that_has_served_is_no_ghost_whatever_the_clocks_say() -> None:
    old = make_elastic("p1").change(yarn={"health_at": AT - minutes(600)})
    assert joined(old).running is not None
    assert joined(make_elastic("p1", State.STARTING).change(yarn={"health_at": AT - minutes(600)})).running is None


def test_of_two_nodes_on_one_address_the_living_one_counts() -> None:
    alive = make_elastic()
    dead = make_yarn_node(state=YarnNodeState.LOST, health_at=AT)
    assert alive.yarn is not None
    for nodes in ((alive.yarn, dead), (dead, alive.yarn)):
        assert joined(alive, yarn={"nodes": nodes}).running == alive.yarn


def test_an_address_that_a_leaving_pod_shares_belongs_to_the_new_one() -> None:
    old = make_elastic("old", State.DELETING).without("yarn").change(pod={"ip": "10.0.0.1"})
    new = make_elastic("new", State.STARTING).change(pod={"ip": "10.0.0.1"})
    node = make_yarn_node(node_id="10.0.0.1:8041")
    first, second = elastic_nodes(make_snapshot(old, new, yarn={"nodes": (node,)}))
    assert first.yarn is None
    assert second.yarn == node


def test_a_pod_that_the_journal_does_not_know_is_adopted_with_its_deadline() -> None:
    lost = make_elastic(containers=2).without("journal")
    node = joined(lost)
    assert node.recorded is None
    assert node.state is State.SERVING
    assert (node.promise.deadline, node.promise.shape, node.promise.lender) == (
        lost.promise.deadline,
        lost.promise.shape,
        "a",
    )


def test_an_adopted_node_that_was_emptied_is_deleted() -> None:
    emptied = make_elastic(state=State.EMPTY).without("journal")
    assert moved(emptied) == (State.DELETING, Reason.NO_LONGER_WANTED)


def test_a_forced_node_is_not_hurried_while_the_journal_is_out_of_sight() -> None:
    forced = make_elastic(containers=1).change(yarn={"total": NOTHING})
    assert moved(forced, promises=Gap.UNREACHABLE)[0] is State.SERVING
    assert moved(forced.without("journal"))[0] is State.DELETING


def test_an_adopted_pod_has_its_whole_start_up_before_it() -> None:
    old = make_elastic(state=State.STARTING, **OLD).without("journal")
    assert moved(old)[0] is State.STARTING


def test_idle_is_believed_only_of_a_node_whose_amounts_add_up() -> None:
    assert joined(make_elastic()).is_idle
    assert not joined(make_elastic().change(yarn={"is_settled": False})).is_idle
    assert not joined(make_elastic(containers=1)).is_idle
    assert not joined(make_elastic(), yarn=Gap.STALE).is_idle
