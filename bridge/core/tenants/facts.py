"""What one round of rebalancing knows. A part that could not be read is a ``Gap``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from bridge.core.ledger import Ledger, Side
from bridge.core.reasons import Gap
from bridge.core.resources import NO_ROOM, Room
from bridge.core.shares import PastUse
from bridge.core.tenants.policy import SharePolicy


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Leaf:
    """A YARN queue or a Kubernetes namespace: what a tenant's amount is divided among."""

    side: Side
    name: str
    """A queue's full path, or a namespace."""

    def __str__(self) -> str:
        return f"{'queue' if self.side is Side.YARN else 'namespace'}:{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueUse:
    """A leaf queue as the ResourceManager shows it, in Kubernetes' units."""

    path: str
    used_static: Room = NO_ROOM
    used_elastic: Room = NO_ROOM
    waiting: Room = NO_ROOM
    """Asked for, and some node, static or elastic, could serve it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueFacts:
    """A YARN cluster's queues, and the capacity that only they can use."""

    static: Room
    """The sum of the default partition's nodes that serve and aren't elastic."""
    minimum: Room
    """The minimum allocation: what the ResourceManager rounds to."""
    queues: tuple[QueueUse, ...]
    preempts: bool | None = None
    """Whether the ResourceManager's own preemption is switched on; None where it doesn't say."""
    is_settling: bool = False
    """It started a moment ago; its lists may be half full."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantPod:
    """A pod in a tenant's namespace that could be evicted."""

    namespace: str
    name: str
    uid: str
    requests: Room
    priority: int
    started_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NamespaceUse:
    """A tenant's namespace as Kubernetes shows it; elastic pods left out."""

    name: str
    used: Room = NO_ROOM
    """Requests of the pods that have a node."""
    waiting: Room = NO_ROOM
    """Requests of the pods that have none."""
    held_back: Room = NO_ROOM
    """Requests of the pods that workloads want and that aren't there: a quota refused them."""
    leaving: Room = NO_ROOM
    """Of ``used``: requests of the pods that are on their way out."""
    pods: tuple[TenantPod, ...] = ()
    """Those that run."""
    without_requests: tuple[str, ...] = ()
    """Pods that say no request for CPU or memory: a first quota would refuse their like."""
    trouble: str | None = None
    """Why what is held back there isn't known; its demand then counts as no less than before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LendableFacts:
    """What lenders can give, before elastic pods and tenants' pods are counted."""

    room: Room
    """Allocatable less margin and online pods, summed over the lenders."""
    window: Room
    """The part that the open window allows elastic pods to have; nothing while none is open."""
    elastic: Room = NO_ROOM
    """Requests of the elastic pods that are there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What one leaf was promised of the lendable capacity, and what was written for it where.

    ``intended`` is journaled before it is written, ``confirmed`` after it was read back; they differ only between the
    two, or after a crash there. Keys and values are the enforcing system's own words.
    """

    leaf: Leaf
    room: Room
    """Of L: the upper bound of what the leaf may believe to be its own."""
    static: Room = NO_ROOM
    """Of S: what the queue's capacity was set to."""
    intended: Mapping[str, str] = field(default_factory=dict)
    confirmed: Mapping[str, str] = field(default_factory=dict)
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Smoothed:
    """A leaf's demand as the last round counted it."""

    leaf: Leaf
    demand: Room


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundMemory:
    """What the last round left for the next."""

    at: datetime | None = None
    smoothed: tuple[Smoothed, ...] = ()
    past: Mapping[str, PastUse] = field(default_factory=dict)
    """What each tenant used of late; empty where history doesn't count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundFacts:
    """All that a round's decision may depend on."""

    at: datetime
    policy: SharePolicy
    queues: QueueFacts | Gap
    namespaces: tuple[NamespaceUse, ...] | Gap
    lendable: LendableFacts | Gap
    told: tuple[Told, ...] | Gap
    """What every leaf was told so far; journaled before it was written."""
    ledger: Ledger | None = None
    """Both sides of L as the last round left them; None before the first."""
    obeyed_by_yarn: int = 0
    """The version of its number that the pool acted by in its last tick."""
    memory: RoundMemory = RoundMemory()
