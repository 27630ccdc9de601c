"""The calendar on ordinary days, on both days of a clock change, and its laws on any day."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.adapters.calendar import Cron, WindowRule, spans
from bridge.core.window import WindowSpan

DAY = timedelta(days=1)
BERLIN, NEW_YORK, LORD_HOWE, SHANGHAI = "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Shanghai"


def make_rule(
    cron: str = "0 22 * * *", back_by: str = "06:30", zone: str = "UTC", name: str = "nights", **others: timedelta
) -> WindowRule:
    return WindowRule(
        name=name,
        times=Cron(cron, time.fromisoformat(back_by)),
        zone=ZoneInfo(zone),
        lead=others.get("lead", timedelta(minutes=45)),
        max_ratio=0.6,
        max_extend=others.get("max_extend", timedelta(minutes=30)),
    )


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def openings(rule: WindowRule, day: str, days: int = 1) -> list[tuple[datetime, datetime]]:
    """The openings that start on *day*, or the days after it, on the rule's wall clock."""
    first = datetime.fromisoformat(day)
    since = first.replace(tzinfo=rule.zone).astimezone(UTC)
    until = (first + days * DAY).replace(tzinfo=rule.zone).astimezone(UTC)
    return [(span.start, span.back_by) for span in spans((rule,), since, until) if span.start >= since]


def test_an_opening_carries_what_its_window_says() -> None:
    found = spans((make_rule(zone=SHANGHAI),), instant("2026-02-02T12:00Z"), instant("2026-02-03T12:00Z"))
    assert found == (
        WindowSpan(
            name="nights",
            start=instant("2026-02-02T22:00+08:00"),
            back_by=instant("2026-02-03T06:30+08:00"),
            lead=timedelta(minutes=45),
            max_ratio=0.6,
            max_extend=timedelta(minutes=30),
        ),
    )


@pytest.mark.parametrize("sunday", ["0", "7", "sun", "SUN", "0,7", "7,0"])
def test_sunday_is_0_and_7(sunday: str) -> None:
    found = openings(make_rule(f"0 22 * * {sunday}"), "2026-02-02", days=7)
    assert [start.date() for start, _ in found] == [date(2026, 2, 8)]


@pytest.mark.parametrize(
    ("cron", "days_of_february"),
    [
        pytest.param("0 22 * * mon-fri", [2, 3, 4, 5, 6, 9, 10], id="monday is 1, not 0"),
        pytest.param("0 22 * * 5-7", [1, 6, 7, 8], id="a range up to 7 ends on Sunday"),
        pytest.param("0 22 5 * mon", [2, 5, 9], id="day of month or day of week, where both are named"),
        pytest.param("0 22 */5 * *", [1, 6], id="steps count from 1"),
        pytest.param("0 22 1-3,8 2 *", [1, 2, 3, 8], id="lists and ranges"),
        pytest.param("0 22 * mar *", [], id="another month"),
    ],
)
def test_cron_means_what_unix_cron_means(cron: str, days_of_february: list[int]) -> None:
    found = openings(make_rule(cron), "2026-02-01", days=10)
    assert [start.day for start, _ in found] == days_of_february


