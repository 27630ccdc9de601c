"""A round, and what faults at each of its calls do to it."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from datetime import timedelta
from functools import cache

import pytest

from bridge.controller.enforce import Written, enforce
from bridge.controller.pool import Mode
from bridge.controller.rebalance import ROUNDS, Rounds
from bridge.controller.sharing import plan_round
from bridge.core.ledger import Side
from bridge.core.tenants.policy import Tenant
from bridge.ports import JournalUnavailable, Rejected, Unavailable
from tests.controller.sharing_world import LENDABLE, SharingWorld, fits
from tests.controller.world import Crash
from tests.core.tenants.build import make_policy, namespace_leaf, queue_leaf, room

GUARANTEED = (
    Tenant(
        name="ads",
        guarantee={"cpu_millicores": 8_000, "memory_mib": 8 * 1024},
        queues=("root.ads",),
        namespaces=("ads-batch",),
        may_evict=True,
    ),
    Tenant(name="etl", queues=("root.etl",), namespaces=("etl",), may_evict=True),
)


def lent_to_etl() -> SharingWorld:
    """Begin where one tenant idles and the other uses all that lenders can give, in its namespace."""
    return deepcopy(_lent_to_etl())


@cache
def _lent_to_etl() -> SharingWorld:
    world = SharingWorld(policy=make_policy(GUARANTEED), wants={"ads-batch": 0, "etl": 30})
    for _ in range(3):
        world.round()
    assert world.uses == {"ads-batch": 0, "etl": 20}
    return world


def test_one_idles_and_the_other_uses_nearly_all() -> None:
    world = lent_to_etl()
    assert world.quota("etl") == LENDABLE
    assert fits(world)


def test_a_guarantee_is_back_within_two_rounds_paid_by_the_borrower() -> None:
    world = lent_to_etl()
    world.wants["ads-batch"] = 8
    world.round()
    world.round()
    assert world.uses == {"ads-batch": 8, "etl": 12}
    assert (world.quota("ads-batch"), world.quota("etl")) == (room(8), room(12))


def test_a_second_round_in_an_unchanged_world_writes_nothing() -> None:
    world = lent_to_etl()
    world.calls.clear()
    world.round()
    assert not [call for call in world.calls if call[0] in {"write", "evict"}]


@pytest.mark.parametrize("mode", [Mode.OBSERVE, Mode.ADVISE])
def test_only_enforce_writes(mode: Mode) -> None:
    world = SharingWorld(wants={"ads-batch": 4, "etl": 4})
    world.round(mode)
    assert (world.settings, world.told, world.ledger) == ({}, {}, None)
    assert [call[1] for call in world.calls if call[0] == "tell"] == (
        ["TidebridgeWouldRebalance"] if mode is Mode.ADVISE else []
    )
    assert [record.pool for record in world.records] == [ROUNDS]


def test_promises_are_journaled_before_anything_is_written() -> None:
    world = SharingWorld(wants={"ads-batch": 4, "etl": 4})
    world.round()
    words = [call[0] for call in world.calls]
    assert words.index("tell journal") < words.index("write")


def test_a_journal_that_cant_be_written_stops_every_write() -> None:
    world = SharingWorld(wants={"ads-batch": 4, "etl": 4})
    world.before = _fault("tell journal", JournalUnavailable("locked"))
    rounded = world.round()
    assert world.settings == {}
    assert {outcome.error for enforced in rounded.enforced for outcome in enforced.drafts} == {"locked"}


def test_a_system_that_refuses_leaves_the_other_alone_and_is_quoted() -> None:
    world = SharingWorld(wants={"ads-batch": 4, "etl": 4}, queue_wants={"root.ads": 3, "root.etl": 9})
    world.before = _fault("write", Rejected("Failed to re-init queues"), of="queue:root.ads")
    rounded = world.round()
    assert namespace_leaf("etl") in world.settings
    assert queue_leaf("root.ads") not in world.settings
    errors = {outcome.error for enforced in rounded.enforced for outcome in enforced.drafts} - {None}
    assert errors == {"Failed to re-init queues"}


def test_a_namespace_that_refuses_its_quota_keeps_nothing_from_the_others() -> None:
    world = lent_to_etl()
    world.wants = {"ads-batch": 8, "etl": 12}
    for _ in range(3):
        world.round()
    world.wants["ads-batch"] = world.uses["ads-batch"] = 0
    world.queue_wants["root.ads"] = 40
    world.before = _fault("write", Rejected("no"), of="namespace:etl")
    for _ in range(3):
        world.round()
        assert fits(world)
    assert world.ledger is not None
    assert world.ledger.told(Side.YARN).amounts["cpu_millicores"] == 8000


def test_a_write_that_was_never_confirmed_is_ours_however_often_nobody_could_look() -> None:
    world = lent_to_etl()
    world.wants["ads-batch"] = 8
    reads = iter(range(99))
    world.before = lambda _count, call: _raise_after(next(reads), 2) if call == ("read", "quotas") else None
    world.round()
    world.round()
    world.before = lambda _count, _call: None
    rounded = world.round()
    assert not [one for entry in rounded.planned.enforcing for one in entry.foreign]
    world.round()
    assert world.uses == {"ads-batch": 8, "etl": 12}


def _raise_after(count: int, times: int) -> None:
    """Let the first look go well, and the next ones fail."""
    if 1 <= count <= times:
        raise Unavailable("down")


@pytest.mark.parametrize("part", ["kubernetes", "queues", "namespaces"])
def test_what_cant_be_read_is_a_gap_and_nothing_is_promised_on_it(part: str) -> None:
    world = lent_to_etl()
    before = world.quota("etl")
    world.before = _fault("observe", Unavailable("down"), of=part)
    rounded = world.round()
    assert "down" in rounded.planned.gaps.values()
    assert world.quota("etl") == before
    assert fits(world)


def test_of_two_rounds_at_once_the_slower_writes_nothing() -> None:
    world = lent_to_etl()
    world.wants["ads-batch"] = 8
    slower = plan_round(world.sharing())
    world.round()
    settings = deepcopy(world.settings)
    enforced = enforce(slower, world.sharing())
    assert {outcome.result for outcome in enforced.drafts} == {Written.NOT_JOURNALED}
    assert world.settings == settings


def test_a_namespace_that_is_no_longer_configured_loses_its_quota_and_is_forgotten() -> None:
    world = lent_to_etl()
    world.policy = make_policy((GUARANTEED[0],))
    world.round()
    assert namespace_leaf("etl") not in world.settings
    assert namespace_leaf("etl") not in world.told


def test_another_hands_change_is_reported_and_left_alone() -> None:
    world = lent_to_etl()
    theirs = {"requests.cpu": "3000m", "requests.memory": "3072Mi"}
    world.settings[namespace_leaf("etl")] = dict(theirs)
    rounded = world.round()
    (found,) = [one for entry in rounded.planned.enforcing for one in entry.foreign]
    assert (str(found.leaf), found.found) == ("namespace:etl", theirs)
    assert world.settings[namespace_leaf("etl")] == theirs


def test_another_hands_change_is_written_over_when_that_is_wanted() -> None:
    world = lent_to_etl()
    world.settings[namespace_leaf("etl")] = {"requests.cpu": "3000m", "requests.memory": "3072Mi"}
    world.round(take_over=True)
    assert world.quota("etl") == LENDABLE


@pytest.mark.parametrize("side", ["before", "after"])
def test_killed_at_any_call_nothing_is_promised_twice_and_the_next_rounds_repair_it(side: str) -> None:
    whole = _story(lent_to_etl(), None, side)
    for at in range(len(whole.calls)):
        world = _story(lent_to_etl(), at, side)
        assert world.uses == {"ads-batch": 8, "etl": 12}, f"killed {side} call {at}: {whole.calls[at]}"
        assert world.settings == whole.settings, f"killed {side} call {at}: {whole.calls[at]}"


def _story(world: SharingWorld, at: int | None, side: str) -> SharingWorld:
    """Let the idle tenant come back, kill the controller at a call, and start it again."""
    world.calls.clear()
    world.wants["ads-batch"] = 8

    def kill(count: int, _call: tuple[str, ...]) -> None:
        assert fits(world)
        if count == at:
            raise Crash

    setattr(world, side, kill)
    rounds = 0
    while rounds < 4:
        try:
            world.round()
        except Crash:
            continue
        assert fits(world)
        rounds += 1
    return world


def _fault(word: str, error: Exception, *, of: str | None = None) -> Callable[[int, tuple[str, ...]], None]:
    def fail(_count: int, call: tuple[str, ...]) -> None:
        if call[0] == word and (of is None or call[1] == of):
            raise error

    return fail


def test_the_record_says_whose_every_amount_is() -> None:
    world = lent_to_etl()
    sections = world.records[-1].sections
    assert {entry["name"]: entry["used"]["cpu_millicores"] for entry in sections["tenants"]}["etl"] == 20_000
    assert sections["ledger"]["sides"]["kubernetes"]["told"]["cpu_millicores"] == 20_000


def due(world: SharingWorld) -> Rounds:
    """Make what runs rounds that are due; the cron never is."""
    return Rounds(world.sharing(), due_after=lambda at: at + timedelta(days=365))


def test_a_round_runs_before_its_time_when_somebody_has_let_go() -> None:
    world = lent_to_etl()
    rounds = due(world)
    assert rounds.run_if_due() is not None
    world.settle()
    assert rounds.run_if_due() is None
    world.wants["ads-batch"] = 8
    for _ in range(3):
        rounds.run_if_due()
        world.settle()
    assert world.uses == {"ads-batch": 8, "etl": 12}
    assert rounds.run_if_due() is None


def test_what_a_system_has_lost_is_written_again_before_the_cron() -> None:
    world = lent_to_etl()
    rounds = due(world)
    rounds.run_if_due()
    world.pristine = True
    world.settings.clear()
    assert rounds.run_if_due() is not None
    assert world.quota("etl") == LENDABLE


def test_what_is_refused_isnt_tried_at_every_look() -> None:
    world = SharingWorld(wants={"ads-batch": 4, "etl": 4})
    rounds = due(world)
    world.before = _fault("write", Rejected("no"))
    for _ in range(4):
        rounds.run_if_due()
        world.settle()
    tried = sum(1 for call in world.calls if call[0] == "write")
    for _ in range(4):
        assert rounds.run_if_due() is None
        world.settle()
    assert sum(1 for call in world.calls if call[0] == "write") == tried


def rounds_of(world: SharingWorld, *, every: timedelta = timedelta(hours=1)) -> Rounds:
    return Rounds(world.sharing(), due_after=lambda at: at + every)


def test_a_round_runs_at_the_first_look_and_then_when_the_cron_asks() -> None:
    world = SharingWorld(wants={"ads-batch": 4, "etl": 4})
    for _ in range(3):
        world.round()
    rounds = rounds_of(world, every=timedelta(minutes=2))
    seen = []
    for _ in range(5):
        seen.append(rounds.run_if_due() is not None)
        world.settle()
    assert seen == [True, False, True, False, True]


def test_demand_that_moves_starts_a_round_before_its_time() -> None:
    world = SharingWorld(wants={"ads-batch": 4, "etl": 4})
    for _ in range(3):
        world.round()
    rounds = rounds_of(world)
    assert rounds.run_if_due() is not None
    assert rounds.run_if_due() is None
    world.wants["etl"] = 12
    world.settle()
    assert rounds.run_if_due() is not None


def test_a_round_that_breaks_isnt_run_again_before_it_is_due() -> None:
    world = SharingWorld(wants={"ads-batch": 4, "etl": 4})
    for _ in range(3):
        world.round()
    world.before = _crash_at("tell journal")
    rounds = rounds_of(world)
    with pytest.raises(Crash):
        rounds.run_if_due()
    assert rounds.run_if_due() is None


def _crash_at(word: str) -> Callable[[int, tuple[str, ...]], None]:
    def crash(_count: int, call: tuple[str, ...]) -> None:
        if call[0] == word:
            raise Crash

    return crash
