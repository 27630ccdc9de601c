"""What YARN knows of its work: applications, their stages and containers, and the queues they wait in."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from bridge.core.resources import NOTHING, Resources
from bridge.core.tasks import Task
from bridge.sim.load import Job, Stage
from bridge.sim.nodes import NodeManager
from bridge.sim.queue_tree import DEFAULT, QueueNode

Kind = int
"""Equal for all containers of one size and label."""
TASK_PRIORITY = 20
"""Of the tasks of an application's first stage; the next one's is one more."""
AM: Kind = -1
"""The kind of every ApplicationMaster."""


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
    ended: int = 0
    """When it was over."""
    told: Task | None = None
    """What ports say of it; made when it is first asked for."""

    @property
    def is_am(self) -> bool:
        """Say whether this is an ApplicationMaster."""
        return self.stage is None


@dataclass(slots=True, eq=False)
class StageRun:
    """A stage under way: its tasks wait, run, or are done."""

    stage: Stage
    kind: Kind
    """The same number for all that ask for the same size and label."""
    waiting: int = 0
    running: int = 0
    done: int = 0
    missed_at: int | None = None
    """When the plain nodes were first found full for it; it may spill from the next look on."""


@dataclass(slots=True)
class Use:
    """What is held in one partition."""

    vcores: int = 0
    mib: int = 0


@dataclass(slots=True, eq=False)
class QueueRun:
    """A queue at work: what it and those below it use, and, in a leaf, who waits."""

    node: QueueNode
    above: QueueRun | None = None
    """Its parent; None right below the root."""
    uses: dict[str, Use] = field(default_factory=lambda: {DEFAULT: Use()})
    """By partition: those that were ever used."""
    am_vcores: int = 0
    am_mib: int = 0
    apps: int = 0
    """Those that haven't ended."""
    waiting: set[int] = field(default_factory=set)
    """Numbers of applications that ask for something."""
    asked: Counter[Kind] = field(default_factory=Counter)
    """Containers that are asked for, by kind."""
    asking: dict[Kind, list[int]] = field(default_factory=dict)
    """By kind, the numbers of applications that ask for it, in order."""
    used_core_s: int = 0
    """Up to ``counted_at``, in all partitions."""
    counted_at: int = 0

    @property
    def used_vcores(self) -> int:
        """In the default partition."""
        return self.uses[DEFAULT].vcores

    @property
    def used_mib(self) -> int:
        """In the default partition."""
        return self.uses[DEFAULT].mib

    def used(self, label: str) -> Resources:
        """Return what is held in a partition."""
        use = self.uses.get(label)
        return NOTHING if use is None else Resources(vcores=use.vcores, memory_mib=use.mib)

    @property
    def lineage(self) -> tuple[QueueRun, ...]:
        """This queue and those above it, from the top; the root isn't among them."""
        return (self,) if self.above is None else (*self.above.lineage, self)

    def hold(self, label: str, vcores: int, mib: int) -> None:
        """Count an amount in, or, where it is negative, out, here and above."""
        queue: QueueRun | None = self
        while queue is not None:
            use = queue.uses.get(label)
            if use is None:
                use = queue.uses[label] = Use()
            use.vcores += vcores
            use.mib += mib
            queue = queue.above

    def count(self, now: int) -> int:
        """Count the core seconds used up to now, and return them."""
        if now != self.counted_at:
            self.used_core_s += (now - self.counted_at) * sum(use.vcores for use in self.uses.values())
            self.counted_at = now
        return self.used_core_s


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
    asked: Counter[Kind] = field(default_factory=Counter)
    """Containers that it asks for now, by kind."""
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

    def ask(self, kind: Kind, count: int) -> None:
        """Count containers in that it asks for, or, where *count* is negative, out."""
        before = self.asked[kind]
        self.asked[kind] = before + count
        self.queue.asked[kind] += count
        others = self.queue.asking.setdefault(kind, [])
        if before == 0 < count:
            insort(others, self.seq)
        elif before > 0 == before + count:
            del others[bisect_left(others, self.seq)]

    def asks(self) -> Iterator[tuple[Resources, str, int]]:
        """Yield what it waits for, its AM or tasks: size, the label that is named, and how many."""
        if self.waits_for_am:
            yield self.am_size, DEFAULT, 1
        elif self.is_asking:
            yield from ((run.stage.size, run.stage.label, run.waiting) for run in self.open_stages if run.waiting)
