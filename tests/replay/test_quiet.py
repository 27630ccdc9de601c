"""A tick that is left out would have changed nothing: worlds played with every tick and without are the same."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.adapters.calendar import Always, Cron, WindowRule
from bridge.app import windows_around
from bridge.controller.record import Planned
from bridge.core.resources import Resources
from bridge.core.snapshot import Basis, PoolPolicy
from bridge.core.window import LoadRule
from bridge.replay.report import Windows, always_open, default_policy
from bridge.replay.run import Played, play
from bridge.replay.stage import Stageset
from bridge.sim import Job, LoadSeries, Stage
from tests.replay.build import NODE, make_stage

DAY = 288
"""Steps of five minutes."""
CALM = tuple(0.3 + 0.1 * (number % DAY > DAY // 2) for number in range(4 * DAY))


def make_world(load: tuple[float, ...], jobs: tuple[Job, ...], nodes: int = 2) -> Stageset:
    series = LoadSeries(name="drawn", first_s=0, step_s=300, load=CALM + load)
    return Stageset(series=series, jobs=jobs, nodes=nodes, node_size=NODE)


def make_job(number: int, submit_s: int, tasks: int, task_s: int) -> Job:
    size = Resources(vcores=1, memory_mib=2048)
    return Job(id=f"job-{number}", stages=(Stage(tasks=tasks, task_s=task_s, size=size),), submit_s=submit_s)


def make_window(**changes: object) -> Windows:
    rule = WindowRule(name="drawn", times=Always(), zone=ZoneInfo("UTC"), lead=timedelta(minutes=10), max_ratio=0.9)
    return windows_around((replace(rule, **changes),))  # type: ignore[arg-type]


def never(_planned: Planned) -> datetime | None:
    return None


def what_came_of(played: Played) -> tuple[object, ...]:
    deadlines = played.deadlines_total, played.deadlines_met
    return played.minutes, played.over_cap, deadlines, played.world.totals(), played.world.kube.version


WINDOWS = {
    "always": always_open(),
    "an hour": make_window(times=Cron(cron="20 0 * * *", back_by=time(1, 10))),
    "by the load": make_window(load=LoadRule(end_above=0.5, open_below=0.4, confirm=timedelta(minutes=12))),
}
JOBS = st.lists(
    st.builds(
        make_job,
        st.integers(0, 10**6),
        submit_s=st.integers(0, 5000),
        tasks=st.integers(1, 40),
        task_s=st.sampled_from((5, 70, 600, 3000)),
    ),
    max_size=6,
    unique_by=lambda job: job.id,
)


def changed(stage: Stageset, basis: Basis, cool_down: timedelta) -> PoolPolicy:
    return replace(default_policy(stage), basis=basis, cool_down=cool_down)


@settings(max_examples=25)
@given(
    load=st.lists(st.sampled_from((0.2, 0.35, 0.45, 0.6, 0.9)), min_size=6, max_size=18).map(tuple),
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
