"""The journal in SQL: what it is given comes back, what it has said is written stays, and it says what is wrong."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
import time as clock
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.core.lifecycle import State
from bridge.core.reasons import Reason
from bridge.core.resources import Resources, Room, Shape
from bridge.core.snapshot import LeftAlone, Memory, Pause, Promise
from bridge.core.waiting import WaitingContainers
from bridge.ports import Journal, JournalUnavailable, TickRecord
from bridge.store import SqlJournal, open_journal, upgrade

AT = datetime(2026, 2, 2, 22, 0, 0, 123456, tzinfo=UTC)
DAY = timedelta(days=1)


def make_promise(id: str = "p1", **others: Any) -> Promise:
    standard: dict[str, Any] = {
        "pool": "night",
        "lender": "node-1",
        "shape": Shape(
            yarn=Resources(vcores=8, memory_mib=16384), pod=Room(cpu_millicores=8250, memory_mib=16384 + 1024)
        ),
        "state": State.REQUESTED,
        "made_at": AT,
        "since": AT,
        "deadline": AT + timedelta(hours=8),
        "reason": Reason.WORK_IS_WAITING,
    }
    return Promise(id=id, **(standard | others))


def make_tick(id: str = "t1", at: datetime = AT, pool: str = "night", **sections: Any) -> TickRecord:
    return TickRecord(id=id, pool=pool, at=at, took_ms=412, mode="observe", sections=sections)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file with tables and no rows, to be copied."""
    file = tmp_path_factory.mktemp("store") / "empty.db"
    upgrade(f"sqlite:///{file}")
    return file


@contextmanager
def opened(empty: Path) -> Iterator[SqlJournal]:
    with TemporaryDirectory() as directory:
        journal = open_journal(f"sqlite:///{shutil.copy(empty, directory)}")
        try:
            yield journal
        finally:
            journal.close()


@pytest.fixture
def file(empty: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(empty, tmp_path / "journal.db"))


