"""The journal in SQL: each method is one transaction, committed before it returns.

What a promise or a tick means is decided elsewhere; here it is only kept.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine, delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from bridge.core.snapshot import Memory, Pause, Promise
from bridge.ports.errors import JournalUnavailable
from bridge.ports.journal import TickRecord
from bridge.store.database import Database
from bridge.store.engine import connect
from bridge.store.failures import SchemaMismatch, unavailable
from bridge.store.history import SqlHistory
from bridge.store.shares import SqlShares
from bridge.store.tables import FactRow, MemoryRow, PauseRow, PromiseRow, TickRow
from bridge.store.tasks import SqlTaskLengths

LATEST_ONLY = frozenset({"lenders", "running", "statements", "windows"})
"""Sections that are kept of a pool's last tick alone: measured load moves each lender at each tick, and thousands of
lenders would fill the disk."""
LAST_AT_WITHIN = timedelta(hours=1)
"""How old the time may get that a fact's last tick is known by: pools share facts, and writing it at each tick would
make them wait for each other."""
_LATEST = "latest:"
_INSERT: Mapping[str, Callable[[type[FactRow]], sqlite.Insert | postgresql.Insert]] = {
    "sqlite": sqlite.insert,
    "postgresql": postgresql.insert,
}
_AT_ONCE = 1000
"""How many facts are asked for in one statement; databases bound the number of its parameters."""


class SqlJournal:
    """``bridge.ports.Journal`` in a database; made by ``open_journal``. Threads may share it.

    The tables are looked at once, at the first call for which the database is there.
    """

    def __init__(self, engine: Engine) -> None:
        self._database = Database(engine)
        self.shares = SqlShares(self._database)
        """``bridge.ports.ShareJournal`` in the same database."""
        self.load_history = SqlHistory(self._database)
        self.task_lengths = SqlTaskLengths(self._database)
        """``bridge.ports.LoadHistory`` in the same database."""

    def promises(self, pool: str) -> tuple[Promise, ...]:
        """Return every promise that isn't over, oldest first."""
        query = select(PromiseRow).where(PromiseRow.pool == pool, PromiseRow.is_over.is_(False))
        with self._database.reading() as session:
            return self._values(session.scalars(query.order_by(PromiseRow.made_at, PromiseRow.id)).all())

    def history(self, pool: str) -> tuple[Promise, ...]:
        """Return every promise ever written, those that are over included, oldest first."""
        query = select(PromiseRow).where(PromiseRow.pool == pool).order_by(PromiseRow.made_at, PromiseRow.id)
        with self._database.reading() as session:
            return self._values(session.scalars(query).all())

    def save(self, *promises: Promise) -> None:
        """Write promises, durably and all or none, before the side effects that they stand for."""
        with self._database.writing() as session:
            for promise in promises:
                session.merge(PromiseRow.of(promise))

    def memory(self, pool: str) -> Memory:
        """Return what the last tick left to remember; an empty one at first."""
        with self._database.reading() as session:
            try:
                row = session.get(MemoryRow, pool)
                return Memory() if row is None else row.value()
            except (ValueError, TypeError, KeyError, AttributeError, zlib.error) as error:
                raise self._not_ours(error) from error

    def pause(self, pool: str, at: datetime) -> Pause | None:
        """Return the pause that holds at the instant *at*, if any; its end is exclusive."""
        with self._database.reading() as session:
            row = session.get(PauseRow, pool)
            return row.value() if row is not None and at < row.until else None

    def set_pause(self, pool: str, pause: Pause | None) -> None:
        """Set or lift a pause; a new one replaces the old."""
        with self._database.writing() as session:
            if pause is None:
                session.execute(delete(PauseRow).where(PauseRow.pool == pool))
            else:
                session.merge(PauseRow(pool=pool, until=pause.until, why=pause.why))

    def record(self, tick: TickRecord, memory: Memory | None) -> None:
        """Keep a tick, and what the next one must know; None leaves what is remembered as it is."""
        body_by_section = {name: _canonical(value) for name, value in tick.sections.items()}
        digest_by_section = {
            name: _latest(tick.pool, name) if name in LATEST_ONLY else _digest(body)
            for name, body in body_by_section.items()
        }
        with self._database.writing() as session:
            # In one order for all pools: those that store the same facts wait for each other, never in a circle.
            for digest, body in sorted((digest_by_section[name], body) for name, body in body_by_section.items()):
                _keep(session, digest, body, tick.at)
            session.add(
                TickRow(
                    id=tick.id,
                    pool=tick.pool,
                    at=tick.at,
                    took_ms=tick.took_ms,
                    mode=tick.mode,
                    digest_by_section=digest_by_section,
                )
            )
            if memory is not None:
                session.merge(MemoryRow.of(tick.pool, memory))

    def ticks(self, pool: str, limit: int) -> Sequence[TickRecord]:
        """Return the last ticks, newest first."""
        query = select(TickRow).where(TickRow.pool == pool).order_by(TickRow.at.desc(), TickRow.number.desc())
        with self._database.reading() as session:
            rows = session.scalars(query.limit(limit)).all()
            facts = _facts(session, {digest for row in rows for digest in row.digest_by_section.values()})
            return tuple(_tick(row, facts) for row in rows)

    def prune(self, before: datetime) -> int:
        """Forget ticks and promises that are over from before the instant, and facts that no tick since has.

        Return how many ticks went.
        """
        with self._database.writing() as session:
            session.execute(delete(PromiseRow).where(PromiseRow.is_over.is_(True), PromiseRow.since < before))
            gone = session.execute(delete(TickRow).where(TickRow.at < before).returning(TickRow.number)).all()
            session.execute(delete(FactRow).where(FactRow.last_at < before - LAST_AT_WITHIN))
            return len(gone)

    def check(self) -> None:
        """Raise JournalUnavailable, with a remedy, unless the database is there and has this version's tables."""
        self._database.check()

    def close(self) -> None:
        """Let go of the connections."""
        self._database.close()

    def _values(self, rows: Sequence[PromiseRow]) -> tuple[Promise, ...]:
        """Make the promises of rows."""
        try:
            return tuple(row.value() for row in rows)
        except ValueError as error:
            raise self._not_ours(error) from error

    def _not_ours(self, error: Exception) -> JournalUnavailable:
        """Say that a row is of another version, or damaged."""
        return unavailable(self._database.url, str(error), "install the Tidebridge that wrote it")


