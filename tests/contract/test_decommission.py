"""What every world holds of nodes that are decommissioned gracefully, where the admin has given an exclude file.

Comes before there is any work, so that the node is left alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest

from bridge.core.actions import Decommission, Readmit
from bridge.core.snapshot import CannotDecommission, YarnNode, YarnNodeState
from bridge.ports import Rejected
from tests.contract.scene import Scene
from tests.contract.worlds import SHAPE, stays, wait_until

LEAVER = "leaver"
RM_LOOKS_WITHIN_S = 60.0
"""The ResourceManager looks every 20 s for nodes whose time is up."""


@pytest.fixture
def leaver(empty_scene: Scene) -> Iterator[YarnNode]:
    """A node without a label."""
    scene = empty_scene
    scene.create(LEAVER, label=None)
    pod = wait_until(scene.world, lambda: pod if (pod := scene.pod(LEAVER)) is not None and pod.ip else None)
    host = scene.host_of[LEAVER] = pod.ip or ""
    wait_until(scene.world, lambda: scene.node(LEAVER))
    yield scene.node_there(LEAVER)
    if scene.world.yarn.observe().excluded:
        scene.world.yarn.readmit(Readmit(hosts=(host,)))
    scene.delete(LEAVER)
    wait_until(scene.world, lambda: scene.pod(LEAVER) is None)


def leave(scene: Scene, node: YarnNode, timeout_s: int) -> None:
    scene.world.yarn.decommission(Decommission(timeout_s_by_host=((node.host, timeout_s),)))


def is_in(scene: Scene, state: YarnNodeState) -> bool:
    node = scene.node(LEAVER)
    return node is not None and node.state is state


def has_what_it_uses(scene: Scene) -> bool:
    node = scene.node_there(LEAVER)
    return node.is_settled and node.total == node.used


def is_over(scene: Scene) -> bool:
    """Say whether the NodeManager has been sent away: its pod ends, whatever the ResourceManager still remembers."""
    return scene.node(LEAVER) is None and scene.pod_over(LEAVER) is not None


def test_a_node_runs_out_comes_back_and_ends_after_its_time(empty_scene: Scene, leaver: YarnNode) -> None:
    scene = empty_scene
    if scene.world.yarn.observe().cannot_decommission is CannotDecommission.NOT_CONFIGURED:
        with pytest.raises(Rejected):
            leave(scene, leaver, 60)
        assert is_in(scene, YarnNodeState.RUNNING)
        return
    assert scene.world.yarn.observe().excluded == {}
    for timeout_s in (600, 900):
        leave(scene, leaver, timeout_s)
        wait_until(scene.world, partial(is_in, scene, YarnNodeState.DECOMMISSIONING))
        seen = scene.world.yarn.observe()
        assert seen.excluded == {leaver.host: timeout_s}
        assert seen.cannot_decommission is None
        wait_until(scene.world, partial(has_what_it_uses, scene))
    assert stays(scene.world, lambda: is_in(scene, YarnNodeState.DECOMMISSIONING))
    scene.world.yarn.readmit(Readmit(hosts=(leaver.host,)))
    wait_until(scene.world, partial(is_in, scene, YarnNodeState.RUNNING))
    assert scene.world.yarn.observe().excluded == {}
    wait_until(scene.world, lambda: scene.node_there(LEAVER).total == SHAPE.yarn)
    leave(scene, leaver, 1)
    wait_until(scene.world, partial(is_over, scene), timeout_s=RM_LOOKS_WITHIN_S)
