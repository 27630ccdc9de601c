"""What is written into a system so that shares bind there: wanted amounts, what is in force, and the difference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from bridge.core.ledger import Side
from bridge.core.reasons import Gap
from bridge.core.resources import NO_ROOM, Room
from bridge.core.tenants.divide import added, at_least
from bridge.core.tenants.facts import Leaf, RoundFacts, Told
from bridge.core.tenants.policy import Tenant
from bridge.core.tenants.round import LeafPlan, RoundPlan

Settings = Mapping[str, str]
"""A system's own keys and values."""


class Axis(StrEnum):
    """One of the two resources."""

    CPU = "cpu_millicores"
    MEMORY = "memory_mib"

    def of(self, amount: Room) -> int:
        """Take this resource's amount."""
        return amount.cpu_millicores if self is Axis.CPU else amount.memory_mib


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What one leaf shall have."""

    leaf: Leaf
    amount: Room
    """A queue's of S, a namespace's of L."""
    elastic: Room | None = None
    """A queue's of L, for placements in which it binds."""
    ceiling: Room | None = None
    """What a queue may grow to by itself while others are idle; None: it keeps what it has."""
    dominant: Axis = Axis.MEMORY
    """The scarcer resource: the one that a single number has to carry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InForce:
    """What a system has now, and what it made of it."""

    settings: Mapping[Leaf, Settings]
    """Only the keys that are ours to write."""
    amounts: Mapping[Leaf, Room]
    """What the settings come to by the system's own reckoning; a leaf that isn't there has no limit yet."""
    token: str = ""
    """Changes whenever somebody writes; compared before and after."""
    is_pristine: bool = False
    """Nobody has written anything since the system's store began: what differs was lost, not changed by another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One key of one holder."""

    leaf: Leaf
    key: str
    before: str | None
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """Changes that are made together or not at all."""

    changes: tuple[Change, ...]
    token: str = ""
    notes: tuple[str, ...] = ()
    """What these settings can't carry, and what follows for people: said, not hidden."""
    problems: tuple[str, ...] = ()
    """Why it must not be written."""

    @property
    def leaves(self) -> frozenset[Leaf]:
        """Whose settings change."""
        return frozenset(change.leaf for change in self.changes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreign:
    """A setting of ours that another hand has changed: reported, and left as it is."""

    leaf: Leaf
    ours: Settings
    found: Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Mismatch:
    """A system that took a value and made something else of it."""

    leaf: Leaf
    wanted: Room
    effective: Room


def foreign(told: Mapping[Leaf, Told], in_force: InForce) -> tuple[Foreign, ...]:
    """Find what is neither what was last confirmed nor what was about to be written."""
    if in_force.is_pristine:
        return ()
    found = []
    for leaf, entry in told.items():
        there = in_force.settings.get(leaf)
        if there is None:
            continue
        ours = [dict(entry.confirmed), dict(entry.intended)]
        if entry.confirmed and dict(there) not in ours:
            found.append(Foreign(leaf=leaf, ours=entry.confirmed, found=there))
    return tuple(found)


def mismatches(wanted: Mapping[Leaf, Room], in_force: InForce, within: Room) -> tuple[Mismatch, ...]:
    """Compare what was written with what the system made of it, to within one minimum allocation."""
    return tuple(
        Mismatch(leaf=leaf, wanted=amount, effective=in_force.amounts[leaf])
        for leaf, amount in wanted.items()
        if leaf in in_force.amounts and not _is_near(amount, in_force.amounts[leaf], within)
    )


def _is_near(one: Room, other: Room, within: Room) -> bool:
    return (one - other).fits_in(within) and (other - one).fits_in(within)


def next_told(facts: RoundFacts, plan: LeafPlan, after: Settings | None, *, may_lag: bool) -> Told:
    """Say what the journal must hold before anything is written.

    *after*: what the leaf's settings will be once everything is written; None where they aren't known.
    *may_lag*: the amount binds only once it was written, so until that is confirmed the larger one is held.
    """
    now = plan.now or Told(leaf=plan.leaf, room=plan.room, static=plan.static, at=facts.at)
    found = replace(
        now,
        room=at_least(now.room, plan.room) if may_lag else plan.room,
        intended=now.intended if after is None else after,
    )
    return found if found == now else replace(found, at=facts.at)


def confirmed(told: Told, plan: LeafPlan) -> Told:
    """Say what the journal holds once the system was seen to have taken it."""
    return replace(told, room=plan.room, static=plan.static, confirmed=told.intended)


def ceilings(facts: RoundFacts, plan: RoundPlan) -> dict[Leaf, Room]:
    """Say to what each configured queue may grow by itself: its tenant's ceiling, within all there is."""
    if plan.division.static is None:
        return {}
    elastic = _elastic_parts(facts, plan)
    static = plan.division.static + added(elastic.values())
    most = {tenant.name: _most(tenant, static) for tenant in facts.policy.tenants}
    return {
        entry.leaf: at_least(entry.static + elastic.get(entry.leaf, NO_ROOM), most.get(entry.share.tenant, static))
        for entry in plan.leaves
        if entry.leaf.side is Side.YARN and entry.share.tenant in most
    }


def _most(tenant: Tenant, static: Room) -> Room:
    return Room(
        cpu_millicores=min(static.cpu_millicores, tenant.ceiling.get("cpu_millicores", static.cpu_millicores)),
        memory_mib=min(static.memory_mib, tenant.ceiling.get("memory_mib", static.memory_mib)),
    )


def dominant(plan: RoundPlan) -> Axis:
    """Say which resource of S is scarcer: more of it is asked for, in proportion."""
    static = plan.division.static
    if static is None or static.cpu_millicores <= 0 or static.memory_mib <= 0:
        return Axis.MEMORY
    asked = added(share.demand for share in plan.division.shares if share.leaf.side is Side.YARN)
    is_cpu = asked.cpu_millicores * static.memory_mib > asked.memory_mib * static.cpu_millicores
    return Axis.CPU if is_cpu else Axis.MEMORY


def wanted(facts: RoundFacts, plan: RoundPlan, ceilings: Mapping[Leaf, Room], side: Side) -> tuple[Wanted, ...]:
    """Say what one side's systems shall have after a round."""
    scarcer, elastic = dominant(plan), _elastic_parts(facts, plan)
    return tuple(
        Wanted(
            leaf=entry.leaf,
            amount=entry.static + elastic.get(entry.leaf, NO_ROOM) if side is Side.YARN else entry.room,
            elastic=entry.room if side is Side.YARN else None,
            ceiling=ceilings.get(entry.leaf),
            dominant=scarcer,
        )
        for entry in plan.leaves
        if entry.leaf.side is side
    )


def _elastic_parts(facts: RoundFacts, plan: RoundPlan) -> dict[Leaf, Room]:
    """Divide what the elastic nodes that are there offer, as L was told, where capacities bind on them (``plain``)."""
    if not facts.policy.is_plain or isinstance(facts.lendable, Gap):
        return {}
    told = {entry.leaf: entry.room for entry in plan.leaves if entry.leaf.side is Side.YARN}
    whole, offered, pod = added(told.values()), facts.policy.elastic_as_room, facts.policy.shape.pod
    there = facts.lendable.elastic
    cpu = there.cpu_millicores * offered.cpu_millicores // max(1, pod.cpu_millicores)
    memory = there.memory_mib * offered.memory_mib // max(1, pod.memory_mib)
    return {
        leaf: Room(
            cpu_millicores=cpu * room.cpu_millicores // max(1, whole.cpu_millicores),
            memory_mib=memory * room.memory_mib // max(1, whole.memory_mib),
        )
        for leaf, room in told.items()
    }
