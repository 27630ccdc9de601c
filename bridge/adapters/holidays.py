"""Openings from an iCalendar file (RFC 5545), such as public holidays: each event that isn't cancelled is one.

Dates and times without a zone are on the window's wall clock. The file is read again when it changes; while it can't
be read, the last good one holds.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import icalendar
import recurring_ical_events
from recurring_ical_events import CalendarQuery

from bridge.adapters.calendar import instant

log = logging.getLogger(__name__)

_DAY = timedelta(days=1)
_Opening = tuple[date, date]
"""Start and end as written: a date, or a time with or without a zone."""


class BadCalendar(Exception):
    """The file can't be read, or isn't an iCalendar file."""


@dataclass(frozen=True, slots=True)
class _Expanded:
    """What the events of one reading are in one stretch of days."""

    asked: tuple[CalendarQuery, date, date]
    openings: tuple[_Opening, ...]


class Holidays:
    """The events of one file. Several threads may ask it: what it keeps is replaced, never changed."""

    def __init__(self, path: Path) -> None:
        """Read the file; raise BadCalendar where that fails."""
        self._path = path
        self._stamp = _stamp(path)
        self._events = _read(path)
        self._expanded: _Expanded | None = None

    def between(self, since: datetime, until: datetime, zone: ZoneInfo) -> Iterator[tuple[datetime, datetime]]:
        """Yield [start, end) of every event that has an instant in [since, until), in UTC."""
        self._refresh()
        # A day to spare on both sides: dates and floating times are on a wall clock.
        first, last = since.astimezone(UTC).date() - 2 * _DAY, until.astimezone(UTC).date() + 2 * _DAY
        for begin, finish in self._openings(first, last):
            start, end = _at(begin, zone), _at(finish, zone)
            if start < min(end, until) and end > since:
                yield start, end

    def _openings(self, first: date, last: date) -> tuple[_Opening, ...]:
        """Expand what recurs, in whole days: every tick asks, and the answer is worked out once a day."""
        asked, kept = (self._events, first, last), self._expanded
        if kept is None or kept.asked != asked:
            found = tuple(_opening(each) for each in self._events.between(first, last) if not _is_cancelled(each))
            self._expanded = kept = _Expanded(asked, found)
        return kept.openings

    def _refresh(self) -> None:
        """Read the file again if it has changed; say it once if that fails."""
        stamp = _stamp(self._path)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._events = _read(self._path)
        except BadCalendar as error:
            log.warning("calendar.unreadable file=%s why=%r kept=last_good", self._path, str(error))
        else:
            log.info("calendar.read file=%s", self._path)


def _stamp(path: Path) -> tuple[int, int] | None:
    """Say when the file changed last, and how long it is; None where it is gone."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def _read(path: Path) -> CalendarQuery:
    """Parse the file, and expand it once, so that a rule that makes no sense shows now; raise BadCalendar."""
    try:
        calendar = icalendar.Calendar.from_ical(path.read_bytes())
        _refuse_unknown_zones(calendar)
        events = recurring_ical_events.of(calendar, components=["VEVENT"])
        some_day = date(2026, 1, 1)
        for each in events.between(some_day, some_day + 366 * _DAY):
            _opening(each)
    except OSError as error:
        raise BadCalendar(f"can't be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        # What both libraries raise on text that isn't iCalendar.
        why = " ".join(str(error).split())
        raise BadCalendar(f"isn't an iCalendar file: {why}") from error
    return events


def _refuse_unknown_zones(calendar: icalendar.Component) -> None:
    """Raise ValueError at a zone that nobody knows: the parser would read its times as the window's own."""
    for event in calendar.walk("VEVENT"):
        for written in (event.get("DTSTART"), event.get("DTEND")):
            name = None if written is None else written.params.get("TZID")
            if name is not None and written.dt.tzinfo is None:
                raise ValueError(f"the time zone {name} isn't known, nor described in it")


def _opening(event: icalendar.Event) -> _Opening:
    return event.start, event.end


def _is_cancelled(event: icalendar.Event) -> bool:
    return str(event.get("STATUS", "")).upper() == "CANCELLED"


def _at(written: date, zone: ZoneInfo) -> datetime:
    """Return the instant that a date (its midnight) or a time means on the wall clock of *zone*."""
    if not isinstance(written, datetime):
        return instant(datetime.combine(written, time()), zone)
    return instant(written, zone) if written.tzinfo is None else written.astimezone(UTC)
