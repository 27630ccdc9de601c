"""What tenants were told, in SQL: the present promises, every change of them, and what a round remembers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from bridge.core.ledger import Ledger, Side
from bridge.core.resources import Room
from bridge.core.tenants.facts import Leaf, RoundMemory, Told
from bridge.ports.errors import Superseded
from bridge.ports.journal import Booked
from bridge.store.database import Database
from bridge.store.tables import LedgerRow, RoundMemoryRow, ToldHistoryRow, ToldRow


class SqlShares:
    """``bridge.ports.ShareJournal`` in a database. Threads may share it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def told(self) -> tuple[Told, ...]:
        """Return what every leaf was told, by side and name."""
        with self._database.reading() as session:
            rows = session.scalars(select(ToldRow).order_by(ToldRow.side, ToldRow.name)).all()
            return tuple(row.value() for row in rows)

    def ledger(self) -> Ledger | None:
        """Return both sides of the lendable capacity; None before the first round."""
        with self._database.reading() as session:
            row = session.get(LedgerRow, 1)
            return None if row is None else row.value()

    def tell(self, *told: Told, at: datetime, ledger: Booked | None = None) -> None:
        """Write promises and the ledger, all or none; raise Superseded where it isn't the one that was read."""
        with self._database.writing() as session:
            if ledger is not None:
                _book(session, ledger)
            for entry in told:
                _keep_change(session, entry, at)
                session.merge(ToldRow.of(entry))

    def forget(self, *leaves: Leaf, at: datetime) -> None:
        """Forget leaves that nobody has any more and that hold nothing."""
        with self._database.writing() as session:
            for leaf in leaves:
                row = session.get(ToldRow, (leaf.side.value, leaf.name))
                if row is not None:
                    session.add(_change(leaf, Room(cpu_millicores=0, memory_mib=0), at))
                    session.delete(row)

    def memory(self) -> RoundMemory:
        """Return what the last round left to remember; an empty one at first."""
        with self._database.reading() as session:
            row = session.get(RoundMemoryRow, 1)
            return RoundMemory() if row is None else row.value()

    def remember(self, memory: RoundMemory) -> None:
        """Keep what the next round must know."""
        with self._database.writing() as session:
            session.merge(RoundMemoryRow.of(memory))

    def told_at(self, at: datetime) -> Mapping[Leaf, Room]:
        """Return what every leaf was told of the lendable capacity at the instant *at*: the audit."""
        query = select(ToldHistoryRow).where(ToldHistoryRow.at <= at).order_by(ToldHistoryRow.number)
        with self._database.reading() as session:
            return {
                Leaf(side=Side(row.side), name=row.name): Room(
                    cpu_millicores=row.cpu_millicores, memory_mib=row.memory_mib
                )
                for row in session.scalars(query)
            }

    def prune(self, before: datetime) -> None:
        """Forget changes from before the instant, but for each leaf's last."""
        last = select(func.max(ToldHistoryRow.number)).group_by(ToldHistoryRow.side, ToldHistoryRow.name)
        old = delete(ToldHistoryRow).where(ToldHistoryRow.at < before, ToldHistoryRow.number.not_in(last))
        with self._database.writing() as session:
            session.execute(old.execution_options(synchronize_session=False))


def _book(session: Session, ledger: Booked) -> None:
    """Write the ledger over the one that it follows from."""
    row = session.scalars(select(LedgerRow).with_for_update()).first()
    if (None if row is None else row.value()) != ledger.before:
        raise Superseded("another round of rebalancing was under way; the next one looks again")
    session.merge(LedgerRow.of(ledger.after))


def _keep_change(session: Session, told: Told, at: datetime) -> None:
    """Add to the history what is new of a promise."""
    before = session.get(ToldRow, (told.leaf.side.value, told.leaf.name))
    if before is None or before.value().room != told.room:
        session.add(_change(told.leaf, told.room, at))


def _change(leaf: Leaf, room: Room, at: datetime) -> ToldHistoryRow:
    return ToldHistoryRow(
        at=at,
        side=leaf.side.value,
        name=leaf.name,
        cpu_millicores=room.cpu_millicores,
        memory_mib=room.memory_mib,
    )
