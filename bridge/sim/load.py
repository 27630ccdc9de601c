"""Recorded load and recorded jobs, read from the two small CSV formats into values."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from zlib import crc32

from bridge.core.resources import Resources


class BadTrace(ValueError):
    """A trace can't be used; the message names file, line, column and remedy."""


TRACES = Path(__file__).parent / "traces"
"""The traces that come with the package; see the README there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadSeries:
    """A load between 0 and 1 at equal steps. None: no sample."""

    name: str
    first_s: int
    """UNIX time of the first step, or 0."""
    step_s: int
    load: tuple[float | None, ...]

    def after(self, elapsed_s: int) -> float | None:
        """Return the load *elapsed_s* seconds after the first step; the last one holds for ever."""
        index = min(max(elapsed_s, 0) // self.step_s, len(self.load) - 1)
        return self.load[index]

    @property
    def length_s(self) -> int:
        """How long the series is."""
        return self.step_s * len(self.load)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Equal tasks; a task is one container."""

    tasks: int
    task_s: float
    size: Resources
    release_s: int = 0
    """Seconds after the job's submission; counts only in a job whose stages aren't in order."""
    label: str = ""
    """The node label that its requests name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One application: an AM, and stages of tasks."""

    id: str
    stages: tuple[Stage, ...]
    submit_s: int = 0
    """Seconds from the start of the file."""
    queue: str = "default"
    in_order: bool = True
    """A stage starts when the one before it is done."""

    @property
    def ideal_s(self) -> float:
        """How long the tasks take when every one of a stage runs at once."""
        if self.in_order:
            return sum(stage.task_s for stage in self.stages)
        return max((stage.release_s + stage.task_s for stage in self.stages), default=0.0)


def load_series(path: Path) -> LoadSeries:
    """Read a load series: columns ``timestamp_s`` and ``load``, on a regular grid.

    Raises ``BadTrace`` for a file that can't be read, lacks a column, or has a cell or a step that doesn't fit.
    """
    rows = [
        (_number(path, line, "timestamp_s", row["timestamp_s"]), _load(path, line, row["load"]))
        for line, row in _rows(path, ("timestamp_s", "load"))
    ]
    if len(rows) < 2:
        raise BadTrace(f"{path}: has {len(rows)} rows of load; a series needs two at least")
    step_s = int(rows[1][0] - rows[0][0])
    for line, (at, _) in enumerate(rows, start=2):
        due = rows[0][0] + (line - 2) * step_s
        if at != due or (step_s <= 0 and line > 2):
            raise BadTrace(
                f"{path}: line {line}, timestamp_s: {at:g} isn't one step after the line before; steps must be equal "
                "and forward: leave load empty where there was no sample"
            )
    return LoadSeries(name=path.stem, first_s=int(rows[0][0]), step_s=step_s, load=tuple(load for _, load in rows))


def _rows(path: Path, columns: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield a CSV file's rows with their line numbers."""
    try:
        with path.open(newline="", encoding="utf-8") as lines:
            reader = csv.DictReader(lines)
            missing = [column for column in columns if column not in (reader.fieldnames or ())]
            if missing:
                raise BadTrace(f"{path}: line 1: no column is called {' or '.join(missing)}; name the columns there")
            for row in reader:
                yield reader.line_num, row
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadTrace(f"{path}: can't be read ({error}); name a CSV file") from error


def _number(path: Path, line: int, column: str, text: str | None) -> float:
    """Read a cell that must be a number."""
    try:
        number = float(text or "")
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise BadTrace(f"{path}: line {line}, {column}: {text!r} isn't a number; correct the cell")
    return number


def _load(path: Path, line: int, text: str | None) -> float | None:
    """Read a cell of load; an empty one is no sample."""
    if not text:
        return None
    load = _number(path, line, "load", text)
    if load < 0:
        raise BadTrace(f"{path}: line {line}, load: {text} is below 0; a load is a fraction of the CPU, 0 to 1")
    return load


_JOB_COLUMNS = ("job_id", "stage", "submit_s", "n_tasks", "task_s", "vcores", "mem_mb")


def load_jobs(
    path: Path,
    *,
    keep_one_in: int = 1,
    task_scale: float = 1.0,
    in_order: bool | None = None,
    queue_of: Callable[[str], str] = lambda _: "default",
) -> tuple[Job, ...]:
    """Read jobs in the order of their submission, keeping one job in *keep_one_in*; fractional vcores round up.

    *in_order*: whether a job's stages follow each other; None: they do, unless the file gives the stages of any job
    different times, for then each stage begins at its own.

    Raises ``BadTrace`` for a file that can't be read, lacks a column, or has a cell that isn't a number.
    """
    listed = [row for _, row in _rows(path, _JOB_COLUMNS)]
    in_order = not _have_own_times(listed) if in_order is None else in_order
    rows = [row for row in listed if crc32(row["job_id"].encode()) % keep_one_in == 0]
    rows.sort(key=lambda row: row["job_id"])
    jobs = (
        _job(job_id, sorted(group, key=lambda row: int(row["stage"])), task_scale, in_order, queue_of(job_id))
        for job_id, group in groupby(rows, key=lambda row: row["job_id"])
    )
    try:
        return tuple(sorted(jobs, key=lambda job: (job.submit_s, job.id)))
    except (ValueError, TypeError) as error:
        raise BadTrace(f"{path}: a cell isn't the number that its column needs ({error}); correct it") from error


def _have_own_times(rows: Iterable[dict[str, str]]) -> bool:
    """Say whether the stages of any job have different times."""
    times: dict[str, str] = {}
    return any(times.setdefault(row["job_id"], row["submit_s"]) != row["submit_s"] for row in rows)


def _job(job_id: str, rows: Iterable[dict[str, str]], task_scale: float, in_order: bool, queue: str) -> Job:
    rows = list(rows)
    submit_s = min(int(float(row["submit_s"])) for row in rows)
    return Job(
        id=job_id,
        stages=tuple(_stage(row, submit_s, task_scale) for row in rows),
        submit_s=submit_s,
        queue=queue,
        in_order=in_order,
    )


def _stage(row: dict[str, str], submit_s: int, task_scale: float) -> Stage:
    return Stage(
        tasks=int(row["n_tasks"]),
        task_s=float(row["task_s"]) * task_scale,
        size=Resources(vcores=math.ceil(float(row["vcores"])), memory_mib=math.ceil(float(row["mem_mb"]))),
        release_s=int(float(row["submit_s"])) - submit_s,
    )
