"""The calendar as it will happen: the controller's own answers, from one change to the next. Load isn't known here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bridge.core.window import Allowance, WindowSpan, allowance

_STEP = timedelta(days=1)
"""How far one look is good for: windows are computed further ahead than that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A time in which the same windows hold, and what a tick is allowed when it begins."""

    start: datetime
    end: datetime
    allowance: Allowance


def listing(
    around: Callable[[datetime], tuple[WindowSpan, ...]],
    since: datetime,
    until: datetime,
    least_lead: timedelta = timedelta(0),
) -> tuple[Stretch, ...]:
    """Say what a tick at each instant in [since, until) is allowed; *around* gives it the windows, as the pool's does.

    Deadlines are those that a tick at the stretch's start promises; a later tick may see further and say a later one.
    """
    found: list[Stretch] = []
    for stretch in _looks(around, since, until, least_lead):
        if found and _limits(found[-1].allowance) == _limits(stretch.allowance):
            found[-1] = replace(found[-1], end=stretch.end)
        else:
            found.append(stretch)
    return tuple(found)


def _looks(
    around: Callable[[datetime], tuple[WindowSpan, ...]], since: datetime, until: datetime, least_lead: timedelta
) -> Iterator[Stretch]:
    """Yield one stretch after another, each no longer than a look is good for."""
    at = since
    while at < until:
        spans = around(at)
        edges = (edge for span in spans for edge in (span.start, span.back_by) if edge > at)
        end = min((*edges, at + _STEP, until))
        yield Stretch(start=at, end=end, allowance=allowance(spans, at, least_lead))
        at = end


def _limits(allowed: Allowance) -> object:
    return allowed.max_ratio, allowed.max_room, allowed.windows
