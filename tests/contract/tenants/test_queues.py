"""What every world holds of the port ``Queues``: one queue at work on both kinds of nodes, and one that waits."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from bridge.core.resources import NO_ROOM, Room
from bridge.core.tenants.facts import QueueFacts, QueueUse
from tests.contract.scene import STEADY, Scene
from tests.contract.tenants.stage import ADS, DEFAULT, LEAST, WHOLE, Stage
from tests.contract.worlds import LABEL, MINIMUM, SHAPE, stays, wait_until

TASK = Room(cpu_millicores=50, memory_mib=1024)
"""So is the AM. Two fit on the static node, and two on the elastic one."""
TASKS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What was seen while work came."""

    empty: QueueFacts
    """Before there was an elastic node."""
    served: QueueFacts
    """With one, idle."""
    busy: QueueFacts
    """With a job in ``ads`` that all nodes can't hold."""
    am_waits: QueueFacts
    """With another application, whose AM has no place."""


@pytest.fixture(scope="package")
def seen(stage: Stage) -> Seen:
    """Bring an elastic node to YARN, fill everything from one queue, and ask for more in the other."""
    scene = Scene(stage.world)
    stage.world.yarn.add_label(LABEL)
    wait_until(stage.world, lambda: not stage.queues.observe().is_settling)
    empty = stage.queues.observe()
    _serve(scene)
    served = stage.queues.observe()
    stage.world.run_work(TASKS, 900, TASK.memory_mib, queue="ads")
    wait_until(stage.world, lambda: _use(stage.queues.observe(), ADS.name).used_elastic == TASK * 2)
    busy = stays(stage.world, stage.queues.observe)
    stage.world.ask_for_am("default")
    wait_until(stage.world, lambda: _use(stage.queues.observe(), DEFAULT.name).waiting)
    return Seen(empty=empty, served=served, busy=busy, am_waits=stays(stage.world, stage.queues.observe))


def _serve(scene: Scene) -> None:
    """Make an elastic node, and wait until it serves."""
    scene.create(STEADY)
    wait_until(scene.world, lambda: scene.pod_there(STEADY).ip)
    host = scene.host_of[STEADY] = scene.pod_there(STEADY).ip or ""
    scene.world.yarn.map_label(host, LABEL)
    wait_until(scene.world, lambda: scene.node(STEADY))


def _use(facts: QueueFacts, path: str) -> QueueUse:
    return next(queue for queue in facts.queues if queue.path == path)


def test_idle_queues_use_and_want_nothing(seen: Seen) -> None:
    assert seen.empty.queues == (QueueUse(path=ADS.name), QueueUse(path=DEFAULT.name))


def test_static_capacity_is_that_of_nodes_that_arent_elastic(seen: Seen) -> None:
    assert [facts.static for facts in (seen.empty, seen.served, seen.busy)] == [WHOLE] * 3


def test_the_minimum_allocation_and_preemption_are_read(seen: Seen) -> None:
    assert (seen.empty.minimum, seen.empty.preempts, seen.empty.is_settling) == (LEAST, False, False)
    assert LEAST.memory_mib == MINIMUM.memory_mib


def test_an_elastic_node_changes_nothing_for_queues_until_it_has_work(seen: Seen) -> None:
    assert seen.served == seen.empty


def test_use_is_told_apart_by_the_kind_of_node(seen: Seen) -> None:
    ads = _use(seen.busy, ADS.name)
    assert (ads.used_static, ads.used_elastic) == (TASK * 2, TASK * 2)
    assert ads.used_elastic.memory_mib == SHAPE.yarn.memory_mib


def test_what_waits_is_counted_where_it_waits(seen: Seen) -> None:
    placed = 3
    assert [queue.waiting for queue in seen.busy.queues] == [TASK * (TASKS - placed), NO_ROOM]


def test_an_am_that_waits_counts(seen: Seen) -> None:
    assert _use(seen.am_waits, DEFAULT.name) == QueueUse(path=DEFAULT.name, waiting=TASK)
    assert _use(seen.am_waits, ADS.name) == _use(seen.busy, ADS.name)
