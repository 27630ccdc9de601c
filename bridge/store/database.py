"""One database: its sessions for reading and for writing, and the look at its tables before the first of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import URL, Engine
from sqlalchemy.orm import Session

from bridge.store.engine import for_writing
from bridge.store.failures import as_unavailable
from bridge.store.schema import check_schema


class Database:
    """An engine. The tables are looked at once, at the first session for which the database is there."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._writing_engine = for_writing(engine)
        self._is_checked = False

    @property
    def url(self) -> URL:
        """Return where it is."""
        return self._engine.url

    def check(self) -> None:
        """Raise JournalUnavailable, with a remedy, unless the database is there and has this version's tables."""
        if not self._is_checked:
            check_schema(self._engine)
            self._is_checked = True

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Open a session that only reads: on SQLite it doesn't wait for a writer."""
        self.check()
        with as_unavailable(self._engine.url), Session(self._engine) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """Open a session that commits at its end, or leaves everything as it was."""
        self.check()
        with as_unavailable(self._engine.url), Session(self._writing_engine) as session, session.begin():
            yield session

    def close(self) -> None:
        """Let go of the connections."""
        self._engine.dispose()
