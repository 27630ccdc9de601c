"""What becomes of the tasks that run now: how likely each still runs at a later time, from how long others took.

A life table (Kaplan and Meier, 1958): in each step of length, of the tasks that got that far, how many ended there.
Tasks that still run count as having got as far as they are, so that long ones aren't taken for short because only the
short have ended yet.
"""

from __future__ import annotations

import itertools
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from itertools import chain, zip_longest
from operator import mul

from bridge.core.reasons import Gap
from bridge.core.snapshot import Snapshot
from bridge.core.tasks import ENDS, LENGTHS, AppKind, Counts, Task, TaskHistory, step_of

ENOUGH = 8
"""How many tasks must have ended anywhere before anything is said of others."""
WIDER = 2.0
"""For how many tasks of its own the next wider group counts."""
_NONE = 1e-9
_STARTS = (0.0, *ENDS)
_WIDTHS = tuple(end - start for start, end in zip(_STARTS, ENDS, strict=False))


@dataclass(frozen=True, kw_only=True)
class LifeTable:
    """Which part of all tasks runs longer than the end of each step; where nothing is known, all do."""

    longer: tuple[float, ...]

    @cached_property
    def ending(self) -> tuple[float, ...]:
        """Which part of those that get into each step ends there."""
        pairs = itertools.pairwise(self._reached)
        return tuple(1.0 - after / before if before > _NONE else 0.0 for before, after in pairs)

    @cached_property
    def _reached(self) -> tuple[float, ...]:
        """Which part of all tasks gets into each step, and last which runs longer than all of them."""
        return (1.0, *self.longer)

    @classmethod
    def of(cls, ended: Counts, ages: Collection[int] = (), wider: LifeTable | None = None) -> LifeTable:
        """Make it of what has ended, of the steps that running tasks are in, and of a *wider* group's table.

        The wider group counts for as much as ``WIDER`` tasks: the more is known of the narrow one, the less.
        """
        steps = max(len(ended), max(ages, default=-1) + 1)
        ends = [*ended, *[0.0] * (steps - len(ended))]
        at_risk = _at_risk(ends, ages)
        if wider is None:
            parts = [1.0 - end / risk if risk > 0 else 1.0 for end, risk in zip(ends, at_risk, strict=True)]
            longer = tuple(itertools.accumulate(parts, mul))
            return cls(longer=longer + (longer[-1] if longer else 1.0,) * (LENGTHS - steps))
        rates = zip(ends, at_risk, wider.ending, strict=False)
        longer = tuple(
            itertools.accumulate((1.0 - (end + WIDER * usual) / (risk + WIDER) for end, risk, usual in rates), mul)
        )
        return cls(longer=longer + _beyond(longer, wider))

    def runs_longer(self, seconds: float) -> float:
        """Say which part of all tasks runs longer than this."""
        step, reached = bisect_left(ENDS, seconds), self._reached
        if step >= LENGTHS:
            return reached[-1]
        before = reached[step]
        return before + (reached[step + 1] - before) * (seconds - _STARTS[step]) / _WIDTHS[step]

    def still_runs(self, age_s: float, *in_s: float) -> tuple[float, ...]:
        """Say how likely a task of this age runs on for each of these times; one older than all that ended will."""
        now = self.runs_longer(age_s)
        if now <= _NONE:
            return (1.0,) * len(in_s)
        return tuple([min(1.0, self.runs_longer(age_s + left_s) / now) if left_s > 0 else 1.0 for left_s in in_s])

    def met_still_runs(self, in_s: float) -> float:
        """Say how likely a task that one meets at a chance time runs on for so long (the renewal theorem)."""
        if self.longer[-1] > _NONE:
            return 1.0
        return self._mean_beyond(in_s) / self._mean_beyond(0.0)

    def _mean_beyond(self, seconds: float) -> float:
        """Integrate what runs longer, from here on."""
        step = bisect_right(ENDS, seconds)
        if step == LENGTHS:
            return 0.0
        end = ENDS[step]
        to_its_end = (end - seconds) * (self.runs_longer(seconds) + self.runs_longer(end)) / 2
        return sum(self._integrals[step:], to_its_end)

    @cached_property
    def _integrals(self) -> tuple[float, ...]:
        """Integrate what runs longer from the end of each step to the next one's."""
        parts = [self.runs_longer(end) for end in ENDS]
        pairs = zip(itertools.pairwise(ENDS), itertools.pairwise(parts), strict=True)
        return tuple([(to - since) * (part + next_part) / 2 for (since, to), (part, next_part) in pairs])


def _at_risk(ends: list[float], ages: Iterable[int]) -> list[float]:
    """Count those that got through each step or ended there; the ones that still run in it say nothing of its end."""
    running = [0] * len(ends)
    for step in ages:
        running[step] += 1
    found = ends.copy()
    later = 0.0
    for step in range(len(ends) - 1, -1, -1):
        found[step] += later
        later = found[step] + running[step]
    return found


def _beyond(longer: tuple[float, ...], wider: LifeTable) -> tuple[float, ...]:
    """Go on as the wider group does where nobody of the narrow one has got."""
    steps = len(longer)
    part, before = (longer[-1], wider.longer[steps - 1]) if longer else (1.0, 1.0)
    if before <= _NONE:
        return (part,) * (LENGTHS - steps)
    factor = part / before
    return tuple([factor * other for other in wider.longer[steps:]])


