"""Which pods a borrower loses when somebody else must have room back: the cheapest, and no more than is missing."""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import dataclass

from bridge.core.ledger import Side
from bridge.core.reasons import Gap
from bridge.core.resources import NO_ROOM, Room
from bridge.core.tenants.divide import Division, Share
from bridge.core.tenants.facts import RoundFacts, TenantPod


@dataclass(frozen=True, slots=True, kw_only=True)
class Eviction:
    """A pod to evict, by name and uid."""

    tenant: str
    pod: TenantPod


def evictions(facts: RoundFacts, division: Division) -> tuple[Eviction, ...]:
    """Choose pods of the tenants that allow it, for what the division says is due back."""
    if isinstance(facts.namespaces, Gap) or division.lendable is None:
        return ()
    allowing = {tenant.name for tenant in facts.policy.tenants if tenant.may_evict}
    borrowers = {share.leaf.name: share for share in division.shares if _may_lose(share, allowing)}
    return tuple(
        Eviction(tenant=borrowers[namespace.name].tenant, pod=pod)
        for namespace in facts.namespaces
        if namespace.name in borrowers
        for pod in victims(namespace.pods, borrowers[namespace.name].due_back)
    )


def _may_lose(share: Share, allowing: Set[str]) -> bool:
    return share.leaf.side is Side.KUBERNETES and share.tenant in allowing and not share.due_back.fits_in(NO_ROOM)


def victims(pods: Iterable[TenantPod], due: Room) -> tuple[TenantPod, ...]:
    """Choose pods that free *due*: the least priority first, then the youngest, which loses the least work.

    A pod that asks for nothing of what is due stays; at the end those are spared that the others make superfluous.
    """
    chosen: list[TenantPod] = []
    freed = NO_ROOM
    cheapest_first = sorted(pods, key=lambda pod: pod.name)
    cheapest_first.sort(key=lambda pod: pod.started_at, reverse=True)
    cheapest_first.sort(key=lambda pod: pod.priority)
    for pod in cheapest_first:
        if due.fits_in(freed):
            break
        if _helps(pod.requests, due - freed):
            chosen.append(pod)
            freed += pod.requests
    if not due.fits_in(freed):
        return tuple(chosen)
    for pod in reversed(tuple(chosen)):
        if due.fits_in(freed - pod.requests):
            chosen.remove(pod)
            freed -= pod.requests
    return tuple(chosen)


def _helps(requests: Room, missing: Room) -> bool:
    return (missing.cpu_millicores > 0 and requests.cpu_millicores > 0) or (
        missing.memory_mib > 0 and requests.memory_mib > 0
    )
