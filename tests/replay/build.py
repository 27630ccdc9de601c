"""Short replays: some hours of a recorded day on a few nodes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from bridge.core.resources import Room
from bridge.replay.stage import Stageset
from bridge.sim import TRACES, load_jobs, load_series

NODE = Room(cpu_millicores=16_000, memory_mib=65_536)


def make_stage(hours: float = 4, *, nodes: int = 2, keep_one_in: int = 12, cap: float = 0.85) -> Stageset:
    """Take the recorded load up to some hours after the first midnight that follows its warm-up."""
    series = load_series(TRACES / "crane14.csv")
    jobs = load_jobs(TRACES / "fb2009.csv", keep_one_in=keep_one_in)
    whole = Stageset(series=series, jobs=jobs, nodes=nodes, node_size=NODE, cap=cap)
    length = whole.start + timedelta(hours=hours) - whole.recorded_from
    steps = int(length / timedelta(seconds=series.step_s))
    return replace(whole, series=replace(series, load=series.load[:steps]))
