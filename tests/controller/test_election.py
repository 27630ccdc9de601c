"""A replica's calls on the lease, and the fence: what a tick may still do when its term is over."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bridge.controller.election import Election
from bridge.controller.fence import Fence
from bridge.controller.fenced import FencedHistory, fenced_pool, fenced_sharing
from bridge.controller.loop import Loop
from bridge.controller.pool import Pool
from bridge.controller.rebalance import Rounds, rebalance
from bridge.controller.sharing import Sharing
from bridge.controller.tick import tick
from bridge.core.election import NOBODY, Claim, Terms
from bridge.ports import Denied, NotLeader, Rejected, Unavailable
from tests.controller.sharing_world import SharingWorld
from tests.controller.test_tick import no_wall_clock, scenes, wait_until, world_of
from tests.controller.world import World

TERMS = Terms(lease_s=15, renew_s=2, margin_s=2)


class FakeLease:
    """The lease in the world, and how its next calls fail."""

    def __init__(self) -> None:
        self.claim: Claim | None = None
        self.faults: list[Exception] = []
        self.before_write: Callable[[], None] = lambda: None
        self.writes = 0

    def read(self) -> Claim | None:
        if self.faults:
            raise self.faults.pop(0)
        return self.claim

    def write(self, claim: Claim, over: Claim | None) -> Claim:
        self.before_write()
        if self.claim != over:
            raise Rejected("the object has been modified")
        self.writes += 1
        self.claim = replace(claim, version=str(self.writes))
        return self.claim


class Clocked:
    """A replica and its clock."""

    def __init__(self, lease: FakeLease, name: str = "one") -> None:
        self.now_s = 1000.0
        self.election = Election(lease, me=name, terms=TERMS, now_s=lambda: self.now_s)

    def look(self, after_s: float = 0.0) -> int | None:
        self.now_s += after_s
        self.election.look()
        return self.election.term()


def leading(lease: FakeLease, name: str = "one") -> Clocked:
    """Return a replica that leads."""
    replica = Clocked(lease, name)
    lease.claim = lease.claim or Claim(holder=NOBODY, version="0", lease_s=15)
    assert replica.look() == 1
    return replica


# The election -------------------------------------------------------------------------------------------------------


def test_the_first_lease_is_made_after_a_lease_of_waiting() -> None:
    lease = FakeLease()
    replica = Clocked(lease)
    assert [replica.look(after_s) for after_s in (0, 14.9, 0.1)] == [None, None, 1]
    assert lease.claim == Claim(holder="one", version="1", lease_s=15)


def test_a_leader_renews_and_the_other_stands_by() -> None:
    lease = FakeLease()
    one, other = leading(lease), Clocked(lease, "other")
    for _ in range(20):
        assert (one.look(2), other.look(2)) == (1, None)
    assert lease.claim is not None
    assert (lease.claim.holder, lease.claim.transitions) == ("one", 1)


def test_a_leader_that_is_silent_is_followed_a_lease_later_and_stops_before_that() -> None:
    lease = FakeLease()
    one, other = leading(lease), Clocked(lease, "other")
    other.look()
    one.now_s += 12.9
    assert (one.election.term(), other.look(14.9)) == (1, None)
    one.now_s += 0.1
    assert (one.election.term(), other.look(0.1)) == (None, 1)
    assert one.look() is None


def test_a_lease_that_cannot_be_read_is_held_until_it_runs_out(caplog: pytest.LogCaptureFixture) -> None:
    lease = FakeLease()
    replica = leading(lease)
    lease.faults = [Unavailable("no answer")] * 7
    with caplog.at_level(logging.INFO, "bridge.controller.election"):
        assert [replica.look(2) for _ in range(7)] == [1, 1, 1, 1, 1, 1, None]
        assert replica.look(2) == 2
    events = [record.message.partition(" ")[0] for record in caplog.records]
    assert events == ["lease.failed", "leader.none", "leader.self"]


def test_whoever_loses_the_race_stands_by() -> None:
    lease = FakeLease()
    lease.claim = Claim(holder=NOBODY, version="0", lease_s=15)
    one, other = Clocked(lease), Clocked(lease, "other")

    def be_quicker() -> None:
        lease.before_write = lambda: None
        other.election.look()

    lease.before_write = be_quicker
    assert (one.look(), other.election.term(), one.look(2)) == (None, 1, None)


def test_a_lease_that_is_given_up_is_taken_at_once() -> None:
    lease = FakeLease()
    one, other = leading(lease), Clocked(lease, "other")
    other.look()
    one.election.give_up()
    assert (one.election.term(), other.look()) == (None, 1)


def test_a_standby_gives_nothing_up() -> None:
    lease = FakeLease()
    one, other = leading(lease), Clocked(lease, "other")
    other.look()
    other.election.give_up()
    assert one.look(2) == 1


def test_a_missing_right_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    lease = FakeLease()
    replica = Clocked(lease)
    lease.faults = [Denied("cannot get leases")] * 3
    assert [replica.look(2) for _ in range(3)] == [None, None, None]
    assert [record.message for record in caplog.records if record.levelno == logging.WARNING] == [
        "lease.failed replica=one error='cannot get leases'"
    ]


def test_as_a_context_it_leads_by_itself_and_gives_the_lease_up_at_the_end() -> None:
    lease = FakeLease()
    lease.claim = Claim(holder=NOBODY, version="0", lease_s=15)
    gained = threading.Event()
    with Election(lease, me="one", terms=TERMS) as election:
        election.when_gained(gained.set)
        assert gained.wait(30)
        assert lease.claim.holder == "one"
    assert (lease.claim.holder, election.term()) == (NOBODY, None)


# The fence ----------------------------------------------------------------------------------------------------------


def fenced(world: World, replica: Clocked) -> Pool:
    """Put a world's ports behind a fence, as the product does."""
    return fenced_pool(world.pool(), Fence(replica.election))


