"""The tenants at one tick: what the rule grants each, what it has of both systems, and whose.

Cores of both systems are added up; a vcore counts as a core. What is used is the world's own account, not the look of
a round, which may be some ticks old.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bridge.controller.sharing import PlannedRound
from bridge.core.ledger import Side
from bridge.core.tenants.borrowing import borrowed, parts
from bridge.core.tenants.policy import Tenant
from bridge.sim import SimWorld


@dataclass(frozen=True, slots=True, kw_only=True)
class Cores:
    """An amount on each side."""

    yarn: float
    pods: float

    @property
    def both(self) -> float:
        """Of both together."""
        return self.yarn + self.pods


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What a tenant may have until the next round."""

    tenant: Tenant
    target: Cores
    """What the round granted its queues and its namespaces."""
    part: float
    """What it would be granted if everybody wanted everything, in cores."""

    @property
    def name(self) -> str:
        """Whose it is."""
        return self.tenant.name


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantNow:
    """One tenant at one tick, in cores."""

    name: str
    target: Cores
    part: float
    used: Cores
    """By its queues' containers, and requested by the pods of its namespaces that have a node."""
    borrowed: Mapping[str, float] = field(default_factory=dict)
    """In use beyond its part, by the tenant whose part it is."""


def standings(planned: PlannedRound) -> tuple[Standing, ...]:
    """Say what a round left each tenant with."""
    part = parts(planned.plan.division)
    return tuple(
        Standing(tenant=tenant, target=_target(tenant, planned), part=part[tenant.name].cpu_millicores / 1000)
        for tenant in planned.facts.policy.tenants
        if tenant.name in part
    )


def _target(tenant: Tenant, planned: PlannedRound) -> Cores:
    shares = [share for share in planned.plan.division.shares if share.tenant == tenant.name]
    by_side = {
        side: sum(share.granted.cpu_millicores for share in shares if share.leaf.side is side) / 1000 for side in Side
    }
    return Cores(yarn=by_side[Side.YARN], pods=by_side[Side.KUBERNETES])


def tenants_now(standing: Sequence[Standing], world: SimWorld) -> tuple[TenantNow, ...]:
    """Look at what the tenants use in the world, beside what the last round left them with."""
    used = {one.name: _used(one.tenant, world) for one in standing}
    owed = borrowed({one.name: one.part for one in standing}, {name: cores.both for name, cores in used.items()})
    return tuple(
        TenantNow(name=one.name, target=one.target, part=one.part, used=used[one.name], borrowed=owed.get(one.name, {}))
        for one in standing
    )


def _used(tenant: Tenant, world: SimWorld) -> Cores:
    queues = [run for run in world.yarn.work.queues.values() if owns_queue(tenant, run.node.path)]
    there = [pod for work in world.works if work.work.namespace in tenant.namespaces for pod in work.there]
    return Cores(
        yarn=sum(use.vcores for run in queues for use in run.uses.values()),
        pods=sum(pod.order.requests.cpu_millicores for pod in there if pod.bound is not None) / 1000,
    )


def owns_queue(tenant: Tenant, path: str) -> bool:
    """Say whether a queue is one of the tenant's, or below one."""
    return any(path == queue or path.startswith(f"{queue}.") for queue in tenant.queues)
