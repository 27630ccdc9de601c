"""What was measured, how it is repeated, and how much memory a process has had at its peak."""

from __future__ import annotations

import gc
import resource
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson

_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measured amount, with the goal that it was set, if any."""

    part: str
    what: str
    unit: str
    """µs, ms, s, MiB, %, units of what is divided or done, or x for "times as long"."""
    median: float
    worst: float
    rounds: int
    goal: float | None = None
    """The same unit; less is better."""

    @property
    def verdict(self) -> str:
        """Say how it compares with its goal."""
        if self.goal is None:
            return ""
        if self.worst <= self.goal:
            return "met"
        return "met by the median" if self.median <= self.goal else "MISSED"


def figure(part: str, what: str, amounts: Sequence[float], unit: str, goal: float | None = None) -> Figure:
    """Sum rounds up."""
    return Figure(
        part=part,
        what=what,
        unit=unit,
        median=statistics.median(amounts),
        worst=max(amounts),
        rounds=len(amounts),
        goal=goal,
    )


def rounds(
    act: Callable[[], object],
    *,
    most: int = 9,
    budget_s: float = 6.0,
    clock: Callable[[], float] = time.perf_counter,
) -> list[float]:
    """Do *act* once to warm up, repeat it, and return how many seconds of *clock* each round took.

    It stops early when *budget_s* is over, but not before 2 rounds. The garbage collector begins each round with
    nothing to collect.
    """
    act()
    ends_at = time.monotonic() + budget_s
    found: list[float] = []
    while len(found) < most and (len(found) < 2 or time.monotonic() < ends_at):
        gc.collect()
        started = clock()
        act()
        found.append(clock() - started)
    return found


def in_ms(seconds: Sequence[float]) -> list[float]:
    """Turn seconds into milliseconds."""
    return [1000 * each for each in seconds]


def peak_mib() -> float:
    """Say how much memory this process has held at most, shared libraries included."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))
    except (OSError, StopIteration):
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most / _MIB if sys.platform == "darwin" else most / 1024


def hand_over(figures: Sequence[Figure]) -> None:
    """Write the figures of one process for the one that started it."""
    sys.stdout.buffer.write(orjson.dumps([asdict(each) for each in figures]) + b"\n")
    sys.stdout.buffer.flush()


def take_over(text: bytes) -> list[Figure]:
    """Read what another process handed over."""
    return [Figure(**each) for each in orjson.loads(text)]
