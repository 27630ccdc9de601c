"""The same journal in PostgreSQL; needs its server's programs, and starts one of its own."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from bridge.core.ledger import Ledger, Side
from bridge.core.lifecycle import State
from bridge.core.reasons import Reason
from bridge.core.resources import Resources, Room, Shape
from bridge.core.snapshot import Memory, Pause, Promise
from bridge.core.tenants.facts import Leaf, Told
from bridge.core.waiting import WaitingContainers
from bridge.ports import Booked, JournalUnavailable, Superseded, TickRecord
from bridge.store import SqlJournal, open_journal, upgrade
from bridge.store.engine import connect
from bridge.store.tables import Base
from tests.store.postgresql import served

pytestmark = pytest.mark.lab

AT = datetime(2026, 2, 2, 22, 0, 0, 123456, tzinfo=timezone(timedelta(hours=8)))
PROMISE = Promise(
    id="p1",
    pool="night",
    lender="node-1",
    shape=Shape(yarn=Resources(vcores=8, memory_mib=16384), pod=Room(cpu_millicores=8250, memory_mib=17408)),
    state=State.SERVING,
    made_at=AT,
    since=AT,
    deadline=None,
    reason=Reason.REGISTERED,
)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A database with tables, which two have made at once."""
    with served() as url:
        with ThreadPoolExecutor(2) as both:
            assert sorted(both.map(upgrade, [url, url])) == [("0004", "0004"), ("empty", "0004")]
        yield url


@pytest.fixture
def journal(url: str) -> Iterator[SqlJournal]:
    journal = open_journal(url, timeout_s=1)
    yield journal
    journal.close()


def test_the_migrations_make_exactly_the_tables_of_the_orm(url: str) -> None:
    engine = connect(url, timeout_s=1)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
    engine.dispose()


def test_what_is_written_comes_back(journal: SqlJournal) -> None:
    journal.save(PROMISE)
    journal.set_pause("night", Pause(until=AT, why="a reason"))
    waiting = (WaitingContainers(vcores=1, memory_mib=1024, label="", count=7),)
    tick = TickRecord(id="t1", pool="night", at=AT, took_ms=3, mode="observe", sections={"seen": {"a": "\0"}})
    journal.record(tick, Memory(waiting=waiting, surplus_since=AT))
    assert journal.promises("night") == (PROMISE,)
    assert journal.promises("night")[0].made_at.tzinfo is UTC
    assert journal.pause("night", AT - timedelta(microseconds=1)) == Pause(until=AT, why="a reason")
    assert journal.memory("night") == Memory(waiting=waiting, surplus_since=AT)
    assert journal.ticks("night", 1) == (tick,)
    assert journal.prune(AT + timedelta(days=1)) >= 1
    assert journal.ticks("night", 1) == ()


def test_pools_that_tick_at_once_record_the_same_facts(journal: SqlJournal) -> None:
    """A fact is stored once for all pools, and each has its own order of sections."""

    def tick_on(pool: int) -> None:
        for number in range(20):
            facts = {f"section-{pool}-{fact}": {"at": number, "fact": (fact + pool) % 8} for fact in range(8)}
            at = AT + timedelta(seconds=number)
            record = TickRecord(id=f"{pool}-{number}", pool=f"pool-{pool}", at=at, took_ms=3, mode="x", sections=facts)
            journal.record(record, Memory(surplus_since=at))

    with ThreadPoolExecutor(8) as pools:
        list(pools.map(tick_on, range(8)))
    assert [len(journal.ticks(f"pool-{pool}", 100)) for pool in range(8)] == [20] * 8
    journal.prune(AT + timedelta(days=1))


def test_a_locked_row_is_unavailable_within_the_timeout(journal: SqlJournal, url: str) -> None:
    journal.save(PROMISE)
    other = connect(url, timeout_s=1)
    with other.begin() as connection:
        connection.execute(text("UPDATE promise SET lender = 'x' WHERE id = 'p1'"))
        with pytest.raises(JournalUnavailable, match="timeout"):
            journal.save(Promise(**{name: getattr(PROMISE, name) for name in PROMISE.__slots__} | {"lender": "y"}))
        connection.rollback()
    other.dispose()


def test_the_locks_of_a_writer_that_is_stopped_end(journal: SqlJournal, url: str) -> None:
    """Whoever takes over needs the same rows."""
    journal.save(PROMISE)
    stopped = connect(url, timeout_s=0.3)
    with stopped.connect() as connection:
        connection.execute(text("UPDATE promise SET lender = 'x' WHERE id = 'p1'"))
        journal.save(replace(PROMISE, lender="y"))
        with pytest.raises(DBAPIError, match="idle-in-transaction"):
            connection.execute(text("SELECT 1"))
    stopped.dispose()
    assert [promise.lender for promise in journal.promises("night")] == ["y"]


def test_a_ledger_is_written_only_over_the_one_that_was_read(journal: SqlJournal) -> None:
    amount = {"cpu_millicores": 20_000, "memory_mib": 20_480}
    first = Ledger.opened(amount, {Side.YARN: amount, Side.KUBERNETES: {"cpu_millicores": 0}})
    second = first.tell(Side.YARN, {"cpu_millicores": 5_000})
    told = Told(leaf=Leaf(side=Side.KUBERNETES, name="etl"), room=Room(cpu_millicores=1, memory_mib=10**12), at=AT)
    journal.shares.tell(told, at=AT, ledger=Booked(before=None, after=first))
    with pytest.raises(Superseded):
        journal.shares.tell(at=AT, ledger=Booked(before=second, after=first))
    journal.shares.tell(at=AT, ledger=Booked(before=first, after=second))
    assert (journal.shares.ledger(), journal.shares.told()) == (second, (told,))
    journal.shares.prune(AT + timedelta(days=1))
    assert set(journal.shares.told_at(AT)) == {told.leaf}
