"""What tenants used of late, and what that makes of their weights, where the configuration wants it to count."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from bridge.core.resources import Room
from bridge.core.shares import PastUse, effective_weights
from bridge.core.tenants.facts import RoundFacts
from bridge.core.tenants.policy import SharePolicy


def with_past(facts: RoundFacts) -> SharePolicy:
    """Return the policy with the weights that the past makes of the configured ones, among siblings."""
    policy = facts.policy
    if policy.history.half_life is None:
        return policy
    weights: dict[str, float] = {}
    for parent in dict.fromkeys(tenant.parent for tenant in policy.tenants):
        siblings = {tenant.name: tenant.weight for tenant in policy.tenants if tenant.parent == parent}
        weights |= effective_weights(siblings, facts.memory.past, policy.history)
    return replace(policy, tenants=tuple(replace(tenant, weight=weights[tenant.name]) for tenant in policy.tenants))


def sampled(facts: RoundFacts, used_by_tenant: Mapping[str, Room], capacity: Room) -> Mapping[str, PastUse]:
    """Count what each tenant, and each organisation by what is below it, has used since the last round."""
    policy = facts.policy
    if policy.history.half_life is None:
        return {}
    parent_by_name = {tenant.name: tenant.parent for tenant in policy.tenants}
    used = dict.fromkeys(parent_by_name, 0.0)
    for name, amount in used_by_tenant.items():
        above: str | None = name
        while above is not None and above in used:
            used[above] += _dominant(amount, capacity)
            above = parent_by_name[above]
    return {
        name: facts.memory.past.get(name, PastUse(at=facts.at)).sampled(ratio, facts.at, policy.history)
        for name, ratio in used.items()
    }


def _dominant(amount: Room, capacity: Room) -> float:
    """Say which part of a capacity an amount is, by the resource of which it is more."""
    return max(amount.cpu_millicores / max(1, capacity.cpu_millicores), amount.memory_mib / max(1, capacity.memory_mib))
