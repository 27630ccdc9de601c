"""What YARN could really use: standing, servable work, packed into what is there before anything new."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.core.demand import Demand, demand
from bridge.core.lifecycle import State
from bridge.core.nodes import elastic_nodes
from bridge.core.reasons import Gap
from bridge.core.snapshot import Memory
from bridge.core.waiting import WaitingContainers
from tests.build import LABEL, Elastic, make_elastic, make_policy, make_snapshot, make_waiting


def demanded(*elastic: Elastic, **facts: Any) -> Demand:
    world = make_snapshot(*elastic, **facts)
    found = demand(world, elastic_nodes(world))
    assert isinstance(found, Demand)
    return found


@pytest.mark.parametrize(
    ("waiting", "nodes"),
    [
        pytest.param((), 0, id="nothing waits"),
        pytest.param((make_waiting(4),), 1, id="four fill one node"),
        pytest.param((make_waiting(5),), 2, id="the fifth needs another: demand rounds up"),
        pytest.param((make_waiting(3, memory_mib=4096),), 2, id="memory is scarcer"),
        pytest.param((make_waiting(2, vcores=3), make_waiting(2)), 2, id="small ones fill up what large ones leave"),
        pytest.param((make_waiting(1, memory_mib=4096), make_waiting(3)), 1, id="one large and three small share one"),
        pytest.param(
            (make_waiting(1, vcores=2), make_waiting(1), make_waiting(1, memory_mib=2048)), 1, id="three sizes"
        ),
        pytest.param((make_waiting(4, label=LABEL),), 1, id="work that names the pool's label"),
        pytest.param((make_waiting(9, label="gpu"),), 0, id="another label is not demand"),
        pytest.param((make_waiting(9, vcores=5),), 0, id="larger than a node is not demand"),
        pytest.param((make_waiting(9, memory_mib=8193),), 0, id="more memory than a node has is not demand"),
    ],
)
def test_new_nodes_for_what_waits(waiting: tuple[WaitingContainers, ...], nodes: int) -> None:
    found = demanded(waiting=waiting)
    assert (found.nodes, found.new_nodes) == (nodes, nodes)
    assert found.waiting + found.waiting_elsewhere == sum(entry.count for entry in waiting)


@pytest.mark.parametrize(
    ("before", "nodes"),
    [
        pytest.param((), 0, id="only what waited through two readings counts"),
        pytest.param((make_waiting(4),), 1, id="the part that was there before"),
        pytest.param((make_waiting(99),), 3, id="no more than waits now"),
        pytest.param((make_waiting(12, vcores=2),), 0, id="another size waited"),
        pytest.param((make_waiting(12, label=LABEL),), 0, id="another label waited"),
        pytest.param(None, 3, id="where nothing is remembered the first reading has to do"),
    ],
)
def test_only_standing_work_is_demand(before: tuple[WaitingContainers, ...] | None, nodes: int) -> None:
    assert demanded(waiting=(make_waiting(12),), memory=Memory(waiting=before)).nodes == nodes


BUSY = make_elastic("busy", containers=1)
IDLE = make_elastic("idle")
COMING = make_elastic("coming", State.STARTING)
PROMISED = make_elastic("promised", State.REQUESTED)
CORDONED = make_elastic("cordoned", State.CORDONED)


@pytest.mark.parametrize(
    ("elastic", "count", "expected"),
    [
        pytest.param((BUSY,), 0, (1, 0, 0), id="a busy node is wanted"),
        pytest.param((IDLE,), 0, (0, 0, 0), id="an idle one isn't"),
        pytest.param((BUSY,), 3, (1, 0, 0), id="room beside running work comes first"),
        pytest.param((BUSY, IDLE), 4, (1, 1, 0), id="then idle nodes"),
        pytest.param((BUSY, IDLE), 8, (1, 1, 1), id="then new ones"),
        pytest.param((COMING, PROMISED), 8, (0, 2, 0), id="what is on its way is not ordered twice"),
        pytest.param((CORDONED,), 1, (0, 0, 1), id="a closed node is no room"),
        pytest.param(
            (make_elastic("late", State.CORDONED, containers=1),), 0, (1, 0, 0), id="work on a closed node is wanted"
        ),
        pytest.param((make_elastic("d", State.DELETING),), 1, (0, 0, 1), id="what leaves is no room"),
    ],
)
def test_room_that_is_there_comes_before_new_nodes(
    elastic: tuple[Elastic, ...], count: int, expected: tuple[int, int, int]
) -> None:
    waiting = (make_waiting(count),) if count else ()
    found = demanded(*elastic, waiting=waiting)
    assert (found.busy_nodes, found.filled_nodes, found.new_nodes) == expected
    assert found.nodes == sum(expected)


def test_application_masters_that_wait_are_counted_apart_and_make_no_node() -> None:
    found = demanded(yarn={"ams_waiting": 7})
    assert (found.nodes, found.waiting, found.waiting_elsewhere) == (0, 0, 7)


def test_without_a_label_only_unlabelled_work_is_demand() -> None:
    found = demanded(policy=make_policy(label=None), waiting=(make_waiting(4), make_waiting(8, label=LABEL)))
    assert (found.nodes, found.waiting_elsewhere) == (1, 8)


def test_an_unread_rm_is_a_gap_and_not_no_demand() -> None:
    world = make_snapshot(IDLE, yarn=Gap.UNREACHABLE)
    assert demand(world, elastic_nodes(world)) is Gap.UNREACHABLE
