"""Tasks on elastic nodes: which run since when, and how long those took that have ended.

What has ended is counted by length, in steps of a tenth: by application and kind, by queue, and in all. What that
means for the tasks that still run is for ``outlook``.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

STEPS_PER_DOUBLING = 8
LENGTHS = 160
"""From a second up to eleven days; what took longer counts as that."""
ENDS = tuple(2 ** (step / STEPS_PER_DOUBLING) for step in range(LENGTHS))
"""Up to what length each step reaches, in seconds."""
HALVED_EVERY = timedelta(days=1)
"""What ran lately counts more."""

_FORGOTTEN = 0.01

Counts = tuple[float, ...]
"""How many tasks had ended in each step of length, shortest first; no more entries than are needed."""
AppKind = tuple[str, int]
"""An application, and which of its kinds of tasks: their priority, by which frameworks tell maps from reduces."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A container that runs; an ApplicationMaster isn't one."""

    app: str
    queue: str
    kind: int
    vcores: int
    began: datetime

    def age(self, at: datetime) -> timedelta:
        """Say how long it has run; a clock that differs makes nothing negative."""
        return max(at - self.began, timedelta(0))


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedTask:
    """A container that isn't there any more, and how long it had run, as nearly as two looks tell."""

    node_id: str
    app: str
    queue: str
    kind: int
    lasted: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskHistory:
    """How long tasks took. Values are shared, never changed."""

    by_app: Mapping[AppKind, Counts] = field(default_factory=dict)
    by_queue: Mapping[str, Counts] = field(default_factory=dict)
    everywhere: Counts = ()
    halved_at: datetime | None = None
    """When counts were last halved."""

    def learned(self, at: datetime, ended: Iterable[EndedTask], apps: frozenset[str]) -> TaskHistory:
        """Take in what has ended by *at*; of applications that no longer run, only their queue's part is kept."""
        if self.halved_at is not None and at - self.halved_at >= HALVED_EVERY:
            return self._halved(at).learned(at, ended, apps)
        by_app = {key: counts for key, counts in self.by_app.items() if key[0] in apps}
        by_queue, everywhere = dict(self.by_queue), self.everywhere
        for task in ended:
            step = step_of(task.lasted)
            if task.app in apps:
                by_app[task.app, task.kind] = _counted(by_app.get((task.app, task.kind), ()), step)
            by_queue[task.queue] = _counted(by_queue.get(task.queue, ()), step)
            everywhere = _counted(everywhere, step)
        return TaskHistory(by_app=by_app, by_queue=by_queue, everywhere=everywhere, halved_at=self.halved_at or at)

    def _halved(self, at: datetime) -> TaskHistory:
        """Let all counts count half; a queue with hardly any is forgotten."""
        by_queue = {queue: _half(counts) for queue, counts in self.by_queue.items()}
        return TaskHistory(
            by_app={key: _half(counts) for key, counts in self.by_app.items()},
            by_queue={queue: counts for queue, counts in by_queue.items() if sum(counts) >= _FORGOTTEN},
            everywhere=_half(self.everywhere),
            halved_at=at,
        )


NO_HISTORY = TaskHistory()


def step_of(length: timedelta) -> int:
    """Say which step of length a time is in."""
    return min(LENGTHS - 1, bisect_left(ENDS, length.total_seconds()))


def _counted(counts: Counts, step: int) -> Counts:
    """Count one more."""
    found = [*counts, *[0.0] * (step + 1 - len(counts))]
    found[step] += 1.0
    return tuple(found)


def _half(counts: Counts) -> Counts:
    return tuple(count / 2 for count in counts)
