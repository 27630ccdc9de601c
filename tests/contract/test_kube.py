"""What every world holds of the port ``Kube``."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bridge.core.reasons import LenderRefusal
from bridge.core.resources import NO_ROOM, Room
from bridge.core.snapshot import ElasticPod, PodPhase
from k8s_pool import pod_name
from tests.contract.scene import CAST, STEADY, Prologue, Scene
from tests.contract.worlds import POOL, REASON, SHAPE, stays, wait_until

REPLICA = Room(cpu_millicores=100, memory_mib=64)
SHORT = "short"


@pytest.fixture(scope="session", autouse=True)
def _short_lived(empty_scene: Scene, prologue: Prologue) -> None:
    """Make, early, a pod that nobody comes back for."""
    empty_scene.create(SHORT, lives_at_most=timedelta(seconds=5))


# --- Pods of promises


def test_a_created_pod_shows_its_promise_lender_shape_and_deadline(scene: Scene, prologue: Prologue) -> None:
    for number, id in enumerate(CAST):
        pod = scene.pod(id, prologue.addressed)
        assert pod is not None
        assert (pod.name, pod.promise_id) == (pod_name(POOL, id), id)
        assert (pod.lender, pod.requests, pod.shape) == (scene.lenders[number % 2], SHAPE.pod, SHAPE.yarn)
        assert (pod.deadline, pod.deleting_since) == (scene.deadline, None)
        assert abs(pod.created_at - scene.world.clock.now()) < timedelta(minutes=5)


def test_a_pod_that_runs_has_an_address_of_its_own_and_no_trouble(scene: Scene) -> None:
    pods = [_once_running(scene, id) for id in CAST]
    assert len({pod.ip for pod in pods}) == len(CAST)
    assert [pod.trouble for pod in pods] == [None] * len(CAST)


def test_a_pod_is_placed_on_its_lender(scene: Scene) -> None:
    assert [scene.pod_there(id).node for id in CAST] == [scene.lenders[number % 2] for number in range(len(CAST))]


def test_a_pod_waits_for_the_scheduler_where_its_lender_has_no_room(scene: Scene) -> None:
    scene.create("giant", lender=scene.lenders[1], requests=Room(cpu_millicores=100_000, memory_mib=64))
    pod = wait_until(scene.world, lambda: scene.pod_in_trouble("giant"))
    assert pod.trouble is not None
    assert pod.trouble.startswith("Unschedulable: 0/2 nodes are available")
    assert (pod.phase, pod.node, pod.ip, pod.lender) == (PodPhase.PENDING, None, None, scene.lenders[1])
    assert scene.world.kube.observe().online_waiting == NO_ROOM
    scene.delete("giant")
    wait_until(scene.world, lambda: scene.pod("giant") is None)


def test_creating_again_is_nothing(scene: Scene) -> None:
    before = scene.pod_there(STEADY)
    scene.create(STEADY, deadline=scene.deadline + timedelta(hours=1))
    assert scene.pod_there(STEADY) == before


def test_deleting_needs_the_right_uid(scene: Scene) -> None:
    scene.delete(STEADY, uid=scene.pod_there("late").uid)
    assert stays(scene.world, lambda: scene.pod_there(STEADY).deleting_since, for_s=1) is None


def test_what_was_never_seen_is_deleted_by_its_promise(scene: Scene) -> None:
    scene.create("unseen")
    scene.cancel("unseen")
    scene.cancel("never-made")
    wait_until(scene.world, lambda: scene.pod("unseen") is None)


def test_a_deleted_pod_says_since_when_and_then_is_absent(scene: Scene) -> None:
    scene.create("spare")
    _once_running(scene, "spare")
    asked_at = scene.world.clock.now()
    scene.delete("spare")
    going = scene.pod_there("spare")
    assert going.deleting_since is not None
    assert abs(going.deleting_since - asked_at) <= timedelta(seconds=1)
    wait_until(scene.world, lambda: scene.pod("spare") is None)
    scene.delete("spare", uid=going.uid)


def test_a_pod_that_nobody_came_back_for_is_ended(scene: Scene) -> None:
    pod = wait_until(scene.world, lambda: scene.pod_over(SHORT))
    assert (pod.phase, pod.trouble) == (PodPhase.FAILED, "DeadlineExceeded")
    scene.delete(SHORT)
    wait_until(scene.world, lambda: scene.pod(SHORT) is None)


def test_a_copy_made_by_hand_is_an_impostor_and_counts_as_online_use(scene: Scene) -> None:
    lender = scene.lender(scene.lenders[0])
    assert scene.pod_there(STEADY).node == lender.name
    scene.world.copy_by_hand(pod_name(POOL, STEADY), "made-by-hand")
    wait_until(scene.world, lambda: scene.lender(lender.name).online == lender.online + SHAPE.pod)
    facts = scene.world.kube.observe()
    assert facts.impostors == ("made-by-hand",)
    assert "made-by-hand" not in {pod.name for pod in facts.pods}
    scene.world.delete_by_hand("made-by-hand")
    wait_until(scene.world, lambda: scene.lender(lender.name) == lender)


# --- Lenders and online pods


def test_lenders_say_what_they_have(scene: Scene) -> None:
    for lender in scene.world.kube.observe().lenders:
        assert lender.refusal is None
        assert SHAPE.pod.fits_in(lender.allocatable)
        assert 2 < lender.pod_slots <= 110


def test_a_lenders_room_follows_online_requests_and_not_elastic_ones(scene: Scene) -> None:
    before = scene.online()
    scene.world.set_online(REPLICA, REPLICA, REPLICA)
    wait_until(scene.world, lambda: scene.online() == before + REPLICA * 3)
    scene.world.set_online()
    wait_until(scene.world, lambda: scene.online() == before)


def test_online_pods_that_no_lender_could_ever_hold_do_not_wait_for_one(scene: Scene) -> None:
    large = Room(cpu_millicores=100_000, memory_mib=64)
    before = scene.online()
    scene.world.set_online(large, large)
    assert stays(scene.world, lambda: scene.world.kube.observe().online_waiting) == NO_ROOM
    assert scene.online() == before
    scene.world.set_online()


def test_a_cordoned_lender_says_so_and_keeps_its_pods(scene: Scene) -> None:
    name = scene.lenders[1]
    scene.world.cordon(name, True)
    wait_until(scene.world, lambda: scene.lender(name).refusal is LenderRefusal.CORDONED)
    assert scene.pod_there("late").phase is PodPhase.RUNNING
    scene.world.cordon(name, False)
    wait_until(scene.world, lambda: scene.lender(name).refusal is None)


# --- Words


def test_people_are_told_once_however_often_it_is_said(scene: Scene) -> None:
    words = REASON, f"said at {scene.world.clock.now()}"
    scene.world.kube.tell(*words)
    scene.world.kube.tell(*words)
    assert list(scene.world.told()).count(words) == 1


def _once_running(scene: Scene, id: str) -> ElasticPod:
    return wait_until(scene.world, lambda: scene.pod_running(id))
