"""Two tenants through a day: queues, recorded jobs dealt to them, and batch work in their namespaces.

The queues are root.ads and root.etl, the namespaces ads-batch and etl. The work in the namespaces is made up; what
matters of it is that each is high while the other is low, and that both are high when the night's lending is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zlib import crc32

from bridge.core.resources import Room
from bridge.sim.batch import TenantWork
from bridge.sim.config import QueueConfig

ADS, ETL = "ads", "etl"
"""The queues, by their last words."""
ADS_NAMESPACE, ETL_NAMESPACE = "ads-batch", "etl"
ADS_RATIO = 0.6
"""Of YARN's own nodes, and of the recorded jobs."""
_PRIORITY = -5
"""Of the pods in the namespaces: an online pod that finds no room takes theirs; they take a NodeManager's."""
_HOUR_S = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Wave:
    """Pods wanted at each full hour of the local day."""

    low: int
    high: int
    from_hour: int
    """First hour of the high time."""
    hours: int
    """How long it is high; it may go over midnight."""

    def at(self, hour: int) -> int:
        """Return how many are wanted in an hour of the day; the hour before and after are half high."""
        since = (hour - self.from_hour) % 24
        if since < self.hours:
            return self.high
        return (self.low + self.high) // 2 if since in (self.hours, 23) else self.low

    def replicas(self, start: datetime, hours: int) -> tuple[tuple[int, int], ...]:
        """Return seconds after *start*, an aware local time, and what is wanted from then on."""
        into_hour_s = start.minute * 60 + start.second
        steps = ((max(0, hour * _HOUR_S - into_hour_s), self.at((start.hour + hour) % 24)) for hour in range(hours + 1))
        found: list[tuple[int, int]] = []
        for second, wanted in steps:
            if not found or found[-1][1] != wanted:
                found.append((second, wanted))
        return tuple(found)


ADS_WAVE = Wave(low=2, high=14, from_hour=21, hours=5)
ETL_WAVE = Wave(low=1, high=10, from_hour=2, hours=5)


def tenant_queues(*, am_ratio: float = 1.0) -> tuple[QueueConfig, ...]:
    """Return the queues of both tenants: each may grow to all there is while the other is idle."""
    return (
        QueueConfig(name=ADS, capacity_ratio=ADS_RATIO, am_ratio=am_ratio),
        QueueConfig(name=ETL, capacity_ratio=1 - ADS_RATIO, am_ratio=am_ratio),
    )


def tenant_queue_of(job_id: str) -> str:
    """Deal a recorded job to a queue, by its id alone; for ``load_jobs``."""
    return ADS if crc32(f"tenant of {job_id}".encode()) % 100 < ADS_RATIO * 100 else ETL


def tenant_works(start: datetime, hours: int) -> Sequence[TenantWork]:
    """Return the work in the namespaces for *hours* from *start*, an aware local time.

    In ads-batch replicas that stay, in etl pods of a Job of a quarter of an hour each.
    """
    return (
        TenantWork(
            namespace=ADS_NAMESPACE,
            name="embed",
            replicas=ADS_WAVE.replicas(start, hours),
            request=Room(cpu_millicores=2000, memory_mib=6144),
            priority=_PRIORITY,
            min_available=1,
        ),
        TenantWork(
            namespace=ETL_NAMESPACE,
            name="load",
            replicas=ETL_WAVE.replicas(start, hours),
            request=Room(cpu_millicores=4000, memory_mib=8192),
            run_s=15 * 60,
            priority=_PRIORITY,
        ),
    )
