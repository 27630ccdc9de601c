"""Load closes a window at once, and opens it only after a low load has lasted."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from bridge.core.resources import Room
from bridge.core.window import LoadRule, WindowSpan, allowance
from bridge.core.window_load import LoadGates, closed_by_load
from tests.build import AT

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
