"""A YAML file as plain values, with the keys that it has twice: YAML lets the last one win in silence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bridge.settings.errors import Problem, SettingsError

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's is five times as quick on long files; not every build of PyYAML has it."""
_DEEPEST = 50
"""Levels of nesting. libyaml's loader has no limit of its own: far below it, it runs out of stack and crashes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What a file says."""

    values: Any
    problems: tuple[Problem, ...]


def read(file: Path) -> Document:
    """Read *file*; raise SettingsError if it can't be read as YAML."""
    try:
        return understand(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise unreadable(file, f"can't be read: {error.strerror}", "correct the path, or the file's rights") from error
    except UnicodeDecodeError as error:
        raise unreadable(file, "isn't UTF-8 text", "save it as UTF-8") from error
    except (yaml.YAMLError, ValueError) as error:
        why = f"isn't YAML: {' '.join(str(error).split())}"
        raise unreadable(file, why, 'correct it; text that begins with * or holds ": " needs quotes') from error


def understand(text: str) -> Document:
    """Parse YAML text; raise YAMLError, or ValueError for a date that there isn't, if it isn't that."""
    _refuse_depth(text)
    loader = _Loader(text)
    try:
        root = loader.get_single_node()
        # Before the values: to make them, PyYAML unfolds `<<` in the nodes themselves.
        problems = () if root is None else tuple(_repeated(root, "", set()))
        return Document(values=None if root is None else loader.construct_document(root), problems=problems)
    finally:
        loader.dispose()


def _refuse_depth(text: str) -> None:
    """Raise YAMLError if *text* is nested too deep to be looked into."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            raise yaml.YAMLError(f"it is nested more than {_DEEPEST} levels deep")


def unreadable(file: Path, why: str, remedy: str) -> SettingsError:
    """Make the error of a file that can't be looked into."""
    return SettingsError(file, (Problem(key="", value=None, why=why, remedy=remedy),))


def _repeated(node: yaml.Node, key: str, seen: set[int]) -> Iterator[Problem]:
    """Find keys that one mapping has twice, at and below *node*; an anchor's node is looked at once."""
    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for place, entry in enumerate(node.value):
            yield from _repeated(entry, f"{key}[{place}]", seen)
    elif isinstance(node, yaml.MappingNode):
        line_by_name: dict[str, int] = {}
        for name_node, entry in node.value:
            name, line = str(name_node.value), name_node.start_mark.line + 1
            path = f"{key}.{name}" if key else name
            if name in line_by_name and name != "<<":
                why = f"is there twice, in lines {line_by_name[name]} and {line}"
                yield Problem(key=path, value=None, why=why, remedy="keep one of them")
            line_by_name[name] = line
            yield from _repeated(entry, path, seen)