CHANGES = [
    # Berlin: 2026-03-29 02:00+01 becomes 03:00+02, 2026-10-25 03:00+02 becomes 02:00+01
    (BERLIN, "30 2 * * *", "06:00", "2026-03-29", ["03:00+02:00 06:00+02:00"], "a start in the skipped hour"),
    (BERLIN, "*/30 2 * * *", "06:00", "2026-03-29", ["03:00+02:00 06:00+02:00"], "two starts in the skipped hour"),
    (BERLIN, "30 1 * * *", "02:30", "2026-03-29", ["01:30+01:00 03:00+02:00"], "an end in the skipped hour"),
    (BERLIN, "0 2 * * *", "03:00", "2026-03-29", [], "a window that is the skipped hour"),
    (BERLIN, "15 2 * * *", "03:30", "2026-03-29", ["03:00+02:00 03:30+02:00"], "what is left of a skipped hour"),
    (BERLIN, "0 1 * * *", "04:00", "2026-03-29", ["01:00+01:00 04:00+02:00"], "over the skipped hour"),
    (BERLIN, "30 2 * * *", "06:00", "2026-10-25", ["02:30+02:00 06:00+01:00"], "a start in the repeated hour"),
    (BERLIN, "*/30 2 * * *", "06:00", "2026-10-25", ["02:00+02:00 06:00+01:00", "02:30+02:00 06:00+01:00"], "starred"),
    (BERLIN, "30 1 * * *", "02:30", "2026-10-25", ["01:30+02:00 02:30+02:00"], "an end in the repeated hour"),
    (BERLIN, "10 2 * * *", "02:40", "2026-10-25", ["02:10+02:00 02:40+02:00"], "inside the repeated hour"),
    (BERLIN, "0 3 * * *", "04:00", "2026-10-25", ["03:00+01:00 04:00+01:00"], "after the repeated hour"),
    # New York: 2026-03-08 02:00-05 becomes 03:00-04, 2026-11-01 02:00-04 becomes 01:00-05
    (NEW_YORK, "30 2 * * *", "06:00", "2026-03-08", ["03:00-04:00 06:00-04:00"], "a start in the skipped hour"),
    (NEW_YORK, "0 0 * * *", "02:30", "2026-03-08", ["00:00-05:00 03:00-04:00"], "an end in the skipped hour"),
    (NEW_YORK, "30 1 * * *", "06:00", "2026-11-01", ["01:30-04:00 06:00-05:00"], "a start in the repeated hour"),
    (NEW_YORK, "0 0 * * *", "01:30", "2026-11-01", ["00:00-04:00 01:30-04:00"], "an end in the repeated hour"),
    # Lord Howe: 2026-10-04 02:00+10:30 becomes 02:30+11, 2026-04-05 02:00+11 becomes 01:30+10:30
    (LORD_HOWE, "10 2 * * *", "06:00", "2026-10-04", ["02:30+11:00 06:00+11:00"], "a start in the skipped half hour"),
    (LORD_HOWE, "*/20 2 * * *", "06:00", "2026-10-04", ["02:30+11:00 06:00+11:00", "02:40+11:00 06:00+11:00"], "star"),
    (LORD_HOWE, "0 1 * * *", "02:10", "2026-10-04", ["01:00+10:30 02:30+11:00"], "an end in the skipped half hour"),
    (LORD_HOWE, "45 1 * * *", "06:00", "2026-04-05", ["01:45+11:00 06:00+10:30"], "a start in the repeated half hour"),
    (LORD_HOWE, "0 1 * * *", "01:45", "2026-04-05", ["01:00+11:00 01:45+11:00"], "an end in the repeated half hour"),
    # Shanghai has had no change since 1991; in 1986 it had both
    (SHANGHAI, "30 2 * * *", "06:00", "2026-03-29", ["02:30+08:00 06:00+08:00"], "no change in spring"),
    (SHANGHAI, "30 2 * * *", "06:00", "2026-10-25", ["02:30+08:00 06:00+08:00"], "no change in autumn"),
    (SHANGHAI, "30 2 * * *", "06:00", "1986-05-04", ["03:00+09:00 06:00+09:00"], "a start in the skipped hour"),
    (SHANGHAI, "30 1 * * *", "06:00", "1986-09-14", ["01:30+09:00 06:00+08:00"], "a start in the repeated hour"),
]


@pytest.mark.parametrize(
    ("zone", "cron", "back_by", "day", "expected"),
    [pytest.param(*row[:5], id=f"{row[0]} {row[3]}: {row[5]}") for row in CHANGES],
)
def test_a_clock_change_does_what_a_person_expects(
    zone: str, cron: str, back_by: str, day: str, expected: list[str]
) -> None:
    found = openings(make_rule(cron, back_by, zone), day)
    pairs = [entry.split() for entry in expected]
    assert found == [(instant(f"{day}T{start}"), instant(f"{day}T{end}")) for start, end in pairs]


def test_an_hourly_window_opens_once_an_hour_of_the_wall_clock_when_an_hour_is_repeated() -> None:
    found = openings(make_rule("0 * * * *", "00:00", BERLIN), "2026-10-25")
    assert [start.astimezone(ZoneInfo(BERLIN)).hour for start, _ in found] == list(range(24))


def test_a_day_that_a_zone_skips_opens_at_the_first_instant_after_it() -> None:
    found = openings(make_rule("0 22 * * *", "06:30", "Pacific/Apia"), "2011-12-29", days=3)
    assert found == [
        (instant("2011-12-29T22:00-10:00"), instant("2011-12-31T00:00+14:00")),
        (instant("2011-12-31T00:00+14:00"), instant("2011-12-31T06:30+14:00")),
        (instant("2011-12-31T22:00+14:00"), instant("2012-01-01T06:30+14:00")),
    ]


@pytest.mark.parametrize(
    ("since", "is_there"),
    [
        pytest.param("2026-02-02T21:59:59Z", True, id="a second before the start"),
        pytest.param("2026-02-02T22:00:00Z", True, id="at the start"),
        pytest.param("2026-02-03T06:29:59.999999Z", True, id="a microsecond before the end"),
        pytest.param("2026-02-03T06:30:00Z", False, id="at the end"),
    ],
)
def test_a_window_that_started_before_since_and_still_runs_is_found(since: str, is_there: bool) -> None:
    found = spans((make_rule("0 22 2 * *"),), instant(since), instant(since) + timedelta(seconds=2))
    assert bool(found) is is_there