def open_journal(url: str, *, timeout_s: float = 5.0, may_be_away: bool = False) -> SqlJournal:
    """Open the journal at *url*; raise JournalUnavailable, with a remedy, if it can't be used.

    No later call waits longer than about *timeout_s* for a lock, a connection or a statement.
    *may_be_away*: a database that doesn't answer yet is left to the later calls; wrong tables are still refused.
    """
    journal = SqlJournal(connect(url, timeout_s=timeout_s))
    try:
        journal.check()
    except JournalUnavailable as error:
        if may_be_away and not isinstance(error, SchemaMismatch):
            return journal
        journal.close()
        raise
    return journal


def _canonical(value: Any) -> str:
    """Write a plain JSON value in the one way that makes equal values equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _digest(body: str) -> str:
    """Name a content."""
    return hashlib.sha256(body.encode()).hexdigest()


def _latest(pool: str, section: str) -> str:
    """Name a content of which only the last one is kept."""
    return f"{_LATEST}{_digest(f'{pool}/{section}')}"[:64]


def _keep(session: Session, digest: str, body: str, at: datetime) -> None:
    """Store a fact unless it is there, and say, to within an hour, that a tick at *at* has it."""
    fact = session.get(FactRow, digest)
    if fact is None:
        # Another pool may be storing it just now: that is waited for, and then it is there.
        insert = _INSERT[session.get_bind().dialect.name]
        session.execute(insert(FactRow).values(digest=digest, body=body, last_at=at).on_conflict_do_nothing())
    elif digest.startswith(_LATEST):
        fact.body, fact.last_at = body, at
    elif fact.last_at < at - LAST_AT_WITHIN:
        fact.last_at = at


def _facts(session: Session, digests: Iterable[str]) -> Mapping[str, FactRow]:
    """Read facts by digest."""
    wanted = sorted(digests)
    parts = (wanted[first : first + _AT_ONCE] for first in range(0, len(wanted), _AT_ONCE))
    rows = (row for part in parts for row in session.scalars(select(FactRow).where(FactRow.digest.in_(part))))
    return {row.digest: row for row in rows}


def _tick(row: TickRow, facts: Mapping[str, FactRow]) -> TickRecord:
    """Make the record of a row, without what a later tick has replaced."""
    found = {name: facts[digest] for name, digest in row.digest_by_section.items()}
    return TickRecord(
        id=row.id,
        pool=row.pool,
        at=row.at,
        took_ms=row.took_ms,
        mode=row.mode,
        sections={
            name: fact.value()
            for name, fact in found.items()
            if not fact.digest.startswith(_LATEST) or fact.last_at == row.at
        },
    )
