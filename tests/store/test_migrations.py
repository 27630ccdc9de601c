"""The migrations make the ORM's tables, from wherever a database is."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, text

from bridge import packaged
from bridge.core.snapshot import Memory
from bridge.ports import JournalUnavailable
from bridge.store import open_journal, upgrade
from bridge.store.engine import connect
from bridge.store.schema import _config
from bridge.store.tables import Base


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'journal.db'}"


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    engine = connect(url, timeout_s=1)
    yield engine
    engine.dispose()


def put_revision(engine: Engine, revision: str) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision})


def test_the_migrations_make_exactly_the_tables_of_the_orm(url: str, engine: Engine) -> None:
    upgrade(url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, Base.metadata) == []


def test_upgrading_says_from_where_to_where_and_a_second_time_changes_nothing(url: str) -> None:
    assert upgrade(url) == ("empty", "0004")
    assert upgrade(url) == ("0004", "0004")


def test_two_that_upgrade_at_once_both_succeed(url: str) -> None:
    with ThreadPoolExecutor(2) as both:
        found = sorted(both.map(upgrade, [url, url]))
    assert found == [("0004", "0004"), ("empty", "0004")]


def test_upgrading_leaves_logging_alone(url: str) -> None:
    root = logging.getLogger()
    before = (root.level, list(root.handlers), logging.getLogger("bridge").disabled)
    upgrade(url)
    assert (root.level, list(root.handlers), logging.getLogger("bridge").disabled) == before


def test_a_database_without_tables_asks_for_an_upgrade(url: str) -> None:
    with pytest.raises(JournalUnavailable, match=r"tables are missing.*run: tidebridge db upgrade"):
        open_journal(url)


def test_a_database_of_the_first_revision_keeps_what_it_has(url: str, engine: Engine) -> None:
    config = _config()
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.execute(text("INSERT INTO memory (pool, left_alone) VALUES ('night', :nobody)"), {"nobody": "[]"})
    assert upgrade(url) == ("0001", "0004")
    journal = open_journal(url)
    assert journal.memory("night") == Memory()
    assert journal.shares.told() == ()
    journal.close()


def test_an_older_database_asks_for_an_upgrade(url: str, engine: Engine) -> None:
    upgrade(url)
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM alembic_version"))
    with pytest.raises(JournalUnavailable, match="run: tidebridge db upgrade"):
        open_journal(url)


def test_a_newer_database_asks_for_the_version_that_made_it(url: str, engine: Engine) -> None:
    upgrade(url)
    put_revision(engine, "9999")
    with pytest.raises(JournalUnavailable, match=r"9999, unknown to this version.*install the Tidebridge that made"):
        open_journal(url)
    with pytest.raises(JournalUnavailable, match="9999, unknown to this version"):
        upgrade(url)


def test_tables_that_vanish_later_ask_for_an_upgrade(url: str, engine: Engine) -> None:
    upgrade(url)
    journal = open_journal(url)
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE promise"))
    with pytest.raises(JournalUnavailable, match=r"no such table.*run: tidebridge db upgrade"):
        journal.promises("night")
    journal.close()


def test_a_failed_upgrade_leaves_nothing_behind(url: str, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE fact (something INTEGER)"))
    with pytest.raises(JournalUnavailable, match="fact already exists"):
        upgrade(url)
    with engine.connect() as connection:
        tables = connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'table'")).scalars().all()
    assert tables == ["fact"]


def test_what_travels_with_the_code_is_found() -> None:
    assert (packaged.path("migrations") / "env.py").is_file()
    assert packaged.path("config/tidebridge.yaml").is_file()
