"""A JSON text as plain values, with the keys that an object has twice; numbers keep every digit they can."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from bridge.settings.document import Document
from bridge.settings.errors import Problem


class _Object(dict[str, Any]):
    """A JSON object that remembers which of its keys were there more than once."""

    repeated: tuple[str, ...] = ()


def understand(text: str) -> Document:
    """Parse JSON text; raise ValueError if it isn't that."""
    values = json.loads(text, object_pairs_hook=_object)
    return Document(values=values, problems=tuple(_repeated(values, "")))


def _object(pairs: list[tuple[str, Any]]) -> _Object:
    """Make an object of its pairs."""
    made = _Object(pairs)
    if len(made) < len(pairs):
        times = Counter(name for name, _ in pairs)
        made.repeated = tuple(name for name in made if times[name] > 1)
    return made


def _repeated(value: Any, key: str) -> Iterator[Problem]:
    """Find keys that one object has twice, at and below *value*."""
    if isinstance(value, list):
        for place, entry in enumerate(value):
            yield from _repeated(entry, f"{key}[{place}]")
    elif isinstance(value, Mapping):
        twice = value.repeated if isinstance(value, _Object) else ()
        for name, entry in value.items():
            path = f"{key}.{name}" if key else name
            if name in twice:
                yield Problem(key=path, value=None, why="is there twice", remedy="keep one of them")
            yield from _repeated(entry, path)
