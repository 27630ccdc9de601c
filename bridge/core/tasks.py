"""Tasks on elastic nodes: which run since when, and how long those took that have ended.

What has ended is counted by length, in steps of a fifth: by application and kind, by queue, and in all. What that
means for the tasks that still run is for ``outlook``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

STEPS_PER_DOUBLING = 4
LENGTHS = 80
"""From a second up to twelve days; what took longer counts as that."""
FORGET_ABOVE = 4000.0
"""When so many have been counted, all counts are halved: what ran lately counts more."""

Counts = tuple[float, ...]
"""How many tasks had ended in each step of length, shortest first; no more entries than are needed."""
AppKind = tuple[str, int]
"""An application, and which of its kinds of tasks: their priority, by which frameworks tell maps from reduces."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A container that runs on an elastic node; an ApplicationMaster isn't one."""

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

    def learned(self, ended: Iterable[EndedTask], apps: frozenset[str]) -> TaskHistory:
        """Take in what has ended; of applications that no longer run, all but their queue's part is forgotten."""
        by_app = {key: counts for key, counts in self.by_app.items() if key[0] in apps}
        by_queue, everywhere = dict(self.by_queue), self.everywhere
        for task in ended:
            step = step_of(task.lasted)
            if task.app in apps:
                by_app[task.app, task.kind] = _counted(by_app.get((task.app, task.kind), ()), step)
            by_queue[task.queue] = _counted(by_queue.get(task.queue, ()), step)
            everywhere = _counted(everywhere, step)
        return TaskHistory(by_app=by_app, by_queue=by_queue, everywhere=everywhere)


NO_HISTORY = TaskHistory()


def step_of(length: timedelta) -> int:
    """Say which step of length a time is in."""
    seconds = length.total_seconds()
    return 0 if seconds <= 1 else min(LENGTHS - 1, 1 + int(STEPS_PER_DOUBLING * math.log2(seconds)))


def step_ends(step: int) -> float:
    """Say, in seconds, up to what length a step reaches."""
    return float(2 ** (step / STEPS_PER_DOUBLING))


def _counted(counts: Counts, step: int) -> Counts:
    """Count one more."""
    found = [*counts, *[0.0] * (step + 1 - len(counts))]
    found[step] += 1.0
    return tuple(found) if sum(found) <= FORGET_ABOVE else tuple(count / 2 for count in found)
