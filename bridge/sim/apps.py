"""What YARN knows of its work: applications, their stages and containers, and the queues they wait in."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from bridge.core.resources import Resources
from bridge.sim.config import QueueConfig
from bridge.sim.load import Job, Stage
from bridge.sim.nodes import NodeManager


class AppState(StrEnum):
    """An application's state, in YARN's words."""

    ACCEPTED = "ACCEPTED"
    """It waits for its AM."""
    RUNNING = "RUNNING"
    FINISHED = "FINISHED"


@dataclass(slots=True, eq=False)
class Container:
    """One attempt: of a task, or (without a stage) of an AM."""

    seq: int
    app: App
    stage: StageRun | None
    node: NodeManager
    vcores: int
    memory_mib: int
    began: int
    is_over: bool = False

    @property
    def is_am(self) -> bool:
        """Say whether this is an ApplicationMaster."""
        return self.stage is None


@dataclass(slots=True, eq=False)
class StageRun:
    """A stage under way: its tasks wait, run, or are done."""

    stage: Stage
    waiting: int = 0
    running: int = 0
    done: int = 0
    missed_at: int | None = None
    """When the plain nodes were first found full for it; it may spill from the next look on."""


@dataclass(slots=True, eq=False)
class QueueRun:
    """A leaf queue: what it uses in the default partition, and who waits in it."""

    config: QueueConfig
    used_vcores: int = 0
    used_mib: int = 0
    am_vcores: int = 0
    am_mib: int = 0
    all_mib: int = 0
    """Used in all partitions."""
    waiting: set[int] = field(default_factory=set)
    """Numbers of applications that ask for something."""


@dataclass(slots=True, eq=False)
class App:
    """An application."""

    seq: int
    id: str
    job: Job
    queue: QueueRun
    am_size: Resources
    submitted: int
    state: AppState = AppState.ACCEPTED
    stages: list[StageRun] = field(default_factory=list)
    open_stages: list[StageRun] = field(default_factory=list)
    """Released, and not done."""
    am: Container | None = None
    attempt: int = 1
    is_asking: bool = False
    """Its AM has registered."""
    containers: dict[int, Container] = field(default_factory=dict)
    held_mib: int = 0
    ended: int | None = None
    preempted: int = 0
    preempted_ams: int = 0
    preempted_vcores: int = 0
    preempted_mib: int = 0

    @property
    def waits_for_am(self) -> bool:
        """Say whether its AM has no place yet."""
        return self.am is None and self.ended is None

    @property
    def wants_something(self) -> bool:
        """Say whether the scheduler has anything to do for it."""
        return self.waits_for_am or (self.is_asking and any(run.waiting for run in self.open_stages))
