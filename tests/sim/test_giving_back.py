"""Rounds of giving back: what was said 90 seconds before the forced step, and what came of it.

``TIDEBRIDGE_ROUNDS`` sets how many are played, ``TIDEBRIDGE_ROUNDS_SEED`` the seed.
"""

from __future__ import annotations

import os
import statistics

from tests.sim.rounds import Round, rounds

COUNT = int(os.environ.get("TIDEBRIDGE_ROUNDS", "30"))
SEED = int(os.environ.get("TIDEBRIDGE_ROUNDS_SEED", "1"))


def test_what_is_said_ahead_comes_true_and_every_deadline_is_met() -> None:
    found = list(rounds(COUNT, seed=SEED))
    assert len(found) > 0.9 * COUNT
    assert all(one.is_met for one in found)
    assert sum(one.is_as_stated for one in found) >= 0.8 * len(found)
    assert sum(one.preempted for one in found) > COUNT
    assert _off(found) <= 0.05
    tens = [found[first : first + 10] for first in range(0, len(found) - 9, 10)]
    assert sum(_off(ten) <= 0.1 for ten in tens) >= 0.85 * len(tens)
    off = statistics.fmean(one.preempted - one.stated_preempted for one in found)
    assert abs(off) <= 0.5


def _off(found: list[Round]) -> float:
    """Say by which part what came differs from what was said: of vcores that are free, or of tasks preempted."""
    free = abs(sum(one.free_vcores - one.stated_free_vcores for one in found)) / sum(one.vcores for one in found)
    tasks = abs(sum(one.preempted - one.stated_preempted for one in found))
    return max(free, tasks / max(10, sum(one.preempted for one in found)))
