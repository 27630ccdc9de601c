"""A journal in memory, for a world that ends with the process: the same promises as in a database, and no disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from bridge.core.snapshot import Memory, Pause, Promise
from bridge.core.tasks import NO_HISTORY, TaskHistory
from bridge.core.waiting import WaitingContainers
from bridge.ports import TickRecord


class MemoryJournal:
    """``bridge.ports.Journal`` of one pool. Of the ticks only the number is kept."""

    def __init__(self) -> None:
        self.ticked = 0
        self._open: dict[str, Promise] = {}
        self._over: dict[str, Promise] = {}
        self._memory = Memory()

    def promises(self, pool: str) -> tuple[Promise, ...]:  # noqa: ARG002
        """Return every promise that isn't over."""
        return tuple(self._open.values())

    def history(self) -> tuple[Promise, ...]:
        """Return every promise ever written."""
        return (*self._over.values(), *self._open.values())

    def save(self, *promises: Promise) -> None:
        """Keep promises."""
        for promise in promises:
            self._open.pop(promise.id, None)
            (self._over if promise.is_over else self._open)[promise.id] = promise

    def memory(self, pool: str) -> Memory:  # noqa: ARG002
        """Return what the last tick left to remember."""
        return self._memory

    def remember_waiting(self, waiting: tuple[WaitingContainers, ...]) -> None:
        """Keep what waits now: all that a tick with nothing to do would have changed."""
        if waiting != self._memory.waiting:
            self._memory = replace(self._memory, waiting=waiting)

    def pause(self, pool: str, at: datetime) -> Pause | None:  # noqa: ARG002
        """Nobody pauses a replay."""
        return None

    def set_pause(self, pool: str, pause: Pause | None) -> None:
        """Nobody pauses a replay."""
        raise NotImplementedError

    def record(self, tick: TickRecord, memory: Memory | None) -> None:  # noqa: ARG002
        """Keep what the next tick must know."""
        self.ticked += 1
        if memory is not None:
            self._memory = memory

    def ticks(self, pool: str, limit: int) -> Sequence[TickRecord]:  # noqa: ARG002
        """Return nothing: no tick is kept."""
        return ()

    def prune(self, before: datetime) -> int:  # noqa: ARG002
        """Forget nothing: the end comes soon."""
        return 0


class MemoryLengths:
    """``bridge.ports.TaskLengths`` in memory."""

    def __init__(self) -> None:
        self._history = NO_HISTORY

    def read(self, pool: str) -> TaskHistory:  # noqa: ARG002
        """Return what was kept."""
        return self._history

    def write(self, pool: str, history: TaskHistory) -> None:  # noqa: ARG002
        """Keep a history."""
        self._history = history


class MemoryHistory:
    """``bridge.ports.LoadHistory`` in memory."""

    def __init__(self, steps: Sequence[tuple[datetime, Mapping[str, float]]] = ()) -> None:
        self._steps = list(steps)

    def append(self, pool: str, at: datetime, values: Mapping[str, float]) -> None:  # noqa: ARG002
        """Keep a step."""
        self._steps.append((at, values))

    def read(self, pool: str, since: datetime) -> Sequence[tuple[datetime, Mapping[str, float]]]:  # noqa: ARG002
        """Return the steps from *since* on."""
        return [step for step in self._steps if step[0] >= since]

    def prune(self, before: datetime) -> None:
        """Forget what is older."""
        self._steps = [step for step in self._steps if step[0] >= before]
