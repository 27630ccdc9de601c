"""A clock that was set is told of, once; one that only runs isn't."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest

from bridge.controller.clock_watch import JUMP_S, ClockWatch
from bridge.controller.pool import Mode
from bridge.ports import Denied
from tests.build import make_snapshot
from tests.controller.world import World


class Watched:
    """A pool's clock beside one that nobody sets."""

    def __init__(self, mode: Mode = Mode.ENFORCE) -> None:
        self.world, self.steady_s = World.of(make_snapshot()), 100.0
        self.watch = ClockWatch(self.world.pool(mode), lambda: self.steady_s)

    def look(self, *, after_s: float, set_by_s: float = 0.0) -> list[str]:
        """Let time pass, and the clock be set; return what is told in Events."""
        self.steady_s += after_s
        self.world.pass_time(timedelta(seconds=after_s + set_by_s))
        self.watch.look()
        told, self.world.told = self.world.told, []
        return [words for reason, words in told if reason == "TidebridgeClockWasSet"]


def test_a_clock_that_only_runs_is_nothing_to_tell() -> None:
    watched = Watched()
    assert watched.look(after_s=300.0) == []
    assert watched.look(after_s=10.0, set_by_s=JUMP_S - 1) == []


@pytest.mark.parametrize(("by_s", "words"), [(-3600.0, "set back by 3600 s"), (90.0, "jumped ahead by 90 s")])
def test_a_clock_that_was_set_is_told_of_once(by_s: float, words: str, caplog: pytest.LogCaptureFixture) -> None:
    watched = Watched()
    with caplog.at_level(logging.WARNING):
        (told,) = watched.look(after_s=10.0, set_by_s=by_s)
        assert watched.look(after_s=10.0) == []
    assert words in told
    assert [record.getMessage() for record in caplog.records] == [f"clock.was_set pool=night by_s={by_s:.0f}"]


def test_where_nothing_may_be_told_the_log_has_it(caplog: pytest.LogCaptureFixture) -> None:
    watched = Watched(Mode.OBSERVE)
    assert watched.look(after_s=10.0, set_by_s=60.0) == []

    def refuse(_count: int, call: tuple[str, ...]) -> None:
        if call[0] == "tell":
            raise Denied("not allowed to create events")

    refused = Watched()
    refused.world.before = refuse
    assert refused.look(after_s=10.0, set_by_s=60.0) == []
    events = [record.getMessage().split()[0] for record in caplog.records]
    assert events == ["clock.was_set", "clock.was_set", "tell.failed"]
