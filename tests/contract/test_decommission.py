"""What every world holds of nodes that are decommissioned gracefully, where the admin has given an exclude file.

Comes before there is any work, so that the node runs out at once. Nodes with work: ``tests/lab/test_decommission.py``.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bridge.core.actions import Decommission, Readmit
from bridge.core.snapshot import CannotDecommission, YarnNode, YarnNodeState
from bridge.ports import Rejected
from tests.contract.scene import Scene
from tests.contract.worlds import wait_until

LEAVER = "leaver"


@pytest.fixture
def leaver(empty_scene: Scene) -> Iterator[YarnNode]:
    """A node without a label."""
    scene = empty_scene
    scene.create(LEAVER, label=None)
    pod = wait_until(scene.world, lambda: pod if (pod := scene.pod(LEAVER)) is not None and pod.ip else None)
    scene.host_of[LEAVER] = pod.ip or ""
    wait_until(scene.world, lambda: scene.node(LEAVER))
    yield scene.node_there(LEAVER)
    if hosts := tuple(scene.world.yarn.observe().excluded):
        scene.world.yarn.readmit(Readmit(hosts=hosts))
    scene.delete(LEAVER)
    wait_until(scene.world, lambda: scene.pod(LEAVER) is None)


def leave(scene: Scene, node: YarnNode, timeout_s: int) -> None:
    scene.world.yarn.decommission(Decommission(timeout_s_by_host=((node.host, timeout_s),)))


def states(scene: Scene, node: YarnNode) -> set[YarnNodeState]:
    return {seen.state for seen in scene.world.yarn.observe().nodes if seen.node_id == node.node_id}


def test_an_empty_node_is_sent_away_and_its_address_is_readmitted(empty_scene: Scene, leaver: YarnNode) -> None:
    scene = empty_scene
    seen = scene.world.yarn.observe()
    assert seen.excluded == {}
    if seen.cannot_decommission is CannotDecommission.NOT_CONFIGURED:
        with pytest.raises(Rejected):
            leave(scene, leaver, 600)
        with pytest.raises(Rejected):
            scene.world.yarn.readmit(Readmit(hosts=(leaver.host,)))
        assert states(scene, leaver) == {YarnNodeState.RUNNING}
        return
    assert seen.cannot_decommission is None
    leave(scene, leaver, 600)
    assert scene.world.yarn.observe().excluded == {leaver.host: 600}
    wait_until(scene.world, lambda: states(scene, leaver) == {YarnNodeState.DECOMMISSIONED})
    wait_until(scene.world, lambda: scene.pod_over(LEAVER))
    leave(scene, leaver, 900)
    assert scene.world.yarn.observe().excluded == {leaver.host: 900}
    scene.world.yarn.readmit(Readmit(hosts=(leaver.host,)))
    assert scene.world.yarn.observe().excluded == {}
