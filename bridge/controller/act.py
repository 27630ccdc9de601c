"""Does what a plan says, in its order, and nothing else. The journal is written before each side effect.

A step that fails is an outcome, not an end: the next tick starts from the world and plans it again.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from enum import StrEnum

from bridge.controller.pool import Pool
from bridge.core.actions import (
    Act,
    AddLabel,
    CreatePod,
    DeletePod,
    MapLabel,
    Plan,
    ResizeNode,
    Step,
    UnmapLabel,
)
from bridge.core.snapshot import Promise
from bridge.ports import JournalUnavailable, PortError

log = logging.getLogger(__name__)


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


def act(plan: Plan, pool: Pool, tick_id: str) -> tuple[Outcome, ...]:
    """Do the steps of a plan one by one."""
    outcomes = [*_write_moves(plan, pool)]
    for step in plan.acts:
        outcome = _do(step, pool)
        outcomes.append(outcome)
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
        case MapLabel(host=host, label=label):
            words += [f"host={host}", f"label={label}"]
        case UnmapLabel(host=host):
            words += [f"host={host}"]
        case AddLabel(label=label):
            words += [f"label={label}"]
        case None:
            pass
    if step.promise is not None:
        words += [f"state={step.promise.state}"]
    return " ".join([*words, f"reason={step.reason}"])


def _write_moves(plan: Plan, pool: Pool) -> tuple[Outcome, ...]:
    """Write down what was seen, in one go: no side effect follows from it."""
    promises = tuple(step.promise for step in plan.moves if step.promise is not None)
    error = _save(pool, *promises)
    result = Result.DONE if error is None else Result.NOT_WRITTEN
    return tuple(Outcome(step=step, result=result, error=error) for step in plan.moves)


def _do(step: Step, pool: Pool) -> Outcome:
    """Write the promise, do the act, and write what its success changes."""
    error = None if step.promise is None else _save(pool, step.promise)
    if error is not None and step.grows:
        return Outcome(step=step, result=Result.NOT_WRITTEN, error=error)
    try:
        _call(step.act, step.promise, pool)
    except PortError as failure:
        return Outcome(step=step, result=Result.FAILED, error=str(failure))
    if step.done is not None:
        error = _save(pool, step.done)
    return Outcome(step=step, result=Result.DONE, error=error)


def _call(act: Act | None, promise: Promise | None, pool: Pool) -> None:
    """Make the one call that a step stands for."""
    match act:
        case CreatePod() if promise is not None:
            pool.kube.create(act, promise)
        case DeletePod():
            pool.kube.delete(act)
        case ResizeNode():
            pool.yarn.resize(act)
        case AddLabel(label=label):
            pool.yarn.add_label(label)
        case MapLabel(host=host, label=label):
            pool.yarn.map_label(host, label)
        case UnmapLabel(host=host):
            pool.yarn.map_label(host, None)
        case _:
            return


def _save(pool: Pool, *promises: Promise) -> str | None:
    """Write promises; return what went wrong."""
    if not promises:
        return None
    try:
        pool.journal.save(*promises)
    except JournalUnavailable as error:
        return str(error)
    return None


def _error_field(outcome: Outcome) -> str:
    return "" if outcome.error is None else f" error={outcome.error!r}"
