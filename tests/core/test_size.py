"""How fast: up by steps, down once it has lasted, and not at all while something isn't known."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.core.decide import decide
from bridge.core.lifecycle import State
from bridge.core.reasons import Gap, Limit
from bridge.core.size import Size
from bridge.core.snapshot import Memory, PodPhase
from tests.build import AT, Elastic, make_elastic, make_lender, make_policy, make_snapshot, make_waiting, room, seconds

WIDE = (make_lender(allocatable=room(400, 900)),)
MUCH = (make_waiting(400),)
IDLE = tuple(make_elastic(f"idle{number}") for number in range(3))
BUSY = make_elastic("busy", containers=1)


def sized(*elastic: Elastic, since: int | None = None, failed: int | None = None, **facts: Any) -> Size:
    waiting = facts.get("waiting", ())
    memory = Memory(
        waiting=waiting,
        surplus_since=None if since is None else AT - seconds(since),
        failed_start_at=None if failed is None else AT - seconds(failed),
    )
    return decide(make_snapshot(*elastic, **{"lenders": WIDE, "memory": memory, **facts})).size


@pytest.mark.parametrize(
    ("elastic", "facts", "target", "limit"),
    [
        pytest.param((), {"waiting": (make_waiting(9),)}, 3, Limit.DEMAND, id="as much as is wanted"),
        pytest.param((BUSY,), {"waiting": MUCH}, 11, Limit.GROW_PER_TICK, id="up by no more than a step"),
        pytest.param(
            (), {"waiting": MUCH, "policy": make_policy(max_nodes=2)}, 2, Limit.MAX_NODES, id="up to what is offered"
        ),
        pytest.param((), {"waiting": MUCH, "failed": 30}, 0, Limit.COOL_DOWN, id="not after a failed start"),
        pytest.param((), {"waiting": MUCH, "failed": 121}, 10, Limit.GROW_PER_TICK, id="but once that is over"),
        pytest.param((*IDLE, BUSY), {}, 4, Limit.COOL_DOWN, id="a surplus is seen for the first time"),
        pytest.param((*IDLE, BUSY), {"since": 119}, 4, Limit.COOL_DOWN, id="it has not lasted"),
        pytest.param((*IDLE, BUSY), {"since": 120}, 1, Limit.DEMAND, id="it has lasted"),
        pytest.param((BUSY,), {"since": 600}, 1, Limit.DEMAND, id="no surplus, nothing changes"),
        pytest.param((*IDLE, BUSY), {"since": 600, "kube": Gap.STALE}, 4, Limit.WORLD_UNKNOWN, id="lenders unknown"),
        pytest.param((*IDLE,), {"since": 600, "promises": Gap.STALE}, 3, Limit.WORLD_UNKNOWN, id="journal unknown"),
        pytest.param((*IDLE, BUSY), {"since": 600, "yarn": Gap.STALE}, 4, Limit.DEMAND_UNKNOWN, id="demand unknown"),
    ],
)
def test_the_way_to_what_is_wanted_is_damped(
    elastic: tuple[Elastic, ...], facts: dict[str, Any], target: int, limit: Limit
) -> None:
    found = sized(*elastic, **facts)
    assert (found.open_nodes, found.target, found.bound_by) == (len(elastic), target, limit)


def test_a_surplus_is_remembered_until_it_is_over() -> None:
    assert sized(*IDLE).surplus_since == AT
    assert sized(*IDLE, since=50).surplus_since == AT - seconds(50)
    assert sized(BUSY, since=50).surplus_since is None
    assert sized(*IDLE, since=50, yarn=Gap.STALE).surplus_since == AT - seconds(50)


def test_a_surplus_never_closes_a_busy_node() -> None:
    decision = decide(make_snapshot(*IDLE, BUSY, lenders=WIDE, memory=Memory(surplus_since=AT - seconds(600))))
    assert set(decision.cordons) == {"idle0", "idle1", "idle2"}


def test_promises_without_a_pod_are_dropped_before_idle_nodes_are_closed() -> None:
    promised = make_elastic("promised", State.REQUESTED)
    world = make_snapshot(
        *IDLE, promised, lenders=WIDE, waiting=(make_waiting(12),), memory=Memory(waiting=(make_waiting(12),))
    )
    old = Memory(waiting=(make_waiting(12),), surplus_since=AT - seconds(600))
    assert decide(world).cordons == ()
    assert decide(make_snapshot(*IDLE, promised, lenders=WIDE, waiting=(make_waiting(12),), memory=old)).cordons == (
        "promised",
    )


@pytest.mark.parametrize(
    ("pod", "is_failure"),
    [pytest.param({"phase": "Failed"}, True, id="crashed at start"), pytest.param({}, False, id="still starting")],
)
def test_a_start_that_failed_is_remembered(pod: dict[str, Any], is_failure: bool) -> None:
    changed = {"phase": PodPhase(pod["phase"])} if pod else {}
    decision = decide(make_snapshot(make_elastic(state=State.STARTING).change(pod=changed)))
    assert decision.memory.failed_start_at == (AT if is_failure else None)
