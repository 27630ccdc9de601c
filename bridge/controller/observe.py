"""Reads both systems and the journal into a snapshot. What could not be read is a gap, with words why."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from bridge.controller.pool import Pool
from bridge.core.entitlement import Entitlement
from bridge.core.reasons import Gap
from bridge.core.snapshot import Memory, Pause, Snapshot
from bridge.ports import PortError

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """A snapshot, and in the systems' own words why parts of it are gaps."""

    snapshot: Snapshot
    gaps: Mapping[str, str]


def observe(pool: Pool) -> Observation:
    """Read the world once, for one pool."""
    gaps: dict[str, str] = {}
    at = pool.clock.now()
    kube = _read("kubernetes", pool.kube.observe, gaps)
    yarn = _read("yarn", pool.yarn.observe, gaps)
    promises = _read("journal", lambda: pool.journal.promises(pool.name), gaps)
    memory, pause, entitlement = Memory(), None, None
    if not isinstance(promises, Gap):
        remembered = _read("journal", lambda: _remembered(pool, at), gaps)
        if isinstance(remembered, Gap):
            promises = remembered
        else:
            memory, pause, entitlement = remembered
    snapshot = Snapshot(
        at=at,
        policy=pool.policy,
        windows=pool.windows(at),
        kube=kube,
        yarn=yarn,
        promises=promises,
        memory=memory,
        pause=pause,
        entitlement=entitlement,
        fresh_ids=tuple(pool.new_id() for _ in range(pool.policy.grow_per_tick)),
    )
    return Observation(snapshot=snapshot, gaps=gaps)


def _remembered(pool: Pool, at: datetime) -> tuple[Memory, Pause | None, Entitlement | None]:
    return pool.journal.memory(pool.name), pool.journal.pause(pool.name, at), pool.entitled()


def _read(part: str, read: Callable[[], T], gaps: dict[str, str]) -> T | Gap:
    """Read one part; a fault there leaves the others alone."""
    try:
        return read()
    except PortError as error:
        gaps[part] = str(error)
        return error.gap
