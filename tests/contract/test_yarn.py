"""What every world holds of the port ``Yarn``, as long as the ResourceManager lives."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from bridge.core.actions import Purpose, ResizeNode
from bridge.core.resources import NOTHING, Resources
from bridge.core.snapshot import YarnFacts
from bridge.ports import Rejected
from tests.contract.scene import CAST, IDLE, LATE, STEADY, TASK, TASKS, VICTIM, Prologue, Scene, alive, node_at
from tests.contract.worlds import LABEL, MINIMUM, SHAPE, STATIC, stays, wait_until

SPARE_HOST = "10.88.0.99"
"""An address that no pod has."""


# --- Labels and registration


def test_a_label_that_is_added_is_known_and_may_be_added_again(scene: Scene, prologue: Prologue) -> None:
    assert LABEL not in prologue.unlabelled.labels
    assert prologue.labelled.labels == prologue.unlabelled.labels | {LABEL}
    scene.world.yarn.add_label(LABEL)
    assert scene.world.yarn.observe().labels == prologue.labelled.labels


def test_an_address_is_mapped_before_a_nodemanager_registers(scene: Scene, prologue: Prologue) -> None:
    hosts = {scene.host_of[id] for id in CAST}
    assert {host: prologue.mapped.label_by_host.get(host) for host in hosts} == dict.fromkeys(hosts, LABEL)
    assert not any(node_at(host, prologue.mapped) for host in hosts)


def test_a_nodemanager_registers_with_label_shape_and_nothing_on_it(scene: Scene, prologue: Prologue) -> None:
    for id in CAST:
        node = scene.node(id, prologue.registered)
        assert node is not None
        assert (node.label, node.total, node.used, node.containers) == (LABEL, SHAPE.yarn, NOTHING, 0)
        assert (node.has_am, node.has_custom_resources, node.is_settled) == (False, False, True)


def test_a_nodes_host_is_its_pods_address_and_its_health_is_younger_than_the_pod(
    scene: Scene, prologue: Prologue
) -> None:
    for id in CAST:
        pod, node = scene.pod(id, prologue.addressed), scene.node(id, prologue.registered)
        assert pod is not None
        assert node is not None
        assert node.host == pod.ip
        assert node.health_at is not None
        assert node.health_at >= pod.created_at


def test_the_minimum_allocation_is_read(scene: Scene) -> None:
    assert scene.world.yarn.observe().minimum == MINIMUM


def test_an_address_is_unmapped(scene: Scene) -> None:
    yarn = scene.world.yarn
    yarn.map_label(SPARE_HOST, LABEL)
    assert yarn.observe().label_by_host[SPARE_HOST] == LABEL
    yarn.map_label(SPARE_HOST, None)
    assert SPARE_HOST not in yarn.observe().label_by_host


def test_a_label_that_is_unknown_is_rejected(scene: Scene) -> None:
    with pytest.raises(Rejected):
        scene.world.yarn.map_label(SPARE_HOST, "unheard-of")


def test_a_node_that_is_unknown_is_rejected(scene: Scene) -> None:
    act = ResizeNode(node_id=f"{SPARE_HOST}:8041", total=MINIMUM, overcommit_timeout=None, purpose=Purpose.CORDON)
    with pytest.raises(Rejected):
        scene.world.yarn.resize(act)


# --- Where work goes


def test_work_comes_to_labelled_nodes_only_when_plain_ones_are_full(scene: Scene) -> None:
    facts = wait_until(scene.world, lambda: _someone_works(scene), timeout_s=90)
    plain = scene.static(facts)
    assert not TASK.fits_in(STATIC - plain.used)


def test_work_that_waits_is_counted_by_size(scene: Scene) -> None:
    scene.at_work(STEADY)
    scene.at_work(VICTIM)
    wait_until(scene.world, lambda: scene.tasks_waiting() == TASKS - 1 - 2 - 2)
    assert scene.world.yarn.observe().ams_waiting == 0


def test_what_a_nodes_containers_have_worked_grows_with_time_and_is_nothing_on_an_idle_one(scene: Scene) -> None:
    first = scene.worked_s(scene.at_work(STEADY))
    grown = wait_until(scene.world, lambda: scene.worked_s(scene.at_work(STEADY)) > max(first, 4))
    idle = scene.node(IDLE)
    assert grown
    assert idle is not None
    assert (idle.containers, idle.tasks, idle.held_vcore_s) == (0, (), 0)


def test_the_am_is_on_a_plain_node(scene: Scene) -> None:
    scene.at_work(STEADY)
    assert [node.label for node in scene.world.yarn.observe().nodes if node.has_am] == [None]


# --- Closing and opening


def test_a_cordoned_node_takes_no_work(scene: Scene) -> None:
    scene.at_work(STEADY)
    assert scene.tasks_waiting() > 0
    assert scene.closed(IDLE).total == MINIMUM
    assert stays(scene.world, lambda: scene.node_there(IDLE).containers) == 0


def test_a_cordoned_node_keeps_what_runs(scene: Scene) -> None:
    scene.at_work(STEADY)
    scene.closed(STEADY)
    node = stays(scene.world, lambda: replace(scene.node_there(STEADY), tasks=()))
    assert (node.total, node.used, node.containers, node.is_settled) == (MINIMUM, TASK * 2, 2, True)


def test_the_amount_that_a_node_has_already_is_ignored_with_its_timeout(scene: Scene) -> None:
    scene.at_work(STEADY)
    scene.closed(STEADY)
    scene.resize(STEADY, MINIMUM, timedelta(0))
    assert stays(scene.world, lambda: scene.node_there(STEADY).containers) == 2


def test_what_runs_on_a_cordoned_node_beyond_its_amount_is_room_that_other_nodes_of_the_label_lack(
    scene: Scene,
) -> None:
    scene.at_work(VICTIM)
    overhang = scene.at_work(STEADY).used - scene.closed(STEADY).total
    assert not TASK.fits_in(SHAPE.yarn + MINIMUM - overhang)
    scene.resize(LATE, SHAPE.yarn)
    assert stays(scene.world, lambda: (scene.node_there(LATE).containers, scene.tasks_waiting())) == (0, 2)


def test_a_recommissioned_node_gets_work_again(scene: Scene) -> None:
    scene.closed(LATE)
    scene.at_work(STEADY)
    node = scene.at_work(LATE)
    assert (node.total, node.used) == (SHAPE.yarn, TASK * 2)
    wait_until(scene.world, lambda: scene.tasks_waiting() == 0)


def test_a_live_node_follows_its_addresss_label(scene: Scene) -> None:
    host = scene.closed(IDLE).host
    scene.world.yarn.map_label(host, None)
    wait_until(scene.world, lambda: scene.node_there(IDLE).label is None)
    scene.world.yarn.map_label(host, LABEL)
    wait_until(scene.world, lambda: scene.node_there(IDLE).label == LABEL)


def test_an_am_that_waits_is_no_work_and_goes_to_no_labelled_node(scene: Scene) -> None:
    scene.at_work(STEADY)
    scene.at_work(LATE)
    scene.at_work(VICTIM)
    wait_until(scene.world, lambda: scene.tasks_waiting() == 0)
    scene.resize(IDLE, SHAPE.yarn)
    scene.world.ask_for_am()
    wait_until(scene.world, lambda: scene.world.yarn.observe().ams_waiting == 1)
    assert stays(scene.world, lambda: (scene.node_there(IDLE).containers, scene.tasks_waiting())) == (0, 0)
    scene.closed(IDLE)


def test_an_idle_node_is_emptied_and_still_there(scene: Scene) -> None:
    node = scene.emptied(IDLE)
    assert (node.total, node.used, node.containers, node.is_settled) == (NOTHING, NOTHING, 0, True)


def test_a_node_once_given_a_timeout_is_no_longer_protected_by_minus_one(scene: Scene) -> None:
    scene.at_work(VICTIM)
    scene.resize(VICTIM, SHAPE.yarn + Resources(vcores=0, memory_mib=256), timedelta(0))
    assert scene.node_there(VICTIM).containers == 2
    scene.resize(VICTIM, Resources(vcores=4, memory_mib=1024))
    wait_until(scene.world, lambda: scene.node_there(VICTIM).containers == 1)
    wait_until(scene.world, lambda: scene.tasks_waiting() >= 1)


def test_a_forced_node_is_preempted_after_its_timeout_and_the_application_asks_again(scene: Scene) -> None:
    if not scene.node_there(VICTIM).containers:
        scene.at_work(VICTIM)
    there = scene.node_there(VICTIM).containers
    scene.resize(VICTIM, NOTHING, timedelta(seconds=3))
    assert scene.node_there(VICTIM).containers == there
    wait_until(scene.world, lambda: scene.node_there(VICTIM).containers == 0, timeout_s=20)
    wait_until(scene.world, lambda: scene.tasks_known() == TASKS)
    assert scene.node_there(VICTIM).total == NOTHING
    assert scene.static(scene.world.yarn.observe()).has_am


def _someone_works(scene: Scene) -> YarnFacts | None:
    facts = scene.world.yarn.observe()
    return facts if any(node.label == LABEL and node.containers for node in alive(facts)) else None
