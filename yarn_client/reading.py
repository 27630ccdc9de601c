"""Read the RM's JSON, whose shape depends on version, provider and how many elements there are.

Up to 3.4 some replies write a list of one as an object, numbers and booleans as strings, nothing as null, {} or "";
3.5 drops empty collections. `Fields` takes all of these for the same thing. What isn't asked for is ignored.
"""

import json
import math
from datetime import UTC, datetime

import orjson

from yarn_client.errors import BadReply
from yarn_client.values import NOTHING, CustomResources, YarnResource

Json = object
_EMPTY: dict[str, Json] = {}
_PLAIN_RESOURCES = frozenset({"memory-mb", "vcores"})


def decode(body: bytes) -> Json:
    """Decode a body; raise ValueError when it isn't JSON. NaN and broken UTF-8, which the RM can write, are borne."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return json.loads(body.decode("utf-8", "replace"), strict=False)


def as_list(value: Json) -> list[Json]:
    """Take null, "" and {} for no element, and anything else that is no list for one."""
    if isinstance(value, list):
        return value
    return [] if value in (None, "", {}) else [value]


class Fields:
    """One JSON object, and where it stands in which reply."""

    __slots__ = ("_path", "_raw", "_where")

    def __init__(self, raw: Json, path: str, where: str = "") -> None:
        if raw is None or raw == "":
            raw = _EMPTY
        if not isinstance(raw, dict):
            raise BadReply(path, where or "the whole", f"an object was expected, not {raw!r:.80}")
        self._raw: dict[str, Json] = raw
        self._path = path
        self._where = where

    def has(self, key: str) -> bool:
        """Say whether *key* is there and not null."""
        return self._raw.get(key) is not None

    def bad(self, key: str, why: str) -> BadReply:
        """Make the error that names the path and the key."""
        return BadReply(self._path, self._name(key), why)

    def root(self, key: str) -> "Fields":
        """Step into *key* if it is there: a root element that some versions write and others don't."""
        return self.inside(key) if self.has(key) else self

    def listing(self, key: str) -> "Fields":
        """Step into *key*, which must be there even if it is null: a list that is missing isn't an empty list."""
        if key not in self._raw:
            raise self.bad(key, "missing")
        return self.inside(key)

    def inside(self, key: str) -> "Fields":
        """Give the object at *key*, an empty one when it is missing or null."""
        return Fields(self._raw.get(key), self._path, self._name(key))

    def each(self, key: str) -> "list[Fields]":
        """Give the objects at *key*, be it a list, one object or nothing."""
        where = self._name(key)
        return [Fields(one, self._path, where) for one in as_list(self._raw.get(key))]

    def texts(self, key: str) -> tuple[str, ...]:
        """Give the words at *key*, be it a list, one word or nothing; empty words are dropped."""
        return tuple(str(one) for one in as_list(self._raw.get(key)) if one != "")

    def text(self, key: str, default: str | None = None) -> str:
        """Give the word at *key*; without a default it must be there."""
        value = self._raw.get(key)
        if value is None or isinstance(value, (dict, list)):
            if default is None:
                raise self.bad(key, f"text was expected, not {value!r:.80}")
            return default
        return str(value)

    def whole(self, key: str, default: int | None = None) -> int:
        """Give the whole number at *key*, also from a string; without a default it must be there."""
        value = self._raw.get(key)
        if type(value) is int:
            return value
        if value is None and default is not None:
            return default
        try:
            return int(value)  # type: ignore[call-overload, no-any-return]
        except (TypeError, ValueError, OverflowError) as error:
            raise self.bad(key, f"a whole number was expected, not {value!r:.80}") from error

    def number(self, key: str) -> float | None:
        """Give the number at *key*; None when it is missing, NaN or infinite."""
        value = self._raw.get(key)
        if value is None:
            return None
        try:
            number = float(value)  # type: ignore[arg-type]
        except (TypeError, ValueError) as error:
            raise self.bad(key, f"a number was expected, not {value!r:.80}") from error
        return number if math.isfinite(number) else None

    def ratio(self, key: str) -> float | None:
        """Give the percentage at *key* as a ratio, 1.0 for 100; None when it is missing or no number."""
        percent = self.number(key)
        return None if percent is None else percent / 100

    def flag(self, key: str, default: bool) -> bool:
        """Give the boolean at *key*, also from "true" and "false"."""
        value = self._raw.get(key)
        if value is None:
            return default
        if value in (True, "true"):
            return True
        if value in (False, "false"):
            return False
        raise self.bad(key, f"true or false was expected, not {value!r:.80}")

    def moment(self, key: str) -> datetime | None:
        """Give the epoch milliseconds at *key* as aware UTC; None for 0, which the RM writes for "not yet".

        A time beyond the calendar says nothing either: NodeManagers and applications write some of them.
        """
        ms = self.whole(key, 0)
        try:
            return datetime.fromtimestamp(ms / 1000, UTC) if ms > 0 else None
        except (ValueError, OverflowError, OSError):
            return None

    def resource(self, key: str) -> YarnResource | None:
        """Give the amount at *key*, None when it is missing."""
        return self.inside(key).amount() if self.has(key) else None

    def resource_or_nothing(self, key: str) -> YarnResource:
        """Give the amount at *key*, nothing when it is missing."""
        return self.inside(key).amount() if self.has(key) else NOTHING

    def amount(self) -> YarnResource:
        """Take this object itself for an amount; it must have both numbers, spelt memory and vCores."""
        return YarnResource(vcores=self.whole("vCores"), memory_mib=self.whole("memory"))

    def custom_resources(self) -> CustomResources:
        """Give what this amount has beside memory and vcores, above 0 only."""
        listed = self.inside("resourceInformations").each("resourceInformation")
        named = ((one.text("name"), one.whole("value", 0)) for one in listed)
        return tuple((name, value) for name, value in named if name not in _PLAIN_RESOURCES and value > 0)

    def _name(self, key: str) -> str:
        return f"{self._where}.{key}" if self._where else key
