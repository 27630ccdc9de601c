"""What every world holds of the port ``Yarn`` when the ResourceManager, or a NodeManager, goes down."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import pytest

from bridge.core.resources import NOTHING, Resources
from bridge.core.snapshot import ElasticPod, PodPhase, YarnFacts, YarnNode
from bridge.ports import Unavailable
from tests.contract.scene import CAST, IDLE, LATE, STEADY, TASK, TASKS, VICTIM, Scene
from tests.contract.worlds import EXPIRY, LABEL, MINIMUM, stays, wait_until

HALF = Resources(vcores=4, memory_mib=1024)
TIMEOUT = timedelta(seconds=8)
"""Longer than the ResourceManager takes to hear of the resize, shorter than what the tests wait after its restart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Restart:
    """What was seen around a restart of the ResourceManager."""

    before: YarnFacts
    error: Unavailable
    first: YarnFacts
    """The first answer of the new one."""
    settled: YarnFacts


@pytest.fixture(scope="session")
def restart(empty_scene: Scene, prologue: object) -> Restart:
    """Restart it with one node cordoned at work, one under a timeout, and one at 0/0."""
    scene = empty_scene
    scene.at_work(STEADY)
    scene.at_work(LATE)
    scene.closed(STEADY)
    if scene.node_there(IDLE).total != NOTHING:
        scene.closed(IDLE)
        scene.emptied(IDLE)
    scene.world.pass_time(2)
    scene.resize(LATE, HALF, TIMEOUT)
    scene.world.pass_time(1.5)
    before = scene.world.yarn.observe()
    scene.world.restart_rm()
    error = wait_until(scene.world, lambda: _outage(scene))
    first = wait_until(scene.world, scene.answered, timeout_s=90)
    settled = wait_until(scene.world, lambda: _settled(scene))
    return Restart(before=before, error=error, first=first, settled=settled)


def test_a_resourcemanager_that_is_down_is_unavailable(restart: Restart) -> None:
    assert str(restart.error)


def test_a_restarted_resourcemanager_says_so_and_is_settling_at_first(restart: Restart) -> None:
    assert restart.first.started_at > restart.before.started_at
    assert (restart.before.is_settling, restart.first.is_settling, restart.settled.is_settling) == (False, True, False)
    assert restart.settled.started_at == restart.first.started_at


def test_labels_and_their_addresses_survive_a_restart(scene: Scene, restart: Restart) -> None:
    assert restart.settled.labels == restart.before.labels
    hosts = {scene.host_of[id] for id in CAST}
    assert {host: restart.settled.label_by_host.get(host) for host in hosts} == dict.fromkeys(hosts, LABEL)


def test_a_cordoned_node_keeps_amount_label_and_containers_over_a_restart(scene: Scene, restart: Restart) -> None:
    node = scene.node(STEADY, restart.settled)
    assert node is not None
    assert (node.total, node.label, node.used, node.containers) == (MINIMUM, LABEL, TASK * 2, 2)


def test_a_restart_keeps_amounts_and_forgets_timeouts(scene: Scene, restart: Restart) -> None:
    assert _amount(scene.node(LATE, restart.before)) == (HALF, 2)
    assert _amount(scene.node(LATE, restart.settled)) == (HALF, 2)
    assert stays(scene.world, lambda: _amount(scene.node(LATE))) == (HALF, 2)


def test_after_a_restart_minus_one_protects_again(scene: Scene, restart: Restart) -> None:
    quarter = Resources(vcores=4, memory_mib=512)
    scene.resize(LATE, quarter)
    assert stays(scene.world, lambda: _amount(scene.node(LATE))) == (quarter, 2)


def test_a_node_at_nothing_is_told_to_shut_down_by_a_restarted_resourcemanager(scene: Scene, restart: Restart) -> None:
    assert scene.node(IDLE, restart.before) is not None
    assert scene.node(IDLE, restart.settled) is None
    wait_until(scene.world, lambda: scene.pod_there(IDLE).phase is PodPhase.FAILED)


def test_the_application_survives_a_restart(scene: Scene, restart: Restart) -> None:
    assert scene.static(restart.settled).has_am
    wait_until(scene.world, lambda: scene.tasks_known() == TASKS)


def test_a_killed_nodemanager_is_believed_in_while_its_pod_has_failed(scene: Scene, restart: Restart) -> None:
    pod = _killed(scene)
    assert (pod.phase, pod.trouble) == (PodPhase.FAILED, "Error")
    assert scene.node_there(LATE).containers == 2


def test_a_deleted_pods_node_is_gone_within_seconds_and_its_work_is_asked_for_again(
    scene: Scene, restart: Restart
) -> None:
    waiting = scene.tasks_waiting()
    scene.delete(STEADY)
    wait_until(scene.world, lambda: scene.node(STEADY) is None, timeout_s=5)
    wait_until(scene.world, lambda: scene.pod(STEADY) is None)
    wait_until(scene.world, lambda: scene.tasks_waiting() == waiting + 2)


def test_the_address_of_a_pod_that_is_gone_is_unmapped(scene: Scene, restart: Restart) -> None:
    host = scene.host_of[VICTIM]
    scene.delete(VICTIM)
    wait_until(scene.world, lambda: scene.pod(VICTIM) is None)
    assert scene.world.yarn.observe().label_by_host[host] == LABEL
    scene.world.yarn.map_label(host, None)
    assert host not in scene.world.yarn.observe().label_by_host


def test_a_silent_node_is_lost_in_the_end(scene: Scene, restart: Restart) -> None:
    _killed(scene)
    wait_until(scene.world, lambda: scene.node(LATE) is None, timeout_s=2 * EXPIRY.total_seconds())


def _outage(scene: Scene) -> Unavailable | None:
    try:
        scene.world.yarn.observe()
    except Unavailable as error:
        return error
    return None


def _settled(scene: Scene) -> YarnFacts | None:
    facts = scene.answered()
    return facts if facts is not None and not facts.is_settling else None


def _amount(node: YarnNode | None) -> tuple[Resources, int] | None:
    return None if node is None else (node.total, node.containers)


def _killed(scene: Scene) -> ElasticPod:
    """Kill the NodeManager of one, if that hasn't been done, and return its pod once it is over."""
    if not scene.pod_there(LATE).phase.is_over:
        scene.world.kill_nodemanager(scene.pod_there(LATE))
    return wait_until(scene.world, lambda: scene.pod_over(LATE))