UNKNOWN = LifeTable(longer=(1.0,) * LENGTHS)
"""Everything runs on."""


class Outlook:
    """What one tick expects of all tasks; tables are made when they are first asked for."""

    def __init__(self, at: datetime, history: TaskHistory, running: Sequence[Sequence[Task]]) -> None:
        """*running*: the tasks that run, node by node."""
        self.at = at
        self._history = history
        self._running = running
        self._tables: dict[AppKind | str | None, LifeTable] = {}
        self._by_task: dict[tuple[str, str, int], LifeTable] = {}
        self._met: dict[tuple[str | None, timedelta], float] = {}

    @classmethod
    def of(cls, snapshot: Snapshot) -> Outlook:
        """Look at what a snapshot knows."""
        nodes = () if isinstance(snapshot.yarn, Gap) else snapshot.yarn.nodes
        return cls(snapshot.at, snapshot.tasks, [node.tasks for node in nodes if node.tasks])

    def still_runs(self, task: Task, until: datetime) -> float:
        """Say how likely a task still runs at *until*."""
        return self.runs_on(task, (until - self.at).total_seconds())[0]

    def runs_on(self, task: Task, *in_s: float) -> tuple[float, ...]:
        """Say how likely a task runs on for so many seconds, for each number."""
        key = task.queue, task.app, task.kind
        table = self._by_task.get(key)
        if table is None:
            table = self._by_task[key] = self.table(task.queue, (task.app, task.kind))
        return table.still_runs(max(0.0, (self.at - task.began).total_seconds()), *in_s)

    def met_still_runs(self, queue: str | None, left: timedelta) -> float:
        """Say how likely a task of a queue that one meets at a chance time runs on for so long."""
        if (queue, left) not in self._met:
            self._met[queue, left] = self.table(queue).met_still_runs(max(0.0, left.total_seconds()))
        return self._met[queue, left]

    @cached_property
    def is_known(self) -> bool:
        """Say whether enough has ended to say anything of tasks."""
        return sum(self._history.everywhere) >= ENOUGH

    def table(self, queue: str | None = None, kind: AppKind | None = None) -> LifeTable:
        """Take the table of an application's kind of tasks, else of all of its, of a queue's, or of all there are."""
        history = self._history
        if not self.is_known:
            return UNKNOWN
        if kind is not None and kind[0] in self._ended_by_app:
            of_app = self._table(kind[0], self._ended_by_app[kind[0]], self.table(queue))
            is_one_of_several = kind in history.by_app and len(self._kinds_by_app[kind[0]]) > 1
            return self._table(kind, history.by_app[kind], of_app) if is_one_of_several else of_app
        if queue is not None and queue in history.by_queue:
            return self._table(queue, history.by_queue[queue], self.table())
        return self._table(None, history.everywhere, None)

    def mostly_longer(self, queue: str, seconds: float) -> bool:
        """Say whether more than half of a queue's tasks run longer than this.

        Where more have ended than run, and all of them sooner, it can't be: even if what runs never ended, the part of
        those that ended would be more than half. Then no table is made.
        """
        ended = self._history.by_queue.get(queue, self._history.everywhere)
        is_beyond = not ended or seconds >= ENDS[len(ended) - 1]
        if self.is_known and is_beyond and sum(map(len, self._running)) + WIDER <= sum(ended):
            return False
        return self.table(queue).runs_longer(seconds) > 0.5

    def _table(self, key: AppKind | str | None, ended: Counts, wider: LifeTable | None) -> LifeTable:
        if key not in self._tables:
            self._tables[key] = LifeTable.of(ended, self._ages.get(key, ()), wider)
        return self._tables[key]

    @cached_property
    def _ended_by_app(self) -> Mapping[str, Counts]:
        """What has ended of each application, whatever its kind."""
        found: defaultdict[str, list[Counts]] = defaultdict(list)
        for (app, _), counts in self._history.by_app.items():
            found[app].append(counts)
        return {app: tuple(map(sum, zip_longest(*kinds, fillvalue=0.0))) for app, kinds in found.items()}

    @cached_property
    def _kinds_by_app(self) -> Mapping[str, set[int]]:
        """Which kinds of tasks of each application have ended, or run."""
        found: defaultdict[str, set[int]] = defaultdict(set)
        for app, kind in (*self._history.by_app, *(key for key in self._ages if isinstance(key, tuple))):
            found[app].add(kind)
        return found

    @cached_property
    def _ages(self) -> Mapping[AppKind | str | None, list[int]]:
        """The steps of length that running tasks are in, by group."""
        groups: defaultdict[tuple[str, str, int], list[int]] = defaultdict(list)
        step_since: dict[datetime, int] = {}
        for task in chain.from_iterable(self._running):
            step = step_since.get(task.began)
            if step is None:
                # Tasks begin by the dozen.
                step = step_since[task.began] = step_of(self.at - task.began)
            groups[task.queue, task.app, task.kind].append(step)
        found: defaultdict[AppKind | str | None, list[int]] = defaultdict(list)
        for (queue, app, kind), steps in groups.items():
            for key in ((app, kind), app, queue, None):
                found[key] += steps
        return found