@pytest.fixture
def journal(file: Path) -> Iterator[SqlJournal]:
    journal = open_journal(f"sqlite:///{file}", timeout_s=0.2)
    yield journal
    journal.close()


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20)
COUNTS = st.integers(0, 2**31 - 1)
ZONES = st.one_of(st.just(UTC), st.integers(-14 * 60, 14 * 60).map(lambda m: timezone(timedelta(minutes=m))))
INSTANTS = st.datetimes(datetime(1970, 1, 2), datetime(2100, 1, 1), timezones=ZONES)  # noqa: DTZ001 (they get zones)
PROMISES = st.builds(
    Promise,
    id=st.sampled_from(["p1", "p2", "p3", "p4"]),
    pool=st.sampled_from(["night", "day"]),
    lender=TEXTS,
    shape=st.builds(
        Shape,
        yarn=st.builds(Resources, vcores=COUNTS, memory_mib=COUNTS),
        pod=st.builds(Room, cpu_millicores=COUNTS, memory_mib=COUNTS),
    ),
    state=st.sampled_from(State),
    made_at=INSTANTS,
    since=INSTANTS,
    deadline=st.none() | INSTANTS,
    reason=st.sampled_from(Reason),
    pod_uid=st.none() | TEXTS,
    node_id=st.none() | TEXTS,
    served=st.booleans(),
    told_rm_started_at=st.none() | INSTANTS,
    label_host=st.none() | TEXTS,
)
MEMORIES = st.builds(
    Memory,
    waiting=st.none()
    | st.lists(
        st.builds(WaitingContainers, vcores=COUNTS, memory_mib=COUNTS, label=TEXTS, count=COUNTS), max_size=4
    ).map(tuple),
    surplus_since=st.none() | INSTANTS,
    left_alone=st.lists(
        st.builds(LeftAlone, lender=st.text(max_size=20), until=INSTANTS, is_relieved=st.booleans()), max_size=3
    ).map(tuple),
    failed_start_at=st.none() | INSTANTS,
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
TICKS = st.builds(
    TickRecord,
    id=TEXTS,
    pool=st.just("night"),
    at=INSTANTS,
    took_ms=COUNTS,
    mode=st.sampled_from(["observe", "advise", "enforce"]),
    sections=st.dictionaries(st.sampled_from(["seen", "decided", "done"]), JSON),
)


def test_is_the_port(journal: SqlJournal) -> None:
    port: Journal = journal
    assert port.promises("night") == ()


@settings(deadline=None, max_examples=25)
@given(saved=st.lists(PROMISES, max_size=6))
def test_every_promise_that_is_not_over_comes_back_as_last_saved(empty: Path, saved: list[Promise]) -> None:
    with opened(empty) as journal:
        for promise in saved:
            journal.save(promise)
        last = {promise.id: promise for promise in saved}.values()
        for pool in ("night", "day"):
            expected = [promise for promise in last if promise.pool == pool and not promise.is_over]
            assert sorted(journal.promises(pool), key=lambda promise: promise.id) == sorted(
                expected, key=lambda promise: promise.id
            )


@settings(deadline=None, max_examples=25)
@given(promise=PROMISES.filter(lambda promise: not promise.is_over))
def test_instants_come_back_in_utc(empty: Path, promise: Promise) -> None:
    with opened(empty) as journal:
        journal.save(promise)
        (found,) = journal.promises(promise.pool)
    assert {moment.tzinfo for moment in (found.made_at, found.since, found.deadline) if moment} == {UTC}


@settings(deadline=None, max_examples=25)
@given(ticks=st.lists(st.tuples(TICKS, MEMORIES), min_size=1, max_size=4))
def test_ticks_come_back_newest_first_and_the_last_memory_stays(
    empty: Path, ticks: list[tuple[TickRecord, Memory]]
) -> None:
    with opened(empty) as journal:
        for tick, memory in ticks:
            journal.record(tick, memory)
        newest_first = sorted(reversed(ticks), key=lambda pair: pair[0].at, reverse=True)
        assert journal.ticks("night", 3) == tuple(tick for tick, _ in newest_first[:3])
        assert journal.memory("night") == ticks[-1][1]


@settings(deadline=None, max_examples=25)
@given(pause=st.builds(Pause, until=INSTANTS, why=TEXTS))
def test_a_pause_holds_until_its_end_and_no_longer(empty: Path, pause: Pause) -> None:
    with opened(empty) as journal:
        journal.set_pause("night", pause)
        assert journal.pause("night", pause.until - timedelta(microseconds=1)) == pause
        assert journal.pause("night", pause.until) is None
        assert journal.pause("day", pause.until - DAY) is None


def test_a_new_pause_replaces_the_old_and_none_lifts_it(journal: SqlJournal) -> None:
    journal.set_pause("night", Pause(until=AT + DAY, why="one"))
    journal.set_pause("night", Pause(until=AT + 2 * DAY, why="two"))
    assert journal.pause("night", AT) == Pause(until=AT + 2 * DAY, why="two")
    journal.set_pause("night", None)
    journal.set_pause("night", None)
    assert journal.pause("night", AT) is None


def test_memory_is_empty_at_first(journal: SqlJournal) -> None:
    assert journal.memory("night") == Memory()


def test_a_promise_is_over_when_its_address_has_no_label_any_more(journal: SqlJournal) -> None:
    gone = make_promise(state=State.GONE, label_host="10.0.0.7")
    journal.save(gone)
    assert journal.promises("night") == (gone,)
    journal.save(replace(gone, label_host=None))
    assert journal.promises("night") == ()


def test_a_naive_datetime_is_refused(journal: SqlJournal) -> None:
    with pytest.raises(JournalUnavailable, match="has no time zone"):
        journal.save(make_promise(made_at=AT.replace(tzinfo=None)))


def test_another_engine_sees_a_promise_as_soon_as_it_is_saved(journal: SqlJournal, file: Path) -> None:
    promise = make_promise()
    journal.save(promise)
    other = open_journal(f"sqlite:///{file}")
    assert other.promises("night") == (promise,)
    other.close()


def test_a_process_that_is_killed_between_saving_and_acting_leaves_its_promise(file: Path) -> None:
    program = f"""
import os, signal
from tests.store.test_sql_journal import make_promise
from bridge.store import open_journal
open_journal("sqlite:///{file}").save(make_promise())
os.kill(os.getpid(), signal.SIGKILL)
"""
    root = Path(__file__).parents[2]
    killed = subprocess.run([sys.executable, "-c", program], cwd=root, check=False, capture_output=True)
    assert killed.returncode == -9, killed.stderr
    journal = open_journal(f"sqlite:///{file}")
    assert journal.promises("night") == (make_promise(),)
    journal.close()


def pragmas(journal: SqlJournal) -> Mapping[str, Any]:
    with journal._database._engine.connect() as connection:
        names = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        return {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names}


def test_sqlite_syncs_every_commit_and_waits_as_long_as_told(journal: SqlJournal) -> None:
    assert pragmas(journal) == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 200}


