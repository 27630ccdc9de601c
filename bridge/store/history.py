"""The load's history in SQL: one row per pool and step of five minutes, whatever the number of lenders.

A row holds ratios in two bytes each, deflated, in the order of a list of names that is stored once: two weeks of 5,000
lenders take some 40 MB.
"""

from __future__ import annotations

import hashlib
import json
import sys
import zlib
from array import array
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from sqlalchemy import ForeignKey, LargeBinary, delete, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from bridge.store.database import Database
from bridge.store.tables import Base, CompressedJson

_SCALE = 10_000
"""Parts of a ratio that are told apart; the largest ratio is 6.5."""
_MISSING = 0xFFFF
_AT_ONCE = 100


class LoadNamesRow(Base):
    """A list of series, stored once however many steps have it."""

    __tablename__ = "load_names"

    digest: Mapped[str] = mapped_column(primary_key=True)
    names: Mapped[str] = mapped_column(CompressedJson)


class LoadStepRow(Base):
    """The highest load of one step of five minutes, of all series of a pool."""

    __tablename__ = "load_step"

    pool: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(primary_key=True)
    names_digest: Mapped[str] = mapped_column(ForeignKey("load_names.digest"))
    body: Mapped[bytes] = mapped_column(LargeBinary)


class SqlHistory:
    """``bridge.ports.LoadHistory`` in a database. Threads may share it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def append(self, pool: str, at: datetime, values: Mapping[str, float]) -> None:
        """Keep a step that is over; one that is there already is replaced."""
        names = sorted(values)
        text = json.dumps(names, separators=(",", ":"))
        digest = hashlib.sha256(text.encode()).hexdigest()
        with self._database.writing() as session:
            if session.get(LoadNamesRow, digest) is None:
                session.add(LoadNamesRow(digest=digest, names=text))
                session.flush()
            body = _packed([values[name] for name in names])
            session.merge(LoadStepRow(pool=pool, at=at, names_digest=digest, body=body))

    def read(self, pool: str, since: datetime) -> Iterator[tuple[datetime, Mapping[str, float]]]:
        """Yield the steps from *since* on, oldest first; one at a time, for all together are a gigabyte of objects."""
        query = (
            select(LoadStepRow.at, LoadStepRow.names_digest, LoadStepRow.body)
            .where(LoadStepRow.pool == pool, LoadStepRow.at >= since)
            .order_by(LoadStepRow.at)
        )
        with self._database.reading() as session:
            names = _names(session)
            for row in session.execute(query.execution_options(yield_per=_AT_ONCE)):
                yield row.at, _unpacked(names[row.names_digest], row.body)

    def prune(self, before: datetime) -> None:
        """Forget steps that are older, and lists of names that no step has any more."""
        with self._database.writing() as session:
            session.execute(delete(LoadStepRow).where(LoadStepRow.at < before))
            session.execute(delete(LoadNamesRow).where(LoadNamesRow.digest.not_in(select(LoadStepRow.names_digest))))


def _names(session: Session) -> Mapping[str, list[str]]:
    """Read the lists of names by digest: few, as lenders seldom change."""
    return {row.digest: json.loads(row.names) for row in session.scalars(select(LoadNamesRow))}


def _packed(ratios: Sequence[float]) -> bytes:
    """Write ratios in two bytes each, the low one first; rounded up, so that what was kept never looks calmer."""
    found = array("H", (min(_MISSING - 1, max(0, -int(-ratio * _SCALE // 1))) for ratio in ratios))
    if sys.byteorder == "big":
        found.byteswap()
    return zlib.compress(found.tobytes(), 1)


def _unpacked(names: Sequence[str], body: bytes) -> dict[str, float]:
    """Read what ``_packed`` wrote."""
    found = array("H", zlib.decompress(body))
    if sys.byteorder == "big":
        found.byteswap()
    return {name: part / _SCALE for name, part in zip(names, found, strict=True) if part != _MISSING}
