"""What pools learn of how long tasks take: only from those that came to their end."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bridge.controller.lifetimes import Lifetimes
from bridge.core.lifecycle import State
from bridge.core.resources import Resources
from bridge.core.tasks import EndedTask
from bridge.replay.journal import MemoryLengths
from tests.build import AT, make_elastic, make_promise, make_yarn

MINIMUM = Resources(vcores=1, memory_mib=1024)
PREEMPTING = Resources(vcores=1, memory_mib=1025)
OPEN = Resources(vcores=4, memory_mib=8192)


def learned(total: Resources, state: State | None) -> float:
    """Count what is learned of a task that ended on a node; *state*: of this pool's promise, if the node is its own."""
    elastic = make_elastic("p1").change(yarn={"total": total})
    ended = EndedTask(node_id=str(elastic.promise.node_id), app="a", queue="etl", kind=0, lasted=timedelta(minutes=2))
    yarn = make_yarn((elastic,), ended=(ended,), minimum=MINIMUM)
    promises = () if state is None else (make_promise("p1", state),)
    return sum(Lifetimes("night", MemoryLengths()).look(AT, yarn, promises).everywhere)


@pytest.mark.parametrize("state", [State.SERVING, State.CORDONED, State.DRAINING])
def test_of_an_own_node_all_is_learned_that_ends_before_it_is_forced(state: State) -> None:
    assert learned(MINIMUM, state) == 1


@pytest.mark.parametrize("state", [State.FORCED, State.DELETING, State.LOST])
def test_of_an_own_node_nothing_is_learned_once_its_work_is_preempted(state: State) -> None:
    assert learned(OPEN, state) == 0


def test_of_another_pools_node_nothing_is_learned_while_it_is_closed() -> None:
    assert learned(OPEN, None) == 1
    assert learned(MINIMUM, None) == 0
    assert learned(PREEMPTING, None) == 0
    assert learned(Resources(vcores=0, memory_mib=0), None) == 0
