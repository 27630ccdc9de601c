"""Connections: a database URL becomes an engine whose commits are durable and whose waits all end."""

from __future__ import annotations

import math
import sqlite3
import time
from functools import partial
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from bridge.ports.errors import JournalUnavailable
from bridge.store.failures import unavailable

_URLS = "sqlite:///FILE or postgresql+psycopg://USER@HOST/DATABASE"
_FOR_WRITING = "tidebridge_for_writing"
_RETRY_S = 0.02


def connect(url: str, *, timeout_s: float) -> Engine:
    """Make an engine for *url*. Nothing is opened yet; waiting for a lock or a connection ends after *timeout_s*."""
    target = _target(url)
    match target.drivername:
        case "sqlite" | "sqlite+pysqlite":
            return _sqlite(target, timeout_s)
        case "postgresql+psycopg":
            return _postgresql(target, timeout_s)
        case other:
            raise unavailable(target, f"{other} isn't supported", f"use {_URLS}")


def for_writing(engine: Engine) -> Engine:
    """Return the engine for transactions that write: on SQLite these take the write lock at once.

    A transaction that reads first and writes later can fail there, without waiting, when another has written between.
    """
    return engine.execution_options(**{_FOR_WRITING: True})


def _target(url: str) -> URL:
    """Parse *url*; neither the message of a failure nor its cause repeats it, for it may hold a password."""
    try:
        return make_url(url)
    except (ArgumentError, ValueError):
        raise JournalUnavailable(f"store.url isn't a database URL (use {_URLS})") from None


def _postgresql(target: URL, timeout_s: float) -> Engine:
    """Make a PostgreSQL engine: connecting, every lock and every statement are bounded.

    A transaction that its client leaves open, because it is stopped or cut off, ends too: its locks would keep out
    whoever takes over. A server that is gone is noticed, even in the middle of an answer.
    """
    wait_ms = math.ceil(timeout_s * 1000)
    arguments = {
        "connect_timeout": max(2, math.ceil(timeout_s)),
        "options": f"-c lock_timeout={wait_ms} -c statement_timeout={wait_ms}"
        f" -c idle_in_transaction_session_timeout={2 * wait_ms}",
        "tcp_user_timeout": 2 * wait_ms,
        "keepalives_idle": max(1, math.ceil(timeout_s)),
        "keepalives_interval": 1,
    }
    try:
        return create_engine(target, pool_pre_ping=True, pool_timeout=timeout_s, connect_args=arguments)
    except ImportError as error:
        raise unavailable(target, str(error), 'run: pip install "tidebridge[postgresql]"') from error


def _sqlite(target: URL, timeout_s: float) -> Engine:
    """Make a SQLite engine: write-ahead log, synced at each commit, foreign keys, transactions begun by us."""
    engine = create_engine(target, connect_args={"timeout": timeout_s})
    event.listen(engine, "connect", partial(_prepare_sqlite, timeout_s=timeout_s))
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: object, *, timeout_s: float) -> None:
    """Set what SQLite forgets between connections."""
    connection.isolation_level = None
    _write_ahead(connection, timeout_s)
    for pragma in ("synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}").close()


def _write_ahead(connection: Any, timeout_s: float) -> None:
    """Switch to a write-ahead log. SQLite doesn't wait for this lock by itself: two at once would make one fail."""
    until = time.monotonic() + timeout_s
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL").close()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() >= until:
                raise
            time.sleep(_RETRY_S)
        else:
            return


def _begin_sqlite(connection: Connection) -> None:
    """Begin a real transaction, DDL included; Python's driver would begin one only before some statements."""
    writes = connection.get_execution_options().get(_FOR_WRITING, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
