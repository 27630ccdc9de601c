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
from zoneinfo import ZoneInfo

from cronsim import CronSim

from bridge.core.window import WindowSpan

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowRule:
    """One window as configured: it opens when *cron* says, and ends at the next *back_by* on the same wall clock."""

    name: str
    cron: str
    """Five fields; means what Unix cron means: Sunday is 0 and 7."""
    back_by: time
    zone: ZoneInfo
    lead: timedelta
    max_ratio: float
    max_extend: timedelta = timedelta(0)


def spans(windows: Iterable[WindowRule], since: datetime, until: datetime) -> tuple[WindowSpan, ...]:
    """Return every opening that has an instant in [since, until), by start and then by name.

    An opening that lies wholly in an hour that the wall clock skips has no length, and isn't there.
    """
    found = [span for window in windows for span in _spans(window, since, until)]
    return tuple(sorted(found, key=lambda span: (span.start, span.name)))


def next_firing(cron: str, zone: ZoneInfo, after: datetime) -> datetime:
    """Return the first instant after *after* that *cron* names on the wall clock of *zone*."""
    return next(at for wall in _starts(cron, _wall(after, zone) - _DAY) if (at := _instant(wall, zone)) > after)


def _spans(window: WindowRule, since: datetime, until: datetime) -> Iterator[WindowSpan]:
    """Yield one window's openings, in order of time, each start once."""
    previous: datetime | None = None
    for start_wall in _starts(window.cron, _wall(since, window.zone) - _DAY):
        start = _instant(start_wall, window.zone)
        if start >= until:
            return
        back_by = _instant(_next(window.back_by, start_wall), window.zone)
        if back_by > max(since, start) and start != previous:
            previous = start
            yield WindowSpan(
                name=window.name,
                start=start,
                back_by=back_by,
                lead=window.lead,
                max_ratio=window.max_ratio,
                max_extend=window.max_extend,
            )


def _starts(cron: str, after: datetime) -> Iterator[datetime]:
    """Yield the wall-clock times that *cron* names, after *after*. No opening is longer than a day on that clock."""
    yield from CronSim(cron, after)


def _next(clock: time, after: datetime) -> datetime:
    """Return the next wall-clock time *clock* that is later than *after*."""
    same_day = datetime.combine(after, clock)
    return same_day if same_day > after else same_day + _DAY


def _wall(at: datetime, zone: ZoneInfo) -> datetime:
    """Return what a clock on the wall shows at the instant *at*."""
    return at.astimezone(zone).replace(tzinfo=None, fold=0)


def _instant(wall: datetime, zone: ZoneInfo) -> datetime:
    """Return when the wall clock first shows *wall*, or, if it skips that, the first instant after the skip."""
    first = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if _wall(first, zone) == wall:
        return first
    before = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    skipped_s = range(int((first - before).total_seconds()) + 1)
    return before + timedelta(seconds=bisect_left(skipped_s, True, key=lambda s: _is_past(before, s, wall, zone)))


def _is_past(before: datetime, seconds: int, wall: datetime, zone: ZoneInfo) -> bool:
    """Say whether the wall clock is past *wall*, so many seconds after *before*."""
    return _wall(before + timedelta(seconds=seconds), zone) > wall
