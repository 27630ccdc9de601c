"""How long tasks took, kept over restarts."""

from __future__ import annotations

from typing import Protocol

from bridge.core.tasks import TaskHistory


class TaskLengths(Protocol):
    """The database, for the lengths of tasks by queue. Every method raises ``JournalUnavailable``."""

    def read(self, pool: str) -> TaskHistory:
        """Return what was kept; an empty history at first."""
        ...

    def write(self, pool: str, history: TaskHistory) -> None:
        """Keep the queues' part of a history, instead of what was kept before."""
        ...
