"""A process of its own: replays of 200 nodes, minute by minute, and the naive way beside them.

Times are of the CPU, of the controller's world alone: no baseline is played. A day is played with the packaged load and
jobs or, with the folder of recordings that the environment variable TIDEBRIDGE_TRACES names, with ``online/eth6.csv``
and one in 16 of ``batch/fb2010.csv``: some 300 small tasks a minute, so that hardly a tick is quiet.

With that folder 28 days are played as well, all of them: ``online/taxi.csv``, and ``batch/surf_jul.csv``, which is as
long. Its tasks of 16 cores are split into 16 of one, and those over 4 hours left out.

The naive way makes the record of every tick, as a controller with a database must, though a replay keeps none; it is
measured on one minute in ten.
"""

from __future__ import annotations

import os
import statistics
import time
from dataclasses import replace
from pathlib import Path

from benchmarks.figures import Figure, figure, hand_over, in_ms, peak_mib
from bridge.controller.record import sections
from bridge.controller.tick import Ticked
from bridge.core.resources import Resources, Room
from bridge.replay.report import always_open, default_policy
from bridge.replay.run import play
from bridge.replay.stage import Stageset
from bridge.sim import Job, SimWorld
from bridge.sim.load import TRACES, load_jobs, load_series

NODES, ONE_IN = 200, 10
LONG_DAYS, LONG_TICKS = 28, 28 * 24 * 60
GOAL_MS, GOAL_S = 4.5, 180.0
_CORES, _LONGEST_S = 16, 4 * 3600
_NODE = Room(cpu_millicores=16_000, memory_mib=65_536)


class Watch:
    """Takes the time of each minute of a replay, and of making its record."""

    def __init__(self) -> None:
        self.minutes: list[float] = []
        """Seconds that each took: the simulated minute, the tick, and a look at both."""
        self.records: list[float] = []
        """Seconds that every tenth took to make."""
        self._began = time.process_time()

    def look(self, ticked: Ticked, _world: SimWorld) -> None:
        """Take the time since the last minute, and then, of one in ten, that of the record."""
        over = time.process_time()
        self.minutes.append(over - self._began)
        if len(self.minutes) % ONE_IN == 0:
            dict(sections(ticked.planned, ticked.outcomes))
            self.records.append(time.process_time() - over)
        self._began = time.process_time()


def measure() -> list[Figure]:
    """Play a day, and where there are recordings for it 28, and take the time."""
    folder = os.environ.get("TIDEBRIDGE_TRACES")
    return _day(folder) + ([] if folder is None else _four_weeks(Path(folder)))


def _day(folder: str | None) -> list[Figure]:
    """Take the time of each minute of a day."""
    name, stage = _one_day(folder)
    part = f"replay: {name}, {NODES} nodes of 16 cores, {stage.days} day, a tick a minute"
    watch = Watch()
    # The first minute has the world's making in it.
    played = play(stage, default_policy(stage), always_open(), watch=watch.look)
    minutes = watch.minutes[1:]
    ours, record = statistics.fmean(minutes), statistics.fmean(watch.records)
    naive = ours + record
    return [
        figure(part, "a minute: world, tick and what came of it (CPU)", in_ms(minutes), "ms"),
        figure(part, "  the mean of them", in_ms([ours]), "ms", GOAL_MS),
        figure(part, f"28 days, {LONG_TICKS:,} ticks, from that (CPU)", [LONG_TICKS * ours], "s", GOAL_S),
        figure(part, "ticks that were run, the others being quiet", [100 * played.ticks_run / played.ticks], "%"),
        figure(part, "a tick's record, which a replay needn't make (CPU)", in_ms(watch.records), "ms"),
        figure(part, "the naive way, every record made: a minute (CPU)", in_ms([naive]), "ms"),
        figure(part, "  28 days of it", [LONG_TICKS * naive], "s"),
        figure(part, "  times as long", [naive / ours], "x"),
        figure(part, "peak memory of the process", [peak_mib()], "MiB"),
    ]


def _four_weeks(folder: Path) -> list[Figure]:
    """Take the time of 28 days of jobs that are as long, played whole."""
    stage = Stageset(
        series=load_series(folder / "online" / "taxi.csv"),
        jobs=_split(load_jobs(folder / "batch" / "surf_jul.csv")),
        nodes=NODES,
        node_size=_NODE,
        days=LONG_DAYS,
    )
    part = f"replay: taxi with surf_jul in tasks of a core, {NODES} nodes of 16 cores, {LONG_DAYS} days"
    began = time.process_time()
    played = play(stage, default_policy(stage), always_open())
    took = time.process_time() - began
    useful = played.world.totals().useful_lent_core_s / 3600
    return [
        figure(part, f"all {played.ticks:,} minutes, the world's making included (CPU)", [took], "s", GOAL_S),
        figure(part, "  a minute in the mean", [1000 * took / played.ticks], "ms", GOAL_MS),
        figure(part, "ticks that were run, the others being quiet", [100 * played.ticks_run / played.ticks], "%"),
        figure(part, "useful work", [useful], "core hours"),
        figure(part, "peak memory of the process", [peak_mib()], "MiB"),
    ]


def _split(jobs: tuple[Job, ...]) -> tuple[Job, ...]:
    """Make sixteen tasks of a core of each task, and leave long ones out."""
    size = Resources(vcores=1, memory_mib=_NODE.memory_mib // _CORES)
    return tuple(
        replace(job, stages=tuple(replace(stage, tasks=_CORES * stage.tasks, size=size) for stage in job.stages))
        for job in jobs
        if all(stage.task_s <= _LONGEST_S for stage in job.stages)
    )


def _one_day(folder: str | None) -> tuple[str, Stageset]:
    """Choose the recordings, and say which they are."""
    online = TRACES / "crane14.csv" if folder is None else Path(folder) / "online" / "eth6.csv"
    batch = TRACES / "fb2009.csv" if folder is None else Path(folder) / "batch" / "fb2010.csv"
    keep_one_in = 1 if folder is None else 16
    stage = Stageset(
        series=load_series(online),
        jobs=load_jobs(batch, keep_one_in=keep_one_in, task_scale=1.0, in_order=True),
        nodes=NODES,
        node_size=_NODE,
        days=1,
    )
    jobs = batch.stem if keep_one_in == 1 else f"one in {keep_one_in} of {batch.stem}"
    return f"{online.stem} with {jobs}", stage


if __name__ == "__main__":
    hand_over(measure())
