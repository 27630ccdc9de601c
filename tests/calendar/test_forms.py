"""Intervals, always, iCalendar files; and that the listing says what a tick is told."""

# ruff: noqa: DTZ001 (times of a wall clock)
from __future__ import annotations

import logging
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.adapters.calendar import Always, Cron, Interval, Times, WindowRule
from bridge.adapters.holidays import BadCalendar, Holidays
from bridge.app import LOOK_AHEAD, windows_around
from bridge.core.window import allowance
from bridge.core.window_listing import listing

SINCE, UNTIL = datetime(2026, 2, 10, tzinfo=UTC), datetime(2026, 3, 10, tzinfo=UTC)
SHANGHAI = ZoneInfo("Asia/Shanghai")


def rule(name: str, times: Times, ratio: float = 0.6, *, zone: str = "UTC", is_exception: bool = False) -> WindowRule:
    return WindowRule(
        name=name,
        times=times,
        zone=ZoneInfo(zone),
        lead=timedelta(minutes=30),
        max_ratio=ratio,
        is_exception=is_exception,
    )


def write(file: Path, *events: str) -> Path:
    named = [event if event.startswith("UID:") else f"UID:{n}\n{event}" for n, event in enumerate(events)]
    body = "".join(f"BEGIN:VEVENT\n{event}\nEND:VEVENT\n" for event in named)
    file.write_text(f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:test\n{body}END:VCALENDAR\n", encoding="utf-8")
    return file


def days(times: Times, zone: ZoneInfo = SHANGHAI) -> list[str]:
    """The openings, on the wall clock."""
    found = sorted(times.between(SINCE, UNTIL, zone))
    return [f"{start.astimezone(zone):%d %H:%M} - {end.astimezone(zone):%d %H:%M}" for start, end in found]


def test_an_interval_is_on_its_wall_clock_and_its_end_is_exclusive() -> None:
    assert days(Interval(datetime(2026, 2, 14), datetime(2026, 2, 23))) == ["14 00:00 - 23 00:00"]


def test_a_day_that_the_clock_skips_has_no_length() -> None:
    skipped = Interval(datetime(2011, 12, 30), datetime(2011, 12, 31))
    year = (datetime(2011, 1, 1, tzinfo=UTC), datetime(2012, 1, 1, tzinfo=UTC))
    assert list(skipped.between(*year, ZoneInfo("Pacific/Apia"))) == []


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        pytest.param("DTSTART;VALUE=DATE:20260214", ["14 00:00 - 15 00:00"], id="a day"),
        pytest.param(
            "DTSTART;VALUE=DATE:20260214\nDTEND;VALUE=DATE:20260217", ["14 00:00 - 17 00:00"], id="several days"
        ),
        pytest.param("DTSTART:20260214T180000\nDTEND:20260214T200000", ["14 18:00 - 14 20:00"], id="floating"),
        pytest.param("DTSTART:20260214T180000Z\nDURATION:PT1H", ["15 02:00 - 15 03:00"], id="UTC, a duration"),
        pytest.param("DTSTART;TZID=Europe/Berlin:20260214T180000\nDURATION:PT1H", ["15 01:00 - 15 02:00"], id="a zone"),
        pytest.param(
            "DTSTART;VALUE=DATE:20260214\nRRULE:FREQ=DAILY;COUNT=3\nEXDATE;VALUE=DATE:20260215\n"
            "RDATE;VALUE=DATE:20260220",
            ["14 00:00 - 15 00:00", "16 00:00 - 17 00:00", "20 00:00 - 21 00:00"],
            id="a rule, without one date, with another",
        ),
        pytest.param("DTSTART;VALUE=DATE:20260214\nSTATUS:CANCELLED", [], id="cancelled"),
        pytest.param("DTSTART;VALUE=DATE:20200214\nRRULE:FREQ=YEARLY", ["14 00:00 - 15 00:00"], id="every year"),
        pytest.param("DTSTART:20260214T180000", [], id="no length"),
    ],
)
def test_events_are_openings(tmp_path: Path, event: str, expected: list[str]) -> None:
    assert days(Holidays(write(tmp_path / "h.ics", event))) == expected


