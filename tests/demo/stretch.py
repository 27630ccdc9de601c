"""A short stretch of the recorded day: the end of a night, with more work than YARN's own nodes can do."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bridge.demo import Day, Moment, Report

STRETCH = Day(
    start=datetime(2021, 10, 11, 21, tzinfo=UTC),
    length=timedelta(hours=1, minutes=36),
    skip_jobs=timedelta(hours=19, minutes=22),
    static_nodes=1,
)
"""05:00 to 06:36 in Shanghai; the window ends at 06:30. One of its tasks is longer than what is left of the night."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """What came of playing it."""

    moments: tuple[Moment, ...]
    report: Report


@dataclass(frozen=True, slots=True, kw_only=True)
class Printed:
    """What the command printed without a terminal, and left behind."""

    report: Report
    text: str
    folder: Path
