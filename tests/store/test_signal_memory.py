"""What is remembered of a load signal, in the database: it comes back to the last field."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from bridge.core.load import SignalState
from bridge.core.signal import SignalMemory, Trace
from bridge.core.snapshot import Memory
from bridge.ports import TickRecord
from bridge.store import SqlJournal, open_journal, upgrade

AT = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlJournal]:
    url = f"sqlite:///{tmp_path_factory.mktemp('store')}/signal.db"
    upgrade(url)
    found = open_journal(url)
    yield found
    found.close()


instants: SearchStrategy[datetime | None] = st.none() | st.integers(0, 10**12).map(
    lambda micros: AT + timedelta(microseconds=micros)
)
traces = st.builds(
    Trace,
    at=instants,
    believed=st.none() | st.integers(0, 10**7),
    low_since=instants,
    low_peak=st.integers(0, 10**7),
    is_jumping=st.booleans(),
    is_back=st.booleans(),
    zero_since=instants,
    zero_at=instants,
)
memories = st.builds(
    SignalMemory,
    state=st.sampled_from(SignalState),
    since=instants,
    sampled_at=instants,
    returned_at=instants,
    steps=st.integers(0, 9),
    stepped_at=instants,
    traces=st.dictionaries(st.just("") | st.text("abc-.é", min_size=1, max_size=9), traces, max_size=4),
)


@settings(max_examples=40)
@given(memories)
def test_a_signals_memory_comes_back(journal: SqlJournal, memory: SignalMemory) -> None:
    tick = TickRecord(id="t1", pool="night", at=AT, took_ms=1, mode="observe", sections={})
    journal.record(tick, Memory(signal=memory, held_when_lost=3))
    assert journal.memory("night") == Memory(signal=memory, held_when_lost=3)


def test_it_survives_the_controller(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/signal.db"
    upgrade(url)
    memory = Memory(signal=SignalMemory(state=SignalState.SHRINKING, since=AT, steps=2, traces={"": Trace(at=AT)}))
    for number, journal in enumerate((open_journal(url), open_journal(url))):
        if number == 0:
            tick = TickRecord(id="t1", pool="night", at=AT, took_ms=1, mode="observe", sections={})
            journal.record(tick, memory)
        else:
            assert journal.memory("night") == memory
        journal.close()
