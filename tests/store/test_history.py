"""The load's history in the database: what was kept comes back, and the oldest goes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.store import SqlJournal, open_journal, upgrade
from bridge.store.history import _packed, _unpacked

AT = datetime(2026, 3, 2, tzinfo=UTC)
STEP = timedelta(minutes=5)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[SqlJournal]:
    url = f"sqlite:///{tmp_path}/history.db"
    upgrade(url)
    found = open_journal(url)
    yield found
    found.close()


def test_steps_come_back_oldest_first_from_an_instant_on(journal: SqlJournal) -> None:
    history = journal.load_history
    for number in (2, 0, 1):
        history.append("night", AT + number * STEP, {"": number / 4, "a": 0.5})
    history.append("day", AT, {"": 1.0})
    assert tuple(history.read("night", AT + STEP)) == (
        (AT + STEP, {"": 0.25, "a": 0.5}),
        (AT + 2 * STEP, {"": 0.5, "a": 0.5}),
    )


def test_a_step_that_is_kept_twice_is_there_once(journal: SqlJournal) -> None:
    for load in (0.25, 0.5):
        journal.load_history.append("night", AT, {"": load})
    assert tuple(journal.load_history.read("night", AT)) == ((AT, {"": 0.5}),)


def test_lenders_may_come_and_go(journal: SqlJournal) -> None:
    journal.load_history.append("night", AT, {"": 0.5, "a": 0.5})
    journal.load_history.append("night", AT + STEP, {"": 0.5, "b": 0.25})
    assert [dict(values) for _, values in journal.load_history.read("night", AT)] == [
        {"": 0.5, "a": 0.5},
        {"": 0.5, "b": 0.25},
    ]


def test_what_is_older_is_forgotten(journal: SqlJournal) -> None:
    for number in range(3):
        journal.load_history.append("night", AT + number * STEP, {"": 0.5})
    journal.load_history.prune(AT + 2 * STEP)
    assert [at for at, _ in journal.load_history.read("night", AT)] == [AT + 2 * STEP]


@given(st.dictionaries(st.text(max_size=3), st.floats(0, 6.5), max_size=5))
def test_a_ratio_is_kept_to_a_ten_thousandth_and_never_looks_calmer(values: dict[str, float]) -> None:
    found = _unpacked(sorted(values), _packed([values[name] for name in sorted(values)]))
    assert found.keys() == values.keys()
    assert all(0 <= found[name] - values[name] < 0.000_101 for name in values)
