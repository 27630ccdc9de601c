"""How large the simulated world is, and how quick its parts are. Every default makes a legal, small world."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from bridge.core.resources import Resources, Room

_LENDER = Room(cpu_millicores=16_000, memory_mib=65_536)
_STATIC = Resources(vcores=8, memory_mib=24_576)
_LEAST = Resources(vcores=1, memory_mib=1024)
_MOST = Resources(vcores=16, memory_mib=65_536)


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelShare:
    """What a queue may have on the nodes of one label. An amount, where there is one, takes the place of the ratio."""

    capacity_ratio: float = 0.0
    max_ratio: float = 1.0
    capacity: Resources | None = None
    maximum: Resources | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueConfig:
    """A queue of CapacityScheduler. It is a parent if another one names it as such; the last words are unique."""

    name: str
    parent: str = "root"
    """The path above it, such as root.org."""
    capacity_ratio: float = 1.0
    """Of the parent's capacity; those of one parent total 1."""
    max_ratio: float = 1.0
    """Of the parent's maximum."""
    capacity: Resources | None = None
    """An amount in place of the ratio; siblings all have one, or none has."""
    maximum: Resources | None = None
    weight: float | None = None
    """In place of ratio and amount."""
    labels: Mapping[str, LabelShare] = field(default_factory=dict)
    """By node label; on the nodes of a label that isn't here only work that names no label can run."""
    am_ratio: float = 1.0
    """The part of its maximum that ApplicationMasters may hold; one may always run."""
    ordering: Literal["fifo", "fair"] = "fifo"
    """Which application is served first: the oldest (CapacityScheduler's default), or the one that holds least."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preemption:
    """CapacityScheduler's preemption monitor, with the defaults of Hadoop 3.4."""

    every_s: int = 3
    max_wait_s: int = 15
    """From the first look that chose a container to its end."""
    round_ratio: float = 0.1
    """The part of a partition that one look may choose."""
    ignored_ratio: float = 0.1
    """How far above its guarantee a queue may be without paying."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SimConfig:
    """The world before anything has happened. Times are whole simulated seconds."""

    start: datetime = datetime(2026, 3, 2, tzinfo=UTC)
    """A Monday, midnight UTC."""
    seed: int = 1

    lenders: int = 3
    lender_size: Room = _LENDER
    lender_labels: Mapping[str, str] = field(default_factory=lambda: {"lend": "true"})
    pod_slots: int = 110
    pod_ips: int = 16
    """Addresses for NodeManager pods; a used one comes back after the others, and the pool grows when it is empty."""
    pod_start_s: int = 1
    resize_s: int = 2
    """From the request for another size of a pod until the kubelet has taken, put off or refused it."""
    pod_stop_s: int = 1
    """From SIGTERM to the end of a pod's processes."""

    static_nodes: int = 2
    static_size: Resources = _STATIC
    queues: tuple[QueueConfig, ...] = (QueueConfig(name="default"),)
    conf_store: Literal["memory", "file"] = "memory"
    """Where the scheduler's configuration is: in memory it can be changed until the next restart, a file can't."""
    preemption: Preemption | None = None
    """None: the monitor is off, as it is by default."""
    minimum: Resources = _LEAST
    maximum: Resources = _MOST
    am_size: Resources = _LEAST
    am_start_s: int = 2
    """From the AM's container to its first request."""
    nm_start_s: int = 6
    """From a NodeManager pod that runs to its registration."""
    expiry_s: int = 600
    """How long the ResourceManager believes in a NodeManager that is silent."""
    empty_lists_s: int = 2
    """How long the lists are empty after a restart of the ResourceManager."""
    recovery_wait_s: int = 10
    """How long after a restart nothing new is placed."""
    health_every_s: int = 120
    """How often a NodeManager renews its health report."""
