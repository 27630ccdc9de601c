"""From SQLAlchemy's exceptions to ``JournalUnavailable``, whose message names the database and a remedy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from bridge.ports.errors import JournalUnavailable


class SchemaMismatch(JournalUnavailable):
    """The database answers, and its tables aren't this version's: waiting doesn't help."""


UPGRADE = "run: tidebridge db upgrade"

_REMEDY_BY_SIGN = {
    "no such table": UPGRADE,
    "no such column": UPGRADE,
    "does not exist": f"create the database, then {UPGRADE}",
    "database is locked": "another process holds it: end that one, or wait",
    "unable to open database file": "create the directory, and see that this user may write in it",
    "readonly database": "see that this user may write the file and its directory",
    "disk is full": "make room on the disk",
    "not a database": "the file is something else: set store.url to another one",
    "authentication failed": "correct user and password in store.url",
}
_REMEDY_BY_BACKEND = {
    "sqlite": "see that the file and its directory can be read and written, and that the disk has room",
    "postgresql": "see that the server runs and is reachable, and that store.url is right",
}


def unavailable(url: URL, why: str, remedy: str) -> JournalUnavailable:
    """Make the exception that says what's wrong with the database at *url*, and what to do."""
    return JournalUnavailable(f"the journal at {shown(url)}: {why} ({remedy})")


def mismatch(url: URL, why: str, remedy: str) -> SchemaMismatch:
    """Make the exception that says what's wrong with the tables at *url*, and what to do."""
    return SchemaMismatch(str(unavailable(url, why, remedy)))


def shown(url: URL) -> str:
    """Return *url* without its passwords."""
    hidden = {name: "***" for name in url.query if "password" in name}
    return url.update_query_dict(hidden).render_as_string(hide_password=True)


@contextmanager
def as_unavailable(url: URL) -> Iterator[None]:
    """Turn every SQLAlchemy error inside into JournalUnavailable."""
    try:
        yield
    except SQLAlchemyError as error:
        why = _why(error)
        raise unavailable(url, why, _remedy(url, why)) from error


def _why(error: SQLAlchemyError) -> str:
    """Take the driver's own first line: SQLAlchemy's text adds the statement and its values."""
    lines = str(error.orig if isinstance(error, DBAPIError) else error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _remedy(url: URL, why: str) -> str:
    """Say what to do about *why*."""
    known = (remedy for sign, remedy in _REMEDY_BY_SIGN.items() if sign in why)
    return next(known, _REMEDY_BY_BACKEND.get(url.get_backend_name(), "set store.url to SQLite or PostgreSQL"))
