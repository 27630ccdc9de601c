"""What one round of rebalancing works with, and its look at both systems."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from bridge.controller.pool import Mode, Pool
from bridge.core.entitlement import Entitlement
from bridge.core.ledger import Ledger, Side
from bridge.core.reasons import Gap
from bridge.core.resources import NO_ROOM
from bridge.core.snapshot import Memory
from bridge.core.tenants.facts import Leaf, NamespaceUse, QueueFacts, RoundFacts, RoundMemory, Told
from bridge.core.tenants.lendable import lendable
from bridge.core.tenants.policy import SharePolicy
from bridge.core.tenants.round import RoundPlan, decide_round
from bridge.core.tenants.tree import room
from bridge.core.tenants.writes import Draft, Foreign, InForce, Wanted, ceilings, foreign, wanted
from bridge.core.window import allowance
from bridge.core.window_load import not_open
from bridge.ports import Enforcer, Namespaces, PortError, Queues, ShareJournal

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sharing:
    """The tenants' policy, the pool whose lenders both systems share, and the ports to everything a round touches."""

    policy: SharePolicy
    pool: Pool
    queues: Queues
    namespaces: Namespaces
    enforcers: tuple[Enforcer, ...]
    shares: ShareJournal
    mode: Mode

    @property
    def binds_namespaces(self) -> bool:
        """Say whether what namespaces are told is written anywhere."""
        return any(enforcer.side is Side.KUBERNETES for enforcer in self.enforcers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Enforcing:
    """One enforcer's part of a round: what is in force, what would be written, what another hand has changed."""

    enforcer: Enforcer
    wanted: tuple[Wanted, ...]
    in_force: InForce
    drafts: tuple[Draft, ...]
    foreign: tuple[Foreign, ...]
    """Nothing is written to these leaves, nor to what must be written together with them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedRound:
    """What one look leads to, before anything is written."""

    facts: RoundFacts
    gaps: Mapping[str, str]
    plan: RoundPlan
    enforcing: tuple[Enforcing, ...]

    @property
    def changes(self) -> int:
        """Count the settings that would be written."""
        return sum(len(draft.changes) for entry in self.enforcing for draft in entry.drafts)


def plan_round(sharing: Sharing, *, take_over: bool = False) -> PlannedRound:
    """Look at both systems and decide; change nothing. *take_over*: write over what another hand has changed."""
    gaps: dict[str, str] = {}
    facts = _facts(sharing, gaps)
    plan = decide_round(facts)
    told = {} if isinstance(facts.told, Gap) else {entry.leaf: entry for entry in facts.told}
    most = ceilings(facts, plan)
    enforcing = []
    for enforcer in sharing.enforcers:
        leaves = wanted(facts, plan, most, enforcer.side)
        found = _read(enforcer.name, partial(_enforcing, enforcer, leaves), gaps) if leaves else None
        if found is None or isinstance(found, Gap):
            continue
        ours = {leaf: entry for leaf, entry in told.items() if leaf.side is enforcer.side}
        other = () if take_over else foreign(ours, found[0])
        enforcing.append(_entry(enforcer, leaves, found, other))
    return PlannedRound(facts=facts, gaps=gaps, plan=plan, enforcing=tuple(enforcing))


def _enforcing(enforcer: Enforcer, leaves: Sequence[Wanted]) -> tuple[InForce, tuple[Draft, ...]]:
    in_force = enforcer.read(leaves)
    return in_force, enforcer.drafts(leaves, in_force)


def _entry(
    enforcer: Enforcer,
    leaves: tuple[Wanted, ...],
    found: tuple[InForce, tuple[Draft, ...]],
    other: tuple[Foreign, ...],
) -> Enforcing:
    """Leave out the drafts that would write over another hand's change."""
    in_force, drafts = found
    left_alone: set[Leaf] = {entry.leaf for entry in other}
    return Enforcing(
        enforcer=enforcer,
        wanted=leaves,
        in_force=in_force,
        drafts=tuple(draft for draft in drafts if not draft.leaves & left_alone),
        foreign=other,
    )


def _facts(sharing: Sharing, gaps: dict[str, str]) -> RoundFacts:
    pool, policy = sharing.pool, sharing.policy
    at = pool.clock.now()
    queues = _read("yarn", sharing.queues.observe, gaps)
    namespaces: tuple[NamespaceUse, ...] | Gap = _read(
        "namespaces", lambda: sharing.namespaces.observe(policy.namespaces), gaps
    )
    kube = _read("kubernetes", pool.kube.observe, gaps)
    journal = _read("journal", lambda: _remembered(sharing), gaps)
    told, ledger, memory, of_pool = (
        journal if not isinstance(journal, Gap) else (journal, None, RoundMemory(), Memory())
    )
    spans = pool.windows(at)
    allowed = allowance(spans, at, pool.policy.notice, not_open(spans, of_pool.gates))
    trouble = _trouble(queues, told)
    if trouble is not None:
        gaps["yarn"] = trouble
    return RoundFacts(
        at=at,
        policy=policy,
        queues=queues if trouble is None else Gap.STALE,
        namespaces=namespaces,
        lendable=kube if isinstance(kube, Gap) else lendable(kube, pool.policy, allowed),
        told=told,
        ledger=ledger,
        obeyed_by_yarn=of_pool.obeyed_version,
        memory=memory,
    )


def _trouble(queues: QueueFacts | Gap, told: tuple[Told, ...] | Gap) -> str | None:
    """Say why YARN's answer isn't to be believed: it began a moment ago, or all its own nodes are gone at once."""
    if isinstance(queues, Gap):
        return None
    if queues.is_settling:
        return "the ResourceManager started a moment ago; its lists may be half full"
    had_nodes = not isinstance(told, Gap) and any(entry.static != NO_ROOM for entry in told)
    if had_nodes and queues.static == NO_ROOM:
        return "no static node serves, and some did before; queues keep what they have"
    return None


def _remembered(sharing: Sharing) -> tuple[tuple[Told, ...], Ledger | None, RoundMemory, Memory]:
    """Read what the journal holds: promises, ledger, and what the last round and the pool's last tick remember."""
    of_pool = sharing.pool.journal.memory(sharing.pool.name)
    return sharing.shares.told(), sharing.shares.ledger(), sharing.shares.memory(), of_pool


def _read(part: str, read: Callable[[], T], gaps: dict[str, str]) -> T | Gap:
    """Read one part; a fault there leaves the others alone."""
    try:
        return read()
    except PortError as error:
        gaps[part] = str(error)
        return error.gap


def entitlement(shares: ShareJournal) -> Entitlement | None:
    """Return what the last round left to the pool; None before the first."""
    ledger = shares.ledger()
    if ledger is None:
        return None
    number = ledger.told(Side.YARN)
    queues = {entry.leaf.name: entry.room for entry in shares.told() if entry.leaf.side is Side.YARN}
    return Entitlement(version=number.version, room=room(number.amounts), by_queue=queues)
