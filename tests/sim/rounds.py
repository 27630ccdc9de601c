"""Rounds of giving back in the simulated world: what is said ahead of each window's end, and what comes of it.

Short and long tasks of several applications run on elastic nodes all the time; every window ends after a while, and the
next one begins a little later. Each round compares the statement made *AHEAD* of the forced step with what was so then.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from bridge.controller.lifetimes import Lifetimes
from bridge.controller.pool import Mode, Pool
from bridge.controller.tick import tick
from bridge.core.resources import Resources, Room, Shape
from bridge.core.snapshot import PoolPolicy
from bridge.core.statement import Statement
from bridge.core.window import WindowSpan
from bridge.replay.journal import MemoryJournal, MemoryLengths
from bridge.sim import Job, QueueConfig, SimConfig, SimKube, SimWorld, SimYarn, Stage

AHEAD = timedelta(seconds=90)
OPEN, CLOSED, LEAD = timedelta(minutes=18), timedelta(minutes=2), timedelta(minutes=4)
TICK_S = 5
SHAPE = Shape(yarn=Resources(vcores=4, memory_mib=8192), pod=Room(cpu_millicores=4000, memory_mib=9216))
LENGTHS_S = (20, 45, 90, 200, 500)
"""Of the tasks of one queue, as of a pipeline that runs every day; each application's take up to a twentieth more or
less."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One window's end."""

    vcores: int
    stated_free_vcores: int
    free_vcores: int
    stated_preempted: int
    preempted: int
    is_met: bool

    @property
    def is_as_stated(self) -> bool:
        """Say whether cores were free within a tenth, and tasks preempted within a tenth or one."""
        off_vcores = abs(self.free_vcores - self.stated_free_vcores)
        off_tasks = abs(self.preempted - self.stated_preempted)
        return off_vcores <= 0.1 * self.vcores and off_tasks <= max(1.0, 0.1 * self.preempted)


def rounds(count: int, *, seed: int, lenders: int = 6) -> Iterator[Round]:
    """Play windows one after the other, and yield what came of each; the first two only teach."""
    chance = Random(seed)
    world = SimWorld(
        SimConfig(
            lenders=lenders,
            static_nodes=1,
            static_size=Resources(vcores=40, memory_mib=60_000),
            queues=tuple(
                QueueConfig(name=_queue(length_s), capacity_ratio=1 / len(LENGTHS_S)) for length_s in LENGTHS_S
            ),
        )
    )
    pool = _pool(world)
    for number in range(count + 2):
        start = world.now
        back_by = start + OPEN
        for job in _jobs(chance, number, lenders):
            world.submit(job, start + timedelta(seconds=chance.randrange(0, int(OPEN.total_seconds()) - 120)))
        statements = _play(pool, world, back_by - pool.policy.tail - AHEAD)
        _play(pool, world, back_by - pool.policy.tail)
        said = statements[0] if statements else None
        busy = _busy(world)
        before = world.totals().preempted_containers
        _play(pool, world, back_by)
        is_met = not any(not pod.phase.is_over for pod in world.kube.elastic.values())
        preempted = world.totals().preempted_containers - before
        _play(pool, world, back_by + CLOSED)
        # All nodes may have gone back already, because nothing ran on them any more.
        if number >= 2 and said is not None:
            yield Round(
                vcores=said.vcores,
                stated_free_vcores=said.free_vcores,
                free_vcores=said.vcores - busy,
                stated_preempted=said.preempted_tasks,
                preempted=preempted,
                is_met=is_met,
            )


def _pool(world: SimWorld) -> Pool:
    ids = itertools.count()
    policy = PoolPolicy(
        name="night",
        shape=SHAPE,
        label="k8s",
        grow_per_tick=50,
        max_lead=timedelta(0),
        tick=timedelta(seconds=TICK_S),
    )
    begun = world.now
    return Pool(
        policy=policy,
        windows=lambda at: _windows(begun, at),
        kube=SimKube(world, "night"),
        yarn=SimYarn(world),
        journal=MemoryJournal(),
        clock=world.clock,
        new_id=lambda: f"{next(ids):08x}",
        mode=Mode.ENFORCE,
        lifetimes=Lifetimes("night", MemoryLengths()),
    )


def _windows(begun: datetime, at: datetime) -> tuple[WindowSpan, ...]:
    period = OPEN + CLOSED
    first = begun + (at - begun) // period * period
    return tuple(
        WindowSpan(name="rounds", start=start, back_by=start + OPEN, lead=LEAD, max_ratio=1.0)
        for start in (first, first + period)
    )


def _jobs(chance: Random, number: int, lenders: int) -> Iterator[Job]:
    """Make the work of a round: several applications in each queue."""
    for index, length_s in enumerate(LENGTHS_S * lenders):
        stages = tuple(
            Stage(tasks=chance.randrange(2, 8), task_s=length_s * chance.uniform(0.95, 1.05), size=TASK)
            for _ in range(max(1, 400 // length_s))
        )
        yield Job(id=f"job-{number}-{index}", queue=_queue(length_s), stages=stages)


def _queue(length_s: int) -> str:
    return f"of-{length_s}-s"


TASK = Resources(vcores=1, memory_mib=2048)
"""More than the minimum allocation, of which a closed node that falls idle may still take one."""


def _play(pool: Pool, world: SimWorld, until: datetime) -> tuple[Statement, ...]:
    """Tick until an instant, and once at it; return what is said then."""
    while True:
        ticked = tick(pool)
        if world.now >= until:
            return ticked.planned.decision.foretold.statements
        world.advance(min(until, world.now + timedelta(seconds=TICK_S)))


def _busy(world: SimWorld) -> int:
    """Count the vcores that tasks hold on elastic nodes."""
    nodes = (world.nodemanager_of(pod) for pod in world.kube.elastic.values() if not pod.phase.is_over)
    return sum(node.used_vcores for node in nodes if node is not None)
