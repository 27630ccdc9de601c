"""The store of the scheduler's configuration: properties, a version, and what a request changes in them.

The store is ``memory``: a restart of the ResourceManager brings back what the world began with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bridge.sim.config import QueueConfig
from bridge.sim.queue_tree import PREFIX, write_queues

_FIRST = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueChange:
    """What is asked for one queue: keys without the queue's prefix. An empty value takes the key away."""

    path: str
    params: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutation:
    """One request to change the configuration; its parts take effect in this order."""

    remove: tuple[str, ...] = ()
    """Paths."""
    add: tuple[QueueChange, ...] = ()
    update: tuple[QueueChange, ...] = ()
    everywhere: Mapping[str, str] = field(default_factory=dict)
    """Whole keys."""


class SchedulerConf:
    """The properties as they are now."""

    def __init__(self, queues: Sequence[QueueConfig]) -> None:
        self._seed = write_queues(queues)
        self.reset()

    def reset(self) -> None:
        """Go back to what the world began with."""
        self.properties = dict(self._seed)
        self.version = _FIRST

    def after(self, mutation: Mutation) -> dict[str, str]:
        """Return the properties as they would be; a queue that doesn't exist is written down like any other."""
        found = dict(self.properties)
        for path in mutation.remove:
            _drop_child(found, path)
        for change in mutation.add:
            _add_child(found, change.path)
        for change in (*mutation.add, *mutation.update):
            for key, text in change.params.items():
                _set(found, f"{PREFIX}{change.path}.{key}", text)
        for key, text in mutation.everywhere.items():
            _set(found, key, text)
        return found

    def commit(self, properties: Mapping[str, str]) -> None:
        """Take properties over; even if nothing differs, this is another version."""
        self.properties = dict(properties)
        self.version += 1


def _set(found: dict[str, str], key: str, text: str) -> None:
    if text:
        found[key] = text
    else:
        found.pop(key, None)


def _names(found: Mapping[str, str], parent: str) -> list[str]:
    return [name for name in found.get(f"{PREFIX}{parent}.queues", "").split(",") if name]


def _add_child(found: dict[str, str], path: str) -> None:
    parent, _, name = path.rpartition(".")
    _set(found, f"{PREFIX}{parent}.queues", ",".join(dict.fromkeys([*_names(found, parent), name])))


def _drop_child(found: dict[str, str], path: str) -> None:
    parent, _, name = path.rpartition(".")
    _set(found, f"{PREFIX}{parent}.queues", ",".join(one for one in _names(found, parent) if one != name))
    for key in [key for key in found if key.startswith(f"{PREFIX}{path}.")]:
        del found[key]
