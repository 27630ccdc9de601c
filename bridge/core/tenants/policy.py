"""What the configuration says of the tenants, in the core's words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from bridge.core.resources import NO_ROOM, Room, Shape
from bridge.core.shares import HistoryPolicy, ReclaimPolicy, ShareMode

DEFAULT_TENANT = "default"
"""Owns what nobody configured. Its weight is 1 unless the configuration has a tenant of this name."""

NO_HISTORY = HistoryPolicy()

PartialAmounts = Mapping[str, int]
"""Amounts by ``cpu_millicores`` and ``memory_mib``; what is absent isn't limited."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """An owner of YARN queues and Kubernetes namespaces, or an organisation above such owners."""

    name: str
    parent: str | None = None
    """The tenant above; None for the root."""
    weight: float = 1.0
    guarantee: PartialAmounts = field(default_factory=dict)
    """Of both systems together."""
    ceiling: PartialAmounts = field(default_factory=dict)
    lending_limit: PartialAmounts = field(default_factory=dict)
    borrowing_limit: PartialAmounts = field(default_factory=dict)
    priority: int = 0
    share_mode: ShareMode | None = None
    queues: tuple[str, ...] = ()
    """Full paths, such as root.ads; each stands for all that is below it."""
    namespaces: tuple[str, ...] = ()
    may_evict: bool = False
    """Whether pods in its namespaces may be evicted when others must have back what it borrowed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SharePolicy:
    """Everything that a round of rebalancing depends on and that doesn't change by itself."""

    tenants: tuple[Tenant, ...]
    shape: Shape
    """The pool's: what a NodeManager pod asks for beyond what it offers is paid from the lendable capacity."""
    elastic_as_room: Room
    """The same node's offer to YARN, in Kubernetes' units."""
    is_plain: bool = False
    """Elastic nodes carry no label: queues' capacities bind on them as on any node, so they are part of the amounts."""
    headroom: Room = NO_ROOM
    """Added to what each namespace uses: a pod that a quota refuses may leave no trace of having been wanted."""
    dead_band_ratio: float = 0.05
    """Demand that moves by less starts no round, and targets that move by less are not written."""
    max_step_ratio: float = 1.0
    """The part of a tenant's amount that one round may take, unless a guarantee is to be met."""
    half_life: timedelta = timedelta(minutes=10)
    """Demand that has gone down counts half as much after so long; what goes up counts at once."""
    share_mode: ShareMode = ShareMode.FLOOR
    reclaim_policy: ReclaimPolicy = ReclaimPolicy.FAIR_SHARE
    history: HistoryPolicy = NO_HISTORY
    """How past use changes weights, if at all."""

    @property
    def namespaces(self) -> tuple[str, ...]:
        """Every namespace that has a tenant."""
        return tuple(name for tenant in self.tenants for name in tenant.namespaces)
