"""What becomes of the tasks that run now: how likely each still runs at a later time, from how long others took.

A life table (Kaplan and Meier, 1958): in each step of length, of the tasks that got that far, how many ended there.
Tasks that still run count as having got as far as they are, so that long ones aren't taken for short because only the
short have ended yet.
"""

from __future__ import annotations

import itertools
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from itertools import zip_longest

from bridge.core.reasons import Gap
from bridge.core.snapshot import Snapshot
from bridge.core.tasks import LENGTHS, AppKind, Counts, Task, TaskHistory, step_ends, step_of

ENOUGH = 8
"""How many tasks must have ended anywhere before anything is said of others."""
WIDER = 2.0
"""For how many tasks of its own the next wider group counts."""
_NONE = 1e-9
_ENDS = tuple(step_ends(step) for step in range(LENGTHS))


@dataclass(frozen=True, slots=True, kw_only=True)
class LifeTable:
    """Which part of all tasks runs longer than the end of each step; where nothing is known, all do."""

    longer: tuple[float, ...]

    @classmethod
    def of(cls, ended: Counts, ages: Iterable[int] = (), wider: LifeTable | None = None) -> LifeTable:
        """Make it of what has ended, of the steps that running tasks are in, and of a *wider* group's table.

        The wider group counts for as much as ``WIDER`` tasks: the more is known of the narrow one, the less.
        """
        there = Counter(ages)
        last = max(len(ended) - 1, max(there, default=-1))
        at_risk = list(ended) + [0.0] * (last + 1 - len(ended))
        ends, later = tuple(at_risk), 0.0
        for step in range(last, -1, -1):
            # Of those that got into this step, the ones that still run in it say nothing of its end.
            at_risk[step] += later
            later = at_risk[step] + there[step]
        longer, part, before = [], 1.0, 1.0
        for step in range(last + 1):
            risk, end = at_risk[step], ends[step]
            if wider is not None:
                usual = 1.0 - wider.longer[step] / before if before > _NONE else 0.0
                risk, end, before = risk + WIDER, end + WIDER * usual, wider.longer[step]
            part *= 1.0 - (end / risk if risk > 0 else 0.0)
            longer.append(part)
        return cls(longer=(*longer, *_beyond(part, before, wider, last + 1)))

    def runs_longer(self, seconds: float) -> float:
        """Say which part of all tasks runs longer than this."""
        step = bisect_left(_ENDS, seconds)
        if step >= LENGTHS:
            return self.longer[-1]
        start = 0.0 if step == 0 else _ENDS[step - 1]
        before = 1.0 if step == 0 else self.longer[step - 1]
        return before + (self.longer[step] - before) * (seconds - start) / (_ENDS[step] - start)

    def still_runs(self, age_s: float, in_s: float) -> float:
        """Say how likely a task of this age runs on for so long; one older than all that ended will."""
        now = self.runs_longer(age_s)
        return 1.0 if now <= _NONE else min(1.0, self.runs_longer(age_s + in_s) / now)

    def met_still_runs(self, in_s: float) -> float:
        """Say how likely a task that one meets at a chance time runs on for so long (the renewal theorem)."""
        if self.longer[-1] > _NONE:
            return 1.0
        return self._mean_beyond(in_s) / self._mean_beyond(0.0)

    def _mean_beyond(self, seconds: float) -> float:
        """Integrate what runs longer, from here on."""
        points = [seconds, *(end for end in _ENDS if end > seconds)]
        parts = [self.runs_longer(point) for point in points]
        pairs = zip(itertools.pairwise(points), itertools.pairwise(parts), strict=True)
        return sum((to - since) * (part + next_part) / 2 for (since, to), (part, next_part) in pairs)


def _beyond(part: float, before: float, wider: LifeTable | None, first: int) -> Iterable[float]:
    """Go on as the wider group does where nobody of the narrow one has got."""
    if wider is None or before <= _NONE:
        return itertools.repeat(part, LENGTHS - first)
    return (part * other / before for other in wider.longer[first:])


UNKNOWN = LifeTable(longer=(1.0,) * LENGTHS)
"""Everything runs on."""


class Outlook:
    """What one tick expects of all tasks; tables are made when they are first asked for."""

    def __init__(self, at: datetime, history: TaskHistory, running: Iterable[Task]) -> None:
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
        return cls(snapshot.at, snapshot.tasks, (task for node in nodes for task in node.tasks))

    def still_runs(self, task: Task, until: datetime) -> float:
        """Say how likely a task still runs at *until*."""
        left_s = (until - self.at).total_seconds()
        if left_s <= 0:
            return 1.0
        key = task.queue, task.app, task.kind
        table = self._by_task.get(key)
        if table is None:
            table = self._by_task[key] = self.table(task.queue, (task.app, task.kind))
        return table.still_runs(max(0.0, (self.at - task.began).total_seconds()), left_s)

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
            return self._table(kind, history.by_app[kind], of_app) if kind in history.by_app else of_app
        if queue is not None and queue in history.by_queue:
            return self._table(queue, history.by_queue[queue], self.table())
        return self._table(None, history.everywhere, None)

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
    def _ages(self) -> Mapping[AppKind | str | None, list[int]]:
        """The steps of length that running tasks are in, by group."""
        groups: defaultdict[tuple[str, str, int], list[int]] = defaultdict(list)
        for task in self._running:
            groups[task.queue, task.app, task.kind].append(step_of(self.at - task.began))
        found: defaultdict[AppKind | str | None, list[int]] = defaultdict(list)
        for (queue, app, kind), steps in groups.items():
            for key in ((app, kind), app, queue, None):
                found[key] += steps
        return found
