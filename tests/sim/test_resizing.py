"""Resizing a pod of the simulated cluster in place, seen through its port."""

import pytest

from bridge.core.actions import ResizePod
from bridge.core.resources import Room
from bridge.core.snapshot import CannotResize, PodPhase, Resizing
from bridge.ports import Denied, Rejected, Unavailable
from bridge.sim import SimConfig
from tests.sim.build import POD_SIZE, Pool

SMALL = Room(cpu_millicores=2000, memory_mib=4096)
TIGHT = SimConfig(lenders=1, lender_size=POD_SIZE + SMALL)
"""One lender, with room for a whole node and a small one."""


def resize(pool: Pool, size: Room, id: str = "p1") -> None:
    pool.kube.resize_pod(ResizePod(promise_id=id, uid=pool.pod(id).uid, requests=size, grows=False))


def sizes(pool: Pool, id: str = "p1") -> tuple[Room, Room | None, Room | None, Resizing]:
    pod = pool.pod(id)
    return pod.requests, pod.requested, pod.allocated, pod.resizing


def test_a_pod_shrinks_and_grows_in_place_a_moment_later() -> None:
    pool = Pool()
    pool.serve()
    uid = pool.pod().uid
    for before, after in ((POD_SIZE, SMALL), (SMALL, POD_SIZE)):
        resize(pool, after)
        assert sizes(pool) == (POD_SIZE, after, before, Resizing.IN_PROGRESS)
        pool.world.pass_time(2)
        assert sizes(pool) == (after, after, after, Resizing.NONE)
    assert (pool.pod().uid, pool.pod().phase) == (uid, PodPhase.RUNNING)


def test_room_is_free_for_others_only_when_the_smaller_size_is_in_force() -> None:
    pool = Pool(SimConfig(lenders=1, lender_size=POD_SIZE + SMALL))
    pool.serve()
    pool.create("p2")
    pool.world.pass_time(1)
    resize(pool, SMALL)
    pool.world.pass_time(1)
    assert pool.pod("p2").node is None
    pool.world.pass_time(1)
    assert pool.pod("p2").node == "lender-1"


def test_what_does_not_fit_now_is_deferred_counts_meanwhile_and_comes_when_there_is_room() -> None:
    pool = Pool(TIGHT)
    pool.serve("p1")
    resize(pool, SMALL)
    pool.world.pass_time(2)
    pool.create("p2")
    pool.world.pass_time(2)
    resize(pool, POD_SIZE)
    pool.world.pass_time(5)
    assert sizes(pool) == (POD_SIZE, POD_SIZE, SMALL, Resizing.DEFERRED)
    pool.delete("p2")
    pool.world.pass_time(5)
    assert sizes(pool) == (POD_SIZE, POD_SIZE, POD_SIZE, Resizing.NONE)


def test_what_can_never_fit_is_infeasible_and_is_not_counted() -> None:
    pool = Pool(TIGHT)
    pool.serve()
    resize(pool, POD_SIZE * 3)
    pool.world.pass_time(2)
    assert sizes(pool) == (POD_SIZE, POD_SIZE * 3, POD_SIZE, Resizing.INFEASIBLE)
    resize(pool, SMALL)
    pool.world.pass_time(2)
    assert sizes(pool) == (SMALL, SMALL, SMALL, Resizing.NONE)


def test_a_pod_deleted_during_its_resize_is_gone_and_gives_back_all_of_its_room() -> None:
    pool = Pool()
    pool.serve()
    resize(pool, POD_SIZE + SMALL)
    pool.delete()
    pool.world.pass_time(15)
    assert pool.kube.observe().pods == ()
    assert pool.world.kube.nodes["lender-1"].free == pool.world.kube.nodes["lender-1"].allocatable


def test_another_pod_of_that_name_is_left_alone() -> None:
    pool = Pool()
    pool.serve()
    for id, uid in (("p1", "another"), ("p2", pool.pod().uid)):
        with pytest.raises(Rejected):
            pool.kube.resize_pod(ResizePod(promise_id=id, uid=uid, requests=SMALL, grows=False))
    assert sizes(pool) == (POD_SIZE, POD_SIZE, POD_SIZE, Resizing.NONE)


@pytest.mark.parametrize(
    ("hindrance", "expected"), [(CannotResize.NOT_SERVED, Rejected), (CannotResize.NOT_PERMITTED, Denied)]
)
def test_where_pods_cannot_be_resized_the_view_says_so_and_the_call_fails(
    hindrance: CannotResize, expected: type[Exception]
) -> None:
    pool = Pool()
    pool.serve()
    assert pool.kube.observe().cannot_resize is None
    pool.world.kube.cannot_resize = hindrance
    assert pool.kube.observe().cannot_resize is hindrance
    with pytest.raises(expected):
        resize(pool, SMALL)


def test_a_resize_whose_answer_was_lost_has_happened() -> None:
    pool = Pool()
    pool.serve()
    pool.world.faults.fail_next("kube.resize", Unavailable("no answer"), took_effect=True)
    with pytest.raises(Unavailable):
        resize(pool, SMALL)
    pool.world.pass_time(2)
    assert sizes(pool) == (SMALL, SMALL, SMALL, Resizing.NONE)
