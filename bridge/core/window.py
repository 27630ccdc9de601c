"""When lending is allowed, how much, and by when it all is back: spans of windows folded into one line of segments.

Which instants a cron expression means is computed elsewhere (``bridge.adapters.calendar``); here are only instants.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bridge.core.resources import Room

UNLIMITED = 10**12
"""An axis of an amount that a window doesn't limit: beyond any fleet, in millicores as in MiB."""
_ANY_ROOM = Room(cpu_millicores=UNLIMITED, memory_mib=UNLIMITED)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadRule:
    """Between which loads of the lenders' CPU a window is closed and opened (see ``bridge.core.window_load``)."""

    end_above: float
    """Closes above it, at once."""
    open_below: float
    """Opens below it, once that has lasted for ``confirm``; between the two it stays as it is."""
    confirm: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowSpan:
    """One opening of one window: [start, back_by), its end exclusive."""

    name: str
    start: datetime
    back_by: datetime
    lead: timedelta
    max_ratio: float
    max_extend: timedelta = timedelta(0)
    is_exception: bool = False
    """Beats every window that is none: while it lasts, only exceptions count."""
    max_room: Room | None = None
    """The amount that may be lent; an axis that isn't limited is UNLIMITED."""
    load: LoadRule | None = None
    """When load ends it early, or keeps it closed; None where load doesn't matter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A stretch of time with one limit. Where windows overlap, the smallest limit wins; exceptions beat windows.

    What load closes opens nothing, but its limit holds on: closing a window never makes another lend more.
    ``lead`` is how long before the segment's end work stops being scheduled on what must go, if less may be lent after.
    """

    start: datetime
    end: datetime
    max_ratio: float
    windows: tuple[str, ...]
    lead: timedelta
    max_extend: timedelta
    max_room: Room | None = None
    load_closed: tuple[str, ...] = ()

    def is_below(self, other: Segment) -> bool:
        """Say whether less may be lent than in *other*, on any axis."""
        if self.max_ratio < other.max_ratio:
            return True
        return self.max_room is not None and not (other.max_room or _ANY_ROOM).fits_in(self.max_room)


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """What the windows allow at an instant."""

    max_ratio: float
    """Share of the lenders' allocatable that may be lent now; 0 where no window is open."""
    windows: tuple[str, ...]
    next_ratio: float
    """The limit that holds after ``back_by``; only what is above it must be returned."""
    back_by: datetime | None
    """By when everything above ``next_ratio`` is back; None where nothing is lent."""
    lead_from: datetime | None
    """From when on nothing new is scheduled on what must go."""
    closes_at: datetime | None
    """When the last of an unbroken row of windows ends."""
    max_extend: timedelta
    opens_at: datetime | None
    """The next opening, where none is open now and one is known."""
    max_room: Room | None = None
    """The amount that may be lent now, where a window sets one."""
    next_room: Room | None = None
    """The amount that may be lent after ``back_by``."""
    load_closed: tuple[str, ...] = ()
    """Windows that the load keeps closed now."""

    @property
    def is_open(self) -> bool:
        """Say whether anything may be lent now."""
        return self.max_ratio > 0

    @property
    def lead(self) -> timedelta | None:
        """How long before ``back_by`` what must go is closed; None where nothing is lent."""
        return None if self.back_by is None or self.lead_from is None else self.back_by - self.lead_from

    def with_lead(self, lead: timedelta) -> Allowance:
        """Close what must go so long before ``back_by``."""
        return self if self.back_by is None else replace(self, lead_from=self.back_by - lead)

    def is_ending(self, at: datetime) -> bool:
        """Say whether *at* lies within ``lead`` of the time by which something must be back."""
        return self.lead_from is not None and at >= self.lead_from