def test_a_start_at_until_is_left_to_the_next_question() -> None:
    assert spans((make_rule(),), instant("2026-02-02T12:00Z"), instant("2026-02-02T22:00Z")) == ()


def test_back_by_at_the_hour_of_a_start_is_the_next_day() -> None:
    found = openings(make_rule("0 6,22 * * *", "06:00"), "2026-02-02")
    assert [end - start for start, end in found] == [timedelta(hours=24), timedelta(hours=8)]


def test_windows_are_told_in_order_of_time_and_then_of_name() -> None:
    rules = (make_rule(name="b"), make_rule(name="a"), make_rule("0 21 * * *", name="c"))
    found = spans(rules, instant("2026-02-02T12:00Z"), instant("2026-02-03T12:00Z"))
    assert [span.name for span in found] == ["c", "a", "b"]


ZONES = st.sampled_from(
    [BERLIN, NEW_YORK, LORD_HOWE, SHANGHAI, "UTC", "Asia/Kathmandu", "America/Santiago", "Africa/Casablanca"]
)
CLOCKS = st.builds(time, st.integers(0, 23), st.integers(0, 59))
DAYS = st.one_of(
    st.dates(date(2015, 1, 1), date(2035, 1, 1)),
    st.sampled_from([date(2026, 3, 28), date(2026, 10, 24), date(2026, 3, 7), date(2026, 10, 31), date(2026, 10, 3)]),
)
NIGHT_HOURS = st.one_of(st.integers(0, 4), st.integers(0, 23))
RULES = st.builds(
    lambda minute, hour, back_by, zone: make_rule(f"{minute} {hour} * * *", back_by.isoformat(), zone),
    st.one_of(st.integers(0, 59).map(str), st.just("*/20"), st.just("0,30")),
    st.one_of(NIGHT_HOURS.map(str), st.just("*"), st.just("1-3")),
    st.builds(time, NIGHT_HOURS, st.integers(0, 59)),
    ZONES,
)


def first_shown(wall: datetime, zone: ZoneInfo) -> datetime:
    """The slow truth: look at the clock every minute until it has reached *wall*."""
    at = wall.replace(tzinfo=UTC) - timedelta(hours=15)
    while at.astimezone(zone).replace(tzinfo=None) < wall:
        at += timedelta(minutes=1)
    return at


@settings(deadline=None)
@given(rule=RULES, day=DAYS)
def test_starts_ascend_and_every_opening_has_a_length(rule: WindowRule, day: date) -> None:
    since = datetime.combine(day, time(), UTC)
    found = spans((rule,), since, since + 3 * DAY)
    assert all(one.start < other.start for one, other in pairwise(found))
    assert all(span.start < span.back_by for span in found)


@settings(max_examples=60, deadline=None)
@given(zone=ZONES, hour=NIGHT_HOURS, minute=st.integers(0, 59), back_by=CLOCKS, day=DAYS)
def test_each_days_start_opens_exactly_once_when_the_clock_first_reaches_it(
    zone: str, hour: int, minute: int, back_by: time, day: date
) -> None:
    rule = make_rule(f"{minute} {hour} * * *", back_by.isoformat(), zone)
    starts = [datetime.combine(day + n * DAY, time(hour, minute)) for n in range(3)]
    ends = [datetime.combine(start, back_by) for start in starts]
    expected = [
        (first_shown(start, rule.zone), first_shown(end if end > start else end + DAY, rule.zone))
        for start, end in zip(starts, ends, strict=True)
    ]
    assert openings(rule, day.isoformat(), days=3) == [(start, end) for start, end in expected if start < end]


@settings(deadline=None)
@given(rule=RULES, day=DAYS, cut=st.timedeltas(timedelta(0), 3 * DAY))
def test_two_questions_about_two_halves_find_what_one_about_the_whole_does(
    rule: WindowRule, day: date, cut: timedelta
) -> None:
    since = datetime.combine(day, time(), UTC)
    middle, until = since + cut, since + 3 * DAY
    halves = set(spans((rule,), since, middle)) | set(spans((rule,), middle, until))
    assert halves == set(spans((rule,), since, until))


@settings(deadline=None)
@given(rule=RULES, day=DAYS)
def test_an_opening_is_found_from_its_first_instant_to_its_last(rule: WindowRule, day: date) -> None:
    moment = timedelta(microseconds=1)
    since = datetime.combine(day, time(), UTC)
    for span in spans((rule,), since, since + DAY)[:4]:
        for at in (span.start, span.back_by - moment):
            assert span in spans((rule,), at, at + moment)
        assert span not in spans((rule,), span.back_by, span.back_by + moment)
