"""The windows of the settings file: when a pool may lend, how much, and what load does to that."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from pydantic import Field, ValidationInfo, field_validator

from bridge.core.resources import Room
from bridge.core.window import UNLIMITED, LoadRule
from bridge.settings.kinds import (
    Clock,
    Cron,
    Duration,
    Positive,
    Ratio,
    Text,
    WallTime,
    ZoneName,
    longest_opening,
    refusal,
)
from bridge.settings.section import Around, Section, choice

_HYSTERESIS = 0.1
_NEVER_BELOW = 0.0


class Window(Section):
    """When one pool may lend, how much, and by when all is back.

    It has one of the forms `cron` with `back_by`, `from` with `to`, `always`, `calendar`.
    """

    name: Text
    """What it is called in plans and reports; unique."""
    pool: Text
    """The pool it opens, a key of pools."""
    from_: WallTime | None = Field(default=None, alias="from")
    """A fixed interval's start on the wall clock of `timezone`: a day (its midnight) or a time."""
    to: WallTime | None = Field(default=None, validate_default=True)
    """Its end, exclusive: `to: 2026-02-23` is the midnight at which the 23rd begins."""
    always: bool = Field(default=False, strict=True)
    """Whether it is open for ever. false by default; a promise's deadline is then as far as windows are looked ahead,
    and moves on."""
    calendar: Path | None = None
    """An iCalendar file, relative to this one: it is open during each event. Read again when it changes."""
    cron: Cron | None = Field(default=None, validate_default=True)
    """When it opens: five fields as in Unix cron, Sunday 0 or 7, on the wall clock of `timezone`."""
    back_by: Clock | None = Field(default=None, validate_default=True)
    """By when everything is verified back: the next such time of day after the start, on the same wall clock."""
    timezone: ZoneName
    """The time zone of all its times, such as Asia/Shanghai. No default, so that a move of the bridge moves no
    window."""
    max_ratio: Ratio
    """Part of the lenders' allocatable that may be lent, what is lent already included (0 to 1). 0 lends nothing."""
    max_cores: Positive | None = None
    """The most cores that may be lent. Off (null) by default."""
    max_memory_mib: Positive | None = None
    """The most MiB that may be lent. Off (null) by default."""
    exception: bool = Field(default=False, strict=True)
    """Whether it beats the windows that are none: while it lasts, its limits alone count. false by default, and then
    the smallest limit of all wins."""
    end_above: Ratio | None = None
    """The load of the lenders' CPU (0 to 1) above which it ends early. Off (null) by default: load ends nothing."""
    open_below: Ratio | None = Field(default=None, validate_default=True)
    """The load below which it opens again. By default 0.1 below end_above, so that it doesn't flap."""
    confirm: Duration = timedelta(minutes=10)
    """How long the load must be below open_below. 10m by default: two steps of the load's history. 0s opens at once."""
    lead: Duration = Field(default=timedelta(minutes=30), validate_default=True)
    """From so long before back_by on, nothing new is scheduled on what must go. As long as most of your tasks run; 30m
    by default. At least the pool's notice (twice what its forced step takes), so it has no off."""
    max_extend: Duration = timedelta(0)
    """How much longer an operator may keep it open. 0s, the default, allows no extension."""

    @property
    def zone(self) -> ZoneInfo:
        """The time zone."""
        return ZoneInfo(self.timezone)

    @property
    def max_room(self) -> Room | None:
        """The absolute limit; an axis that isn't limited is UNLIMITED."""
        if self.max_cores is None and self.max_memory_mib is None:
            return None
        return Room(
            cpu_millicores=UNLIMITED if self.max_cores is None else self.max_cores * 1000,
            memory_mib=UNLIMITED if self.max_memory_mib is None else self.max_memory_mib,
        )

    @property
    def load(self) -> LoadRule | None:
        """What load does to it."""
        if self.end_above is None and self.open_below is None:
            return None
        end_above = 1.0 if self.end_above is None else self.end_above
        open_below = max(0.0, round(end_above - _HYSTERESIS, 6)) if self.open_below is None else self.open_below
        return LoadRule(end_above=end_above, open_below=open_below, confirm=self.confirm)

    @field_validator("name")
    @classmethod
    def _check_name(cls, name: str, info: ValidationInfo) -> str:
        if Around.of(info).window_names.count(name) > 1:
            raise refusal("is the name of more than one window", "give each a name of its own")
        return name

    @field_validator("pool")
    @classmethod
    def _check_pool(cls, pool: str, info: ValidationInfo) -> str:
        known = Around.of(info).notice_by_pool
        if pool not in known:
            raise refusal("isn't a key of pools", choice(known, "add it there"))
        return pool

    @field_validator("to")
    @classmethod
    def _check_to(cls, to: WallTime | None, info: ValidationInfo) -> WallTime | None:
        start = info.data.get("from_")
        if "from_" in info.data and (start is None) != (to is None):
            raise refusal("goes with from, and one of them is absent", "write both: from: 2026-02-14, to: 2026-02-23")
        if start is not None and to is not None and to <= start:
            raise refusal("isn't later than from, so the window has no length", "set a later one; to is exclusive")
        return to

    @field_validator("calendar")
    @classmethod
    def _check_calendar(cls, written: Path | None, info: ValidationInfo) -> Path | None:
        file = None if written is None else Around.of(info).file(written)
        if file is not None and not file.is_file():
            raise refusal(f"isn't a file ({file})", "name an iCalendar file; a relative path counts from this file's")
        return file

    @field_validator("cron")
    @classmethod
    def _check_form(cls, cron: str | None, info: ValidationInfo) -> str | None:
        others = {"from": "from_", "always": "always", "calendar": "calendar"}
        if not set(others.values()) | {"to"} <= info.data.keys():
            return cron
        forms = [key for key, field in others.items() if info.data[field]] + (["cron"] if cron else [])
        if not forms:
            raise refusal("is missing", "add cron and back_by, or from and to, or always: true, or calendar")
        if len(forms) > 1:
            raise refusal(f"is one form of the window beside others: {', '.join(forms)}", "keep one of them")
        return cron

    @field_validator("back_by")
    @classmethod
    def _check_back_by(cls, back_by: Clock | None, info: ValidationInfo) -> Clock | None:
        if "cron" not in info.data:
            return back_by
        cron = info.data["cron"]
        if cron is None and back_by is not None:
            raise refusal("goes with cron, and there is none", "remove it: other forms say their end themselves")
        if cron is not None and back_by is None:
            raise refusal("is missing", 'add the time of day by which all is back, such as "06:30"')
        if cron is not None and back_by is not None and not longest_opening(cron, back_by):
            raise refusal(
                "is when the window starts, so it has no length",
                "set a later time; a window that never closes has always: true",
            )
        return back_by

    @field_validator("open_below")
    @classmethod
    def _check_open_below(cls, open_below: float | None, info: ValidationInfo) -> float | None:
        end_above = info.data.get("end_above")
        if open_below is not None and end_above is not None and open_below > end_above:
            raise refusal("is above end_above, so it would close as soon as it opens", "lower it to end_above or less")
        if open_below == _NEVER_BELOW or (open_below is None and end_above is not None and end_above <= _HYSTERESIS):
            raise refusal("would be 0, and no load is below that", "set open_below above 0, and end_above above that")
        return open_below

    @field_validator("lead")
    @classmethod
    def _check_lead(cls, lead: timedelta, info: ValidationInfo) -> timedelta:
        notice = Around.of(info).notice_by_pool.get(info.data.get("pool", ""))
        if notice is not None and lead < notice:
            raise refusal(
                f"is shorter than the pool's notice, {notice.total_seconds():g}s: twice what its forced step takes "
                "(overcommit_timeout_s, grace_s, two ticks and a margin)",
                f"set it to {notice.total_seconds():g}s or more, or lower the pool's limits",
            )
        length = _length(info)
        if length is not None and lead >= length:
            raise refusal(
                f"is as long as the window ({length}) or longer, so nothing would ever be lent",
                "shorten it, or open the window earlier",
            )
        return lead

    @field_validator("max_extend")
    @classmethod
    def _check_max_extend(cls, max_extend: timedelta) -> timedelta:
        if max_extend > timedelta(days=1):
            raise refusal("is longer than a day", "set it to 24h or less")
        return max_extend


def _length(info: ValidationInfo) -> timedelta | None:
    """Return how long an opening lasts; None where that isn't known, or where it lends nothing."""
    said = info.data
    if not said.get("max_ratio", 1):
        return None
    if said.get("cron") and said.get("back_by"):
        return longest_opening(said["cron"], said["back_by"])
    start, end = said.get("from_"), said.get("to")
    return end - start if start and end else None
