"""Rounds of giving back: what was said 90 seconds before the forced step, and what came of it."""

from __future__ import annotations

import statistics

from tests.sim.rounds import rounds

COUNT = 30


def test_what_is_said_ahead_comes_true_and_every_deadline_is_met() -> None:
    found = list(rounds(COUNT, seed=1))
    assert len(found) > 0.9 * COUNT
    assert all(one.is_met for one in found)
    assert sum(one.is_as_stated for one in found) >= 0.8 * COUNT
    assert sum(one.preempted for one in found) > COUNT
    off = statistics.fmean(one.preempted - one.stated_preempted for one in found)
    assert abs(off) <= 0.5
