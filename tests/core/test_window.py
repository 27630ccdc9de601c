"""Spans of windows folded into one line: the smallest limit wins, ends are exclusive, drops are promised ahead."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.window import Allowance, Segment, WindowSpan, allowance, segments
from tests.build import AT, windows_around
from tests.core.test_properties import many, next_edge, ratio_at

ZERO = timedelta(0)


def hour(count: float) -> timedelta:
    return timedelta(hours=count)


def span(
    name: str, start: float, end: float, ratio: float = 1.0, lead: float = 0.5, max_extend: float = 0
) -> WindowSpan:
    """Write a span in hours from AT."""
    return WindowSpan(
        name=name,
        start=AT + hour(start),
        back_by=AT + hour(end),
        lead=hour(lead),
        max_ratio=ratio,
        max_extend=hour(max_extend),
    )


def segment(start: float, end: float, ratio: float, *windows: str, lead: float = 0.5) -> Segment:
    return Segment(
        start=AT + hour(start),
        end=AT + hour(end),
        max_ratio=ratio,
        windows=windows,
        lead=hour(lead),
        max_extend=ZERO,
    )


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        pytest.param((), (), id="nothing"),
        pytest.param((span("a", 0, 2),), (segment(0, 2, 1.0, "a"),), id="one"),
        pytest.param(
            (span("a", 0, 4, 0.6), span("b", 1, 2, 0.2)),
            (segment(0, 1, 0.6, "a"), segment(1, 2, 0.2, "a", "b"), segment(2, 4, 0.6, "a")),
            id="the smallest limit wins while windows overlap",
        ),
        pytest.param(
            (span("a", 0, 4, 0.6), span("freeze", 2, 9, 0.0)),
            (segment(0, 2, 0.6, "a"), segment(2, 4, 0.0, "a", "freeze"), segment(4, 9, 0.0, "freeze")),
            id="an exception of nothing beats a window",
        ),
        pytest.param(
            (span("a", 0, 1, lead=0.25), span("b", 0, 1, lead=0.75)),
            (segment(0, 1, 1.0, "a", "b", lead=0.75),),
            id="the longest lead of those that end counts",
        ),
        pytest.param(
            (span("a", 0, 1), span("b", 3, 4)),
            (segment(0, 1, 1.0, "a"), segment(3, 4, 1.0, "b")),
            id="a pause between windows is no segment",
        ),
    ],
)
def test_spans_fold_into_segments(spans: tuple[WindowSpan, ...], expected: tuple[Segment, ...]) -> None:
    assert segments(spans) == expected


CLOSED = Allowance(
    max_ratio=0.0,
    windows=(),
    next_ratio=0.0,
    back_by=None,
    lead_from=None,
    closes_at=None,
    max_extend=ZERO,
    opens_at=None,
)


def opened(
    ratio: float, *windows: str, back_by: float, next_ratio: float = 0.0, closes: float | None = None
) -> Allowance:
    return Allowance(
        max_ratio=ratio,
        windows=windows,
        next_ratio=next_ratio,
        back_by=AT + hour(back_by),
        lead_from=AT + hour(back_by - 0.5),
        closes_at=AT + hour(back_by if closes is None else closes),
        max_extend=ZERO,
        opens_at=None,
    )


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        pytest.param((), CLOSED, id="no window"),
        pytest.param((span("a", -3, 0),), CLOSED, id="an end is exclusive"),
        pytest.param((span("a", 0, 3),), opened(1.0, "a", back_by=3), id="a start is inclusive"),
        pytest.param((span("a", 2, 3),), replace(CLOSED, opens_at=AT + hour(2)), id="the next opening is known"),
        pytest.param(
            (span("a", -1, 2), span("freeze", -1, 1, 0.0)),
            replace(CLOSED, windows=("a", "freeze"), opens_at=AT + hour(1)),
            id="closed under an exception until it ends",
        ),
        pytest.param(
            (span("a", -1, 4, 0.6), span("b", 2, 6, 0.2)),
            opened(0.6, "a", back_by=2, next_ratio=0.2, closes=6),
            id="a lower limit inside an unbroken row must be met when it starts",
        ),
        pytest.param(
            (span("a", -1, 2, 0.3), span("b", 2, 4, 0.6), span("c", 4, 6, 0.1)),
            opened(0.3, "a", back_by=4, next_ratio=0.1, closes=6),
            id="a limit that rises first calls nothing back until it is lower than now",
        ),
        pytest.param(
            (span("a", -1, 2, 0.6), span("b", 2, 4, 0.6)),
            opened(0.6, "a", back_by=4),
            id="windows that follow one another are one",
        ),
        pytest.param(
            (span("a", -1, 2), span("freeze", 1, 9, 0.0)),
            opened(1.0, "a", back_by=1),
            id="an exception ends a row where it starts",
        ),
        pytest.param((span("a", -1, 2), span("b", 2.1, 4)), opened(1.0, "a", back_by=2), id="a pause ends the row"),
    ],
)
def test_the_allowance_says_what_is_allowed_now_and_what_is_back_by_when(
    spans: tuple[WindowSpan, ...], expected: Allowance
) -> None:
    assert allowance(spans, AT) == expected


def test_no_lead_is_shorter_than_the_least_one() -> None:
    spans = (span("a", -1, 2, lead=0),)
    assert allowance(spans, AT, hour(0.25)).lead_from == AT + hour(1.75)
    assert allowance((span("a", -1, 2, lead=1),), AT, hour(0.25)).lead_from == AT + hour(1)


@pytest.mark.parametrize(
    ("at", "expected"),
    [pytest.param(1.49, False, id="before"), pytest.param(1.5, True, id="at"), pytest.param(1.9, True, id="after")],
)
def test_a_window_is_ending_from_its_lead_on(at: float, expected: bool) -> None:
    instant = AT + hour(at)
    assert allowance((span("a", 0, 2),), instant).is_ending(instant) is expected


@given(windows_around(), st.integers(min_value=-400, max_value=500))
@many(100)
def test_the_allowance_agrees_with_counting_windows_one_by_one(spans: tuple[WindowSpan, ...], minute: int) -> None:
    at = AT + timedelta(minutes=minute)
    allowed = allowance(spans, at)
    assert Fraction(str(allowed.max_ratio)) == ratio_at(spans, at)
    if not allowed.is_open:
        return
    assert allowed.back_by == next_edge(spans, at)
    assert allowed.back_by is not None
    assert Fraction(str(allowed.next_ratio)) == ratio_at(spans, allowed.back_by)
    assert allowed.closes_at is not None
    assert allowed.closes_at >= allowed.back_by
    assert ratio_at(spans, allowed.closes_at) == 0
