"""Online pods that wait: the cheapest way to enough room, at once, and no more than is still missing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from bridge.core.actions import DeletePod, Purpose, ResizeNode
from bridge.core.check import check
from bridge.core.decide import decide
from bridge.core.lifecycle import State
from bridge.core.nodes import elastic_nodes
from bridge.core.outlook import Outlook
from bridge.core.plan import plan
from bridge.core.reasons import LenderRefusal, Reason
from bridge.core.resources import Room
from bridge.core.snapshot import Basis, Claim, Snapshot, StuckPod
from bridge.core.spike import pressing
from bridge.core.turns import Turns
from tests.build import AT, Elastic, make_elastic, make_lender, make_policy, make_snapshot, make_task, room, seconds

POD = make_policy().shape.pod
"""Four cores and nine GiB; a lender of 16 cores and 36 GiB holds four."""
FOUR = ("p1", "p2", "p3", "p4")


def busy(id: str, *ages_s: float, lender: str = "a", state: State = State.SERVING, **promise: Any) -> Elastic:
    found = make_elastic(id, state, containers=len(ages_s), lender=lender, **promise)
    return found.change(yarn={"tasks": tuple(make_task(f"app-{id}", age_s=age_s) for age_s in ages_s)})


def world(*nodes: Elastic, stuck: tuple[Room, ...], may_be_on: str = "ab", **facts: Any) -> Snapshot:
    facts = {"policy": make_policy(app_loss_ratio=1.0), **facts}
    waiting = sum(stuck, start=Room(cpu_millicores=0, memory_mib=0))
    pods = tuple(StuckPod(requests=one, lenders=frozenset(may_be_on)) for one in stuck)
    return make_snapshot(*nodes, kube={"online_stuck": pods, "online_waiting": waiting}, **facts)


def called(snapshot: Snapshot) -> set[str]:
    return {entry.node_id for entry in decide(snapshot).returns if entry.reason is Reason.ONLINE_PODS_WAIT}


def acts(snapshot: Snapshot) -> list[Any]:
    return [step.act for step in check(plan(snapshot, decide(snapshot)), snapshot).steps if step.act is not None]


def pressed(snapshot: Snapshot) -> Mapping[str, Room]:
    return pressing(snapshot, elastic_nodes(snapshot), Turns(snapshot.policy, Outlook.of(snapshot)))


FULL = tuple(busy(id, 100.0 * number) for number, id in enumerate(FOUR, start=1))


@pytest.mark.parametrize(
    ("stuck", "gone"),
    [
        pytest.param((), set(), id="nobody waits"),
        pytest.param((room(1, 1),), {"p1"}, id="a part of a node is a node"),
        pytest.param((room(4, 9), room(1, 1)), {"p1", "p2"}, id="two pods, two nodes"),
        pytest.param((room(2, 2), room(2, 2)), {"p1"}, id="two pods in one node"),
        pytest.param((room(99, 1),), set(), id="no lender could hold it"),
    ],
)
def test_no_more_than_is_missing_goes_least_work_first(stuck: tuple[Room, ...], gone: set[str]) -> None:
    assert called(world(*FULL, stuck=stuck)) == gone


def test_free_room_comes_first() -> None:
    assert called(world(*FULL[:3], stuck=(room(4, 9),))) == set()
    assert called(world(*FULL[:3], stuck=(room(5, 9),))) == {"p1"}


def test_what_is_on_its_way_counts() -> None:
    leaving = busy("p1", 100.0, state=State.FORCED, deadline=AT + seconds(20), reason=Reason.ONLINE_PODS_WAIT)
    assert called(world(leaving, *FULL[1:], stuck=(room(4, 9),))) == {"p1"}
    ending = make_elastic("p1", State.DELETING)
    assert called(world(ending, *FULL[1:], stuck=(room(4, 9),))) == set()


def test_free_room_in_pieces_holds_no_large_pod() -> None:
    lenders = (make_lender("a"), make_lender("b"))
    nodes = tuple(busy(f"{lender}{number}", 50.0, lender=lender) for lender in "ab" for number in range(3))
    snapshot = world(*nodes, stuck=(room(6, 9),), lenders=lenders)
    assert sum(missing.cpu_millicores for missing in pressed(snapshot).values()) == 2000
    assert len(called(snapshot)) == 1


def test_room_is_freed_where_least_work_is_lost() -> None:
    lenders = (make_lender("a"), make_lender("b"))
    nodes = [busy(f"{lender}{n}", age_s, lender=lender) for n in range(4) for lender, age_s in (("a", 600), ("b", 60))]
    assert called(world(*nodes, stuck=(room(4, 9),), lenders=lenders)) == {"b0"}
    masters = [node.change(yarn={"has_am": True}) if node.promise.lender == "b" else node for node in nodes]
    assert called(world(*masters, stuck=(room(4, 9),), lenders=lenders)) == {"a0"}
    # Four are freed on b, one after the other, before the first on a.
    assert called(world(*nodes, stuck=(room(4, 9),) * 5, lenders=lenders)) == {"b0", "b1", "b2", "b3", "a0"}
    # A pod that the room freed for another leaves a place for costs nothing more.
    assert called(world(*nodes, stuck=(room(3, 6), room(1, 3)), lenders=lenders)) == {"b0"}


def test_room_is_freed_where_a_pod_may_be() -> None:
    lenders = (make_lender("a"), make_lender("b"))
    on_b = busy("p9", 900.0, lender="b")
    rest = tuple(busy(f"q{number}", 950.0, lender="b") for number in range(3))
    assert called(world(*FULL, on_b, *rest, stuck=(room(4, 9),), lenders=lenders)) == {"p1"}
    assert called(world(*FULL, on_b, *rest, stuck=(room(4, 9),), lenders=lenders, may_be_on="b")) == {"p9"}
    assert called(world(*FULL, *rest, stuck=(room(4, 9),), lenders=lenders, may_be_on="b")) == set()


def test_a_lender_that_refuses_frees_nothing_for_them() -> None:
    lender = make_lender(refusal=LenderRefusal.NOT_READY)
    assert called(world(*FULL, stuck=(room(4, 9),), lenders=(lender,))) == set()


def test_by_usage_no_online_pod_waits_for_elastic_ones() -> None:
    snapshot = world(*FULL, stuck=(room(4, 9),), policy=make_policy(basis=Basis.USAGE))
    assert pressed(snapshot) == {}


def test_pods_that_have_not_started_are_cancelled_first() -> None:
    coming = make_elastic("p4", State.STARTING)
    snapshot = world(*FULL[:3], coming, stuck=(room(4, 9),))
    assert called(snapshot) == {"p4"}
    assert [type(act) for act in acts(snapshot)] == [DeletePod]


def test_tasks_are_preempted_at_once_and_shortly() -> None:
    snapshot = world(*FULL, stuck=(room(4, 9),))
    (act,) = acts(snapshot)
    assert isinstance(act, ResizeNode)
    assert (act.purpose, act.overcommit_timeout) == (Purpose.FORCE, snapshot.policy.spike_timeout)
    (entry,) = decide(snapshot).returns
    assert entry.deadline - AT == snapshot.policy.spike_tail <= snapshot.policy.tail


def test_an_idle_node_is_deleted_at_once() -> None:
    snapshot = world(*FULL[:3], make_elastic("p4"), stuck=(room(4, 9),))
    assert [type(act) for act in acts(snapshot)] == [DeletePod]


def claims(*entries: tuple[str, int]) -> tuple[Claim, ...]:
    """Make claims of whole nodes, oldest first: whose each is (own: "night"), and how many."""
    whose = [pool for pool, count in entries for _ in range(count)]
    return tuple(Claim(AT + seconds(n), pool, f"{pool}-{n}", pool == "night", POD) for n, pool in enumerate(whose))


@pytest.mark.parametrize(
    ("there", "own", "expected"),
    [
        pytest.param((("day", 2), ("night", 2)), 2, {"p1"}, id="ours came last"),
        pytest.param((("night", 2), ("day", 2)), 2, set(), id="another pool's came last"),
        pytest.param((("night", 3), ("day", 1)), 3, {"p1"}, id="of two pods' room one is ours"),
    ],
)
def test_of_pools_that_share_a_lender_those_whose_pods_came_last_free_the_room(
    there: tuple[tuple[str, int], ...], own: int, expected: set[str]
) -> None:
    others = sum(count for pool, count in there if pool != "night")
    elsewhere = Room(cpu_millicores=POD.cpu_millicores * others, memory_mib=POD.memory_mib * others)
    lender = make_lender("a", elsewhere=elsewhere, claims=claims(*there))
    stuck = (room(4, 9),) * (2 if own == 3 else 1)
    assert called(world(*FULL[:own], stuck=stuck, lenders=(lender,))) == expected


def test_pools_that_share_lenders_free_no_more_together_than_is_missing() -> None:
    elsewhere = Room(cpu_millicores=2 * POD.cpu_millicores, memory_mib=2 * POD.memory_mib)
    # What one pool takes for its own the other takes for another's.
    views = [claims(*entries) for entries in ((("night", 1), ("day", 1)) * 2, (("day", 1), ("night", 1)) * 2)]
    for stuck in range(1, 5):
        lenders = [make_lender("a", elsewhere=elsewhere, claims=view) for view in views]
        freed = [called(world(*FULL[:2], stuck=(room(4, 9),) * stuck, lenders=(lender,))) for lender in lenders]
        assert sum(len(ids) for ids in freed) == stuck


def test_what_leaves_already_of_this_pools_part_is_not_freed_twice() -> None:
    leaving = busy("p1", 100.0, state=State.FORCED, deadline=AT + seconds(20), reason=Reason.ONLINE_PODS_WAIT)
    elsewhere = Room(cpu_millicores=2 * POD.cpu_millicores, memory_mib=2 * POD.memory_mib)
    lender = make_lender("a", elsewhere=elsewhere, claims=claims(("day", 2), ("night", 2)))
    assert called(world(leaving, FULL[1], stuck=(room(4, 9),), lenders=(lender,))) == {"p1"}
    assert called(world(leaving, FULL[1], stuck=(room(4, 9),) * 2, lenders=(lender,))) == {"p1", "p2"}
