"""What every world holds of pods that say what their work is worth."""

from __future__ import annotations

from functools import partial

import pytest

from bridge.core.actions import StampPod
from bridge.core.resources import Room
from bridge.ports import Rejected
from tests.contract.scene import Scene
from tests.contract.worlds import wait_until

STAMPED = "stamped"


def says(scene: Scene, worth: int) -> bool:
    return scene.pod_there(STAMPED).worth == worth


def test_a_pod_says_what_it_was_told_last_and_no_other_pod_is_told(empty_scene: Scene) -> None:
    scene = empty_scene
    scene.create(STAMPED, requests=Room(cpu_millicores=250, memory_mib=2560))
    try:
        pod = wait_until(scene.world, lambda: scene.pod_running(STAMPED))
        assert scene.world.kube.observe().may_stamp
        assert pod.worth is None
        for worth in (64, 1 << 30, 0):
            scene.world.kube.stamp(StampPod(promise_id=STAMPED, uid=pod.uid, worth=worth))
            wait_until(scene.world, partial(says, scene, worth))
        with pytest.raises(Rejected):
            scene.world.kube.stamp(StampPod(promise_id=STAMPED, uid="another", worth=1))
        with pytest.raises(Rejected):
            scene.world.kube.stamp(StampPod(promise_id="nobody", uid=pod.uid, worth=1))
        assert scene.pod_there(STAMPED).worth == 0
    finally:
        scene.delete(STAMPED)
        wait_until(scene.world, lambda: scene.pod(STAMPED) is None)