def fenced_rounds(world: SharingWorld, replica: Clocked) -> Sharing:
    """Put what rounds call behind a fence, as the product does."""
    fence, sharing = Fence(replica.election), world.sharing()
    return fenced_sharing(replace(sharing, pool=fenced_pool(sharing.pool, fence)), fence)


WRITES = {"create", "delete", "tell", "resize", "add_label", "map_label", "save", "record"}
ROUND_WRITES = {"tell journal", "write", "release", "evict", "forget", "remember", "record", "tell"}


@scenes
def test_no_call_comes_after_the_term_wherever_it_ends(scene: str) -> None:
    """The leader is frozen in each call of a tick in turn: that one comes through, and nothing after it."""
    whole = world_of(scene)
    pool = fenced(whole, leading(FakeLease()))
    assert pool.begin() == 1
    tick(pool)
    for last in range(len(whole.calls)):
        world, replica = world_of(scene), leading(FakeLease())
        pool = fenced(world, replica)
        assert pool.begin() == 1

        def freeze(count: int, _call: tuple[str, ...], last: int = last, replica: Clocked = replica) -> None:
            replica.now_s += 60 if count == last else 0

        world.before = freeze
        late = [call for call in whole.calls[last + 1 :] if call[0] in WRITES]
        if late:
            with pytest.raises(NotLeader):
                tick(pool)
        assert [call for call in world.calls[last + 1 :] if call[0] in WRITES] == []


def crowded() -> SharingWorld:
    """Make a world in which a round writes quotas: one tenant has borrowed what another wants back."""
    world = SharingWorld(wants={"ads-batch": 0, "etl": 20})
    for _ in range(4):
        world.round()
    world.wants["ads-batch"] = 10
    world.settle()
    world.calls.clear()
    return world


def test_no_call_of_a_round_comes_after_the_term_wherever_it_ends() -> None:
    whole = crowded()
    sharing = fenced_rounds(whole, leading(FakeLease()))
    assert sharing.pool.begin() == 1
    rebalance(sharing)
    assert {call[0] for call in whole.calls} >= {"write", "tell journal", "remember", "record"}
    for last in range(len(whole.calls)):
        world, replica = crowded(), leading(FakeLease())
        sharing = fenced_rounds(world, replica)
        assert sharing.pool.begin() == 1

        def freeze(count: int, _call: tuple[str, ...], last: int = last, replica: Clocked = replica) -> None:
            replica.now_s += 60 if count == last else 0

        world.before = freeze
        if any(call[0] in ROUND_WRITES for call in whole.calls[last + 1 :]):
            with pytest.raises(NotLeader):
                rebalance(sharing)
        assert [call for call in world.calls[last + 1 :] if call[0] in ROUND_WRITES] == []


