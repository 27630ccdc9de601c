"""Does what a plan says, in its order, and nothing else. The journal is written before each side effect.

A step that fails is an outcome, not an end: the next tick starts from the world and plans it again.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from bridge.controller.pool import Pool
from bridge.core.actions import (
    Act,
    AddLabel,
    CreatePod,
    Decommission,
    DeletePod,
    MapLabel,
    Plan,
    Readmit,
    ResizeNode,
    ResizePod,
    StampPod,
    Step,
    UnmapLabel,
)
from bridge.core.snapshot import Promise
from bridge.ports import JournalUnavailable, PortError, Unavailable

log = logging.getLogger(__name__)

SILENT_AFTER = timedelta(seconds=1)
"""A call that fails after so long has waited for an answer."""


class Result(StrEnum):
    """What became of a step."""

    DONE = "done"
    FAILED = "failed"
    NOT_WRITTEN = "not_written"
    """The journal could not be written, and the step would have lent more: it was left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one step; ``error`` is in the system's own words."""

    step: Step
    result: Result
    error: str | None = None


def act(plan: Plan, pool: Pool, tick_id: str, *, may_write: bool = True) -> tuple[Outcome, ...]:
    """Do the steps of a plan one by one; *may_write*: the journal could be read in this tick.

    One that couldn't isn't asked again, and isn't written over. What isn't written, the process keeps.
    """
    acting = _Acting(pool, may_write=may_write)
    outcomes = [*acting.write_first(plan)]
    for step in plan.acts:
        outcome = acting.do(step)
        outcomes.append(outcome)
        if log.isEnabledFor(logging.INFO):
            log.info("act tick_id=%s %s result=%s%s", tick_id, describe(step), outcome.result, _error_field(outcome))
    return tuple(outcomes)


def describe(step: Step) -> str:
    """Write a step as fields of a log line."""
    words = [type(step.act).__name__ if step.act is not None else "Move"]
    match step.act:
        case CreatePod(promise_id=promise_id, lender=lender):
            words += [f"promise={promise_id}", f"lender={lender}"]
        case DeletePod(promise_id=promise_id):
            words += [f"promise={promise_id}"]
        case ResizeNode() as resize:
            timeout = -1 if resize.overcommit_timeout is None else resize.overcommit_timeout.total_seconds()
            words += [f"purpose={resize.purpose}", f"node={resize.node_id}", f"vcores={resize.total.vcores}"]
            words += [f"memory_mib={resize.total.memory_mib}", f"overcommit_timeout_s={timeout:g}"]
        case ResizePod(promise_id=promise_id, requests=requests):
            words += [f"promise={promise_id}", f"cpu_millicores={requests.cpu_millicores}"]
            words += [f"memory_mib={requests.memory_mib}"]
        case StampPod(promise_id=promise_id, worth=worth):
            words += [f"promise={promise_id}", f"worth={worth}"]
        case MapLabel(host=host, label=label):
            words += [f"host={host}", f"label={label}"]
        case UnmapLabel(host=host):
            words += [f"host={host}"]
        case AddLabel(label=label):
            words += [f"label={label}"]
        case Decommission(timeout_s_by_host=hosts):
            words += [f"hosts={','.join(f'{host}:{timeout_s}s' for host, timeout_s in hosts)}"]
        case Readmit(hosts=hosts):
            words += [f"hosts={','.join(hosts)}"]
        case None:
            pass
    if step.promise is not None:
        words += [f"state={step.promise.state}"]
    return " ".join([*words, f"reason={step.reason}"])


class _Acting:
    """One tick's acting. Who kept us waiting once isn't asked again: each wait would make the steps after it late.

    An error that comes at once costs nothing, and may be this one step's: the others are tried.
    """

    def __init__(self, pool: Pool, *, may_write: bool) -> None:
        self._pool = pool
        self._silent: set[str] = set()
        self._unwritten: str | None = None if may_write else "the journal can't be read"
        """Why the journal could not be written; None while it could."""

    def write_first(self, plan: Plan) -> tuple[Outcome, ...]:
        """Write in one go what was seen, and what every step that gives back stands for; return the moves' outcomes.

        All steps of one node write the same, and no step that lends more comes before one that gives back. What
        earlier ticks couldn't write is written with it.
        """
        pending = tuple(self._pool.known.unwritten.values())
        self._keep(*pending, *(step.promise for step in plan.steps if not step.grows))
        result = Result.DONE if self._unwritten is None else Result.NOT_WRITTEN
        return tuple(
            Outcome(step=step, result=result, error=self._unwritten if step.promise is not None else None)
            for step in plan.moves
        )

    def do(self, step: Step) -> Outcome:
        """Write a promise that lends more, do the act, and write what its success changes."""
        system = _system(step.act)
        if system in self._silent:
            words = f"not tried: the {system} didn't answer earlier in this tick"
            return Outcome(step=step, result=Result.FAILED, error=words)
        if step.grows and self._save(step.promise) is not None:
            return Outcome(step=step, result=Result.NOT_WRITTEN, error=self._unwritten)
        called_at = self._pool.clock.now()
        try:
            is_over = _call(step.act, step.promise, self._pool)
        except PortError as failure:
            if isinstance(failure, Unavailable) and self._pool.clock.now() - called_at >= SILENT_AFTER:
                self._silent.add(system)
            return Outcome(step=step, result=Result.FAILED, error=str(failure))
        error = self._keep(step.done if is_over else None) or self._missing(step)
        return Outcome(step=step, result=Result.DONE, error=error)

    def _missing(self, step: Step) -> str | None:
        """Say why a step's promise isn't in the journal, if it should be."""
        return None if step.promise is None else self._unwritten

    def _keep(self, *promises: Promise | None) -> str | None:
        """Write promises or, where that fails, keep them in the process; return what went wrong."""
        error, unwritten = self._save(*promises), self._pool.known.unwritten
        for promise in promises:
            if promise is not None and error is None:
                unwritten.pop(promise.id, None)
            elif promise is not None:
                unwritten[promise.id] = promise
        return error

    def _save(self, *promises: Promise | None) -> str | None:
        """Write promises, unless writing has failed in this tick already; return what went wrong."""
        known = {promise.id: promise for promise in promises if promise is not None}
        if known and self._unwritten is None:
            try:
                self._pool.journal.save(*known.values())
                self._pool.known.written |= known
            except JournalUnavailable as error:
                self._unwritten = str(error)
        return self._unwritten if known else None


def _system(act: Act | None) -> str:
    """Name the system that an act is for."""
    return "API server" if isinstance(act, CreatePod | ResizePod | StampPod | DeletePod) else "ResourceManager"


def _call(act: Act | None, promise: Promise | None, pool: Pool) -> bool:
    """Make the one call that a step stands for; say whether all is so now: a pod that was there takes its time."""
    match act:
        case CreatePod() if promise is not None:
            pool.kube.create(act, promise)
        case DeletePod():
            return not pool.kube.delete(act)
        case ResizeNode():
            pool.yarn.resize(act)
        case ResizePod():
            pool.kube.resize_pod(act)
        case StampPod():
            pool.kube.stamp(act)
        case AddLabel(label=label):
            pool.yarn.add_label(label)
        case MapLabel(host=host, label=label):
            pool.yarn.map_label(host, label)
        case UnmapLabel(host=host):
            pool.yarn.map_label(host, None)
        case Decommission():
            pool.yarn.decommission(act)
        case Readmit():
            pool.yarn.readmit(act)
        case _:
            pass
    return True


def _error_field(outcome: Outcome) -> str:
    return "" if outcome.error is None else f" error={outcome.error!r}"
