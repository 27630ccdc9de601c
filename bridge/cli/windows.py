"""The command ``windows``: the calendar as it will happen, by the function that the controller asks."""

from __future__ import annotations

from bisect import bisect_left
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click
from rich.console import Console
from rich.table import Table

from bridge import app
from bridge.cli.show import as_text
from bridge.core.resources import Room
from bridge.core.window import UNLIMITED, Allowance
from bridge.core.window_listing import Stretch, listing
from bridge.settings import Settings, SettingsError, Window, load
from bridge.settings.policy import notice

_SECOND, _DAY = timedelta(seconds=1), timedelta(days=1)
_DAYS = 7 * _DAY
_LONGEST = 366 * _DAY


@click.command()
@click.option(
    "--config",
    "-c",
    "path",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("tidebridge.yaml"),
    envvar="TIDEBRIDGE_CONFIG",
    show_default=True,
    help="The configuration file.",
)
@click.option("--from", "since", default=None, help="A day or a local time; by default now.")
@click.option("--to", "until", default=None, help="Exclusive; by default 7 days later.")
@click.option("--pool", "pool_name", default=None, help="One pool; by default all.")
@click.option("--timezone", default=None, help="The clock to show; by default that of the pool's first window.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
def windows(
    path: Path, since: str | None, until: str | None, pool_name: str | None, timezone: str | None, as_json: bool
) -> None:
    """Say when lending will be allowed, how much, and by when all is back."""
    settings = load(path)
    if pool_name is not None and pool_name not in settings.pools:
        raise click.UsageError(f"no pool is called {pool_name!r}; there are: {', '.join(settings.pools)}")
    found = {}
    for name in settings.pools if pool_name is None else (pool_name,):
        zone = _zone(settings, name, timezone)
        first, last = _range(since, until, zone)
        try:
            found[name] = _of_pool(settings, name, zone, first, last)
        except app.SetupError as error:
            raise SettingsError(path.absolute(), (error.problem,)) from error
    if as_json:
        click.echo(as_text({"pools": found}))
        return
    for name, entry in found.items():
        _print(name, entry)


def _zone(settings: Settings, pool: str, name: str | None) -> ZoneInfo:
    """Choose the clock to show."""
    if name is None:
        return next((window.zone for window in settings.windows if window.pool == pool), ZoneInfo("UTC"))
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise click.UsageError(f"--timezone: {name!r} isn't a known time zone; write one such as UTC") from error


def _range(since: str | None, until: str | None, zone: ZoneInfo) -> tuple[datetime, datetime]:
    first = datetime.now(UTC).replace(microsecond=0) if since is None else _instant("--from", since, zone)
    last = first + _DAYS if until is None else _instant("--to", until, zone)
    if not first < last <= first + _LONGEST:
        raise click.UsageError("--to: must be later than --from, by 366 days at most")
    return first, last


def _instant(option: str, text: str, zone: ZoneInfo) -> datetime:
    try:
        written = datetime.fromisoformat(text)
        return (written if written.tzinfo else written.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise click.UsageError(
            f"{option}: {text!r} isn't a day or a time; write 2026-03-28 or 2026-03-28T18:00"
        ) from error


def _of_pool(settings: Settings, name: str, zone: ZoneInfo, since: datetime, until: datetime) -> dict[str, Any]:
    """Say what the windows of one pool do from *since* to *until*."""
    policy_notice = notice(settings.pools[name], tick_s=settings.tick_s)
    stretches = listing(app.windows_around(app.window_rules(settings, name)), since, until, policy_notice)
    of_pool = {window.name: window for window in settings.windows if window.pool == name}
    seen = {window for stretch in stretches for window in stretch.allowance.windows}
    return {
        "timezone": zone.key,
        "segments": [_segment(stretch, zone, policy_notice / 2, of_pool) for stretch in stretches],
        "never_open": sorted(set(of_pool) - seen),
    }


def _segment(stretch: Stretch, zone: ZoneInfo, tail: timedelta, windows: dict[str, Window]) -> dict[str, Any]:
    allowed = stretch.allowance
    room = allowed.max_room
    return {
        "start": _local(stretch.start, zone),
        "end": _local(stretch.end, zone),
        "max_ratio": allowed.max_ratio,
        "max_cpu_millicores": _limited(room, "cpu_millicores"),
        "max_memory_mib": _limited(room, "memory_mib"),
        "windows": list(allowed.windows),
        "lead_from": _local(allowed.lead_from, zone),
        "forced_from": _local(allowed.back_by - tail if allowed.back_by else None, zone),
        "back_by": _local(allowed.back_by, zone),
        "next_ratio": allowed.next_ratio,
        "notes": _notes(stretch, windows) + _clock_changes(stretch, zone),
    }


def _limited(room: Room | None, axis: str) -> int | None:
    amount = UNLIMITED if room is None else int(getattr(room, axis))
    return None if amount >= UNLIMITED else amount


def _notes(stretch: Stretch, windows: dict[str, Window]) -> list[str]:
    """Say what an admin may not expect."""
    here = [windows[name] for name in stretch.allowance.windows]
    notes = []
    exceptions = [window.name for window in here if window.exception]
    if exceptions:
        what = "limited" if stretch.allowance.is_open else "closed"
        notes.append(f"{what} by exception {', '.join(exceptions)}")
    elif len(here) > 1:
        what = "limited" if stretch.allowance.is_open else "closed"
        notes.append(f"{what} by {', '.join(_binding(stretch.allowance, here))}")
    if stretch.allowance.is_open and any(window.load is not None for window in here):
        notes.append("load may close it")
    return notes


def _binding(allowed: Allowance, here: list[Window]) -> list[str]:
    """Name the windows that have one of the limits that hold."""
    room = allowed.max_room
    return [
        window.name
        for window in here
        if window.max_ratio == allowed.max_ratio
        or (room is not None and window.max_cores is not None and window.max_cores * 1000 == room.cpu_millicores)
        or (room is not None and window.max_memory_mib == room.memory_mib)
    ]


def _clock_changes(stretch: Stretch, zone: ZoneInfo) -> list[str]:
    """Say where the clock is put on or back: times around that aren't what they are every day."""
    notes, at = [], stretch.start - _SECOND
    while at < stretch.end - _SECOND:
        after = min(at + _DAY, stretch.end - _SECOND)
        if at.astimezone(zone).utcoffset() != after.astimezone(zone).utcoffset():
            change = _first_change(at, after, zone)
            # What the clock would show if nothing changed, and what it shows.
            shown = (change - _SECOND).astimezone(zone).replace(tzinfo=None) + _SECOND
            notes.append(f"the clock goes from {shown:%a %H:%M} to {change.astimezone(zone):%a %H:%M}")
        at = after
    return notes


def _first_change(at: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """Return the first second whose offset isn't that of *at*; *after* has another."""
    offset = at.astimezone(zone).utcoffset()
    seconds = range(int((after - at).total_seconds()) + 1)
    return at + _SECOND * bisect_left(
        seconds, True, key=lambda s: (at + _SECOND * s).astimezone(zone).utcoffset() != offset
    )


def _local(at: datetime | None, zone: ZoneInfo) -> str | None:
    return None if at is None else at.astimezone(zone).isoformat()


def _print(name: str, entry: dict[str, Any]) -> None:
    """Print one pool's table, and below it what an admin may not expect."""
    table = Table(
        box=None, pad_edge=False, collapse_padding=True, title=f"{name} ({entry['timezone']})", title_justify="left"
    )
    for heading in ("from", "lend", "windows", "lead from", "forced", "back by"):
        table.add_column(heading, overflow="fold", no_wrap=heading != "windows")
    for one in entry["segments"]:
        table.add_row(
            _day_and_time(one["start"]),
            _lend(one),
            ", ".join(one["windows"]) or "-",
            _time(one["lead_from"]),
            _time(one["forced_from"]),
            _day_and_time(one["back_by"]),
        )
    Console(highlight=False).print(table)
    for one in entry["segments"]:
        if one["notes"]:
            click.echo(f"{_day_and_time(one['start'])}: {'; '.join(one['notes'])}")
    for window in entry["never_open"]:
        click.echo(f"{window}: has no opening in this time")


def _lend(one: dict[str, Any]) -> str:
    if not one["max_ratio"]:
        return "nothing"
    cores, memory = one["max_cpu_millicores"], one["max_memory_mib"]
    parts = [f"{one['max_ratio']:.0%}"]
    if cores is not None:
        parts.append(f"{cores // 1000} cores")
    if memory is not None:
        parts.append(f"{memory} MiB")
    return ", ".join(parts)


def _day_and_time(text: str | None) -> str:
    return datetime.fromisoformat(text).strftime("%a %d %b %H:%M") if text else "-"


def _time(text: str | None) -> str:
    """Say a time of the week: it is close to the day that stands beside it."""
    return datetime.fromisoformat(text).strftime("%a %H:%M") if text else "-"