def test_the_first_round_of_a_term_is_due_and_a_standby_runs_none() -> None:
    lease = FakeLease()
    world, replica = crowded(), leading(lease)
    rounds = Rounds(fenced_rounds(world, replica), due_after=lambda at: at + timedelta(days=365))
    assert rounds.run_if_due() is not None
    while rounds.run_if_due() is not None:
        world.settle()
    replica.now_s += 60
    world.calls.clear()
    assert (rounds.run_if_due(), world.calls) == (None, [])
    assert replica.look() == 2
    assert rounds.run_if_due() is not None


@pytest.mark.parametrize(
    "call",
    [
        lambda pool, sharing: sharing.namespaces.evict(None),
        lambda pool, sharing: sharing.enforcers[0].release(None),
        lambda pool, sharing: sharing.shares.forget(at=None),
        lambda pool, sharing: sharing.shares.prune(None),
        lambda pool, sharing: pool.journal.prune(None),
        lambda pool, sharing: pool.journal.set_pause("night", None),
        lambda pool, sharing: pool.kube.delete(None),
    ],
    ids=["evict", "release", "forget", "prune shares", "prune", "pause", "delete"],
)
def test_a_standby_may_do_nothing(call: Callable[[Any, Any], object]) -> None:
    standby = Clocked(FakeLease())
    pool, sharing = fenced(world_of("opening"), standby), fenced_rounds(crowded(), standby)
    assert (pool.begin(), sharing.pool.begin()) == (None, None)
    with pytest.raises(NotLeader):
        call(pool, sharing)


def test_a_tick_isnt_carried_on_in_a_later_term() -> None:
    world, replica = world_of("opening"), leading(FakeLease())
    pool = fenced(world, replica)
    assert pool.begin() == 1
    replica.now_s += 60
    assert replica.look() == 2
    with pytest.raises(NotLeader):
        pool.kube.tell("Any", "words")
    assert pool.begin() == 2
    pool.kube.tell("Any", "words")


def test_the_first_tick_of_a_term_is_known() -> None:
    replica = leading(FakeLease())
    fence = Fence(replica.election)
    assert fence.is_first
    assert [(fence.begin(), fence.is_first) for _ in range(2)] == [(1, True), (1, False)]
    replica.now_s += 60
    assert (replica.look(), fence.begin(), fence.is_first) == (2, 2, True)


def test_history_isnt_written_by_a_standby() -> None:
    class Never:
        def append(self, *_: object) -> None:
            raise AssertionError

        read = prune = append

    with pytest.raises(NotLeader):
        FencedHistory(Never(), Fence(Clocked(FakeLease()).election)).append("night", None, {})  # type: ignore[arg-type]


# The loop -----------------------------------------------------------------------------------------------------------


@contextmanager
def looping(replica: Clocked, pool: Pool) -> Iterator[Loop]:
    """Let a pool tick when its replica leads."""
    loop = Loop([pool], period=timedelta(seconds=600), keep=timedelta(seconds=99))
    replica.election.when_gained(loop.wake)
    thread = threading.Thread(target=loop.run, daemon=True)
    thread.start()
    try:
        yield loop
    finally:
        loop.stop()
        thread.join(30)
    assert not thread.is_alive()


@no_wall_clock
def test_a_standby_ticks_nothing_and_begins_at_once_when_it_leads() -> None:
    lease = FakeLease()
    leader, standby = leading(lease, "leader"), Clocked(lease)
    standby.look()
    world = world_of("opening")
    asked = threading.Event()
    pool = fenced(world, standby)
    begin = pool.begin

    def begin_and_tell() -> int | None:
        asked.set()
        return begin()

    pool = replace(pool, begin=begin_and_tell)
    with looping(standby, pool):
        assert asked.wait(30)
        assert world.calls == []
        leader.election.give_up()
        assert standby.look() == 1
        wait_until(lambda: len(world.records) == 1)
    assert world.records[0].sections["leader"] == "one"


@no_wall_clock
def test_a_tick_whose_term_ends_is_no_crash(caplog: pytest.LogCaptureFixture) -> None:
    replica = leading(FakeLease())
    world = world_of("opening")

    def freeze(_count: int, call: tuple[str, ...]) -> None:
        replica.now_s += 60 if call == ("observe", "yarn") else 0

    world.before = freeze
    with looping(replica, fenced(world, replica)):
        wait_until(lambda: "tick.not_leader" in caplog.text)
    assert "tick.crashed" not in caplog.text
    assert world.effects == []
