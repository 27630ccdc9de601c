"""The kinds of values in a settings file: how each is written, checked and turned into a value."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from difflib import get_close_matches
from typing import Annotated, Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from cronsim import CronSim, CronSimError
from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError

_DAY = timedelta(days=1)
_ANY_DAY = datetime(2026, 1, 1)  # noqa: DTZ001 (a wall clock's)
_DURATION = re.compile(r"(?:(\d{1,4})h)?(?:(\d{1,6})m)?(?:(\d{1,8})s)?")
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?")
_DNS_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_YARN_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


def refusal(why: str, remedy: str) -> PydanticCustomError:
    """Make the error of a value that is refused, with what to do about it."""
    return PydanticCustomError("refused", "{why}", {"why": why, "remedy": remedy})


def _duration(written: Any) -> timedelta:
    """Read ``1h30m``, ``45m``, ``90s``; a default is one already."""
    if isinstance(written, timedelta):
        return written
    found = _DURATION.fullmatch(written) if isinstance(written, str) and written else None
    if found is None:
        raise refusal("isn't a duration", "write hours, minutes and seconds, such as 45m, 90s or 1h30m; 0s is none")
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return timedelta(hours=hours, minutes=minutes, seconds=seconds)


def _clock(written: Any) -> time:
    """Read ``06:30``, ``06:30:15``."""
    if not isinstance(written, str):
        raise refusal("isn't text (YAML reads 22:30 as a number)", 'put it in quotes, such as "22:30"')
    found = _CLOCK.fullmatch(written)
    hour, minute, second = (int(part or 0) for part in found.groups()) if found else (24, 0, 0)
    if hour > 23 or minute > 59 or second > 59:
        raise refusal("isn't a time of day", 'write "HH:MM" or "HH:MM:SS", from "00:00" to "23:59:59"')
    return time(hour, minute, second)


def _wall_time(written: Any) -> datetime:
    """Read a day, which means its midnight, or a local date and time; YAML may have read it already."""
    found = written
    if isinstance(written, str):
        try:
            found = datetime.fromisoformat(written)
        except ValueError:
            found = None
    elif isinstance(written, date) and not isinstance(written, datetime):
        found = datetime.combine(written, time())
    if not isinstance(found, datetime):
        raise refusal("isn't a day or a local time", 'write 2026-02-14 or "2026-02-14 18:00"')
    if found.tzinfo is not None:
        raise refusal("names a zone of its own", "write it as the clock of `timezone` shows it, without an offset")
    return found


def _cron(written: str) -> str:
    """Accept what Unix cron accepts, if it ever happens."""
    if len(written.split()) != 5:
        raise refusal("has not five fields", 'write minute, hour, day, month and day of week: "0 22 * * mon-fri"')
    try:
        next(CronSim(written, _ANY_DAY))
    except CronSimError as error:
        raise refusal(
            f"isn't a cron expression: {str(error).lower()}",
            "write numbers or names, such as mon-fri, 1,15 or */2; Sunday is 0 or 7",
        ) from error
    except StopIteration:
        raise refusal("never happens", "correct day and month") from None
    return written


def _zone_name(written: str) -> str:
    """Accept a name that the time zone database has."""
    try:
        ZoneInfo(written)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        near = get_close_matches(written, available_timezones(), n=1)
        example = f"did you mean {near[0]}?" if near else "use a name such as Asia/Shanghai or UTC"
        raise refusal("isn't a known time zone", example) from None
    return written


def _admin_address(address: str) -> str:
    """Accept a ResourceManager's admin address."""
    host, _, port = address.rpartition(":")
    if not host or "/" in host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise refusal("isn't a ResourceManager's admin address", 'write "HOST:8033"')
    return address


def _resourcemanager(written: str) -> str:
    """Accept a ResourceManager's web address, and give it without a slash at its end."""
    try:
        parts = urlsplit(written)
        is_address = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        is_address = False
    if not is_address or "@" in written or parts.path.strip("/") or parts.query or parts.fragment:
        raise refusal("isn't a ResourceManager's web address", 'write "http://HOST:8088" or "https://HOST:8090"')
    return written.rstrip("/")


def _dns_label(written: str) -> str:
    """Accept what Kubernetes accepts as a name."""
    if not _DNS_LABEL.fullmatch(written):
        raise refusal("isn't a name that Kubernetes takes", "use a-z, 0-9 and - inside, up to 63 characters")
    return written


def _yarn_label(written: str) -> str:
    """Accept what YARN accepts as a node label."""
    if not _YARN_LABEL.fullmatch(written):
        raise refusal("isn't a node label that YARN takes", "use letters, digits, and - _ . inside")
    return written


_MOST = 10**9
"""Beyond any fleet, and within a database's integers."""
YEAR_S = 366 * 24 * 3600

Count = Annotated[int, Field(strict=True, ge=0, le=_MOST)]
Positive = Annotated[int, Field(strict=True, gt=0, le=_MOST)]
Seconds = Annotated[float, Field(strict=True, gt=0, le=YEAR_S)]
WholeSeconds = Annotated[int, Field(strict=True, ge=0, le=YEAR_S)]
Ratio = Annotated[float, Field(strict=True, ge=0, le=1)]
Text = Annotated[str, Field(min_length=1)]
Duration = Annotated[timedelta, BeforeValidator(_duration)]
Clock = Annotated[time, BeforeValidator(_clock)]
WallTime = Annotated[datetime, BeforeValidator(_wall_time)]
Cron = Annotated[str, AfterValidator(_cron)]
ZoneName = Annotated[str, AfterValidator(_zone_name)]
AdminAddress = Annotated[str, AfterValidator(_admin_address)]
ResourceManager = Annotated[str, AfterValidator(_resourcemanager)]
DnsLabel = Annotated[str, AfterValidator(_dns_label)]
YarnLabel = Annotated[str, AfterValidator(_yarn_label)]


def longest_opening(cron: str, back_by: time) -> timedelta:
    """Return how long a window is open on the wall clock, counted from its earliest start of a row.

    Zero if every start is at *back_by* itself.
    """
    simulated = CronSim(cron, _ANY_DAY)
    end = timedelta(hours=back_by.hour, minutes=back_by.minute, seconds=back_by.second)
    starts = {timedelta(hours=hour, minutes=minute) for hour in simulated.hours for minute in simulated.minutes}
    return timedelta(0) if starts == {end} else max((end - start) % _DAY or _DAY for start in starts)