@pytest.mark.parametrize("lock", ["BEGIN IMMEDIATE", "BEGIN EXCLUSIVE"])
def test_a_locked_database_is_unavailable_within_the_timeout(journal: SqlJournal, file: Path, lock: str) -> None:
    other = sqlite3.connect(file, isolation_level=None)
    other.execute(lock)
    began = clock.monotonic()
    with pytest.raises(JournalUnavailable, match="database is locked") as caught:
        journal.save(make_promise())
    assert 0.15 < clock.monotonic() - began < 2
    assert str(file) in str(caught.value)
    other.close()
    journal.save(make_promise())


def test_reading_does_not_wait_for_a_writer(journal: SqlJournal, file: Path) -> None:
    journal.save(make_promise())
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert journal.promises("night") == (make_promise(),)
    other.close()


def facts(file: Path) -> int:
    other = sqlite3.connect(file)
    (count,) = other.execute("SELECT count(*) FROM fact").fetchone()
    other.close()
    return int(count)


def test_a_section_that_any_earlier_tick_had_is_stored_once(journal: SqlJournal, file: Path) -> None:
    quiet, busy = {"nodes": [1, 2], "waiting": None}, {"nodes": [1, 2], "waiting": 3}
    for number, seen in enumerate((quiet, busy, {"waiting": None, "nodes": [1, 2]}, busy)):
        journal.record(make_tick(f"t{number}", AT + number * DAY, seen=seen, done=seen), Memory())
    assert facts(file) == 2
    assert [tick.sections["done"] for tick in journal.ticks("night", 9)] == [busy, quiet, busy, quiet]


def test_equal_numbers_of_different_kinds_are_kept_apart(journal: SqlJournal) -> None:
    journal.record(make_tick("t1", AT, seen=1), Memory())
    journal.record(make_tick("t2", AT, seen=1.0), Memory())
    journal.record(make_tick("t3", AT, seen=True), Memory())
    assert [type(tick.sections["seen"]) for tick in journal.ticks("night", 9)] == [bool, float, int]


def test_ticks_of_another_pool_stay_out(journal: SqlJournal) -> None:
    journal.record(make_tick(pool="day"), Memory(surplus_since=AT))
    assert (journal.ticks("night", 9), journal.memory("night")) == ((), Memory())


def test_pruning_forgets_old_ticks_and_the_facts_that_only_they_had(journal: SqlJournal, file: Path) -> None:
    for day, seen in enumerate(("old", "lasting", "new", "lasting")):
        journal.record(make_tick(f"t{day}", AT + day * DAY, seen=seen), Memory(surplus_since=AT))
    assert journal.prune(AT + 2 * DAY) == 2
    assert [tick.id for tick in journal.ticks("night", 9)] == ["t3", "t2"]
    assert facts(file) == 2
    assert journal.memory("night") == Memory(surplus_since=AT)


@settings(deadline=None, max_examples=25)
@given(ticks=st.lists(TICKS, max_size=5), before=INSTANTS)
def test_what_pruning_leaves_can_still_be_read(empty: Path, ticks: list[TickRecord], before: datetime) -> None:
    with opened(empty) as journal:
        for tick in ticks:
            journal.record(tick, Memory())
        assert journal.prune(before) == sum(tick.at < before for tick in ticks)
        left = [tick for tick in reversed(ticks) if tick.at >= before]
        assert journal.ticks("night", 9) == tuple(sorted(left, key=lambda tick: tick.at, reverse=True))


def test_pruning_keeps_promises(journal: SqlJournal) -> None:
    journal.save(make_promise())
    journal.prune(AT + 99 * DAY)
    assert journal.promises("night") == (make_promise(),)


def test_a_tick_that_fails_to_be_kept_leaves_no_part_of_itself(journal: SqlJournal, file: Path) -> None:
    with pytest.raises(JournalUnavailable):
        journal.record(make_tick(seen="something"), Memory(surplus_since=AT.replace(tzinfo=None)))
    assert (facts(file), journal.ticks("night", 9), journal.memory("night")) == (0, (), Memory())


