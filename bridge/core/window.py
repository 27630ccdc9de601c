"""When lending is allowed, how much, and by when it all is back: spans of windows folded into one line of segments.

Which instants a cron expression means is computed elsewhere (``bridge.adapters.calendar``); here are only instants.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowSpan:
    """One opening of one window: [start, back_by), its end exclusive."""

    name: str
    start: datetime
    back_by: datetime
    lead: timedelta
    max_ratio: float
    max_extend: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A stretch of time with one limit. Where windows overlap, the smallest limit wins.

    ``lead`` is how long before the segment's end work stops being scheduled on what must go, if less may be lent after.
    """

    start: datetime
    end: datetime
    max_ratio: float
    windows: tuple[str, ...]
    lead: timedelta
    max_extend: timedelta


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

    @property
    def is_open(self) -> bool:
        """Say whether anything may be lent now."""
        return self.max_ratio > 0

    def is_ending(self, at: datetime) -> bool:
        """Say whether *at* lies within ``lead`` of the time by which something must be back."""
        return self.lead_from is not None and at >= self.lead_from


def segments(spans: tuple[WindowSpan, ...]) -> tuple[Segment, ...]:
    """Fold *spans* into segments that don't overlap, in order of time."""
    edges = sorted({edge for span in spans for edge in (span.start, span.back_by)})
    found: list[Segment] = []
    for start, end in itertools.pairwise(edges):
        over = [span for span in spans if span.start <= start and end <= span.back_by]
        if not over:
            continue
        ending = [span for span in over if span.back_by == end] or over
        found.append(
            Segment(
                start=start,
                end=end,
                max_ratio=min(span.max_ratio for span in over),
                windows=tuple(sorted({span.name for span in over})),
                lead=max(span.lead for span in ending),
                max_extend=max(span.max_extend for span in ending),
            )
        )
    return tuple(found)


def allowance(spans: tuple[WindowSpan, ...], at: datetime, least_lead: timedelta = timedelta(0)) -> Allowance:
    """Say what *spans* allow at the instant *at*, and what must be back by when; no lead is below *least_lead*."""
    line = segments(spans)
    now = next((segment for segment in line if segment.start <= at < segment.end), None)
    if now is None or now.max_ratio <= 0:
        opens = [segment.start for segment in line if segment.start > at and segment.max_ratio > 0]
        return Allowance(
            max_ratio=0.0,
            windows=() if now is None else now.windows,
            next_ratio=0.0,
            back_by=None,
            lead_from=None,
            closes_at=None,
            max_extend=timedelta(0),
            opens_at=min(opens, default=None),
        )
    row = _unbroken_row(line, now)
    drop = next((segment for segment in row if segment is row[-1] or _after(row, segment) < now.max_ratio), row[-1])
    return Allowance(
        max_ratio=now.max_ratio,
        windows=now.windows,
        next_ratio=_after(row, drop),
        back_by=drop.end,
        lead_from=drop.end - max(drop.lead, least_lead),
        closes_at=row[-1].end,
        max_extend=row[-1].max_extend,
        opens_at=None,
    )


def _unbroken_row(line: tuple[Segment, ...], first: Segment) -> tuple[Segment, ...]:
    """Take the segments from *first* on that follow one another without a pause."""
    row = [first]
    for segment in line[line.index(first) + 1 :]:
        if segment.start != row[-1].end or segment.max_ratio <= 0:
            break
        row.append(segment)
    return tuple(row)


def _after(row: tuple[Segment, ...], segment: Segment) -> float:
    """Say what limit holds right after *segment* ends."""
    following = row.index(segment) + 1
    return row[following].max_ratio if following < len(row) else 0.0
