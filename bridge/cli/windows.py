"""The command ``windows``: the calendar as it will happen, by the function that the controller asks."""

from __future__ import annotations

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
from bridge.core.window import UNLIMITED
from bridge.core.window_listing import Stretch, listing
from bridge.settings import Settings, SettingsError, Window, load
from bridge.settings.policy import notice

_DAYS = timedelta(days=7)
_LONGEST = timedelta(days=366)


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
        "notes": _notes(stretch, windows) + _clock_change(stretch, zone),
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
    elif here and not stretch.allowance.is_open:
        notes.append(f"closed by {', '.join(window.name for window in here if not window.max_ratio)}")
    if stretch.allowance.is_open and any(window.load is not None for window in here):
        notes.append("load may close it")
    return notes


def _clock_change(stretch: Stretch, zone: ZoneInfo) -> list[str]:
    """Say where the clock changes within the stretch, or at its start: times then aren't what they are every day."""
    before, after = ((at - timedelta(seconds=1)).astimezone(zone) for at in (stretch.start, stretch.end))
    changed = before.utcoffset() != after.utcoffset()
    return [f"the clock changes: {before:%z} to {after:%z}"] if changed else []


def _local(at: datetime | None, zone: ZoneInfo) -> str | None:
    return None if at is None else at.astimezone(zone).isoformat()


def _print(name: str, entry: dict[str, Any]) -> None:
    """Print one pool's table."""
    table = Table(box=None, pad_edge=False, title=f"{name} ({entry['timezone']})", title_justify="left")
    for heading in ("from", "lend", "windows", "lead from", "forced from", "back by", "notes"):
        table.add_column(heading, overflow="fold")
    for one in entry["segments"]:
        table.add_row(
            _short(one["start"]),
            _lend(one),
            ", ".join(one["windows"]) or "-",
            *(_short(one[key]) for key in ("lead_from", "forced_from", "back_by")),
            "; ".join(one["notes"]),
        )
    Console(highlight=False).print(table)
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


def _short(text: str | None) -> str:
    return datetime.fromisoformat(text).strftime("%a %d %b %H:%M") if text else "-"
