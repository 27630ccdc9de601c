"""What the admission rule is asked: capacity, and a tree of queues with what each may, must and wants to have.

Amounts are in whatever unit the caller uses for a resource; the rule compares none with another. Names of resources
are just names: ``vcores``, ``memory_mib``, ``nvidia.com/gpu``, ``cpu@pool``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

ROOT = "root"
"""The implicit top; no queue may be called so."""

Amount = int | float
Amounts = Mapping[str, Amount]
"""Amounts by resource."""


class ShareMode(StrEnum):
    """Whether a guarantee counts toward the fair share, or comes before it."""

    FLOOR = "floor"
    """It counts: b = 0. YARN's FairScheduler, Volcano."""
    SURPLUS = "surplus"
    """It comes first, and the rest is divided by weight: b = l. KAI, Kueue's spirit."""


class ReclaimPolicy(StrEnum):
    """For whom others may be made to pay."""

    FAIR_SHARE = "fair_share"
    """For a queue below its share."""
    GUARANTEE_ONLY = "guarantee_only"
    """For a queue below its guarantee alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """One node of the tree. A leaf has demand; an inner queue's is the sum of its children's."""

    name: str
    """Unique in the tree."""
    parent: str = ROOT
    weight: float | Mapping[str, float] = 1
    """One number, or one per resource (1 where absent). 0: nothing beyond the guarantee until all others are full."""
    guarantee: Amounts = field(default_factory=dict)
    """``min`` in the file. Absent: 0."""
    ceiling: Amounts = field(default_factory=dict)
    """``max`` in the file. Absent: unlimited."""
    demand: Amounts = field(default_factory=dict)
    """Used and waiting, on a leaf. Absent: unbounded."""
    used: Amounts = field(default_factory=dict)
    """On a leaf. Absent: 0."""
    pinned: Amounts = field(default_factory=dict)
    """``used_nonpreemptible`` in the file: the part of used that may not be taken. Absent: 0."""
    priority: int = 0
    """Tiers divide only what is left after every sibling's lower bound; the higher number comes first."""
    lending_limit: Amounts = field(default_factory=dict)
    """How much of the unused guarantee others may use. Absent: all."""
    borrowing_limit: Amounts = field(default_factory=dict)
    """How much above the guarantee it may take. Absent: up to the ceiling."""
    share_mode: ShareMode | None = None
    """Overrides the problem's for the subtree below this queue, itself not included."""
    is_active: bool = True
    """False: demand is 0."""
    order: int | None = None
    """Breaks rounding ties, after priority: the smaller comes first. None: the position in the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A capacity and the queues that want it."""

    queues: tuple[Queue, ...]
    total: Amounts = field(default_factory=dict)
    """A resource that is absent here but named by a queue has no capacity of its own: each queue gets its upper bound,
    which must be finite."""
    unit: Amounts = field(default_factory=dict)
    """Round that resource to multiples of this. Absent: real numbers."""
    share_mode: ShareMode = ShareMode.FLOOR
    reclaim_policy: ReclaimPolicy = ReclaimPolicy.FAIR_SHARE
    dead_band_ratio: float = 0.0
    """Nobody pays while used <= (1 + this) * target."""


class BadTree(Exception):
    """A problem that can't be solved, with the queue and the key (the file's word for it) that are wrong.

    Unknown parents, cycles, duplicate names, negative, infinite or NaN amounts, demand or use of an inner queue, pinned
    above used, a unit that isn't above 0, and unbounded demand on a resource without capacity.
    """

    def __init__(self, queue: str | None, key: str, why: str, remedy: str) -> None:
        where = f"queue {queue!r}: {key}" if queue is not None else key
        super().__init__(f"{where} {why}; {remedy}")
        self.queue = queue
        self.key = key
        self.why = why
        self.remedy = remedy
