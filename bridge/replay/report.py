"""Sums a replay up: what was lent, used, lost and kept, beside what others would have made of the same days."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from time import monotonic
from typing import Any
from zoneinfo import ZoneInfo

from bridge.adapters.calendar import Always, Cron, WindowRule
from bridge.app import windows_around
from bridge.controller.plain import plain
from bridge.core.resources import Resources, Room, Shape
from bridge.core.snapshot import Basis, PoolPolicy
from bridge.core.window import WindowSpan
from bridge.replay.run import TICK, Minute, Played, play
from bridge.replay.stage import LABEL, Stageset

FIXED_FROM, FIXED_TO = 1, 6
"""Hours of the night between which the baseline by the clock lends."""
_PARTS = 16
"""Elastic nodes that a lender holds, unless a task needs larger ones: small ones follow the load more closely."""
_UTC = ZoneInfo("UTC")
Windows = Callable[[datetime], tuple[WindowSpan, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What came of one world, in core hours; a core is a vcore."""

    idle_core_hours: float
    """What the online services left."""
    lent_core_hours: float
    useful_core_hours: float
    lost_core_hours: float
    over_cap_minutes: int
    over_cap: tuple[Mapping[str, Any], ...]
    deadlines: Mapping[str, int]
    ams_killed: int
    jobs: Mapping[str, float]
    ticks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """The tide beside its baselines."""

    tide: Summary
    baselines: Mapping[str, Summary]
    minutes: tuple[Minute, ...]
    wall_s: float

    def plain(self) -> dict[str, Any]:
        """Return it for JSON."""
        baselines = {name: _plain(summary) for name, summary in self.baselines.items()}
        return {**_plain(self.tide), "baselines": baselines, "wall_s": round(self.wall_s, 1)}


def default_policy(stage: Stageset) -> PoolPolicy:
    """Make the policy of a replay without a configuration: one pool, by measured use, in nodes of a sixteenth."""
    return PoolPolicy(
        name="replay",
        shape=_shape(stage),
        label=LABEL,
        basis=Basis.USAGE,
        cap_ratio=stage.cap,
        max_nodes=stage.nodes * _PARTS * 2,
        grow_per_tick=max(10, stage.nodes * _PARTS // 4),
        tick=TICK,
    )


def always_open() -> Windows:
    """Return one window that never closes."""
    rule = WindowRule(name="always", times=Always(), zone=_UTC, lead=timedelta(minutes=30), max_ratio=1.0)
    return windows_around((rule,))


def replay(stage: Stageset, policy: PoolPolicy, windows: Windows, *, with_baselines: bool = True) -> Replayed:
    """Play the tide and its baselines, each in a process of its own where there is a core for it."""
    began = monotonic()
    if not with_baselines:
        summary, minutes = _tide(stage, policy, windows)
        return Replayed(tide=summary, baselines={}, minutes=minutes, wall_s=monotonic() - began)
    with ProcessPoolExecutor(max_workers=2) as processes:
        oracle = processes.submit(_oracle, stage, policy)
        fixed = processes.submit(_fixed, stage, policy)
        summary, minutes = _tide(stage, policy, windows)
        baselines = {"none": _none(stage), "fixed_window": fixed.result(), "oracle": oracle.result()}
    return Replayed(tide=summary, baselines=baselines, minutes=minutes, wall_s=monotonic() - began)


def _tide(stage: Stageset, policy: PoolPolicy, windows: Windows) -> tuple[Summary, tuple[Minute, ...]]:
    played = play(stage, policy, windows)
    return _summary(stage, played), tuple(played.minutes)


def _oracle(stage: Stageset, policy: PoolPolicy) -> Summary:
    """The same shapes, start-up times, cap and ResourceManager, and the load known ahead; no window bounds it."""
    knowing = replace(policy, basis=Basis.USAGE, cap_ratio=stage.cap)
    return _summary(stage, play(stage, knowing, always_open(), is_clairvoyant=True))


def _fixed(stage: Stageset, policy: PoolPolicy) -> Summary:
    """The clock alone: from 01:00 to 06:00 what the highest load of these hours in the warm-up left below the cap."""
    night = [load for at, load in stage.warm_up() if FIXED_FROM <= at.hour < FIXED_TO]
    rule = WindowRule(
        name="clock",
        times=Cron(cron=f"0 {FIXED_FROM} * * *", back_by=time(FIXED_TO)),
        zone=_UTC,
        lead=timedelta(minutes=30),
        max_ratio=max(0.0, stage.cap - max(night, default=stage.cap)),
    )
    blind = replace(policy, basis=Basis.REQUESTS, margin_ratio=0.0)
    return _summary(stage, play(stage, blind, windows_around((rule,))))


def _none(stage: Stageset) -> Summary:
    """Nothing is lent: no task has a place to run, as static nodes are for ApplicationMasters alone."""
    submitted = sum(1 for _ in stage.submissions())
    return Summary(
        idle_core_hours=_idle(stage),
        lent_core_hours=0.0,
        useful_core_hours=0.0,
        lost_core_hours=0.0,
        over_cap_minutes=0,
        over_cap=(),
        deadlines={"total": 0, "met": 0},
        ams_killed=0,
        jobs={"submitted": submitted, "finished": 0, "mean_slowdown": 0.0},
        ticks=0,
    )


def _summary(stage: Stageset, played: Played) -> Summary:
    accounts = played.world.totals()
    finished = accounts.jobs_finished
    return Summary(
        idle_core_hours=_idle(stage),
        lent_core_hours=accounts.lent_core_s / 3600,
        useful_core_hours=accounts.useful_lent_core_s / 3600,
        lost_core_hours=accounts.lost_lent_core_s / 3600,
        over_cap_minutes=len(played.over_cap),
        over_cap=tuple(plain(one) for one in played.over_cap),
        deadlines={"total": played.deadlines_total, "met": played.deadlines_met},
        ams_killed=accounts.ams_killed,
        jobs={
            "submitted": accounts.jobs_submitted,
            "finished": finished,
            "mean_slowdown": accounts.slowdown_sum / finished if finished else 0.0,
        },
        ticks=played.ticks,
    )


def _idle(stage: Stageset) -> float:
    """Sum what the online services leave, in core hours."""
    minutes = int((stage.end - stage.start) / TICK)
    left = sum(1 - stage.load_at(stage.start + minute * TICK) for minute in range(minutes))
    return left * stage.cores / 60


def _shape(stage: Stageset) -> Shape:
    """Choose a sixteenth of a lender, or as much as the largest task needs that fits on one at all."""
    whole = Resources(vcores=stage.node_size.cpu_millicores // 1000, memory_mib=stage.node_size.memory_mib)
    sizes = [one.size for job in stage.jobs for one in job.stages if one.size.fits_in(whole)]
    parts = _PARTS
    while parts > 1 and not all(size.fits_in(_part(whole, parts)) for size in sizes):
        parts -= 1
    size = _part(whole, parts)
    return Shape(yarn=size, pod=Room(cpu_millicores=size.vcores * 1000, memory_mib=size.memory_mib))


def _part(whole: Resources, parts: int) -> Resources:
    return Resources(vcores=max(1, whole.vcores // parts), memory_mib=whole.memory_mib // parts)


def _plain(summary: Summary) -> dict[str, Any]:
    """Round to what can be told apart."""
    return {key: _rounded(value) for key, value in plain(summary).items()}


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 3)
    if isinstance(value, dict):
        return {key: _rounded(entry) for key, entry in value.items()}
    return [_rounded(entry) for entry in value] if isinstance(value, list) else value
