"""All faults at random: nothing is oversold, forgotten, or missed in silence. A failure prints its seed.

``TIDEBRIDGE_WEATHER_TICKS`` sets how many ticks are run in all, ``TIDEBRIDGE_WEATHER_SEED`` the first seed.
"""

from __future__ import annotations

import os

import pytest

from tests.sim.weather import FAULTS, Weather

TICKS_A_SEED = 1500
TICKS = int(os.environ.get("TIDEBRIDGE_WEATHER_TICKS", 4 * TICKS_A_SEED))
FIRST = int(os.environ.get("TIDEBRIDGE_WEATHER_SEED", "100"))


@pytest.mark.parametrize("seed", range(FIRST, FIRST + max(1, TICKS // TICKS_A_SEED)))
def test_promises_hold_in_bad_weather(seed: int) -> None:
    counts = Weather(seed, TICKS_A_SEED).run(TICKS_A_SEED)
    # It has seen something: pods were lent and given back, most faults came, and controllers that were to die did.
    assert counts.ticks == TICKS_A_SEED
    assert min(counts.created, counts.returned) > 50
    assert len(counts.faults) > len(FAULTS) / 2
    assert (counts.kills > 0) == ("controller killed" in counts.faults)
