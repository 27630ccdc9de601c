"""The leaf queues of a scheduler's report: their full paths, and what they use of a partition."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bridge.adapters.convert import resources_of
from bridge.core.resources import Resources
from yarn_client import QueueReport, SchedulerReport

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
