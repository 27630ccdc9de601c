"""A process of its own: a replay of 200 nodes, minute by minute, and the naive way beside it.

The naive way makes the record of every tick, as a controller with a database must, though a replay keeps none; it is
measured on one minute in ten. Times are of the CPU. The load and the jobs are the packaged ones, or ``online/eth6.csv``
and one in 16 of ``batch/fb2010.csv`` in the folder that the environment variable TIDEBRIDGE_TRACES names.
"""

from __future__ import annotations

import os
import statistics
import time
from pathlib import Path

from benchmarks.figures import Figure, figure, hand_over, in_ms, peak_mib
from bridge.controller.record import sections
from bridge.controller.tick import Ticked
from bridge.core.resources import Room
from bridge.replay.report import always_open, default_policy
from bridge.replay.run import play
from bridge.replay.stage import Stageset
from bridge.sim import SimWorld
from bridge.sim.load import TRACES, load_jobs, load_series

NODES, DAYS, ONE_IN = 200, 1, 10
LONG_TICKS = 28 * 24 * 60
GOAL_MS, GOAL_S = 5.0, 180.0


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
    """Play a day, and take the time of each of its minutes."""
    name, stage = _stage()
    part = f"replay: {name}, {NODES} nodes of 16 cores, {stage.days} day, a tick a minute"
    watch = Watch()
    # The first minute has the world's making in it.
    play(stage, default_policy(stage), always_open(), watch=watch.look)
    minutes = watch.minutes[1:]
    ours, record = statistics.fmean(minutes), statistics.fmean(watch.records)
    naive = ours + record
    return [
        figure(part, "a minute: world, tick and what came of it (CPU)", in_ms(minutes), "ms"),
        figure(part, "  the mean of them", in_ms([ours]), "ms", GOAL_MS),
        figure(part, f"28 days, {LONG_TICKS:,} ticks, from that (CPU)", [LONG_TICKS * ours], "s", GOAL_S),
        figure(part, "a tick's record, which a replay needn't make (CPU)", in_ms(watch.records), "ms"),
        figure(part, "the naive way, every record made: a minute (CPU)", in_ms([naive]), "ms"),
        figure(part, "  28 days of it", [LONG_TICKS * naive], "s"),
        figure(part, "  times as long", [naive / ours], "x"),
        figure(part, "peak memory of the process", [peak_mib()], "MiB"),
    ]


def _stage() -> tuple[str, Stageset]:
    """Choose the recordings, and say which they are."""
    folder = os.environ.get("TIDEBRIDGE_TRACES")
    online = TRACES / "crane14.csv" if folder is None else Path(folder) / "online" / "eth6.csv"
    batch = TRACES / "fb2009.csv" if folder is None else Path(folder) / "batch" / "fb2010.csv"
    keep_one_in = 1 if folder is None else 16
    stage = Stageset(
        series=load_series(online),
        jobs=load_jobs(batch, keep_one_in=keep_one_in, task_scale=1.0, in_order=True),
        nodes=NODES,
        node_size=Room(cpu_millicores=16_000, memory_mib=65_536),
        days=DAYS,
    )
    jobs = batch.stem if keep_one_in == 1 else f"one in {keep_one_in} of {batch.stem}"
    return f"{online.stem} with {jobs}", stage


if __name__ == "__main__":
    hand_over(measure())