def test_a_state_of_another_version_is_unavailable_rather_than_a_crash(journal: SqlJournal, file: Path) -> None:
    journal.save(make_promise())
    other = sqlite3.connect(file)
    other.execute("UPDATE promise SET state = 'hovering'")
    other.commit()
    other.close()
    with pytest.raises(JournalUnavailable, match="hovering"):
        journal.promises("night")


@pytest.mark.parametrize(
    "change",
    [
        pytest.param("""announced = '{"2026-01-01T00:00:00+00:00": "doubtful"}'""", id="a verdict that nobody knows"),
        pytest.param("""left_alone = '[{"lender": "a", "until": "2026-01-01", "mood": 1}]'""", id="one field too many"),
        pytest.param("signal = 'x'", id="a signal that can't be read"),
    ],
)
def test_a_memory_of_another_version_is_unavailable_rather_than_a_crash(
    journal: SqlJournal, file: Path, change: str
) -> None:
    journal.record(make_tick(), Memory())
    other = sqlite3.connect(file)
    other.execute(f"UPDATE memory SET {change}")
    other.commit()
    other.close()
    with pytest.raises(JournalUnavailable, match="install the Tidebridge that wrote it"):
        journal.memory("night")


@pytest.mark.parametrize(
    ("url", "says"),
    [
        pytest.param("sqlite:////nowhere/at/all.db", ["/nowhere/at/all.db", "create the directory"], id="no directory"),
        pytest.param(
            "postgresql+psycopg://ann:secret@127.0.0.1:1/tide?sslpassword=secret",
            ["ann:***@127.0.0.1:1/tide", "see that the server runs"],
            id="no server",
        ),
        pytest.param("mysql://ann:secret@db/tide", ["ann:***@db", "use sqlite:///FILE"], id="another database"),
        pytest.param("postgresql+psycopg://ann:secret@db:port/tide", ["use sqlite:///FILE"], id="not a url"),
        pytest.param("secret", ["use sqlite:///FILE"], id="not at all a url"),
    ],
)
def test_an_unusable_database_is_named_with_a_remedy_and_without_its_password(url: str, says: list[str]) -> None:
    with pytest.raises(JournalUnavailable) as caught:
        open_journal(url, timeout_s=1)
    assert [part for part in says if part not in str(caught.value)] == []
    assert "secret" not in str(caught.value)


def test_a_database_that_is_away_may_come_later(tmp_path: Path, empty: Path) -> None:
    url = f"sqlite:///{tmp_path}/away/journal.db"
    with closing(open_journal(url, timeout_s=0.2, may_be_away=True)) as journal:
        with pytest.raises(JournalUnavailable, match="create the directory"):
            journal.promises("night")
        (tmp_path / "away").mkdir()
        with pytest.raises(JournalUnavailable, match="its tables are missing"):
            journal.save(make_promise())
        assert list((tmp_path / "away").iterdir()) == []
        shutil.copy(empty, tmp_path / "away" / "journal.db")
        journal.save(make_promise())
        assert journal.promises("night") == (make_promise(),)


def test_a_database_without_tables_is_not_away(tmp_path: Path) -> None:
    with pytest.raises(JournalUnavailable, match="run: tidebridge db upgrade"):
        open_journal(f"sqlite:///{tmp_path}/journal.db", may_be_away=True)


def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("not a database, but somebody's notes; long enough to be looked at as a header\n" * 20)
    with pytest.raises(JournalUnavailable, match=r"set store\.url to another one"):
        open_journal(f"sqlite:///{file}")
    assert file.read_text().startswith("not a database")


def test_of_lenders_only_the_last_tick_of_each_pool_is_kept(journal: SqlJournal) -> None:
    for number, at in enumerate((AT, AT + timedelta(seconds=10))):
        for pool in ("day", "night"):
            journal.record(make_tick(f"{pool}{number}", at, pool, lenders=[pool, number], seen="much"), None)
    for pool in ("day", "night"):
        last, before = journal.ticks(pool, 2)
        assert last.sections == {"lenders": [pool, 1], "seen": "much"}
        assert before.sections == {"seen": "much"}
