"""Drawn worlds for short replays: load by steps, jobs and windows, after four calm days."""

from __future__ import annotations

from dataclasses import replace
from datetime import time, timedelta
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from bridge.adapters.calendar import Always, Cron, WindowRule
from bridge.app import windows_around
from bridge.core.resources import Resources
from bridge.core.snapshot import Basis, PoolPolicy
from bridge.core.window import LoadRule
from bridge.replay.report import Windows, always_open, default_policy
from bridge.replay.stage import Stageset
from bridge.sim import Job, LoadSeries, Stage
from tests.replay.build import NODE

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


LOADS = st.lists(st.sampled_from((0.2, 0.35, 0.45, 0.6, 0.9)), min_size=6, max_size=18).map(tuple)
