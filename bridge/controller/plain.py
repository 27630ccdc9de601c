"""Values as plain JSON: what the records keep, and what commands print."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime, timedelta
from enum import Enum
from functools import cache
from types import NoneType
from typing import Any

_PLAIN = frozenset({str, int, float, bool, NoneType})


def plain(value: Any) -> Any:
    """Turn a core value into JSON: times in RFC 3339, durations as ``…_s``."""
    if type(value) in _PLAIN:
        return value
    match value:
        case Enum():
            return value.value
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case timedelta():
            return value.total_seconds()
        case Mapping():
            return {str(key): plain(entry) for key, entry in value.items()}
        case tuple() | list() | frozenset():
            return [plain(entry) for entry in value]
        case _ if is_dataclass(value) and not isinstance(value, type):
            parts = ((name, getattr(value, name)) for name in _names(type(value)))
            return {_named(name, part): plain(part) for name, part in parts}
        case _:
            return value


@cache
def _names(kind: type[Any]) -> tuple[str, ...]:
    """List a dataclass's fields."""
    return tuple(field.name for field in fields(kind))


def _named(name: str, value: Any) -> str:
    """Put the unit into a duration's name."""
    return f"{name}_s" if isinstance(value, timedelta) else name
