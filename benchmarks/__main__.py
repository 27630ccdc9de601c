"""Runs every part in a process of its own, one after the other, and prints what they measured.

Each part has a time after which it is ended, so that the whole ends on any machine.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from argparse import ArgumentParser
from dataclasses import asdict, dataclass

import orjson
from rich.console import Console

from benchmarks.figures import Figure, take_over
from benchmarks.table import print_table

_MOST_S_BY_PART = {
    "deciding": 45.0,
    "giving_back": 60.0,
    "recording": 35.0,
    "reading": 100.0,
    "naive": 50.0,
    "fair_shares": 60.0,
    "solving": 40.0,
    "forecasting": 60.0,
    "replaying": 1800.0,
    "victims": 900.0,
}
_WIDTH = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Where the figures come from, and how busy it was with other things."""

    cores: int
    processor: str
    python: str
    load_before: float
    load_after: float = 0.0
    took_s: float = 0.0


def main() -> int:
    """Measure, print, and say whether every part could be measured; a missed goal is no failure."""
    parser = ArgumentParser(prog="python -m benchmarks", description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(_MOST_S_BY_PART)}; all by default")
    asked = parser.parse_args()
    if unknown := set(asked.parts) - _MOST_S_BY_PART.keys():
        parser.error(f"unknown part: {', '.join(sorted(unknown))}")
    started, before = time.monotonic(), _load()
    figures: list[Figure] = []
    failures: list[str] = []
    for part in asked.parts or _MOST_S_BY_PART:
        try:
            figures += _run(part)
        except (subprocess.SubprocessError, ValueError) as error:
            failures.append(f"{part}: {error}")
    machine = Machine(
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        processor=f"{platform.system()} {platform.machine()}",
        python=platform.python_version(),
        load_before=before,
        load_after=_load(),
        took_s=time.monotonic() - started,
    )
    if asked.json:
        report = {"machine": asdict(machine), "figures": [_as_json(each) for each in figures], "failures": failures}
        sys.stdout.buffer.write(orjson.dumps(report, option=orjson.OPT_INDENT_2) + b"\n")
    else:
        _print(machine, figures, failures)
    return 1 if failures else 0


def _run(part: str) -> list[Figure]:
    """Run one part; its server, if it has one, ends with it."""
    print(f"measuring: {part} ...", file=sys.stderr, flush=True)
    words = [sys.executable, "-m", f"benchmarks.{part}"]
    done = subprocess.run(words, stdout=subprocess.PIPE, timeout=_MOST_S_BY_PART[part], check=True)
    return take_over(done.stdout)


def _load() -> float:
    return os.getloadavg()[0]


def _as_json(each: Figure) -> dict[str, object]:
    return {**asdict(each), "verdict": each.verdict}


def _print(machine: Machine, figures: list[Figure], failures: list[str]) -> None:
    console = Console(width=None if sys.stdout.isatty() else _WIDTH)
    console.print(
        f"{machine.cores} cores, {machine.processor}, Python {machine.python}; load average {machine.load_before:.1f} "
        f"before and {machine.load_after:.1f} after; took {machine.took_s:.0f} s",
        highlight=False,
    )
    if machine.load_before > machine.cores / 2:
        console.print("The machine was busy with other things: times are longer than its own.", style="yellow")
    print_table(console, figures)
    for failure in failures:
        console.print(f"not measured: {failure}", style="red", highlight=False)


if __name__ == "__main__":
    sys.exit(main())
