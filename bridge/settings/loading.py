"""From a file to settings: read, check everything, and say all that is wrong at once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from bridge.settings import document
from bridge.settings.errors import Problem, SettingsError
from bridge.settings.model import Pool, Settings
from bridge.settings.policy import notice
from bridge.settings.section import Around, sections

_KNOWN_KEYS = frozenset(field.alias or key for section in sections() for key, field in section.model_fields.items())
_REASONS = {
    "missing": "is missing",
    "extra_forbidden": "isn't a key of this version",
    "model_type": "has no keys",
    "dict_type": "has no keys",
}
_REMEDIES = {
    "missing": "add it",
    "string_type": "write text, in quotes",
    "int_type": "write a whole number, without quotes",
    "float_type": "write a number, without quotes",
    "finite_number": "write a number",
    "greater_than": "raise it above {gt}",
    "greater_than_equal": "raise it to {ge} or more",
    "less_than_equal": "lower it to {le} or less",
    "literal_error": "use {expected}",
    "enum": "use {expected}",
    "union_tag_invalid": "use {expected_tags}",
    "union_tag_not_found": "add kind",
    "too_short": "add one",
    "string_too_short": "write some text",
    "dict_type": "write keys and values below it",
    "model_type": "write keys and values below it",
    "tuple_type": "write a list: a line with - for each entry",
    "path_type": "write a path, in quotes",
}
_PASSWORD = re.compile(r"(://[^:/@\s]*:)[^@\s]*@|(password=)[^&\s'\"]*", re.IGNORECASE)


def load(path: Path | str) -> Settings:
    """Read the settings file at *path*; raise SettingsError with every problem."""
    file = Path(path).absolute()
    found = document.read(file)
    return parse(found.values, file=file, problems=found.problems)


def parse(values: Any, *, file: Path, problems: tuple[Problem, ...] = ()) -> Settings:
    """Make settings of plain values that *file* has; raise SettingsError with *problems* and every other one."""
    values = {} if values is None else values
    try:
        settings = Settings.model_validate(values, context=_around(values, file.parent))
    except ValidationError as error:
        raise SettingsError(file, problems + told(values, error)) from error
    if problems:
        raise SettingsError(file, problems)
    return settings


def _around(values: Any, directory: Path) -> Around:
    """Gather what settings refer to, from values that may still be wrong."""
    tick_s = _part(values, "tick_s")
    is_number = isinstance(tick_s, int | float) and not isinstance(tick_s, bool) and 0 < tick_s <= 300
    bare = Around(
        directory=directory,
        signal_names=frozenset(_named(_part(values, "signals"))),
        clusters=frozenset(_named(_part(_part(values, "yarn"), "clusters"))),
        tick_s=tick_s if is_number else Settings.model_fields["tick_s"].default,
    )
    pools = _named(_part(values, "pools"))
    notices = {name: _notice(pool, bare) for name, pool in pools.items()}
    return replace(
        bare,
        notice_by_pool=notices,
        window_names=_names(_part(values, "windows")),
        tenant_names=_names(_part(values, "tenants")),
    )


def _names(entries: Any) -> tuple[str, ...]:
    """Return the names of a list's entries."""
    names = [_part(entry, "name") for entry in entries] if isinstance(entries, list) else []
    return tuple(name for name in names if isinstance(name, str))


def _notice(values: Any, around: Around) -> timedelta | None:
    """Return the notice of a pool, or None if the pool is wrong."""
    try:
        return notice(Pool.model_validate(values, context=around), tick_s=around.tick_s)
    except ValidationError:
        return None


def _part(values: Any, key: str) -> Any:
    """Return what *values* has under *key*, if it has keys."""
    return values.get(key) if isinstance(values, Mapping) else None


def _named(values: Any) -> dict[str, Any]:
    """Return what *values* has under names, if it has names."""
    return {key: value for key, value in values.items() if isinstance(key, str)} if isinstance(values, Mapping) else {}


def told(values: Any, error: ValidationError, known_keys: frozenset[str] = _KNOWN_KEYS) -> tuple[Problem, ...]:
    """Translate pydantic's errors; a list whose entries were all refused doesn't count as too short as well."""
    details = error.errors(include_url=False)
    return tuple(
        _problem(values, detail, known_keys)
        for detail in details
        if detail["type"] != "too_short" or not detail["input"]
    )


def _problem(values: Any, detail: ErrorDetails, known_keys: frozenset[str]) -> Problem:
    """Translate one of pydantic's errors."""
    kind, words = detail["type"], detail.get("ctx", {})
    key, why = _key(values, detail["loc"], known_keys), detail["msg"]
    return Problem(
        key=key,
        value=None if kind == "missing" else _shown(detail["input"]),
        why=_REASONS.get(kind, why[0].lower() + why[1:]),
        remedy=_unknown_key(key, known_keys) if kind == "extra_forbidden" else _remedy(kind, words),
    )


def _remedy(kind: str, words: Mapping[str, Any]) -> str:
    """Say what to do about an error of *kind*."""
    return str(words["remedy"]) if "remedy" in words else _REMEDIES.get(kind, "correct it").format_map(words)


def _unknown_key(key: str, known_keys: frozenset[str]) -> str:
    """Say what to do about a key that isn't known."""
    name = key.rpartition(".")[2]
    near = get_close_matches(name, known_keys, n=1)
    return f"did you mean {near[0]}?" if near else "remove it, or look for a misspelling"


def _key(values: Any, location: tuple[int | str, ...], known_keys: frozenset[str]) -> str:
    """Write pydantic's location as the file has it, or would: without the names of a union's members and ``[key]``."""
    path, value, last = "", values, len(location) - 1
    for place, part in enumerate(location):
        if isinstance(part, int) and isinstance(value, list):
            path, value = f"{path}[{part}]", value[part]
        elif part == "[key]" or not isinstance(value, Mapping):
            continue
        elif part in value or place == last or part in known_keys:
            path, value = f"{path}.{part}" if path else str(part), value.get(part, {})
    return path


def _shown(value: Any) -> str:
    """Show a value as people may see it: short, and without passwords."""
    plain = str(value) if isinstance(value, timedelta) else repr(value)
    text = _PASSWORD.sub(lambda found: f"{found[1] or ''}{found[2] or ''}***{'@' if found[1] else ''}", plain)
    return text if len(text) <= 80 else f"{text[:77]}..."
