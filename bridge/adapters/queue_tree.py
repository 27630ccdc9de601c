"""The leaf queues of a scheduler's report: their full paths, and what they use of a partition."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from bridge.adapters.convert import resources_of
from bridge.core.resources import Resources
from yarn_client import AppReport, QueueReport, SchedulerReport, YarnClient

DEFAULT_PARTITION = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueTree:
    """The leaf queues, by full path."""

    leaves: Mapping[str, QueueReport]
    path_by_name: Mapping[str, str]
    """ResourceManagers before 3.4 say an application's queue by its last word."""

    @classmethod
    def of(cls, report: SchedulerReport) -> QueueTree:
        """Take the leaves of a report."""
        leaves = {queue.path: queue for queue in report.root.walk() if queue.is_leaf}
        return cls(leaves=leaves, path_by_name={queue.name: path for path, queue in leaves.items()})

    def path(self, queue: str) -> str:
        """Return the full path of an application's queue; the name itself where no leaf has it."""
        return queue if queue in self.leaves else self.path_by_name.get(queue, queue)

    def use_of(self, partition: str) -> dict[str, Resources]:
        """Say what each leaf uses of a partition, where it uses any."""
        return {
            path: resources_of(use.used)
            for path, queue in self.leaves.items()
            for use in queue.uses
            if use.partition == partition and use.used.memory_mib > 0
        }


class QueuePaths:
    """Completes the queues of applications to full paths, where a ResourceManager says only the last word (before 3.4).

    The tree is read when a name turns up that isn't known yet, and then kept.
    """

    def __init__(self, client: YarnClient) -> None:
        self._client = client
        self._path_by_name: dict[str, str] = {}

    def completed(self, apps: Iterable[AppReport]) -> tuple[AppReport, ...]:
        """Return the applications with their queues' full paths; a name that no leaf has stays. Raises YarnError."""
        found = tuple(apps)
        words = {app.queue for app in found if not _is_path(app.queue)}
        if not words <= self._path_by_name.keys():
            tree = QueueTree.of(self._client.scheduler())
            self._path_by_name = {word: tree.path(word) for word in words}
        return tuple(app if _is_path(app.queue) else replace(app, queue=self._path_by_name[app.queue]) for app in found)


def _is_path(queue: str) -> bool:
    return queue == "root" or queue.startswith("root.")
