"""What every world holds of resizing a pod in place."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bridge.core.actions import ResizePod
from bridge.core.resources import NO_ROOM, Room
from bridge.core.snapshot import ElasticPod, PodPhase, Resizing
from bridge.ports import Rejected
from tests.contract.scene import Scene
from tests.contract.worlds import wait_until

SMALL = Room(cpu_millicores=250, memory_mib=2560)
LARGE = Room(cpu_millicores=600, memory_mib=3072)
SIZED, OTHER = "sized", "other"


@pytest.fixture
def sized(empty_scene: Scene) -> Iterator[ElasticPod]:
    """A small pod that runs on the first lender."""
    empty_scene.create(SIZED, requests=SMALL)
    yield wait_until(empty_scene.world, lambda: empty_scene.pod_running(SIZED))
    for id in (SIZED, OTHER):
        empty_scene.delete(id)
    wait_until(empty_scene.world, lambda: not any(empty_scene.pod(id) for id in (SIZED, OTHER)))


def resize(scene: Scene, size: Room, *, id: str = SIZED, uid: str | None = None) -> None:
    pod = scene.pod_there(SIZED)
    scene.world.kube.resize_pod(ResizePod(promise_id=id, uid=uid or pod.uid, requests=size, grows=True))


def until(scene: Scene, state: Resizing) -> ElasticPod:
    """Wait until the kubelet has looked at the size that was asked for."""

    def look() -> ElasticPod | None:
        pod = scene.pod_there(SIZED)
        return pod if pod.resizing is state else None

    return wait_until(scene.world, look)


def sizes(pod: ElasticPod) -> tuple[Room, Room | None, Room | None]:
    return pod.requests, pod.requested, pod.allocated


def test_pods_can_be_resized(empty_scene: Scene) -> None:
    assert empty_scene.world.kube.observe().cannot_resize is None


def test_a_pod_grows_and_shrinks_in_place_and_counts_with_the_greater_size_meanwhile(
    empty_scene: Scene, sized: ElasticPod
) -> None:
    assert (sizes(sized), sized.resizing) == ((SMALL, SMALL, SMALL), Resizing.NONE)
    for before, after in ((SMALL, LARGE), (LARGE, SMALL)):
        resize(empty_scene, after)
        on_its_way = empty_scene.pod_there(SIZED)
        assert (sizes(on_its_way), on_its_way.resizing) == ((LARGE, after, before), Resizing.IN_PROGRESS)
        there = until(empty_scene, Resizing.NONE)
        assert sizes(there) == (after, after, after)
        assert (there.uid, there.ip, there.phase) == (sized.uid, sized.ip, PodPhase.RUNNING)


def test_a_size_that_has_no_room_is_deferred_until_there_is_room(empty_scene: Scene, sized: ElasticPod) -> None:
    scene = empty_scene
    lender = scene.lender(scene.lenders[0])
    rest = [pod for pod in scene.world.kube.observe().pods if pod.node == lender.name and pod.promise_id != SIZED]
    left = lender.allocatable - lender.online - sum((pod.requests for pod in rest), NO_ROOM)
    scene.create(OTHER, requests=SMALL)
    wait_until(scene.world, lambda: scene.pod_running(OTHER))
    large = Room(cpu_millicores=left.cpu_millicores, memory_mib=SMALL.memory_mib)
    resize(scene, large)
    assert sizes(until(scene, Resizing.DEFERRED)) == (large, large, SMALL)
    scene.delete(OTHER)
    assert sizes(until(scene, Resizing.NONE)) == (large, large, large)


def test_a_size_beyond_the_node_is_infeasible_and_is_not_counted(empty_scene: Scene, sized: ElasticPod) -> None:
    beyond = empty_scene.lender(empty_scene.lenders[0]).allocatable + SMALL
    resize(empty_scene, beyond)
    assert sizes(until(empty_scene, Resizing.INFEASIBLE)) == (SMALL, beyond, SMALL)
    resize(empty_scene, SMALL)
    assert sizes(until(empty_scene, Resizing.NONE)) == (SMALL, SMALL, SMALL)


def test_a_resize_needs_the_right_uid_and_a_pod(empty_scene: Scene, sized: ElasticPod) -> None:
    with pytest.raises(Rejected):
        resize(empty_scene, LARGE, uid="00000000-0000-4000-8000-00000000ffff")
    with pytest.raises(Rejected):
        resize(empty_scene, LARGE, id="nobody")
    assert sizes(empty_scene.pod_there(SIZED)) == (SMALL, SMALL, SMALL)


def test_a_pod_deleted_while_it_is_resized_goes_as_any_other(empty_scene: Scene, sized: ElasticPod) -> None:
    resize(empty_scene, LARGE)
    empty_scene.delete(SIZED)
    wait_until(empty_scene.world, lambda: empty_scene.pod(SIZED) is None)
