"""What is kept of a tick: plain JSON, and the same again where nothing has changed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import given

from bridge.controller.act import Outcome, Result
from bridge.controller.pool import Mode
from bridge.controller.record import Planned, sections
from bridge.core.lifecycle import State
from bridge.core.snapshot import PodPhase, Snapshot
from bridge.ports import Stale
from tests.build import AT, make_elastic, make_snapshot, minutes, seconds, worlds
from tests.controller.scenes import SCENES, needed
from tests.controller.world import World
from tests.core.model import think
from tests.core.test_properties import many

NAMES = [
    *("seen", "lenders", "windows", "load", "running", "statements", "decided", "nodes", "overdue"),
    *("plan", "moves", "refused", "done"),
]
TIMES = {"since", "deadline", "back_by", "told_at", "ready_at"}


def without(names: set[str], value: Any) -> Any:
    """Leave out what is named, at any depth."""
    match value:
        case dict():
            return {key: without(names, entry) for key, entry in value.items() if key not in names}
        case list():
            return [without(names, entry) for entry in value]
        case _:
            return value


def keys(value: Any) -> set[str]:
    match value:
        case dict():
            return set(value) | {key for entry in value.values() for key in keys(entry)}
        case list():
            return {key for entry in value for key in keys(entry)}
        case _:
            return set()


@given(worlds(has_gaps=True))
@many(80)
def test_any_tick_is_plain_json(world: Snapshot) -> None:
    done = think(world)
    outcomes = tuple(Outcome(step=step, result=Result.FAILED, error="no") for step in done.plan.steps)
    kept = sections(Planned(snapshot=world, gaps={}, decision=done.decision, plan=done.plan), outcomes)
    assert list(kept) == NAMES
    assert orjson.loads(orjson.dumps(dict(kept))) == kept
    assert len(kept["done"]) == len(kept["plan"])
    assert keys(kept["plan"]).isdisjoint({"overcommit_timeout", "lives_at_most_s"})


@pytest.mark.parametrize("scene", list(SCENES))
@pytest.mark.parametrize("mode", list(Mode))
def test_two_ticks_in_an_unchanged_world_are_kept_alike(scene: str, mode: Mode) -> None:
    """Apart from times, and from the names of nodes that were never made."""
    world = World.of(SCENES[scene]())
    for _ in range(10):
        world.tick(mode)
    world.pass_time(seconds(1))
    world.tick(mode)
    first, second = (dict(record.sections) for record in world.records[-2:])
    fresh = {"promise", "id"} if mode is not Mode.ENFORCE else set()
    assert without(TIMES | fresh, first) == without(TIMES | fresh, second)


def test_a_quiet_tick_is_kept_exactly_alike() -> None:
    world = World.of(make_snapshot(make_elastic("p1", containers=2)))
    world.tick()
    world.pass_time(seconds(10))
    world.tick()
    first, second = world.records
    assert first.sections == second.sections
    assert (second.at - first.at, second.id == first.id) == (seconds(10), False)


def test_what_is_overdue_is_kept_until_its_room_is_free() -> None:
    """A pod that ended in time holds no room, though Kubernetes shows it still."""
    passed = AT - seconds(90)
    late, ended = make_elastic("p1", State.DELETING, deadline=passed), make_elastic("p2", deadline=passed)
    assert ended.pod is not None
    ended = replace(ended, pod=replace(ended.pod, phase=PodPhase.FAILED))
    world = World.of(make_snapshot(late, ended, make_elastic("p3", deadline=AT + minutes(90))))
    world.tick()
    assert world.records[-1].sections["overdue"] == [
        {"id": "p1", "lender": "a", "state": "deleting", "deadline": "2026-01-06T00:58:30Z"}
    ]
    world.tick()
    assert world.records[-1].sections["overdue"] == []


def test_what_can_not_be_looked_for_is_overdue_too() -> None:
    late = make_elastic("p1", State.DRAINING, deadline=AT - seconds(90))
    world = World.of(make_snapshot(late, make_elastic("p2", State.REQUESTED, deadline=AT - seconds(1))))

    def hide(_count: int, call: tuple[str, ...]) -> None:
        if call == ("observe", "kubernetes"):
            raise Stale("last seen 40 s ago")

    world.before = hide
    world.tick()
    assert [entry["id"] for entry in world.records[-1].sections["overdue"]] == ["p1"]


def test_a_step_says_what_is_done_to_what_and_why() -> None:
    world = World.of(needed())
    world.tick()
    kept = world.records[-1].sections
    assert kept["plan"][0] == {
        "do": "resize_node",
        "reason": "kubernetes_needs_room",
        "promise": "p0",
        "state": "draining",
        "deadline": "2026-01-06T01:01:00Z",
        "node_id": kept["plan"][0]["node_id"],
        "total": {"vcores": 1, "memory_mib": 1024},
        "overcommit_timeout_s": -1,
        "purpose": "cordon",
    }
    assert kept["done"][0] == {**kept["plan"][0], "result": "done", "error": None}


def test_a_forced_step_says_its_timeout_in_seconds() -> None:
    world = World.of(make_snapshot(make_elastic("p1", containers=2, deadline=AT + seconds(40))))
    world.tick()
    assert world.records[-1].sections["plan"][0]["overcommit_timeout_s"] == 10.0
