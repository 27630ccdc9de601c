"""A tick that is left out would have changed nothing: worlds played with every tick and without are the same."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.controller.record import Planned
from bridge.core.snapshot import Basis
from bridge.replay.report import always_open, default_policy
from bridge.replay.run import Played, play
from bridge.sim import Job, LoadSeries
from tests.replay.build import make_stage
from tests.replay.draw import CALM, JOBS, LOADS, WINDOWS, changed, make_job, make_world


def never(_planned: Planned) -> datetime | None:
    return None


def what_came_of(played: Played) -> tuple[object, ...]:
    deadlines = played.deadlines_total, played.deadlines_met
    return played.minutes, played.over_cap, deadlines, played.world.totals(), played.world.kube.version


@settings(max_examples=25)
@given(
    load=LOADS,
    jobs=JOBS.map(tuple),
    window=st.sampled_from(sorted(WINDOWS)),
    basis=st.sampled_from(Basis),
    cool_down=st.sampled_from((timedelta(minutes=2), timedelta(minutes=7))),
    max_lead=st.sampled_from((timedelta(0), timedelta(hours=1))),
    is_clairvoyant=st.booleans(),
)
def test_leaving_quiet_ticks_out_changes_nothing(
    load: tuple[float, ...],
    jobs: tuple[Job, ...],
    window: str,
    basis: Basis,
    cool_down: timedelta,
    max_lead: timedelta,
    is_clairvoyant: bool,
) -> None:
    stage = make_world(load, jobs)
    policy, windows = replace(changed(stage, basis, cool_down), max_lead=max_lead), WINDOWS[window]
    every = play(stage, policy, windows, is_clairvoyant=is_clairvoyant, rests_until=never)
    some = play(stage, policy, windows, is_clairvoyant=is_clairvoyant)
    assert what_came_of(some) == what_came_of(every)
    assert some.ticks_run <= every.ticks_run == every.ticks == some.ticks


@pytest.mark.parametrize("window", sorted(WINDOWS))
def test_a_long_job_on_steady_load_needs_few_ticks(window: str) -> None:
    stage = make_world((0.35,) * 18, (make_job(1, submit_s=1500, tasks=10, task_s=2000),))
    found = play(stage, replace(default_policy(stage), max_lead=timedelta(0)), WINDOWS[window])
    assert found.ticks == 90
    assert found.ticks_run < 45
    assert found.world.totals().useful_lent_core_s > 0


def test_a_recorded_night_is_the_same() -> None:
    stage = make_stage(3)
    policy = default_policy(stage)
    every, some = play(stage, policy, always_open(), rests_until=never), play(stage, policy, always_open())
    assert what_came_of(some) == what_came_of(every)
    assert some.ticks_run < every.ticks_run


def test_a_load_that_changes_within_five_minutes_is_met_by_a_tick() -> None:
    """Of a load by the minute, whose steps no forecast's step announces."""
    by_minute = tuple(load for load in CALM for _ in range(5)) + (0.35,) * 41 + (0.7,) * 19
    series = LoadSeries(name="drawn", first_s=0, step_s=60, load=by_minute)
    stage = replace(make_world((), (make_job(1, submit_s=60, tasks=60, task_s=9000),)), series=series)
    policy = default_policy(stage)
    every, some = play(stage, policy, always_open(), rests_until=never), play(stage, policy, always_open())
    assert what_came_of(some) == what_came_of(every)
    assert some.minutes[41].given_back > 0
    assert some.ticks_run < every.ticks_run


def test_the_start_is_as_it_is_drawn() -> None:
    assert make_world((0.3,), ()).start == datetime(1970, 1, 5, tzinfo=UTC)
