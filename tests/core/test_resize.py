"""Nodes of another size, in place: who gets smaller, who grows again, in which order both systems are told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bridge.core.actions import CreatePod, Purpose, ResizeNode, ResizePod
from bridge.core.check import check
from bridge.core.decide import decide
from bridge.core.lifecycle import State
from bridge.core.plan import plan
from bridge.core.reasons import CheckFailure, Gap, LenderRefusal, Reason
from bridge.core.resources import NO_ROOM, Resources, Room, Shape
from bridge.core.sizes import sizes
from bridge.core.snapshot import CannotResize, Memory, Resizing, Snapshot
from tests.build import AT, Elastic, make_elastic, make_lender, make_policy, make_snapshot, make_waiting, minutes, room

WHOLE = Shape(yarn=Resources(vcores=8, memory_mib=16_384), pod=Room(cpu_millicores=8500, memory_mib=17_408))
OWN = Room(cpu_millicores=500, memory_mib=1024)
LEAST = Resources(vcores=1, memory_mib=1024)
POLICY = make_policy(shape=WHOLE, overhead=OWN)
QUARTER, HALF, THREE, _ = SIZES = sizes(POLICY, LEAST)
YES: dict[str, Any] = {"cannot_resize": None}


def make_node(id: str = "p1", shape: Shape = WHOLE, *, vcores: int = 0, lender: str = "a") -> Elastic:
    """Make a serving node of a size, of which so many vcores are busy."""
    found = make_elastic(id, shape=shape, lender=lender)
    used = Resources(vcores=vcores, memory_mib=vcores * 2048)
    found = found.change(yarn={"used": used, "containers": vcores, "total": shape.yarn})
    return found.change(pod={"shape": WHOLE.yarn})


def world(*nodes: Elastic, free: Room, lenders: int = 1, **facts: Any) -> Snapshot:
    """Make a world whose lender "a" can give *free*, what is there included."""
    facts = {"policy": POLICY, "kube": YES, **facts}
    return make_snapshot(*nodes, lenders=(make_lender("a", allocatable=free), *_others(lenders - 1)), **facts)


def _others(count: int) -> tuple[Any, ...]:
    return tuple(make_lender(f"other{number}", allocatable=NO_ROOM) for number in range(count))


def acts(snapshot: Snapshot) -> list[Any]:
    return [step.act for step in check(plan(snapshot, decide(snapshot)), snapshot).steps if step.act is not None]


def given_up(snapshot: Snapshot) -> dict[str, int]:
    return {fit.node_id: fit.shape.yarn.vcores for fit in decide(snapshot).fits}


def returned(snapshot: Snapshot) -> list[str]:
    return [entry.node_id for entry in decide(snapshot).returns]


# --- Sizes


def test_sizes_are_quarters_and_the_nodemanagers_own_need_stays() -> None:
    assert [shape.yarn.vcores for shape in SIZES] == [2, 4, 6, 8]
    assert HALF.pod == Room(cpu_millicores=4500, memory_mib=8192 + 1024)
    assert SIZES[-1] == WHOLE


@pytest.mark.parametrize(
    ("vcores", "least", "found"),
    [
        pytest.param(1, 1, [1], id="a vcore has no quarters"),
        pytest.param(2, 1, [1, 2], id="two have halves"),
        pytest.param(6, 1, [1, 3, 4, 6], id="vcores are whole"),
        pytest.param(8, 4, [4, 6, 8], id="never below the minimum allocation"),
    ],
)
def test_sizes_that_the_resourcemanager_takes(vcores: int, least: int, found: list[int]) -> None:
    shape = Shape(yarn=Resources(vcores=vcores, memory_mib=8192), pod=Room(cpu_millicores=8000, memory_mib=9216))
    policy = make_policy(shape=shape)
    assert [one.yarn.vcores for one in sizes(policy, Resources(vcores=least, memory_mib=1024))] == found


# --- Smaller


@pytest.mark.parametrize(
    ("busy", "free", "fits", "leaving"),
    [
        pytest.param(4, WHOLE.pod, {}, [], id="it fits"),
        pytest.param(4, HALF.pod, {"p1": 4}, [], id="its idle half goes"),
        pytest.param(4, THREE.pod, {"p1": 6}, [], id="no more than is needed"),
        pytest.param(3, HALF.pod, {"p1": 4}, [], id="a quarter that is begun stays"),
        pytest.param(5, HALF.pod, {}, ["p1"], id="too much runs: the whole node goes"),
        pytest.param(8, HALF.pod, {}, ["p1"], id="nothing is idle"),
        pytest.param(0, NO_ROOM, {}, ["p1"], id="there is no room at all"),
    ],
)
def test_idle_room_goes_before_whole_nodes(busy: int, free: Room, fits: dict[str, int], leaving: list[str]) -> None:
    snapshot = world(make_node(vcores=busy), free=free)
    assert (given_up(snapshot), returned(snapshot)) == (fits, leaving)


def test_the_idlest_node_gives_first_and_the_last_one_no_more_than_needed() -> None:
    nodes = make_node("p1", vcores=6), make_node("p2", vcores=1)
    assert given_up(world(*nodes, free=WHOLE.pod + HALF.pod)) == {"p2": 4}
    assert given_up(world(*nodes, free=THREE.pod + QUARTER.pod)) == {"p2": 2, "p1": 6}


@pytest.mark.parametrize(
    ("change", "facts"),
    [
        pytest.param({}, {"kube": {"cannot_resize": CannotResize.NOT_SERVED}}, id="the API server can't"),
        pytest.param({"yarn": {"has_custom_resources": True}}, {}, id="a resize would drop custom resources"),
        pytest.param({"pod": {"requested": room(7, 7)}}, {}, id="somebody else gave the pod its size"),
        pytest.param({"pod": {"allocated": None}}, {}, id="its kubelet hasn't said what it has"),
        pytest.param({"yarn": {"is_settled": False}}, {}, id="its containers aren't counted yet"),
    ],
)
def test_where_a_node_can_not_be_resized_it_goes_as_a_whole(change: dict[str, Any], facts: dict[str, Any]) -> None:
    snapshot = world(make_node(vcores=2).change(**change), free=HALF.pod, **facts)
    assert (given_up(snapshot), returned(snapshot)) == ({}, ["p1"])


def test_a_cordoned_lender_gets_all_back() -> None:
    lender = make_lender("a", allocatable=HALF.pod, refusal=LenderRefusal.CORDONED)
    snapshot = make_snapshot(make_node(vcores=2), lenders=(lender,), policy=POLICY, kube=YES)
    assert (given_up(snapshot), returned(snapshot)) == ({}, ["p1"])


def test_a_smaller_node_is_counted_as_what_it_is() -> None:
    snapshot = world(make_node(shape=HALF, vcores=4), make_node("p2", vcores=8), free=HALF.pod + WHOLE.pod)
    offer = decide(snapshot).offer
    assert not isinstance(offer, Gap)
    assert (offer.nodes, offer.by_lender["a"].nodes, returned(snapshot)) == (2, 2, [])


def test_smaller_the_resourcemanager_is_told_first_and_then_the_pod() -> None:
    first = world(make_node(vcores=4), free=HALF.pod)
    (act,) = acts(first)
    assert act == ResizeNode(node_id=act.node_id, total=HALF.yarn, overcommit_timeout=None, purpose=Purpose.SHRINK)
    told = make_node(vcores=4).change(yarn={"total": HALF.yarn})
    told = replace(told, promise=replace(told.promise, shape=HALF))
    assert acts(world(told, free=HALF.pod)) == [
        ResizePod(promise_id="p1", uid="uid-p1", requests=HALF.pod, grows=False)
    ]
    assert acts(world(told.change(yarn={"used": Resources(vcores=5, memory_mib=10_240)}), free=HALF.pod)) == []


def test_the_record_comes_before_the_call() -> None:
    snapshot = world(make_node(vcores=4), free=HALF.pod)
    (step,) = [step for step in plan(snapshot, decide(snapshot)).steps if step.act is not None]
    assert step.promise is not None
    assert step.promise.shape == HALF
    assert step.grows is False


# --- Larger

WORK: dict[str, Any] = {"waiting": (make_waiting(8, memory_mib=2048),)}


def test_a_smaller_node_grows_again_before_a_new_one_is_made() -> None:
    snapshot = world(make_node(shape=HALF, vcores=4), free=WHOLE.pod + WHOLE.pod, **WORK)
    assert [type(act) for act in acts(snapshot)] == [ResizePod, CreatePod]
    (act, _) = acts(snapshot)
    assert act == ResizePod(promise_id="p1", uid="uid-p1", requests=WHOLE.pod, grows=True)


def test_it_grows_as_far_as_there_is_room() -> None:
    snapshot = world(make_node(shape=QUARTER, vcores=2), free=THREE.pod, **WORK)
    assert [act.requests for act in acts(snapshot)] == [THREE.pod]


@pytest.mark.parametrize(
    "facts",
    [
        pytest.param({}, id="nothing waits"),
        pytest.param({**WORK, "kube": {"cannot_resize": CannotResize.NOT_PERMITTED}}, id="a right is missing"),
        pytest.param({**WORK, "at": AT + minutes(299)}, id="the window ends soon"),
    ],
)
def test_else_it_stays(facts: dict[str, Any]) -> None:
    snapshot = world(make_node(shape=HALF, vcores=4), free=HALF.pod + QUARTER.pod, **facts)
    assert [act for act in acts(snapshot) if isinstance(act, ResizePod)] == []


def growing(**pod: Any) -> Elastic:
    """Make a node that is to be whole, whose ResourceManager and kubelet have half of it yet."""
    node = make_node(vcores=4).change(yarn={"total": HALF.yarn})
    return node.change(pod={"requested": WHOLE.pod, "allocated": HALF.pod, "requests": WHOLE.pod, **pod})


def test_larger_the_resourcemanager_waits_for_the_kubelet() -> None:
    assert acts(world(growing(resizing=Resizing.IN_PROGRESS), free=WHOLE.pod, **WORK)) == []
    (act,) = acts(world(growing(allocated=WHOLE.pod), free=WHOLE.pod, **WORK))
    assert (act.total, act.purpose) == (WHOLE.yarn, Purpose.REASSERT)


def test_where_the_kubelet_has_no_room_the_node_stays_as_it_was() -> None:
    snapshot = world(growing(resizing=Resizing.DEFERRED), free=WHOLE.pod, **WORK)
    assert [(fit.shape, fit.reason) for fit in decide(snapshot).fits] == [(HALF, Reason.RESIZE_REFUSED)]
    assert acts(snapshot) == [ResizePod(promise_id="p1", uid="uid-p1", requests=HALF.pod, grows=False)]
    assert [entry.lender for entry in decide(snapshot).memory.left_alone] == ["a"]
    before = Memory(waiting=WORK["waiting"], left_alone=decide(snapshot).memory.left_alone)
    again = world(make_node(shape=HALF, vcores=4), free=WHOLE.pod, memory=before, **WORK)
    assert acts(again) == []


# --- The last look


def test_the_check_refuses_growth_that_the_lender_has_no_room_for() -> None:
    snapshot = world(make_node(shape=HALF, vcores=4), free=WHOLE.pod, **WORK)
    planned = plan(snapshot, decide(snapshot))
    tight = world(make_node(shape=HALF, vcores=4), free=THREE.pod, **WORK)
    assert [entry.failure for entry in check(planned, tight).refusals] == [CheckFailure.LENDER_OVERSOLD]


def test_the_check_refuses_a_total_that_its_pod_has_not() -> None:
    ready = growing(allocated=WHOLE.pod)
    planned = plan(world(ready, free=WHOLE.pod), decide(world(ready, free=WHOLE.pod)))
    assert [entry.failure for entry in check(planned, world(growing(), free=WHOLE.pod)).refusals] == [
        CheckFailure.ABOVE_ITS_POD
    ]


def test_without_a_journal_a_pods_size_says_what_it_lends() -> None:
    snapshot = replace(world(make_node(shape=HALF, vcores=4), free=WHOLE.pod), promises=Gap.UNREACHABLE)
    (node,) = decide(snapshot).nodes
    assert node.promise.shape == HALF


def test_a_policy_without_a_size_of_its_own_is_left_alone() -> None:
    other = Shape(yarn=Resources(vcores=5, memory_mib=9000), pod=Room(cpu_millicores=5000, memory_mib=9999))
    assert given_up(world(make_node(shape=other, vcores=1), free=HALF.pod)) == {}


def test_states_other_than_serving_are_left_alone() -> None:
    node = make_node(vcores=2)
    closed = replace(node, promise=replace(node.promise, state=State.CORDONED))
    assert given_up(world(closed, free=HALF.pod)) == {}
