"""Which instants the windows mean: cron and wall-clock times of a time zone become spans of aware UTC instants.

Everything is computed on the wall clock and turned into instants at the end, so both clock changes do what a person
expects. What the wall clock skips happens at the first instant after the skip; what it shows twice happens the first
time. cronsim's own handling of clock changes is left out: it opens an hourly cron twice in the repeated hour.
How spans that overlap are merged is decided in ``bridge.core.window``.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from cronsim import CronSim

from bridge.core.resources import Room
from bridge.core.window import LoadRule, WindowSpan

_DAY = timedelta(days=1)


class Times(Protocol):
    """The form of a window: when it is open."""

    def between(self, since: datetime, until: datetime, zone: ZoneInfo) -> Iterator[tuple[datetime, datetime]]:
        """Yield [start, end) of every opening that has an instant in [since, until), in UTC."""


@dataclass(frozen=True, slots=True)
class Cron:
    """Opens when *cron* says, and ends at the next *back_by* on the same wall clock."""

    cron: str
    """Five fields; means what Unix cron means: Sunday is 0 and 7."""
    back_by: time

    def between(self, since: datetime, until: datetime, zone: ZoneInfo) -> Iterator[tuple[datetime, datetime]]:
        """Yield the openings in order of time, each start once."""
        previous: datetime | None = None
        for start_wall in _starts(self.cron, wall_at(since, zone) - _DAY):
            start = instant(start_wall, zone)
            if start >= until:
                return
            back_by = instant(_next(self.back_by, start_wall), zone)
            if back_by > max(since, start) and start != previous:
                previous = start
                yield start, back_by


@dataclass(frozen=True, slots=True)
class Interval:
    """Open once, from *start* to *end* on the wall clock; its end is exclusive."""

    start: datetime
    end: datetime

    def between(self, since: datetime, until: datetime, zone: ZoneInfo) -> Iterator[tuple[datetime, datetime]]:
        """Yield the one opening, if it has a length."""
        start, end = instant(self.start, zone), instant(self.end, zone)
        if start < min(end, until) and end > since:
            yield start, end


@dataclass(frozen=True, slots=True)
class Always:
    """Open for ever: one UTC day after another, so that promises have a deadline, which always moves on."""

    def between(
        self,
        since: datetime,
        until: datetime,
        zone: ZoneInfo,  # noqa: ARG002 (days of UTC, wherever the window is)
    ) -> Iterator[tuple[datetime, datetime]]:
        """Yield the days."""
        start = since.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        while start < until:
            yield start, start + _DAY
            start += _DAY


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowRule:
    """One window as configured."""

    name: str
    times: Times
    zone: ZoneInfo
    lead: timedelta
    max_ratio: float
    max_extend: timedelta = timedelta(0)
    is_exception: bool = False
    max_room: Room | None = None
    load: LoadRule | None = None


def spans(windows: Iterable[WindowRule], since: datetime, until: datetime) -> tuple[WindowSpan, ...]:
    """Return every opening that has an instant in [since, until), by start and then by name.

    An opening that lies wholly in an hour that the wall clock skips has no length, and isn't there.
    """
    found = [span for window in windows for span in _spans(window, since, until)]
    return tuple(sorted(found, key=lambda span: (span.start, span.name)))


def next_firing(cron: str, zone: ZoneInfo, after: datetime) -> datetime:
    """Return the first instant after *after* that *cron* names on the wall clock of *zone*."""
    return next(at for wall in _starts(cron, wall_at(after, zone) - _DAY) if (at := instant(wall, zone)) > after)


def _spans(window: WindowRule, since: datetime, until: datetime) -> Iterator[WindowSpan]:
    """Yield one window's openings."""
    for start, back_by in window.times.between(since, until, window.zone):
        yield WindowSpan(
            name=window.name,
            start=start,
            back_by=back_by,
            lead=window.lead,
            max_ratio=window.max_ratio,
            max_extend=window.max_extend,
            is_exception=window.is_exception,
            max_room=window.max_room,
            load=window.load,
        )


def _starts(cron: str, after: datetime) -> Iterator[datetime]:
    """Yield the wall-clock times that *cron* names, after *after*. No opening is longer than a day on that clock."""
    yield from CronSim(cron, after)


def _next(clock: time, after: datetime) -> datetime:
    """Return the next wall-clock time *clock* that is later than *after*."""
    same_day = datetime.combine(after, clock)
    return same_day if same_day > after else same_day + _DAY


def wall_at(at: datetime, zone: ZoneInfo) -> datetime:
    """Return what a clock on the wall shows at the instant *at*."""
    return at.astimezone(zone).replace(tzinfo=None, fold=0)


def instant(wall: datetime, zone: ZoneInfo) -> datetime:
    """Return when the wall clock first shows *wall*, or, if it skips that, the first instant after the skip."""
    first = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if wall_at(first, zone) == wall:
        return first
    before = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    skipped_s = range(int((first - before).total_seconds()) + 1)
    return before + timedelta(seconds=bisect_left(skipped_s, True, key=lambda s: _is_past(before, s, wall, zone)))


def _is_past(before: datetime, seconds: int, wall: datetime, zone: ZoneInfo) -> bool:
    """Say whether the wall clock is past *wall*, so many seconds after *before*."""
    return wall_at(before + timedelta(seconds=seconds), zone) > wall
