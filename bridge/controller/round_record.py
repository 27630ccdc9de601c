"""What is kept of a round, as plain JSON values. The same values feed ``rebalance``, ``status`` and ``explain``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bridge.controller.enforce import DraftOutcome, Enforced, EvictionOutcome
from bridge.controller.plain import plain
from bridge.controller.question import question
from bridge.controller.sharing import Enforcing, PlannedRound
from bridge.core.ledger import Ledger, Side
from bridge.core.reasons import Gap
from bridge.core.tenants.divide import Share, added, missing_queues
from bridge.core.tenants.facts import QueueFacts
from bridge.core.tenants.round import LeafPlan
from bridge.core.tenants.tree import tenant_node
from bridge.core.tenants.writes import Draft


def round_sections(planned: PlannedRound, enforced: Sequence[Enforced]) -> Mapping[str, Any]:
    """Put a round into the sections of its record."""
    return {
        "seen": seen(planned),
        "tenants": tenants(planned),
        "leaves": [leaf(entry) for entry in planned.plan.leaves],
        "ledger": ledger(planned.plan.ledger),
        "question": question(planned.plan.division.problem),
        "changes": changes(planned),
        "done": [done(outcome) for entry in enforced for outcome in entry.drafts],
        "evictions": [evicted(outcome) for entry in enforced for outcome in entry.evictions],
        "mismatches": [plain(one) for entry in enforced for one in entry.mismatches],
    }


def seen(planned: PlannedRound) -> dict[str, Any]:
    """Describe the facts that the round rested on."""
    facts, queues = planned.facts, planned.facts.queues
    return {
        "static": plain(planned.plan.division.static),
        "lendable": plain(facts.lendable),
        "yarn": str(queues) if isinstance(queues, Gap) else _yarn(queues),
        "namespaces": str(facts.namespaces)
        if isinstance(facts.namespaces, Gap)
        else [
            {
                "name": entry.name,
                "used": plain(entry.used),
                "waiting": plain(entry.waiting),
                "held_back": plain(entry.held_back),
                "pods_without_requests": list(entry.without_requests),
                "trouble": entry.trouble,
            }
            for entry in facts.namespaces
        ],
        "released": [str(leaf) for leaf in planned.plan.orphans],
        "missing_queues": list(missing_queues(facts)),
        "gaps": dict(planned.gaps),
        "corrections": [plain(entry) for entry in planned.plan.division.solution.corrections],
    }


def _yarn(queues: QueueFacts) -> dict[str, Any]:
    way = {True: "preemption", False: "what_ends", None: "unknown"}[queues.preempts]
    return {"queues": [plain(entry) for entry in queues.queues], "minimum": plain(queues.minimum), "takes_back_by": way}


def tenants(planned: PlannedRound) -> list[dict[str, Any]]:
    """Sum the leaves by tenant: entitlement, demand, use, and what was borrowed."""
    policy = {tenant.name: tenant for tenant in planned.facts.policy.tenants}
    shares: dict[str, list[Share]] = {name: [] for name in policy}
    for share in planned.plan.division.shares:
        shares.setdefault(share.tenant, []).append(share)
    solution = planned.plan.division.solution
    return [
        {
            "name": name,
            "parent": policy[name].parent if name in policy else None,
            "is_configured": name in policy,
            "weight": policy[name].weight if name in policy else 1.0,
            "guarantee": dict(policy[name].guarantee) if name in policy else {},
            "target": dict(solution.grant(tenant_node(name))),
            "demand": plain(added(share.demand for share in parts)),
            "used": plain(added(share.used for share in parts)),
            "due_back": plain(added(share.due_back for share in parts)),
            "leaves": [str(share.leaf) for share in parts],
        }
        for name, parts in shares.items()
    ]


def leaf(entry: LeafPlan) -> dict[str, Any]:
    """Describe one queue or namespace: granted of each capacity, told, and why not more."""
    share = entry.share
    return {
        "leaf": str(entry.leaf),
        "tenant": share.tenant,
        "demand": plain(share.demand),
        "used": plain(share.used),
        "granted_static": plain(share.static),
        "granted_lendable": plain(share.lendable),
        "target_static": plain(share.static_told),
        "target_lendable": plain(share.lendable_told),
        "told_static": plain(entry.static),
        "told_lendable": plain(entry.room),
        "due_back": plain(share.due_back),
        "hold": plain(entry.hold),
    }


def ledger(ledger: Ledger | None) -> dict[str, Any] | None:
    """Describe both sides of the lendable capacity."""
    if ledger is None:
        return None
    return {
        "capacity": dict(ledger.capacity),
        "free": ledger.free(),
        "sides": {
            str(side): {
                "told": dict(ledger.told(side).amounts),
                "held": ledger.held(side),
                "used": dict(ledger.account_by_side[side].used),
                "version": ledger.told(side).version,
                "obeyed": ledger.account_by_side[side].obeyed,
            }
            for side in Side
        },
    }


def changes(planned: PlannedRound) -> list[dict[str, Any]]:
    """Describe what would be written, system by system, and what another hand has changed."""
    return [
        {
            "adapter": entry.enforcer.name,
            "drafts": [draft(one) for one in entry.drafts],
            "foreign": [
                {"leaf": str(one.leaf), "ours": dict(one.ours), "found": dict(one.found)} for one in entry.foreign
            ],
        }
        for entry in planned.enforcing
    ]


def draft(draft: Draft) -> dict[str, Any]:
    """Describe changes that are made together or not at all."""
    return {
        "changes": [
            {"leaf": str(one.leaf), "key": one.key, "before": one.before, "after": one.after} for one in draft.changes
        ],
        "notes": list(draft.notes),
        "problems": list(draft.problems),
    }


def done(outcome: DraftOutcome) -> dict[str, Any]:
    """Describe what became of a draft."""
    described = draft(outcome.draft)
    return {"adapter": outcome.enforcer, "result": str(outcome.result), "error": outcome.error, **described}


def evicted(outcome: EvictionOutcome) -> dict[str, Any]:
    """Describe what became of an eviction."""
    pod = outcome.eviction.pod
    return {
        "tenant": outcome.eviction.tenant,
        "namespace": pod.namespace,
        "pod": pod.name,
        "requests": plain(pod.requests),
        "result": str(outcome.result),
        "error": outcome.error,
    }


def advice(planned: PlannedRound) -> str | None:
    """Say in one sentence what a round would write; None when nothing."""
    counts = [f"{_count(entry)} by {entry.enforcer.name}" for entry in planned.enforcing if _count(entry)]
    if planned.plan.evictions:
        counts.append(f"{len(planned.plan.evictions)} evictions")
    return f"would change {', '.join(counts)}" if counts else None


def _count(entry: Enforcing) -> int:
    return sum(len(one.changes) for one in entry.drafts)
