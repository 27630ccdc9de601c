"""What tenants were told, kept in SQL."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bridge.core.ledger import Ledger, Side
from bridge.core.resources import NO_ROOM
from bridge.core.tenants.facts import RoundMemory, Smoothed, Told
from bridge.ports import Booked, Superseded
from bridge.store import SqlJournal, open_journal, upgrade
from tests.core.tenants.build import namespace_leaf, queue_leaf, room

AT = datetime(2026, 3, 2, tzinfo=UTC)
MUCH = Told(
    leaf=queue_leaf("root.ads"),
    room=room(4_000_000, 10**10),
    static=room(3),
    intended={"capacity": "[memory=1,vcores=2]"},
    confirmed={"capacity": "50"},
    at=AT,
)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[SqlJournal]:
    url = f"sqlite:///{tmp_path / 'journal.db'}"
    upgrade(url)
    journal = open_journal(url)
    yield journal
    journal.close()


def make_ledger(cores: int = 20) -> Ledger:
    amount = {"cpu_millicores": cores * 1000, "memory_mib": cores * 1024}
    return Ledger.opened(amount, {Side.YARN: amount, Side.KUBERNETES: {"cpu_millicores": 0}})


def test_a_promise_comes_back_as_it_was(journal: SqlJournal) -> None:
    journal.shares.tell(MUCH, at=AT)
    assert journal.shares.told() == (MUCH,)


def test_a_ledger_comes_back_as_it_was(journal: SqlJournal) -> None:
    ledger = make_ledger().tell(Side.YARN, {"cpu_millicores": 5000}).seen(Side.YARN, {"cpu_millicores": 4000}, 1)
    journal.shares.tell(at=AT, ledger=Booked(before=None, after=ledger))
    assert journal.shares.ledger() == ledger


def test_a_ledger_that_doesnt_follow_from_the_one_there_is_superseded_with_its_promises(journal: SqlJournal) -> None:
    first, second = make_ledger(20), make_ledger(10)
    journal.shares.tell(at=AT, ledger=Booked(before=None, after=first))
    with pytest.raises(Superseded):
        journal.shares.tell(MUCH, at=AT, ledger=Booked(before=second, after=second))
    assert (journal.shares.ledger(), journal.shares.told()) == (first, ())
    journal.shares.tell(at=AT, ledger=Booked(before=first, after=second))
    assert journal.shares.ledger() == second


def test_the_sum_of_promises_can_be_audited_at_any_instant(journal: SqlJournal) -> None:
    leaf = namespace_leaf("etl")
    for minute, cores in ((0, 4), (10, 6), (20, 6), (30, 2)):
        at = AT + timedelta(minutes=minute)
        journal.shares.tell(Told(leaf=leaf, room=room(cores), at=at), at=at)
    seen = [journal.shares.told_at(AT + timedelta(minutes=minute)).get(leaf) for minute in (0, 9, 10, 25, 40)]
    assert seen == [room(4), room(4), room(6), room(6), room(2)]
    journal.shares.forget(leaf, at=AT + timedelta(hours=1))
    assert journal.shares.told() == ()
    assert journal.shares.told_at(AT + timedelta(hours=2))[leaf] == NO_ROOM


def test_pruning_keeps_each_leafs_last_change(journal: SqlJournal) -> None:
    for minute, cores in ((0, 4), (10, 6)):
        at = AT + timedelta(minutes=minute)
        journal.shares.tell(Told(leaf=namespace_leaf("etl"), room=room(cores), at=at), at=at)
    journal.shares.prune(AT + timedelta(days=1))
    assert journal.shares.told_at(AT + timedelta(days=2)) == {namespace_leaf("etl"): room(6)}
    assert journal.shares.told_at(AT + timedelta(minutes=5)) == {}


def test_what_a_round_remembers_comes_back(journal: SqlJournal) -> None:
    assert journal.shares.memory() == RoundMemory()
    memory = RoundMemory(at=AT, smoothed=(Smoothed(leaf=queue_leaf("root.a"), demand=room(2)),))
    journal.shares.remember(memory)
    assert journal.shares.memory() == memory
