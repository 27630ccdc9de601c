"""One lender's forecast stands for lenders that are loaded alike."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from bridge.controller.foresight import TOTAL, Foresight
from bridge.replay.foresight import SharedForesight
from bridge.replay.journal import MemoryHistory

START = datetime(2026, 7, 1, tzinfo=UTC)
LENDERS = ("a", "b", "c")


def make_foresight(names: Sequence[str]) -> Foresight:
    steps = [START + timedelta(minutes=5) * number for number in range(-1500, 0)]
    history = MemoryHistory([(at, dict.fromkeys(names, 0.3 + at.hour / 100)) for at in steps])
    return Foresight("night", history, may_write=False)


def test_what_one_lender_stands_for_is_what_each_would_be_told() -> None:
    apart, shared = make_foresight((TOTAL, *LENDERS)), SharedForesight(make_foresight((TOTAL, "a")), LENDERS)
    for minute in range(0, 90, 3):
        at, load = START + timedelta(minutes=minute), 0.3 + minute / 300
        ratios = {TOTAL: load, **dict.fromkeys(LENDERS, load + 0.001)}
        assert shared.look(at, ratios) == apart.look(at, ratios)


def test_what_is_not_known_of_the_load_is_not_made_up() -> None:
    apart, shared = make_foresight((TOTAL, *LENDERS)), SharedForesight(make_foresight((TOTAL, "a")), LENDERS)
    assert shared.look(START, {}) == apart.look(START, {})
