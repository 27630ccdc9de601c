"""Reads both systems and the journal into a snapshot. What could not be read is a gap, with words why."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from bridge.controller.pool import Pool
from bridge.core.entitlement import Entitlement
from bridge.core.forecast.values import Forecast
from bridge.core.load import Belief, LoadReading
from bridge.core.reasons import Gap
from bridge.core.room import lender_sizes, taken_ratios
from bridge.core.signal import SignalMemory, believe
from bridge.core.snapshot import KubeFacts, Memory, Pause, PoolPolicy, Promise, Snapshot, YarnFacts
from bridge.core.tasks import NO_HISTORY, TaskHistory
from bridge.ports import PortError

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """A snapshot, and in the systems' own words why parts of it are gaps."""

    snapshot: Snapshot
    gaps: Mapping[str, str]


def observe(pool: Pool) -> Observation:
    """Read the world once, for one pool. What is decided counts from when all of it has been read."""
    gaps: dict[str, str] = {}
    kube = _read("kubernetes", pool.kube.observe, gaps)
    reading = None if pool.signal is None else _read("load", pool.signal.observe, gaps)
    yarn = _read("yarn", pool.yarn.observe, gaps)
    promises = _read("journal", lambda: pool.journal.promises(pool.name), gaps)
    at = pool.clock.now()
    # Where the database is away, the process knows what it last read, decided and remembered.
    memory, pause, entitlement = pool.known.memory or Memory(), None, None
    if not isinstance(promises, Gap):
        remembered = _read("journal", lambda: _remembered(pool, at), gaps)
        if isinstance(remembered, Gap):
            promises = remembered
        else:
            promises = pool.known.amended(promises)
            memory, pause, entitlement = remembered if pool.known.is_memory_written else (memory, *remembered[1:])
    load, signal = _believed(pool, kube, reading, memory, at)
    snapshot = Snapshot(
        at=at,
        policy=pool.policy,
        windows=pool.windows(at),
        kube=kube,
        yarn=yarn,
        promises=promises,
        recalled=pool.known.recalled if isinstance(promises, Gap) else {},
        memory=memory,
        pause=pause,
        entitlement=entitlement,
        load=load,
        signal=signal,
        forecast=_foreseen(pool, kube, load, at, gaps),
        tasks=_learned(pool, yarn, promises, at, gaps),
        fresh_ids=tuple(pool.new_id() for _ in range(_most_new(pool.policy, yarn))),
    )
    return Observation(snapshot=snapshot, gaps=gaps)


def _most_new(policy: PoolPolicy, yarn: YarnFacts | Gap) -> int:
    """Say how many promises may be made at most: enough for all the work that waits."""
    if isinstance(yarn, Gap):
        return 0
    whole = policy.shape.yarn
    wanted = sum(math.ceil(entry.count / max(1, entry.size.times_in(whole))) for entry in yarn.waiting)
    return min(policy.grow_per_tick, wanted)


def _believed(
    pool: Pool, kube: KubeFacts | Gap, reading: LoadReading | Gap | None, memory: Memory, at: datetime
) -> tuple[Belief | None, SignalMemory]:
    """Say what the signal's samples are taken to mean; without the lenders there is nothing to relate them to."""
    if reading is None or pool.policy.signal is None:
        return None, memory.signal
    whole = {} if isinstance(kube, Gap) else lender_sizes(kube)
    return believe(pool.policy.signal, memory.signal, reading if whole else Gap.UNREACHABLE, at, whole)


def _foreseen(
    pool: Pool, kube: KubeFacts | Gap, load: Belief | None, at: datetime, gaps: dict[str, str]
) -> Forecast | Gap | None:
    """Say what is to be expected of what counts as taken on the lenders."""
    foresight = pool.foresight
    if foresight is None or isinstance(kube, Gap):
        return None if foresight is None else Gap.UNREACHABLE
    return _read(
        "history", lambda: foresight.look(at, taken_ratios(kube, pool.policy.basis, load), lender_sizes(kube)), gaps
    )


def _learned(
    pool: Pool, yarn: YarnFacts | Gap, promises: tuple[Promise, ...] | Gap, at: datetime, gaps: dict[str, str]
) -> TaskHistory:
    """Say how long tasks take. Where that can't be read nothing is known of them, and all are taken to run on."""
    lifetimes = pool.lifetimes
    if lifetimes is None:
        return NO_HISTORY
    known = _read("task lengths", lambda: lifetimes.look(at, yarn, promises), gaps)
    return NO_HISTORY if isinstance(known, Gap) else known


def _remembered(pool: Pool, at: datetime) -> tuple[Memory, Pause | None, Entitlement | None]:
    return pool.journal.memory(pool.name), pool.journal.pause(pool.name, at), pool.entitled()


def _read(part: str, read: Callable[[], T], gaps: dict[str, str]) -> T | Gap:
    """Read one part; a fault there leaves the others alone."""
    try:
        return read()
    except PortError as error:
        gaps[part] = str(error)
        return error.gap
