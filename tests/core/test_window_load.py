"""Load closes a window at once, and opens it only after a low load has lasted."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.resources import Room
from bridge.core.window import UNLIMITED, LoadRule, WindowSpan, allowance
from bridge.core.window_load import LoadGates, closed_by_load
from tests.build import AT
from tests.core.test_properties import many

RULE = LoadRule(end_above=0.7, open_below=0.6, confirm=timedelta(minutes=10))
NIGHT = WindowSpan(
    name="night",
    start=AT - timedelta(hours=1),
    back_by=AT + timedelta(hours=4),
    lead=timedelta(minutes=30),
    max_ratio=0.6,
    load=RULE,
)
OPEN = LoadGates(opened=frozenset({"night"}))


def follow(loads: str, memory: LoadGates, step: timedelta = timedelta(minutes=5)) -> str:
    """Feed loads, five minutes apart; say after each whether the window is open: o or c."""
    shown = []
    for place, load in enumerate(loads.split()):
        ratio = None if load == "-" else float(load)
        memory = closed_by_load((NIGHT,), AT + place * step, ratio, memory)
        shown.append("c" if "night" in memory.closed else "o")
    return "".join(shown)


@pytest.mark.parametrize(
    ("loads", "memory", "expected"),
    [
        pytest.param(".5 .5 .5", LoadGates(), "cco", id="a low load is confirmed"),
        pytest.param("- - - -", LoadGates(), "cccc", id="never known is closed"),
        pytest.param("- - .65 .7", OPEN, "oooo", id="unknown and between keep it open"),
        pytest.param(".71 .65 .65 .65", OPEN, "cccc", id="above closes at once, between keeps it closed"),
        pytest.param(".8 .5 .65 .5 .5 .5", OPEN, "ccccco", id="low must last without a break"),
        pytest.param(".8 .5 - .5 .5 .5", OPEN, "ccccco", id="unknown confirms nothing"),
        pytest.param(".8 .6 .6 .6", OPEN, "cccc", id="the limit itself isn't below it"),
    ],
)
def test_load_moves_a_window_at_its_limits_only(loads: str, memory: LoadGates, expected: str) -> None:
    assert follow(loads, memory) == expected


def test_a_window_without_a_rule_is_never_closed() -> None:
    assert closed_by_load((replace(NIGHT, load=None),), AT, 1.0, LoadGates()) == LoadGates()


def test_a_closed_window_never_makes_another_lend_more() -> None:
    wide = replace(NIGHT, name="wide", max_ratio=0.9, load=None)
    found = allowance((NIGHT, wide), AT, closed=frozenset({"night"}))
    assert (found.max_ratio, found.load_closed) == (0.6, ("night",))
    assert not allowance((NIGHT,), AT, closed=frozenset({"night"})).is_open


def test_an_exception_beats_windows_even_with_more() -> None:
    holiday = replace(NIGHT, name="holiday", max_ratio=0.8, is_exception=True, load=None)
    assert allowance((NIGHT, holiday), AT).max_ratio == 0.8
    assert allowance((NIGHT, holiday), AT).windows == ("holiday",)


def test_an_amount_that_falls_is_a_deadline_though_the_ratio_stays() -> None:
    small = Room(cpu_millicores=8000, memory_mib=10)
    later = replace(NIGHT, name="small", start=AT + timedelta(hours=1), max_room=small, load=None)
    found = allowance((NIGHT, later), AT)
    assert (found.back_by, found.max_room, found.next_ratio, found.next_room) == (later.start, None, 0.6, small)


def windows_here() -> st.SearchStrategy[tuple[WindowSpan, ...]]:
    """Draw windows around AT that are exceptions or not, with and without amounts."""
    amounts = st.builds(Room, cpu_millicores=st.integers(1, 3), memory_mib=st.integers(1, 3))
    drawn = st.tuples(
        st.integers(-5, 3), st.integers(1, 6), st.sampled_from([0.0, 0.3, 0.6]), st.booleans(), st.none() | amounts
    )
    return st.lists(drawn, max_size=4).map(
        lambda rows: tuple(
            replace(
                NIGHT,
                name=f"w{number}",
                start=AT + timedelta(hours=start),
                back_by=AT + timedelta(hours=start + length),
                max_ratio=ratio,
                is_exception=is_exception,
                max_room=room,
            )
            for number, (start, length, ratio, is_exception, room) in enumerate(rows)
        )
    )


def limits_at(windows: tuple[WindowSpan, ...], at: datetime, closed: frozenset[str]) -> tuple[float, int, int]:
    """The limits at an instant, counted one by one: ratio, CPU and memory."""
    here = [window for window in windows if window.start <= at < window.back_by]
    if any(window.is_exception for window in here):
        here = [window for window in here if window.is_exception]
    if not [window for window in here if window.name not in closed] or any(not window.max_ratio for window in here):
        return 0.0, 0, 0
    rooms = [window.max_room for window in here if window.max_room is not None]
    return (
        min(window.max_ratio for window in here),
        min([room.cpu_millicores for room in rooms], default=UNLIMITED),
        min([room.memory_mib for room in rooms], default=UNLIMITED),
    )


def said(ratio: float, room: Room | None) -> tuple[float, int, int]:
    if not ratio:
        return 0.0, 0, 0
    return (ratio, UNLIMITED, UNLIMITED) if room is None else (ratio, room.cpu_millicores, room.memory_mib)


CLOSED = st.frozensets(st.sampled_from(["w0", "w1", "w2", "w3"]))


@given(windows=windows_here(), closed=CLOSED, hour=st.integers(-5, 9))
@many(100)
def test_limits_and_the_next_drop_agree_with_counting_windows_one_by_one(
    windows: tuple[WindowSpan, ...], closed: frozenset[str], hour: int
) -> None:
    at = AT + timedelta(hours=hour)
    found, now = allowance(windows, at, closed=closed), limits_at(windows, at, closed)
    assert said(found.max_ratio, found.max_room) == now
    if found.back_by is None:
        assert not found.is_open
        return
    then = limits_at(windows, found.back_by, closed)
    assert said(found.next_ratio, found.next_room) == then
    assert any(later < before for later, before in zip(then, now, strict=True))
    hours = range(hour + 1, hour + int((found.back_by - at) / timedelta(hours=1)))
    for between in (limits_at(windows, AT + timedelta(hours=n), closed) for n in hours):
        assert all(later >= before for later, before in zip(between, now, strict=True))


@given(windows=windows_here(), closed=CLOSED, name=st.sampled_from(["w0", "w1", "w2"]))
@many(50)
def test_what_load_closes_never_makes_more(windows: tuple[WindowSpan, ...], closed: frozenset[str], name: str) -> None:
    before, after = allowance(windows, AT, closed=closed), allowance(windows, AT, closed=closed | {name})
    pairs = zip(said(after.max_ratio, after.max_room), said(before.max_ratio, before.max_room), strict=True)
    assert all(later <= earlier for later, earlier in pairs)
