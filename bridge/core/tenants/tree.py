"""The tree that the rule is asked about: root, organisations, tenants, and below them queues and namespaces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace

from bridge.core.ledger import Side
from bridge.core.resources import NO_ROOM, Room
from bridge.core.shares import Problem, Queue
from bridge.core.shares.problem import ROOT
from bridge.core.tenants.facts import Leaf
from bridge.core.tenants.policy import DEFAULT_TENANT, SharePolicy, Tenant

CPU, MEMORY = "cpu_millicores", "memory_mib"
_WHOLE = {CPU: 1, MEMORY: 1}
_TENANT = "tenant:"


@dataclass(frozen=True, slots=True, kw_only=True)
class LeafNeed:
    """What one leaf brings to a division."""

    leaf: Leaf
    demand: Room | None = NO_ROOM
    """None: all that it can get."""
    used: Room = NO_ROOM
    pinned: Room = NO_ROOM
    """What it has already and keeps."""
    guarantee: Room = NO_ROOM
    """What it has whenever it asks for it."""


def amounts(room: Room) -> dict[str, int]:
    """Write a room as the rule's amounts."""
    return {CPU: room.cpu_millicores, MEMORY: room.memory_mib}


def room(found: Mapping[str, int | float]) -> Room:
    """Read the rule's amounts; what isn't there is nothing."""
    return Room(cpu_millicores=int(found.get(CPU, 0)), memory_mib=int(found.get(MEMORY, 0)))


def tenant_node(name: str) -> str:
    """Name a tenant's node in the tree."""
    return f"{_TENANT}{name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ownership:
    """Whose each queue and namespace is."""

    tenant_by_queue: Mapping[str, str]
    tenant_by_namespace: Mapping[str, str]

    @classmethod
    def of(cls, policy: SharePolicy) -> Ownership:
        """Read it from the tenants."""
        return cls(
            tenant_by_queue={path: tenant.name for tenant in policy.tenants for path in tenant.queues},
            tenant_by_namespace={name: tenant.name for tenant in policy.tenants for name in tenant.namespaces},
        )

    def configured_queue(self, path: str) -> str | None:
        """Return the configured queue that *path* is or lies below, if any."""
        while path and path not in self.tenant_by_queue:
            path = path.rpartition(".")[0]
        return path or None

    def tenant(self, leaf: Leaf) -> str:
        """Say whose a leaf is; the default tenant's where nobody configured it."""
        if leaf.side is Side.KUBERNETES:
            return self.tenant_by_namespace.get(leaf.name, DEFAULT_TENANT)
        path = self.configured_queue(leaf.name)
        return DEFAULT_TENANT if path is None else self.tenant_by_queue[path]


def problem(policy: SharePolicy, ownership: Ownership, total: Room, needs: Sequence[LeafNeed]) -> Problem:
    """Ask how *total* is divided among the leaves, in whole millicores and MiB."""
    owners = {need.leaf: ownership.tenant(need.leaf) for need in needs}
    return Problem(
        queues=(
            *_tenant_queues(policy, set(owners.values())),
            *(_leaf_queue(owners[need.leaf], need) for need in needs),
        ),
        total=amounts(total.at_least_zero()),
        unit=_WHOLE,
        share_mode=policy.share_mode,
        reclaim_policy=policy.reclaim_policy,
        dead_band_ratio=policy.dead_band_ratio,
    )


def _tenant_queues(policy: SharePolicy, owners: Set[str]) -> tuple[Queue, ...]:
    """Make the nodes of the tenants; one that has nothing here is inactive, or it would want everything."""
    tenants = policy.tenants
    if all(tenant.name != DEFAULT_TENANT for tenant in tenants):
        tenants = (*tenants, Tenant(name=DEFAULT_TENANT))
    busy = owners | {tenant.parent for tenant in tenants}
    return tuple(replace(_tenant_queue(tenant), is_active=tenant.name in busy) for tenant in tenants)


def _tenant_queue(tenant: Tenant) -> Queue:
    return Queue(
        name=tenant_node(tenant.name),
        parent=ROOT if tenant.parent is None else tenant_node(tenant.parent),
        weight=tenant.weight,
        guarantee=tenant.guarantee,
        ceiling=tenant.ceiling,
        priority=tenant.priority,
        lending_limit=tenant.lending_limit,
        borrowing_limit=tenant.borrowing_limit,
        share_mode=tenant.share_mode,
    )


def _leaf_queue(owner: str, need: LeafNeed) -> Queue:
    return Queue(
        name=str(need.leaf),
        parent=tenant_node(owner),
        demand={} if need.demand is None else amounts(need.demand),
        used=amounts(need.used),
        guarantee=amounts(need.guarantee),
        pinned=amounts(need.pinned),
    )
