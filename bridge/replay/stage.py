"""What is replayed: which load and which jobs, on which nodes, from when to when."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from bridge.core.resources import Resources, Room
from bridge.sim import Job, LabelShare, LoadSeries, OnlineService, QueueConfig, SimConfig, SimWorld, Stage

WARM_UP = timedelta(days=4)
"""Of the load's beginning: known to the forecast, and not replayed."""
LABEL = "k8s"
_DAY = timedelta(days=1)
_AM = Resources(vcores=1, memory_mib=1024)
_AM_NODE = Resources(vcores=100_000, memory_mib=200_000_000)
"""One static node for ApplicationMasters alone: tasks name the elastic nodes' label. It isn't counted."""
_NEVER_S = 10**9
"""A NodeManager reports its health once: each time again, what is known of it would be new, and say the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stageset:
    """Recorded load and jobs, and the nodes that they are played on."""

    series: LoadSeries
    jobs: tuple[Job, ...]
    nodes: int
    node_size: Room
    cap: float = 0.85
    days: int | None = None
    """How many days are played; None: to the end of the series."""

    @property
    def recorded_from(self) -> datetime:
        """When the recording begins."""
        return datetime.fromtimestamp(self.series.first_s, UTC)

    @property
    def start(self) -> datetime:
        """The first midnight after the warm-up, in UTC: whose clock a recording was made by isn't known."""
        earliest = self.recorded_from + WARM_UP
        midnight = earliest.replace(hour=0, minute=0, second=0, microsecond=0)
        return midnight if midnight == earliest else midnight + _DAY

    @property
    def end(self) -> datetime:
        """When it is over."""
        last = self.recorded_from + timedelta(seconds=self.series.length_s)
        return last if self.days is None else min(last, self.start + self.days * _DAY)

    @property
    def cores(self) -> float:
        """Of all nodes."""
        return self.nodes * self.node_size.cpu_millicores / 1000

    def load_at(self, at: datetime) -> float:
        """Return the recorded load at an instant; a missing sample is the one before."""
        elapsed_s = int((at - self.recorded_from).total_seconds())
        while elapsed_s >= 0:
            load = self.series.after(elapsed_s)
            if load is not None:
                return load
            elapsed_s -= self.series.step_s
        return 0.0

    def warm_up(self) -> Iterator[tuple[datetime, float]]:
        """Yield the recorded steps before the start."""
        step = timedelta(seconds=self.series.step_s)
        for number, load in enumerate(self.series.load):
            at = self.recorded_from + number * step
            if at >= self.start:
                return
            if load is not None:
                yield at, load

    @property
    def comes_again(self) -> timedelta:
        """After how long the jobs come again: the length of their file in whole days, and a day at least."""
        length = timedelta(seconds=max((job.submit_s for job in self.jobs), default=0))
        return max(1, round(length / _DAY)) * _DAY

    def submissions(self) -> Iterator[tuple[datetime, Job]]:
        """Yield each job that is submitted up to the end, with its time; its tasks name the elastic nodes' label."""
        jobs = [replace(job, stages=tuple(_labelled(stage) for stage in job.stages)) for job in self.jobs]
        first_at, time = self.start, 0
        while first_at < self.end:
            for job in jobs:
                at = first_at + timedelta(seconds=job.submit_s)
                if at <= self.end:
                    yield at, replace(job, id=f"{job.id}-{time}")
            first_at, time = first_at + self.comes_again, time + 1


def make_world(stage: Stageset, *, uses: bool = True) -> SimWorld:
    """Build both clusters at the start, with all jobs still to come.

    The online service has asked for every core. *uses* False leaves it out: the baseline that goes by the clock doesn't
    look at it.
    """
    world = SimWorld(
        SimConfig(
            start=stage.start,
            lenders=stage.nodes,
            lender_size=stage.node_size,
            pod_slots=250,
            static_nodes=1,
            static_size=_AM_NODE,
            maximum=_most(stage.jobs),
            am_size=_AM,
            health_every_s=_NEVER_S,
            queues=(QueueConfig(name="default", labels={LABEL: LabelShare(capacity_ratio=1.0)}),),
        )
    )
    # Nobody evicts here, and what each pod's work is worth at each minute would be most of what there is to do.
    world.kube.may_stamp = False
    skip_s = int((stage.start - stage.recorded_from).total_seconds())
    if uses:
        replica = Room(cpu_millicores=1000, memory_mib=1)
        service = OnlineService(name="online", series=stage.series, replica=replica, skip_s=skip_s, follows_load=False)
        world.start_service(service)
    for at, job in stage.submissions():
        world.submit(job, at)
    return world


def _most(jobs: Sequence[Job]) -> Resources:
    """Return the largest task's size, so that none is too large for the cluster."""
    sizes = [stage.size for job in jobs for stage in job.stages]
    return Resources(
        vcores=max((size.vcores for size in sizes), default=1),
        memory_mib=max((size.memory_mib for size in sizes), default=1024),
    )


def _labelled(stage: Stage) -> Stage:
    return replace(stage, label=LABEL)
