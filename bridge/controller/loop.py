"""Ticks every pool in turn, on a period and at the windows' edges, until it is told to stop.

APScheduler only wakes a tick: what a tick does follows from the time it reads itself, so a late or doubled firing
changes nothing.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from datetime import timedelta

from apscheduler.schedulers.background import BackgroundScheduler

from bridge.controller.pool import Pool
from bridge.controller.record import advice
from bridge.controller.tick import tick
from bridge.ports import PortError

log = logging.getLogger(__name__)

_EDGE_HORIZON = timedelta(hours=26)


class Loop:
    """The running controller. One thread ticks the pools in turn; one that breaks leaves the others alone."""

    def __init__(self, pools: Sequence[Pool], *, period: timedelta, keep: timedelta) -> None:
        """Tick *pools* every *period*; forget what is older than *keep*."""
        self._pools = pools
        self._period = period
        self._keep = keep
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._advice: dict[str, str | None] = {}

    def run(self) -> None:
        """Tick until ``stop`` is called."""
        scheduler = BackgroundScheduler(timezone="UTC")
        scheduler.add_job(self._wake.set, "interval", seconds=self._period.total_seconds(), coalesce=True)
        scheduler.add_job(lambda: self._look_after(scheduler), "interval", hours=24, coalesce=True)
        self._look_after(scheduler)
        scheduler.start()
        try:
            while not self._stop.is_set():
                self._wake.clear()
                self.tick_all()
                self._wake.wait()
        finally:
            scheduler.shutdown(wait=False)

    def stop(self) -> None:
        """End after the tick that is under way."""
        self._stop.set()
        self._wake.set()

    def tick_all(self) -> None:
        """Tick every pool once."""
        for pool in self._pools:
            self._tick(pool)

    def _tick(self, pool: Pool) -> None:
        """Tick one pool. The one place that catches everything: a fault is written down, the next tick is fresh."""
        try:
            ticked = tick(pool, self._advice.get(pool.name))
            self._advice[pool.name] = advice(ticked.planned.plan)
            if ticked.took_ms > self._period.total_seconds() * 1000:
                log.warning("tick.late tick_id=%s pool=%s took_ms=%d", ticked.id, pool.name, ticked.took_ms)
        except Exception:
            log.exception("tick.crashed pool=%s", pool.name)

    def _look_after(self, scheduler: BackgroundScheduler) -> None:
        """Do once a day what needs no tick."""
        self._plan_edges(scheduler)
        for pool in self._pools:
            try:
                pool.journal.prune(pool.clock.now() - self._keep)
            except PortError as error:
                log.warning("prune.failed pool=%s error=%r", pool.name, str(error))

    def _plan_edges(self, scheduler: BackgroundScheduler) -> None:
        """Wake a tick at every edge of a window, and at the start of each lead and tail."""
        for pool in self._pools:
            now = pool.clock.now()
            for span in pool.windows(now):
                edges = {
                    span.start,
                    span.back_by - span.lead,
                    span.back_by - pool.policy.tail,
                    span.back_by - pool.policy.pod_tail,
                    span.back_by,
                }
                for edge in edges:
                    if now < edge < now + _EDGE_HORIZON:
                        scheduler.add_job(
                            self._wake.set,
                            "date",
                            run_date=edge,
                            id=f"{pool.name} {edge.isoformat()}",
                            replace_existing=True,
                            misfire_grace_time=60,
                        )
