"""The recorded day: which stretch of which recordings is played, on clusters of which size."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from bridge.core.resources import Resources, Room
from bridge.sim import (
    TRACES,
    OnlineService,
    SimConfig,
    SimWorld,
    load_jobs,
    load_series,
    tenant_queue_of,
    tenant_queues,
    tenant_works,
)

_ZONE = ZoneInfo("Asia/Shanghai")
_LENDER = Room(cpu_millicores=16_000, memory_mib=65_536)
_STATIC = Resources(vcores=16, memory_mib=65_536)


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """A stretch of recorded time, and the two clusters that it is played on.

    The default is a Monday's noon to Tuesday's: one whole night, with the jobs of one day from noon on.
    """

    start: datetime = datetime(2021, 10, 11, 4, tzinfo=UTC)
    length: timedelta = timedelta(hours=24)
    zone: ZoneInfo = _ZONE
    """Of the people who made the recorded load."""
    online: str = "crane14"
    batch: str = "fb2009"
    skip_jobs: timedelta = timedelta(0)
    """How much of the recorded jobs is left out at its beginning."""
    lenders: int = 9
    lender_size: Room = _LENDER
    static_nodes: int = 4
    static_size: Resources = _STATIC
    am_ratio: float = 0.2
    """The part of the static nodes that ApplicationMasters may hold (yarn…maximum-am-resource-percent)."""

    @property
    def end(self) -> datetime:
        """When it is over."""
        return self.start + self.length

    @property
    def lender_cores(self) -> int:
        """Cores of all lenders together."""
        return self.lenders * self.lender_size.cpu_millicores // 1000

    @property
    def static_vcores(self) -> int:
        """Vcores of YARN's own nodes."""
        return self.static_nodes * self.static_size.vcores

    def local(self, at: datetime) -> datetime:
        """Put an instant on the wall clock of the place."""
        return at.astimezone(self.zone)


def make_world(day: Day) -> SimWorld:
    """Build both clusters at the day's start, with the online service running and every job still to come."""
    world = SimWorld(
        SimConfig(
            start=day.start,
            lenders=day.lenders,
            lender_size=day.lender_size,
            static_nodes=day.static_nodes,
            static_size=day.static_size,
            queues=tenant_queues(am_ratio=day.am_ratio),
        )
    )
    series = load_series(TRACES / f"{day.online}.csv")
    skip_s = int(day.start.timestamp()) - series.first_s
    if not 0 <= skip_s < series.length_s - day.length.total_seconds():
        raise ValueError(f"{day.online} doesn't cover the time from {day.start} to {day.end}")
    world.start_service(OnlineService(name="shop", series=series, skip_s=skip_s))
    first_s = day.skip_jobs.total_seconds()
    jobs = load_jobs(TRACES / f"{day.batch}.csv", queue_of=tenant_queue_of)
    world.submit_all([job for job in jobs if job.submit_s >= first_s], day.start - day.skip_jobs)
    hours = math.ceil(day.length / timedelta(hours=1))
    for work in tenant_works(day.local(day.start), hours):
        world.start_work(work)
    return world
