"""Notices that the wall clock was set: deadlines are instants by it, so somebody has to know."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from bridge.controller.pool import Mode, Pool
from bridge.ports import PortError

log = logging.getLogger(__name__)

JUMP_S = 5.0
"""A clock that is corrected little by little doesn't move by so much between two ticks."""


class ClockWatch:
    """Compares a pool's clock from tick to tick with one that nobody sets."""

    def __init__(self, pool: Pool, steady_s: Callable[[], float] = time.monotonic) -> None:
        self._pool, self._steady_s = pool, steady_s
        self._ahead_s = self._now_ahead_s()

    def look(self) -> None:
        """Leave a line in the log, and an Event, if the clock was set since the last look."""
        before, self._ahead_s = self._ahead_s, self._now_ahead_s()
        jump_s = self._ahead_s - before
        if abs(jump_s) < JUMP_S:
            return
        log.warning("clock.was_set pool=%s by_s=%.0f", self._pool.name, jump_s)
        if self._pool.mode is Mode.OBSERVE:
            return
        try:
            self._pool.kube.tell("TidebridgeClockWasSet", _words(jump_s))
        except PortError as error:
            log.warning("tell.failed pool=%s error=%r", self._pool.name, str(error))

    def _now_ahead_s(self) -> float:
        return self._pool.clock.now().timestamp() - self._steady_s()


def _words(jump_s: float) -> str:
    if jump_s > 0:
        return f"the controller's clock jumped ahead by {jump_s:.0f} s: what has become due by it is done now"
    return (
        f"the controller's clock was set back by {-jump_s:.0f} s: if it is wrong now, deadlines are missed by as much, "
        "unless elastic pods end by themselves before"
    )
