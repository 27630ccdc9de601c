"""Simulated time: a clock, and the events that are still to come, in whole seconds.

Nothing here looks at the wall clock; time moves only in ``Timeline.run_to``.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

FIRST = 0
"""Rank of what happens by itself: ends, starts, registrations."""
OVERCOMMIT = 5
"""Rank of the heartbeat that kills what no longer fits."""
KUBE_SCHEDULER = 8
YARN_SCHEDULER = 9
"""The schedulers come last, so that they see all that happened in their second."""


class Timeline:
    """Events by second, then by rank, then in the order in which they were planned."""

    def __init__(self) -> None:
        self.now = 0
        self._count = 0
        self._heap: list[tuple[int, int, int, Callable[..., object], tuple[Any, ...]]] = []

    def at(self, second: int, act: Callable[..., object], *args: Any, rank: int = FIRST) -> None:
        """Plan *act* for *second*; what is planned for the past happens at once when time moves."""
        self._count += 1
        heapq.heappush(self._heap, (second, rank, self._count, act, args))

    def run_to(self, second: int) -> None:
        """Do everything up to *second*, that second included, and stop there."""
        heap = self._heap
        while heap and heap[0][0] <= second:
            due, _, _, act, args = heapq.heappop(heap)
            self.now = max(self.now, due)
            act(*args)
        self.now = max(self.now, second)


class SimClock:
    """The clock that a controller in the simulated world reads."""

    def __init__(self, timeline: Timeline, start: datetime) -> None:
        self._timeline = timeline
        self._start = start

    def now(self) -> datetime:
        """Return the present instant, aware, in UTC."""
        return self.at(self._timeline.now)

    def at(self, second: int) -> datetime:
        """Return the instant of a simulated second."""
        return self._start + timedelta(seconds=second)

    def second(self, at: datetime) -> int:
        """Return the whole second that *at* is in."""
        return int((at - self._start) // timedelta(seconds=1))
