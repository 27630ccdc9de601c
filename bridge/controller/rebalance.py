"""One round of rebalancing from top to bottom, when one is due, and the thread that looks for that.

A round is due by the cron, when a leaf's demand has moved by more than the dead band, and when there is something to
tell or to write that wasn't tried before: somebody has let go, or a system has lost what it was given. What was lowered
in a round may be free at once; so it looks a second time, and gives on what it sees free.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from bridge.controller.collector import kept_out
from bridge.controller.enforce import Enforced, enforce
from bridge.controller.pool import Mode
from bridge.controller.round_record import advice, round_sections
from bridge.controller.sharing import PlannedRound, Sharing, plan_round
from bridge.core.reasons import Gap
from bridge.core.tenants.divide import has_moved
from bridge.ports import NotLeader, PortError, TickRecord

log = logging.getLogger(__name__)

ROUNDS = "(rebalance)"
"""Where the journal keeps rounds among the pools' ticks; no pool can be called so."""

PASSES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Rounded:
    """What one round saw, meant and did; the last look's plan, and what every look has done."""

    id: str
    planned: PlannedRound
    enforced: tuple[Enforced, ...]
    took_ms: int


@kept_out()
def rebalance(
    sharing: Sharing, *, planned: PlannedRound | None = None, take_over: bool = False, last_advice: str | None = None
) -> Rounded:
    """Run one round now. *planned*: what was planned on a look just taken; None: it looks itself."""
    started, round_id = time.monotonic(), sharing.pool.new_id()
    planned = planned or plan_round(sharing, take_over=take_over)
    enforced: list[Enforced] = []
    if sharing.mode is Mode.ENFORCE:
        enforced.append(enforce(planned, sharing))
        while len(enforced) < PASSES and planned.plan.waits_for_release and planned.changes:
            planned = plan_round(sharing, take_over=take_over)
            enforced.append(enforce(planned, sharing))
    elif sharing.mode is Mode.ADVISE:
        _advise(sharing, planned, last_advice)
    took_ms = round((time.monotonic() - started) * 1000)
    rounded = Rounded(id=round_id, planned=planned, enforced=tuple(enforced), took_ms=took_ms)
    _record(sharing, rounded)
    return rounded


def _advise(sharing: Sharing, planned: PlannedRound, last_advice: str | None) -> None:
    """Say in an Event what would be written, when that has changed."""
    words = advice(planned)
    if words is None or words == last_advice:
        return
    try:
        sharing.pool.kube.tell("TidebridgeWouldRebalance", words)
    except PortError as error:
        log.warning("advise.failed error=%r", str(error))


def _record(sharing: Sharing, rounded: Rounded) -> None:
    """Keep the round, and leave one line in the log."""
    planned = rounded.planned
    outcomes = [outcome for enforced in rounded.enforced for outcome in enforced.drafts]
    log.info(
        "round.done round_id=%s changes=%d failed=%d evictions=%d foreign=%d gaps=%s took_ms=%d",
        rounded.id,
        sum(len(outcome.draft.changes) for outcome in outcomes if outcome.error is None),
        sum(1 for outcome in outcomes if outcome.error is not None),
        sum(len(enforced.evictions) for enforced in rounded.enforced),
        sum(len(entry.foreign) for entry in planned.enforcing),
        ",".join(sorted(planned.gaps)) or "none",
        rounded.took_ms,
    )
    for part, words in planned.gaps.items():
        log.warning("gap round_id=%s part=%s error=%r", rounded.id, part, words)
    record = TickRecord(
        id=rounded.id,
        pool=ROUNDS,
        at=planned.facts.at,
        took_ms=rounded.took_ms,
        mode=sharing.mode,
        sections=round_sections(planned, rounded.enforced),
    )
    try:
        if not isinstance(planned.facts.told, Gap):
            sharing.shares.remember(planned.plan.memory)
        sharing.pool.journal.record(record, None)
    except PortError as error:
        log.warning("record.failed round_id=%s error=%r", rounded.id, str(error))


class Rounds:
    """Runs a round whenever one is due; whoever has it look decides how often."""

    def __init__(self, sharing: Sharing, *, due_after: Callable[[datetime], datetime]) -> None:
        """*due_after* says when the cron is next due."""
        self._sharing = sharing
        self._due_after = due_after
        self._due: datetime | None = None
        self._told: str | None = None
        self._term: int | None = None
        self._tried: frozenset[tuple[str, ...]] = frozenset()
        """What the last round told and wrote, or tried to: what is refused isn't tried at every look."""

    def run_if_due(self) -> Rounded | None:
        """Look, and run a round if the cron asks for one by now, or if demand has moved.

        The first is always due, and the first after another replica may have led.
        """
        before, self._term = self._term, self._sharing.pool.begin()
        if self._term is None:
            return None
        if self._term != before:
            self._due, self._tried = None, frozenset()
        now = self._sharing.pool.clock.now()
        planned = plan_round(self._sharing)
        if self._due is not None and now < self._due and not self._is_worth_it(planned):
            return None
        self._due = self._due_after(now)
        self._tried = _writes(planned)
        rounded = rebalance(self._sharing, planned=planned, last_advice=self._told)
        self._told = advice(rounded.planned)
        return rounded

    def _is_worth_it(self, planned: PlannedRound) -> bool:
        """Say whether a round before its time would do something that the last one didn't try in vain."""
        return has_moved(planned.facts, planned.plan.division) or bool(_writes(planned) - self._tried)

    def prune(self, keep: timedelta) -> None:
        """Forget what is older than *keep*."""
        try:
            self._sharing.shares.prune(self._sharing.pool.clock.now() - keep)
        except PortError as error:
            log.warning("prune.failed error=%r", str(error))


def _writes(planned: PlannedRound) -> frozenset[tuple[str, ...]]:
    """Name everything that a round would tell or write."""
    told = (
        ("told", str(plan.leaf), str(plan.room))
        for plan in planned.plan.leaves
        if plan.now is not None and plan.room != plan.now.room
    )
    changes = (
        (str(change.leaf), change.key, change.after)
        for entry in planned.enforcing
        for draft in entry.drafts
        for change in draft.changes
    )
    return frozenset((*told, *changes))


class Rebalancing:
    """Runs rounds on a thread of its own until it is told to stop: a fault there leaves the pools' ticks alone."""

    def __init__(self, rounds: Rounds, *, look_every: timedelta) -> None:
        """Between two rounds demand is looked at *look_every*."""
        self._rounds = rounds
        self._look_every = look_every
        self._stop = threading.Event()
        self._wake = threading.Event()

    def run(self) -> None:
        """Run a round now, and then whenever one is due."""
        while not self._stop.is_set():
            self._look()
            self._wake.wait(self._look_every.total_seconds())
            # After the wait and before the look at _stop, or a stop during the round would wait for the next one.
            self._wake.clear()

    def stop(self) -> None:
        """End after the round that is under way."""
        self._stop.set()
        self._wake.set()

    def wake(self) -> None:
        """Look now."""
        self._wake.set()

    def prune(self, keep: timedelta) -> None:
        """Forget what is older than *keep*."""
        self._rounds.prune(keep)

    def _look(self) -> None:
        """Look once; the one place that catches everything: a fault is written down, the next look is fresh."""
        try:
            self._rounds.run_if_due()
        except NotLeader as error:
            log.warning("round.not_leader why=%r", str(error))
        except Exception:
            log.exception("round.crashed")
