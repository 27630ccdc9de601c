"""A tenant's day, in core hours: what it was entitled to, what it got in both systems, and what passed between them.

What it got is the world's own account. Targets, and whose part was in use, are summed over the ticks.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bridge.core.tenants.policy import Tenant
from bridge.demo.tenants import Cores, TenantNow, owns_queue
from bridge.sim import Accounts, NamespaceAccount

_HOUR_S = 3600

Look = tuple[datetime, tuple[TenantNow, ...]]
"""The tenants at a tick."""
_Held = tuple[float, TenantNow]
"""How many hours it stayed so, and one tenant's state."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantDay:
    """One tenant over the day. ``Cores`` are core hours here."""

    name: str
    guarantee: Mapping[str, int]
    entitled: Cores
    """Its target, summed over time."""
    used: Cores
    borrowed: Mapping[str, float]
    """In use beyond its part, by the tenant whose part it was."""
    lent: float
    """Of its part, in use by others."""
    namespaces: NamespaceAccount
    without: Cores
    """What it had on the same day without the tide."""

    @property
    def held_back(self) -> float:
        """Requests of pods that a quota refused, for as long as they were wanted."""
        return self.namespaces.held_back_core_s / _HOUR_S

    def plain(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "name": self.name,
            "guarantee": dict(self.guarantee),
            "entitled_core_hours": plain_cores(self.entitled),
            "used_core_hours": plain_cores(self.used),
            "borrowed_core_hours": {name: round(hours, 2) for name, hours in self.borrowed.items()},
            "lent_core_hours": round(self.lent, 2),
            "held_back_core_hours": round(self.held_back, 2),
            "pods_evicted": self.namespaces.pods_evicted,
            "pods_preempted": self.namespaces.pods_preempted,
        }


def plain_cores(cores: Cores) -> dict[str, float]:
    """Return an amount on each side as JSON values."""
    return {"yarn": round(cores.yarn, 2), "kubernetes": round(cores.pods, 2)}


def tenant_days(
    tenants: Sequence[Tenant], looks: Sequence[Look], *, tide: Accounts, without: Accounts
) -> tuple[TenantDay, ...]:
    """Sum the tenants' day up; each look holds until the next."""
    held = list(_held(looks))
    return tuple(_day(tenant, held, tide, without) for tenant in tenants)


def _held(looks: Sequence[Look]) -> Iterator[_Held]:
    for (at, found), (until, _) in itertools.pairwise(looks):
        for now in found:
            yield (until - at) / timedelta(hours=1), now


def _day(tenant: Tenant, held: Sequence[_Held], tide: Accounts, without: Accounts) -> TenantDay:
    own = [(hours, now) for hours, now in held if now.name == tenant.name]
    lenders = sorted({lender for _, now in own for lender in now.borrowed})
    return TenantDay(
        name=tenant.name,
        guarantee=tenant.guarantee,
        entitled=Cores(
            yarn=sum(hours * now.target.yarn for hours, now in own),
            pods=sum(hours * now.target.pods for hours, now in own),
        ),
        used=_used(tenant, tide),
        borrowed={lender: sum(hours * now.borrowed.get(lender, 0) for hours, now in own) for lender in lenders},
        lent=sum(hours * now.borrowed.get(tenant.name, 0) for hours, now in held),
        namespaces=_account(tenant, tide),
        without=_used(tenant, without),
    )


def _used(tenant: Tenant, accounts: Accounts) -> Cores:
    in_queues = sum(used for path, used in accounts.used_core_s_by_queue.items() if owns_queue(tenant, path))
    return Cores(yarn=in_queues / _HOUR_S, pods=_account(tenant, accounts).used_core_s / _HOUR_S)


def _account(tenant: Tenant, accounts: Accounts) -> NamespaceAccount:
    """Add up the accounts of a tenant's namespaces."""
    found = [accounts.namespaces[name] for name in tenant.namespaces if name in accounts.namespaces]
    return NamespaceAccount(
        used_core_s=sum(one.used_core_s for one in found),
        waited_core_s=sum(one.waited_core_s for one in found),
        held_back_core_s=sum(one.held_back_core_s for one in found),
        pods_finished=sum(one.pods_finished for one in found),
        pods_evicted=sum(one.pods_evicted for one in found),
        pods_preempted=sum(one.pods_preempted for one in found),
    )
