"""Durations on the command line: "90s", "45m", "1h30m", "2d"."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import click

_FORM = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")


class Duration(click.ParamType[timedelta]):
    """A duration above zero."""

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
        return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
