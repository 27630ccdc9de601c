"""A process of its own: work lost in replays when the least work goes first, beside the newest pod first, in one run.

The pairings of load and jobs are those of docs/replay.md, found in the folder that the environment variable
TIDEBRIDGE_TRACES names; without it the packaged one is played.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.figures import Figure, figure, hand_over
from bridge.core.resources import Room
from bridge.core.snapshot import PoolPolicy
from bridge.replay.report import always_open, default_policy
from bridge.replay.run import play
from bridge.replay.stage import Stageset
from bridge.sim.load import TRACES, load_jobs, load_series

DAYS = int(os.environ.get("TIDEBRIDGE_DAYS", "1"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairing:
    """A recorded load with recorded jobs."""

    online: str
    batch: str
    keep_one_in: int
    nodes: int
    task_scale: float = 1.0
    in_order: bool = True


PAIRINGS = (
    Pairing(online="crane14", batch="fb2009", keep_one_in=1, nodes=9),
    Pairing(online="crane15", batch="fb2010", keep_one_in=16, nodes=15),
    Pairing(online="eth6", batch="fb2010", keep_one_in=16, nodes=14),
    Pairing(online="crane08", batch="fb2009", keep_one_in=1, nodes=11),
    Pairing(online="taxi", batch="fb2010", keep_one_in=16, nodes=15),
    Pairing(online="azvm80", batch="alibaba2017", keep_one_in=200, nodes=15, task_scale=0.3, in_order=False),
)


def measure() -> list[Figure]:
    """Play each pairing twice."""
    found: list[Figure] = []
    ours, theirs = 0.0, 0.0
    for name, stage in _stages():
        part = f"work lost in {DAYS} day of {name}"
        policy = default_policy(stage)
        least, newest = _lost_h(stage, policy), _lost_h(stage, replace(policy, newest_first=True))
        ours, theirs = ours + least, theirs + newest
        found += [
            figure(part, "least work first, core hours", [least], "h"),
            figure(part, "newest pod first, core hours", [newest], "h"),
        ]
    ratio = ours / theirs if theirs else 0.0
    return [*found, figure("work lost in all", "least work first, of what newest first loses", [ratio], "x", 0.5)]


def _lost_h(stage: Stageset, policy: PoolPolicy) -> float:
    return play(stage, policy, always_open()).world.totals().lost_lent_core_s / 3600


def _stages() -> Iterator[tuple[str, Stageset]]:
    folder = os.environ.get("TIDEBRIDGE_TRACES")
    for pairing in PAIRINGS if folder else PAIRINGS[:1]:
        online = TRACES / f"{pairing.online}.csv" if folder is None else Path(folder) / f"online/{pairing.online}.csv"
        batch = TRACES / f"{pairing.batch}.csv" if folder is None else Path(folder) / f"batch/{pairing.batch}.csv"
        yield (
            f"{pairing.online} with {pairing.batch}",
            Stageset(
                series=load_series(online),
                jobs=load_jobs(
                    batch,
                    keep_one_in=pairing.keep_one_in,
                    task_scale=pairing.task_scale,
                    in_order=pairing.in_order,
                ),
                nodes=pairing.nodes,
                node_size=Room(cpu_millicores=16_000, memory_mib=65_536),
                days=DAYS,
            ),
        )


if __name__ == "__main__":
    hand_over(measure())
