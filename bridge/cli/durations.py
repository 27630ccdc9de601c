"""Durations on the command line: "90s", "45m", "1h30m", "2d"."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import click

_FORM = re.compile(r"(?:(\d{1,12})d)?(?:(\d{1,12})h)?(?:(\d{1,12})m)?(?:(\d{1,12})s)?")
_LONGEST = timedelta(days=366)


class Duration(click.ParamType[timedelta]):
    """A duration above zero, of a year at most."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Read a duration, or say what one looks like."""
        if isinstance(value, timedelta):
            return value
        found = _FORM.fullmatch(str(value))
        numbers = [int(part or 0) for part in found.groups()] if found else []
        if not any(numbers):
            self.fail(f"{value!r} is not a duration; write one such as 90s, 45m, 1h30m or 2d", param, ctx)
        days, hours, minutes, seconds = numbers
        length_s = ((days * 24 + hours) * 60 + minutes) * 60 + seconds
        if length_s > _LONGEST.total_seconds():
            self.fail(f"{value!r} is longer than {_LONGEST.days} days; write {_LONGEST.days}d or less", param, ctx)
        return timedelta(seconds=length_s)