def segments(spans: tuple[WindowSpan, ...], closed: frozenset[str] = frozenset()) -> tuple[Segment, ...]:
    """Fold *spans* into segments that don't overlap, in order of time; load keeps the windows in *closed* closed."""
    edges = sorted({edge for span in spans for edge in (span.start, span.back_by)})
    found: list[Segment] = []
    for start, end in itertools.pairwise(edges):
        over = [span for span in spans if span.start <= start and end <= span.back_by]
        if over:
            found.append(_segment(start, end, [span for span in over if span.is_exception] or over, closed))
    return tuple(found)


def _segment(start: datetime, end: datetime, over: list[WindowSpan], closed: frozenset[str]) -> Segment:
    """Take the smallest limits of the spans that count from *start* to *end*."""
    ending = [span for span in over if span.back_by == end] or over
    is_open = any(span.name not in closed for span in over)
    return Segment(
        start=start,
        end=end,
        max_ratio=min(span.max_ratio for span in over) if is_open else 0.0,
        windows=tuple(sorted({span.name for span in over})),
        lead=max(span.lead for span in ending),
        max_extend=max(span.max_extend for span in ending),
        max_room=_smallest([span.max_room for span in over if span.max_room is not None]),
        load_closed=tuple(sorted({span.name for span in over if span.name in closed})),
    )


def _smallest(rooms: list[Room]) -> Room | None:
    """Take the smallest amount on each axis; None where nothing limits."""
    if not rooms:
        return None
    return Room(
        cpu_millicores=min(room.cpu_millicores for room in rooms), memory_mib=min(room.memory_mib for room in rooms)
    )


def allowance(
    spans: tuple[WindowSpan, ...],
    at: datetime,
    least_lead: timedelta = timedelta(0),
    closed: frozenset[str] = frozenset(),
) -> Allowance:
    """Say what *spans* allow at the instant *at*, and what must be back by when; no lead is below *least_lead*.

    *closed* names windows that load keeps closed. Deadlines take them for closed later as well, to be safe;
    ``opens_at`` is what the calendar says.
    """
    line = segments(spans, closed)
    now = next((segment for segment in line if segment.start <= at < segment.end), None)
    if now is None or now.max_ratio <= 0:
        return _nothing(now, segments(spans), at)
    row = _unbroken_row(line, now)
    drop = next((here for here, after in itertools.pairwise(row) if after.is_below(now)), row[-1])
    after = _after(row, drop)
    return Allowance(
        max_ratio=now.max_ratio,
        windows=now.windows,
        next_ratio=after.max_ratio if after else 0.0,
        back_by=drop.end,
        lead_from=drop.end - max(drop.lead, least_lead),
        closes_at=row[-1].end,
        max_extend=row[-1].max_extend,
        opens_at=None,
        max_room=now.max_room,
        next_room=after.max_room if after else None,
        load_closed=now.load_closed,
    )


def _nothing(now: Segment | None, calendar: tuple[Segment, ...], at: datetime) -> Allowance:
    """Say that nothing may be lent in the segment *now*, or outside any, and when the *calendar* opens next."""
    return Allowance(
        max_ratio=0.0,
        windows=() if now is None else now.windows,
        next_ratio=0.0,
        back_by=None,
        lead_from=None,
        closes_at=None,
        max_extend=timedelta(0),
        opens_at=min((each.start for each in calendar if each.start > at and each.max_ratio > 0), default=None),
        load_closed=() if now is None else now.load_closed,
    )


def _unbroken_row(line: tuple[Segment, ...], first: Segment) -> tuple[Segment, ...]:
    """Take the segments from *first* on that follow one another without a pause."""
    row = [first]
    for segment in line[line.index(first) + 1 :]:
        if segment.start != row[-1].end or segment.max_ratio <= 0:
            break
        row.append(segment)
    return tuple(row)


def _after(row: tuple[Segment, ...], segment: Segment) -> Segment | None:
    """Return what follows *segment* without a pause and lends."""
    following = row.index(segment) + 1
    return row[following] if following < len(row) else None
