"""One tick of one pool, from top to bottom."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bridge.controller.act import Outcome, act
from bridge.controller.collector import kept_out
from bridge.controller.observe import Observation, observe
from bridge.controller.pool import Mode, Pool
from bridge.controller.record import Planned, advice, overdue, sections, statement
from bridge.core.check import check
from bridge.core.decide import decide
from bridge.core.load import SignalState
from bridge.core.nodes import ElasticNode
from bridge.core.plan import plan
from bridge.core.reasons import Gap
from bridge.ports import PortError, TickRecord

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticked:
    """What one tick saw, meant and did."""

    id: str
    planned: Planned
    outcomes: tuple[Outcome, ...]
    took_ms: int


@kept_out()
def make_plan(pool: Pool) -> Planned:
    """Observe and plan, and change nothing."""
    observation: Observation = observe(pool)
    snapshot = observation.snapshot
    decision = decide(snapshot, pool.known.nodes)
    pool.known.nodes = {node.id: node for node in decision.nodes}
    return Planned(
        snapshot=snapshot,
        gaps=observation.gaps,
        decision=decision,
        plan=check(plan(snapshot, decision), snapshot),
    )


def tick(pool: Pool, last_advice: str | None = None) -> Ticked:
    """Run one tick: observe, decide, plan, check, act, record."""
    started, tick_id = time.monotonic(), pool.new_id()
    planned = make_plan(pool)
    # Before acting: a call that hangs may last longer than the deadline.
    bad = _say_bad(pool, planned, tick_id)
    outcomes: tuple[Outcome, ...] = ()
    if pool.mode is Mode.ENFORCE:
        outcomes = act(planned.plan, pool, tick_id, may_write=not isinstance(planned.snapshot.promises, Gap))
    elif pool.mode is Mode.ADVISE:
        _advise(pool, planned, last_advice)
    took_ms = round((time.monotonic() - started) * 1000)
    ticked = Ticked(id=tick_id, planned=planned, outcomes=outcomes, took_ms=took_ms)
    _record(pool, ticked, bad)
    return ticked


def _advise(pool: Pool, planned: Planned, last_advice: str | None) -> None:
    """Say in an Event what would be done, when that has changed."""
    words = advice(planned.plan)
    if words is None or words == last_advice:
        return
    try:
        pool.kube.tell("TidebridgeWouldAct", words)
    except PortError as error:
        log.warning("advise.failed pool=%s error=%r", pool.name, str(error))


@kept_out()
def _record(pool: Pool, ticked: Ticked, bad: Sequence[str]) -> None:
    """Keep the tick, leave one line in the log, and tell in Events what was said of deadlines."""
    planned = ticked.planned
    record = TickRecord(
        id=ticked.id,
        pool=pool.name,
        at=planned.snapshot.at,
        took_ms=ticked.took_ms,
        mode=pool.mode,
        sections=sections(planned, ticked.outcomes),
    )
    fields: Mapping[str, Any] = {
        "tick_id": ticked.id,
        "pool": pool.name,
        "acts": len(planned.plan.acts),
        "failed": sum(1 for outcome in ticked.outcomes if outcome.error is not None),
        "refused": len(planned.plan.refusals),
        "gaps": ",".join(sorted(planned.gaps)) or "none",
        "took_ms": ticked.took_ms,
    }
    log.info("tick.done %s", " ".join(f"{key}={value}" for key, value in fields.items()))
    for part, words in planned.gaps.items():
        log.warning("gap tick_id=%s pool=%s part=%s error=%r", ticked.id, pool.name, part, words)
    for late in overdue(planned):
        _say_missed(ticked, late)
    if _remembers(pool, planned):
        _say_signal(pool, ticked)
    _tell_bad(pool, ticked.id, bad)
    memory, is_read = planned.decision.memory, not isinstance(planned.snapshot.promises, Gap)
    pool.known.memory, pool.known.is_memory_written = memory, False
    try:
        # What could not be read isn't written over.
        pool.journal.record(record, memory if is_read else None)
        pool.known.is_memory_written = is_read
    except PortError as error:
        log.warning("record.failed tick_id=%s pool=%s error=%r", ticked.id, pool.name, str(error))


def _remembers(pool: Pool, planned: Planned) -> bool:
    """Say whether it is known what was said before: without that the same would be said at each tick."""
    return not isinstance(planned.snapshot.promises, Gap) or pool.known.memory is not None


def _say_signal(pool: Pool, ticked: Ticked) -> None:
    """Leave a line in the log, and an Event, when the load signal is trusted more or less than before."""
    snapshot = ticked.planned.snapshot
    load, before = snapshot.load, snapshot.memory.signal
    is_known = before.since is not None
    if load is None or (is_known and before.state is load.state):
        return
    log.log(
        logging.INFO if load.state is SignalState.FRESH else logging.WARNING,
        "signal.changed tick_id=%s pool=%s from=%s to=%s reason=%s",
        ticked.id,
        pool.name,
        before.state if is_known else "none",
        load.state,
        load.reason,
    )
    if pool.mode is Mode.OBSERVE:
        return
    try:
        pool.kube.tell("TidebridgeSignalChanged", f"the load signal is {load.state}: {load.reason}")
    except PortError as error:
        log.warning("tell.failed tick_id=%s pool=%s error=%r", ticked.id, pool.name, str(error))


def _say_bad(pool: Pool, planned: Planned, tick_id: str) -> Sequence[str]:
    """Leave a line in the log when a deadline is first expected not to hold, and when it is again; return the words."""
    snapshot, decision = planned.snapshot, planned.decision
    if not _remembers(pool, planned):
        return ()
    before, now = snapshot.memory.announced, decision.memory.announced
    changed = [at for at in sorted({*before, *now}) if before.get(at) is not now.get(at)]
    told = {entry.deadline: entry for entry in decision.foretold.statements} if changed else {}
    changed = [at for at in changed if at in told]
    for at in changed:
        level = logging.WARNING if at in now else logging.INFO
        log.log(level, "deadline.stated tick_id=%s pool=%s %s", tick_id, pool.name, statement(told[at]))
    return [statement(told[at]) for at in changed]


def _tell_bad(pool: Pool, tick_id: str, bad: Sequence[str]) -> None:
    """Leave an Event for each change in what is expected of a deadline."""
    if pool.mode is Mode.OBSERVE:
        return
    for words in bad:
        try:
            pool.kube.tell("TidebridgeDeadline", words)
        except PortError as error:
            log.warning("tell.failed tick_id=%s pool=%s error=%r", tick_id, pool.name, str(error))


def _say_missed(ticked: Ticked, late: ElasticNode) -> None:
    """Leave a line in the log for a promise that isn't kept."""
    promise, at = late.promise, ticked.planned.snapshot.at
    late_s = 0.0 if promise.deadline is None else (at - promise.deadline).total_seconds()
    log.warning(
        "deadline.missed tick_id=%s pool=%s promise=%s lender=%s state=%s late_s=%.0f",
        ticked.id,
        promise.pool,
        promise.id,
        promise.lender,
        promise.state,
        late_s,
    )