def test_one_day_of_a_rule_may_be_moved_and_another_cancelled(tmp_path: Path) -> None:
    every_day = "UID:all\nDTSTART;VALUE=DATE:20260214\nRRULE:FREQ=DAILY;COUNT=3"
    moved = "UID:all\nRECURRENCE-ID;VALUE=DATE:20260215\nDTSTART;VALUE=DATE:20260220"
    cancelled = "UID:all\nRECURRENCE-ID;VALUE=DATE:20260216\nDTSTART;VALUE=DATE:20260216\nSTATUS:CANCELLED"
    file = write(tmp_path / "h.ics", every_day, moved, cancelled)
    assert days(Holidays(file)) == ["14 00:00 - 15 00:00", "20 00:00 - 21 00:00"]


def test_a_zone_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    file = write(tmp_path / "h.ics", "DTSTART;TZID=Mars/Base:20260214T180000\nDURATION:PT1H")
    with pytest.raises(BadCalendar, match="the time zone Mars/Base isn't known"):
        Holidays(file)


@pytest.mark.parametrize("text", ["", "garbage", "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:2026\nEND:VEVENT\n"])
def test_a_broken_file_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "h.ics").write_text(text, encoding="utf-8")
    with pytest.raises(BadCalendar, match="isn't an iCalendar file"):
        Holidays(tmp_path / "h.ics")


def test_a_changed_file_is_read_again_and_the_last_good_one_holds(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    file = write(tmp_path / "h.ics", "DTSTART;VALUE=DATE:20260214")
    holidays = Holidays(file)
    write(file, "DTSTART;VALUE=DATE:20260214\nDTEND;VALUE=DATE:20260216")
    assert days(holidays) == ["14 00:00 - 16 00:00"]
    file.write_text("garbage", encoding="utf-8")
    assert days(holidays) == ["14 00:00 - 16 00:00"]
    file.unlink()
    assert days(holidays) == ["14 00:00 - 16 00:00"]
    assert [record.getMessage().split(" ")[0] for record in caplog.records] == ["calendar.unreadable"] * 2


RULES = st.lists(
    st.builds(
        lambda times, ratio, zone, is_exception: (times, ratio, zone, is_exception),
        st.one_of(
            st.builds(lambda hour, end: Cron(f"30 {hour} * * *", time(end)), st.integers(0, 23), st.integers(0, 23)),
            st.builds(
                lambda day, length: Interval(day, day + timedelta(hours=length)),
                st.datetimes(datetime(2026, 3, 20), datetime(2026, 4, 5)),
                st.integers(1, 200),
            ),
            st.just(Always()),
        ),
        st.sampled_from([0.0, 0.3, 0.6]),
        st.sampled_from(["Europe/Berlin", "Australia/Lord_Howe", "Asia/Shanghai", "America/Sao_Paulo"]),
        st.booleans(),
    ),
    max_size=4,
).map(
    lambda drawn: tuple(
        rule(f"w{n}", times, ratio, zone=zone, is_exception=beats)
        for n, (times, ratio, zone, beats) in enumerate(drawn)
    )
)


@settings(max_examples=40, deadline=None)
@given(rules=RULES, day=st.dates(date(2026, 3, 24), date(2026, 4, 6)), minutes=st.lists(st.integers(0, 5759)))
def test_what_the_listing_shows_is_what_a_tick_is_told(
    rules: tuple[WindowRule, ...], day: date, minutes: list[int]
) -> None:
    """Its deadlines too, where the tick at the stretch's start has seen all that could set an earlier one."""
    around, since = windows_around(rules), datetime.combine(day, time(), UTC)
    found = listing(around, since, since + timedelta(days=4))
    assert (found[0].start, found[-1].end) == (since, since + timedelta(days=4))
    assert all(one.end == other.start for one, other in pairwise(found))
    for at in (since + timedelta(minutes=minute) for minute in minutes):
        told = allowance(around(at), at)
        stretch = next(each for each in found if each.start <= at < each.end)
        shown = stretch.allowance
        if shown.back_by is not None and shown.back_by < stretch.start + LOOK_AHEAD:
            assert (told.back_by, told.lead_from, told.next_ratio) == (shown.back_by, shown.lead_from, shown.next_ratio)
        assert (told.max_ratio, told.max_room, told.windows) == (shown.max_ratio, shown.max_room, shown.windows)
