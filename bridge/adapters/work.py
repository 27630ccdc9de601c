"""What runs on each node and since when, and what has ended there, read application by application, in turn.

The ResourceManager tells a container's age only in a call of its own for each application (Hadoop 3.0 and later). So in
one tick a bounded part is read: applications that were never read first, then those read longest ago. What began since
an application was read isn't known yet; what ended counts until it is read again.
"""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from bridge.core.tasks import EndedTask, Task
from yarn_client import AppReport, ContainerReport, RmUnavailable, YarnClient, YarnError

log = logging.getLogger(__name__)

APPS_A_TICK = 20
CONTAINERS_A_TICK = 2000
"""About 650 bytes each in a reply of Hadoop 3.4.2."""
_KEEP_OUTPUT = frozenset({"MAPREDUCE", "SPARK", "TEZ"})
"""Types of applications whose ended tasks leave output on the node that others of them fetch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkSeen:
    """What is known of the work, by node id: on static nodes too, where tasks take as long."""

    tasks: Mapping[str, tuple[Task, ...]]
    held_vcore_s: Mapping[str, int]
    ended: tuple[EndedTask, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Looked:
    at: datetime
    held: Mapping[str, tuple[str, Task]]
    """By container: its node, and the task."""


class WorkDone:
    """Keeps what running applications hold on which node, since when."""

    def __init__(self, client: YarnClient, *, remote_shuffle: Collection[str] = ()) -> None:
        """Read by *client*; of queues in *remote_shuffle* a node holds no output, as their shuffle is elsewhere."""
        self._client = client
        self._remote_shuffle = frozenset(remote_shuffle)
        self._known: dict[str, _Looked] = {}
        self._output: dict[str, Counter[str]] = {}
        """By application and node: vcore seconds of tasks that have ended there."""

    def look(self, now: datetime, apps: Collection[AppReport], nodes: Collection[str], *, is_sure: bool) -> WorkSeen:
        """Read a part of *apps*, the running ones; say what is where.

        Output counts on *nodes* alone; without any, nothing is read. *is_sure*: what isn't listed has ended. An
        application that can't be read keeps what was known of it, and nothing fails: who goes first is then less well
        chosen, and that is all.
        """
        running = {app.app_id: app for app in apps}
        holding = {key: app for key, app in running.items() if app.running_containers > 0 and app.attempt is not None}
        before, self._known = self._known, {key: one for key, one in self._known.items() if key in holding}
        if nodes:
            self._read(now, holding)
        ended = [task for key, one in before.items() for task in self._ended(now, one, self._known.get(key))]
        ended = ended if is_sure else []
        self._keep_output(ended, running, nodes)
        return WorkSeen(
            tasks=_by_node(self._known.values()),
            held_vcore_s=_summed(self._output.values()),
            ended=tuple(task for task, _ in ended),
        )

    def _read(self, now: datetime, holding: Mapping[str, AppReport]) -> None:
        left = CONTAINERS_A_TICK
        order = sorted(holding, key=lambda app_id: (app_id in self._known, self._looked_at(app_id), app_id))
        for app_id in order[:APPS_A_TICK]:
            left -= holding[app_id].running_containers
            try:
                self._known[app_id] = self._looked(now, holding[app_id])
            except RmUnavailable as error:
                log.warning("work.unread error=%r", str(error))
                return
            except YarnError as error:
                before = self._known.get(app_id)
                if before is None:
                    log.info("work.unread app=%s error=%r", app_id, str(error))
                self._known[app_id] = _Looked(at=now, held={} if before is None else before.held)
            if left <= 0:
                return

    def _looked_at(self, app_id: str) -> float:
        looked = self._known.get(app_id)
        return 0.0 if looked is None else looked.at.timestamp()

    def _looked(self, now: datetime, app: AppReport) -> _Looked:
        """Read one application; ages are by the RM's clock, so that it may differ from ours.

        A container that was known keeps its beginning: so its task is the same value at each look.
        """
        before = self._known.get(app.app_id)
        known = {} if before is None else before.held
        listed = self._client.containers(app.app_id, app.attempt or 1)
        tasks = (one for one in listed if not one.is_first)
        return _Looked(
            at=now, held={one.container_id: known.get(one.container_id) or _task(now, app, one) for one in tasks}
        )

    def _ended(self, now: datetime, before: _Looked, after: _Looked | None) -> list[tuple[EndedTask, int]]:
        """List what isn't there any more with its vcores; it ended between the looks, so half of the time counts."""
        if after is before:
            return []
        held = {} if after is None else after.held
        half = (now - before.at) / 2
        return [
            (
                EndedTask(
                    node_id=node_id, app=task.app, queue=task.queue, kind=task.kind, lasted=task.age(before.at) + half
                ),
                task.vcores,
            )
            for key, (node_id, task) in before.held.items()
            if key not in held
        ]

    def _keep_output(
        self, ended: list[tuple[EndedTask, int]], running: Mapping[str, AppReport], nodes: Collection[str]
    ) -> None:
        """Count what ended tasks leave on their nodes, for as long as the application and the node are there."""
        for task, vcores in ended:
            app = running.get(task.app)
            if app is not None and app.application_type in _KEEP_OUTPUT and app.queue not in self._remote_shuffle:
                by_node = self._output.setdefault(task.app, Counter())
                by_node[task.node_id] += vcores * int(task.lasted.total_seconds())
        self._output = {
            app_id: Counter({node_id: done for node_id, done in by_node.items() if node_id in nodes})
            for app_id, by_node in self._output.items()
            if app_id in running
        }


def _task(now: datetime, app: AppReport, one: ContainerReport) -> tuple[str, Task]:
    return one.node_id, Task(
        app=app.app_id, queue=app.queue, kind=one.priority, vcores=one.allocated.vcores, began=now - one.elapsed
    )


def _by_node(looked: Collection[_Looked]) -> Mapping[str, tuple[Task, ...]]:
    found: defaultdict[str, list[Task]] = defaultdict(list)
    for one in looked:
        for node_id, task in one.held.values():
            found[node_id].append(task)
    return {node_id: tuple(tasks) for node_id, tasks in found.items()}


def _summed(outputs: Collection[Counter[str]]) -> Mapping[str, int]:
    found: Counter[str] = Counter()
    for by_node in outputs:
        found.update(by_node)
    return found
