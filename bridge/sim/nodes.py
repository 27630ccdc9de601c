"""A NodeManager: the process, and what the ResourceManager holds about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bridge.core.resources import Resources
from bridge.core.snapshot import YarnNodeState

if TYPE_CHECKING:
    from bridge.sim.apps import Container

NM_PORT = 8041


def id_on(host: str) -> str:
    """Return the id of the one NodeManager that a host has."""
    return f"{host}:{NM_PORT}"


@dataclass(slots=True, eq=False)
class NodeManager:
    """One NodeManager. Plain numbers, because the scheduler looks at them most of the time."""

    id: str
    host: str
    size: Resources
    """As configured: what it registers with."""
    is_lent: bool
    wanted_label: str | None = None
    """It registers only once its host is mapped to this label."""
    has_gpu: bool = False
    total_vcores: int = 0
    total_mib: int = 0
    used_vcores: int = 0
    used_mib: int = 0
    containers: dict[int, Container] = field(default_factory=dict)
    """In the order in which they were placed."""
    changes: int = 0
    """Counts what happened to it: containers, amounts, labels and states, and applications of AMs here that began."""
    label: str | None = None
    state: YarnNodeState = YarnNodeState.NEW
    is_alive: bool = True
    """The process runs."""
    is_known: bool = False
    """The ResourceManager counts it among its active nodes."""
    registered_at: int = 0
    dead_at: int | None = None
    settled_at: int = 0
    """Until then, after a restart of the ResourceManager, it is listed without what runs on it."""
    leaving_since: int | None = None
    """When the ResourceManager began to let it run out."""
    kill_at: int | None = None
    """After this second whatever doesn't fit is preempted. It stays, once set, whatever later resizes say."""

    def __post_init__(self) -> None:
        self.total_vcores, self.total_mib = self.size.vcores, self.size.memory_mib

    def carry_gpu(self) -> None:
        """Have a GPU from now on."""
        self.has_gpu = True
        self.changes += 1

    @property
    def total(self) -> Resources:
        """What it has in the ResourceManager's eyes."""
        return Resources(vcores=self.total_vcores, memory_mib=self.total_mib)

    @property
    def used(self) -> Resources:
        """What its containers hold."""
        return Resources(vcores=self.used_vcores, memory_mib=self.used_mib)

    @property
    def is_overcommitted(self) -> bool:
        """Say whether more runs on it than it has."""
        return self.used_vcores > self.total_vcores or self.used_mib > self.total_mib

    @property
    def is_serving(self) -> bool:
        """Say whether it sends heartbeats that the ResourceManager answers with work."""
        return self.is_known and self.is_alive and self.state is YarnNodeState.RUNNING
