"""Ticks every pool, on a period and at the windows' edges, until it is told to stop.

APScheduler only wakes a tick earlier: the period is of the monotonic clock, which nobody sets back. What a tick does
follows from the time it reads itself, so a late or doubled firing changes nothing.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from apscheduler.schedulers.background import BackgroundScheduler

from bridge.controller.clock_watch import ClockWatch
from bridge.controller.pool import Pool
from bridge.controller.rebalance import Rebalancing
from bridge.controller.record import advice
from bridge.controller.tick import tick
from bridge.ports import NotLeader, PortError

log = logging.getLogger(__name__)

_EDGE_HORIZON = timedelta(hours=26)


LOOK_S = 0.5
"""How often, between ticks, it is looked for what can't wait: online pods without room, lenders under pressure."""
HURRY_S = 1.0
"""How soon the next tick comes while there is any."""
HURRY_FOR_S = 90.0
"""How long it is hurried for the same: longer than giving back takes, and not for ever for what nothing helps."""


class Hurry:
    """Says whether the next tick is brought forward for what can't wait."""

    def __init__(self) -> None:
        self._known: frozenset[str] = frozenset()
        self._since_s = 0.0

    def is_due(self, urgent: frozenset[str], now_s: float, ticked_s: float) -> bool:
        """Look at what there is at *now_s*; the last tick began at *ticked_s*. What is new begins the time anew."""
        if urgent - self._known:
            self._since_s = now_s
        self._known = urgent
        return bool(urgent) and now_s - self._since_s < HURRY_FOR_S and now_s - ticked_s >= HURRY_S


class Loop:
    """The running controller. Each pool has a thread of its own; one that breaks or waits leaves the others alone."""

    def __init__(
        self, pools: Sequence[Pool], *, period: timedelta, keep: timedelta, rebalancing: Rebalancing | None = None
    ) -> None:
        """Tick *pools* every *period*, and rebalance when it is due; forget what is older than *keep*."""
        self._rebalancing = rebalancing
        self._pools = pools
        self._period = period
        self._keep = keep
        self._wakes = [threading.Event() for _ in pools]
        self._stop = threading.Event()

    def run(self) -> None:
        """Tick until ``stop`` is called."""
        scheduler = BackgroundScheduler(timezone="UTC")
        scheduler.add_job(
            lambda: self._look_after(scheduler),
            "interval",
            hours=1,
            next_run_time=datetime.now(UTC),
            coalesce=True,
            misfire_grace_time=None,
        )
        scheduler.start()
        threads = [
            threading.Thread(target=self._follow, args=turn, name=f"pool {turn[0].name}", daemon=True)
            for turn in self._turns()
        ]
        if self._rebalancing is not None:
            threads.append(threading.Thread(target=self._rebalancing.run, name="rebalancing", daemon=True))
        try:
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        finally:
            self.stop()
            scheduler.shutdown(wait=False)

    def stop(self) -> None:
        """End after the ticks that are under way."""
        self._stop.set()
        if self._rebalancing is not None:
            self._rebalancing.stop()
        for wake in self._wakes:
            wake.set()

    def wake(self) -> None:
        """Tick every pool now, and look whether a round is due: this replica has begun to lead."""
        for wake in self._wakes:
            wake.set()
        if self._rebalancing is not None:
            self._rebalancing.wake()

    def _turns(self) -> Iterator[tuple[Pool, threading.Event]]:
        """Give each pool with what wakes it."""
        return zip(self._pools, self._wakes, strict=True)

    def _follow(self, pool: Pool, wake: threading.Event) -> None:
        """Tick one pool, again and again."""
        told: str | None = None
        term: int | None = None
        hurry, clock = Hurry(), ClockWatch(pool)
        while not self._stop.is_set():
            began_s = time.monotonic()
            before, term = term, pool.begin()
            if term is not None:
                if term != before:
                    _restart(pool)
                told = self._tick(pool, told, clock)
            due_s = began_s + self._period.total_seconds()
            while not wake.is_set() and (left_s := due_s - time.monotonic()) > 0:
                wake.wait(min(left_s, LOOK_S))
                if term is not None and hurry.is_due(_urgent(pool), time.monotonic(), began_s):
                    break
            # After the wait and before the look at _stop, or a stop during the tick would wait for the next one.
            wake.clear()

    def _tick(self, pool: Pool, told: str | None, clock: ClockWatch) -> str | None:
        """Tick one pool whose last advice was *told*; return the new one.

        Here, and where it is looked between ticks, everything is caught: a fault is written down, the next tick is
        fresh.
        """
        try:
            clock.look()
            ticked = tick(pool, told)
            if ticked.took_ms > self._period.total_seconds() * 1000:
                log.warning("tick.late tick_id=%s pool=%s took_ms=%d", ticked.id, pool.name, ticked.took_ms)
            return advice(ticked.planned.plan)
        except NotLeader as error:
            log.warning("tick.not_leader pool=%s why=%r", pool.name, str(error))
            return told
        except Exception:
            log.exception("tick.crashed pool=%s", pool.name)
            return told

    def _look_after(self, scheduler: BackgroundScheduler) -> None:
        """Do once an hour what needs no tick."""
        self._plan_edges(scheduler)
        try:
            self._prune()
        except NotLeader:
            return

    def _prune(self) -> None:
        """Forget what is old. Raises NotLeader: that is for the replica that leads."""
        if self._rebalancing is not None:
            self._rebalancing.prune(self._keep)
        for pool in self._pools:
            try:
                pool.journal.prune(pool.clock.now() - self._keep)
                if pool.foresight is not None:
                    pool.foresight.prune(pool.clock.now())
            except PortError as error:
                log.warning("prune.failed pool=%s error=%r", pool.name, str(error))

    def _plan_edges(self, scheduler: BackgroundScheduler) -> None:
        """Wake a tick at every edge of a window, and at the start of each lead and tail."""
        for pool, wake in self._turns():
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
                            wake.set,
                            "date",
                            run_date=edge,
                            id=f"{pool.name} {edge.isoformat()}",
                            replace_existing=True,
                            misfire_grace_time=60,
                        )


def _urgent(pool: Pool) -> frozenset[str]:
    """Ask what can't wait; what can't be found out waits for the next tick."""
    try:
        return pool.urgent()
    except Exception:
        log.exception("look.crashed pool=%s", pool.name)
        return frozenset()


def _restart(pool: Pool) -> None:
    """Forget what was known before this replica led: the database knows what the other one learned."""
    pool.known.forget()
    for kept in (pool.foresight, pool.lifetimes):
        if kept is not None:
            kept.restart()
