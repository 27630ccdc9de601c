"""What the process knows stands in for the database while that is away, and is written when it is there again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from bridge.controller.loop import Loop
from bridge.controller.pool import Pool
from bridge.core.lifecycle import State
from bridge.core.reasons import Gap, LenderRefusal, Verdict
from bridge.core.snapshot import Snapshot, StuckPod
from bridge.ports import JournalUnavailable, Unavailable
from tests.build import AT, make_elastic, make_lender, make_snapshot, minutes, room, seconds
from tests.controller.world import World
from tests.core.model import elapsed

CANNOT_WRITE = ("save", "record")
GONE = ("promises", "memory", "pause", *CANNOT_WRITE)
away = pytest.mark.parametrize("methods", [("save",), CANNOT_WRITE, GONE], ids=["save", "writing", "all"])
STEP = seconds(10)


def lose(world: World, methods: tuple[str, ...]) -> None:
    def before(_count: int, call: tuple[str, ...]) -> None:
        if call[0] in methods:
            raise JournalUnavailable("the disk is full")

    world.before = before


def play(world: World, pool: Pool, length: timedelta) -> Iterator[datetime]:
    """Tick until so long after, and yield each tick's time."""
    until = world.model.truth.at + length
    while world.model.truth.at < until:
        yield world.model.truth.at
        world.tick(pool=pool)
        world.model = elapsed(world.model, STEP)


def freed_after(snapshot: Snapshot, methods: tuple[str, ...]) -> timedelta | None:
    """Say how long after the database has gone no pod is left; None if that takes ten minutes."""
    world = World.of(snapshot)
    pool = world.pool()
    world.tick(pool=pool)
    lose(world, methods)
    for at in play(world, pool, minutes(10)):
        if not world.model.kube.pods:
            return at - AT
    return None


BUSY = make_elastic("p1", containers=2)
SCENES = {
    "lender cordoned": make_snapshot(BUSY, lenders=(make_lender(refusal=LenderRefusal.CORDONED),)),
    "lender oversold": make_snapshot(BUSY, lenders=(make_lender(online=room(14, 0)),)),
    "no window is open": make_snapshot(BUSY, windows=()),
    "an online pod waits": make_snapshot(
        BUSY,
        lenders=(make_lender(allocatable=room(5, 20)),),
        kube={
            "online_stuck": (StuckPod(requests=room(3, 1), lenders=frozenset({"a"})),),
            "online_waiting": room(3, 1),
        },
    ),
}


@away
@pytest.mark.parametrize("scene", SCENES)
def test_a_time_promised_inside_a_window_is_kept_while_the_database_is_away(
    scene: str, methods: tuple[str, ...]
) -> None:
    usual = freed_after(SCENES[scene], ())
    assert usual is not None
    assert freed_after(SCENES[scene], methods) == usual


@away
def test_what_could_not_be_written_is_written_later(methods: tuple[str, ...]) -> None:
    world = World.of(make_snapshot(BUSY, lenders=(make_lender(refusal=LenderRefusal.CORDONED),)))
    pool = world.pool()
    world.tick(pool=pool)
    lose(world, methods)
    world.model = elapsed(world.model, minutes(1))
    world.tick(pool=pool)
    assert [promise.state for promise in world.model.promises] == [State.DRAINING]
    lose(world, ())
    world.tick(pool=pool)
    assert [promise.state for promise in world.model.promises] == [State.GONE] or not world.model.promises
    assert pool.known.unwritten == {}


def test_of_a_promise_that_was_never_read_the_journal_knows_more() -> None:
    world = World.of(make_snapshot(BUSY, windows=()))
    pool = world.pool()
    before = world.model.promises
    lose(world, GONE)
    world.tick(pool=pool)
    assert "p1" in pool.known.unwritten
    lose(world, ())
    assert world.tick(pool=pool).planned.snapshot.promises == before


@away
def test_one_busy_node_a_cool_down_leaves_a_lender_under_pressure(methods: tuple[str, ...]) -> None:
    nodes = [make_elastic(f"p{number}", containers=3) for number in range(4)]
    world = World.of(make_snapshot(*nodes, lenders=(make_lender(refusal=LenderRefusal.PRESSURE),)))
    pool = world.pool()
    world.tick(pool=pool)
    lose(world, methods)
    for _ in play(world, pool, minutes(1)):
        pass
    assert len({call[1] for call in world.calls if call[0] == "resize"}) == 1


def test_without_database_and_api_server_nodes_are_closed_in_yarn_and_their_deadlines_doubted() -> None:
    world = World.of(make_snapshot(BUSY, lenders=(make_lender(refusal=LenderRefusal.CORDONED),)))
    pool = world.pool()
    world.tick(pool=pool)
    deadline = world.model.promises[0].deadline

    def before(_count: int, call: tuple[str, ...]) -> None:
        if call[0] in GONE:
            raise JournalUnavailable("the disk is full")
        if call == ("observe", "kubernetes") or call[0] in ("delete", "stamp", "tell"):
            raise Unavailable("nobody answers")

    world.before = before
    for _ in range(30):
        said = world.tick(pool=pool).planned.decision.foretold.statements
        assert [(one.deadline, one.verdict) for one in said] == [(deadline, Verdict.UNKNOWN)]
        world.model = elapsed(world.model, STEP)
    assert [node.containers for node in world.model.yarn.nodes] == [0]


def test_what_was_known_is_forgotten_when_another_has_led() -> None:
    world = World.of(make_snapshot(BUSY))
    pool = world.pool()
    world.tick(pool=pool)
    assert pool.known.recalled
    pool.known.forget()
    assert (pool.known.recalled, pool.known.nodes, pool.known.memory) == ({}, {}, None)


def test_what_breaks_between_ticks_or_before_one_leaves_the_pool_ticking() -> None:
    world = World.of(make_snapshot(BUSY))
    looks = 0

    def urgent() -> frozenset[str]:
        nonlocal looks
        looks += 1
        raise OverflowError("no such time")

    pool = replace(world.pool(), urgent=urgent)
    loop = Loop((pool,), period=timedelta(seconds=0.7), keep=timedelta(days=1))
    stopping = StopAfter(loop, ticks=3)
    world.after = stopping.look
    loop.run()
    assert looks > 0
    assert stopping.ticks == 3


class StopAfter:
    """Stops a loop after some ticks."""

    def __init__(self, loop: Loop, ticks: int) -> None:
        self.ticks = 0
        self._loop, self._until = loop, ticks

    def look(self, _count: int, call: tuple[str, ...]) -> None:
        if call[0] == "record":
            self.ticks += 1
            if self.ticks >= self._until:
                self._loop.stop()


def test_a_gap_is_shown_though_promises_are_remembered() -> None:
    world = World.of(make_snapshot(BUSY))
    pool = world.pool()
    world.tick(pool=pool)
    lose(world, GONE)
    ticked = world.tick(pool=pool)
    assert ticked.planned.snapshot.promises is Gap.UNREACHABLE
    assert set(ticked.planned.snapshot.recalled) == {"p1"}
