"""Does what a round planned: journals promises, writes settings, reads back what became of them, evicts.

The journal comes first. A draft that fails is an outcome, and its promises stay at the larger amount; the next round
finds the difference between what is wanted and what is in force, and writes again: so a crash between two systems'
writes is repaired as well.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from bridge.controller.sharing import Enforcing, PlannedRound, Sharing
from bridge.core.ledger import Ledger, Side
from bridge.core.reasons import Gap
from bridge.core.resources import NO_ROOM, Room
from bridge.core.tenants.evictions import Eviction
from bridge.core.tenants.facts import Leaf, QueueFacts, Told
from bridge.core.tenants.round import LeafPlan
from bridge.core.tenants.writes import Draft, InForce, Mismatch, Settings, confirmed, mismatches, next_told
from bridge.ports import Booked, JournalUnavailable, PortError, Rejected

log = logging.getLogger(__name__)


class Written(StrEnum):
    """What became of a draft or an eviction."""

    DONE = "done"
    REFUSED = "refused"
    """A check, or the system, would not have it; nothing of it was taken."""
    FAILED = "failed"
    NOT_JOURNALED = "not_journaled"
    BUDGET = "budget"
    """A disruption budget forbids the eviction for now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftOutcome:
    """What became of one draft; ``error`` is in the system's own words."""

    enforcer: str
    draft: Draft
    result: Written
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EvictionOutcome:
    """What became of one eviction."""

    eviction: Eviction
    result: Written
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Enforced:
    """What a round has done."""

    drafts: tuple[DraftOutcome, ...] = ()
    evictions: tuple[EvictionOutcome, ...] = ()
    mismatches: tuple[Mismatch, ...] = ()


def enforce(planned: PlannedRound, sharing: Sharing) -> Enforced:
    """Journal a round's promises, write its drafts, read back, and evict what is to go."""
    if isinstance(planned.facts.told, Gap):
        return Enforced(drafts=tuple(_all(planned, Written.NOT_JOURNALED, "the journal can't be read")))
    promises = {plan.leaf: plan.now for plan in planned.plan.leaves if plan.now is not None}
    new = {entry.leaf: entry for entry in _promises(planned, sharing)}
    promises |= new
    try:
        sharing.shares.tell(
            *new.values(), at=planned.facts.at, ledger=_booked(planned.facts.ledger, planned.plan.ledger)
        )
    except JournalUnavailable as error:
        return Enforced(drafts=tuple(_all(planned, Written.NOT_JOURNALED, str(error))))
    drafts = tuple(_write(entry, draft) for entry in planned.enforcing for draft in _in_order(entry))
    unequal = _confirm(planned, sharing, promises)
    for leaf in planned.plan.orphans:
        _let_go(leaf, planned, sharing)
    return Enforced(
        drafts=drafts,
        evictions=tuple(_evict(eviction, sharing) for eviction in planned.plan.evictions),
        mismatches=unequal,
    )


def _let_go(leaf: Leaf, planned: PlannedRound, sharing: Sharing) -> None:
    """Take away what is ours from a leaf that nobody has any more, then forget it; a failure is for the next round."""
    try:
        for enforcer in sharing.enforcers:
            if enforcer.side is leaf.side:
                enforcer.release(leaf)
        sharing.shares.forget(leaf, at=planned.facts.at)
    except PortError as error:
        log.warning("share.unreleased leaf=%s error=%r", leaf, str(error))
        return
    log.info("share.released leaf=%s", leaf)


def _booked(before: Ledger | None, after: Ledger | None) -> Booked | None:
    return None if after is None else Booked(before=before, after=after)


def _all(planned: PlannedRound, result: Written, why: str) -> Iterator[DraftOutcome]:
    for entry in planned.enforcing:
        for draft in entry.drafts:
            yield DraftOutcome(enforcer=entry.enforcer.name, draft=draft, result=result, error=why)


def _promises(planned: PlannedRound, sharing: Sharing) -> Iterator[Told]:
    """Say what the journal must hold before the first write; leaves in another's hands keep what they were told."""
    left_alone = {entry.leaf for enforcing in planned.enforcing for entry in enforcing.foreign}
    after = _settings_after(planned)
    for plan in planned.plan.leaves:
        if plan.leaf in left_alone:
            continue
        is_written = plan.leaf.side is Side.KUBERNETES and sharing.binds_namespaces
        promise = next_told(planned.facts, plan, after.get(plan.leaf), may_lag=is_written)
        if promise != plan.now:
            yield promise


def _settings_after(planned: PlannedRound) -> Mapping[Leaf, Settings]:
    """Say what each leaf's settings will be: as the drafts make them, or as they are in force."""
    after: dict[Leaf, dict[str, str]] = {}
    for entry in planned.enforcing:
        after |= {leaf: dict(settings) for leaf, settings in entry.in_force.settings.items()}
        for change in (change for draft in entry.drafts if not draft.problems for change in draft.changes):
            after.setdefault(change.leaf, {})[change.key] = change.after
    return after


def _in_order(entry: Enforcing) -> list[Draft]:
    """Put drafts that lower something before those that only raise."""
    return sorted(entry.drafts, key=lambda draft: not _lowers(draft, entry))


def _lowers(draft: Draft, entry: Enforcing) -> bool:
    now = entry.in_force.amounts
    amounts = {wanted.leaf: wanted.amount for wanted in entry.wanted}
    return any(leaf in now and leaf in amounts and not now[leaf].fits_in(amounts[leaf]) for leaf in draft.leaves)


def _write(entry: Enforcing, draft: Draft) -> DraftOutcome:
    name = entry.enforcer.name
    if draft.problems:
        return DraftOutcome(enforcer=name, draft=draft, result=Written.REFUSED, error="; ".join(draft.problems))
    try:
        entry.enforcer.write(draft)
    except PortError as error:
        log.warning("share.failed adapter=%s leaves=%s error=%r", name, _names(draft), str(error))
        return DraftOutcome(enforcer=name, draft=draft, result=_failure(error), error=str(error))
    log.info("share.written adapter=%s leaves=%s changes=%d", name, _names(draft), len(draft.changes))
    return DraftOutcome(enforcer=name, draft=draft, result=Written.DONE)


def _failure(error: PortError) -> Written:
    return Written.REFUSED if isinstance(error, Rejected) else Written.FAILED


def _names(draft: Draft) -> str:
    return ",".join(sorted(str(leaf) for leaf in draft.leaves))


def _confirm(planned: PlannedRound, sharing: Sharing, promises: Mapping[Leaf, Told]) -> tuple[Mismatch, ...]:
    """Read back what is in force, journal what was taken, and say where a system made something else of it."""
    plans = {plan.leaf: plan for plan in planned.plan.leaves}
    taken: dict[Leaf, Told] = {}
    unequal: list[Mismatch] = []
    for entry in planned.enforcing:
        in_force = _read_back(entry)
        if in_force is None:
            continue
        taken |= _taken(planned, in_force, promises, plans)
        unequal += mismatches(_amounts(entry), in_force, _least(planned, entry))
    news = [promise for leaf, promise in taken.items() if promise != promises[leaf]]
    if news:
        try:
            sharing.shares.tell(*news, at=planned.facts.at)
        except JournalUnavailable as error:
            log.warning("share.unconfirmed error=%r", str(error))
    return tuple(unequal)


def _read_back(entry: Enforcing) -> InForce | None:
    if not entry.drafts:
        return entry.in_force
    try:
        return entry.enforcer.read(entry.wanted)
    except PortError as error:
        log.warning("share.unread adapter=%s error=%r", entry.enforcer.name, str(error))
        return None


def _taken(
    planned: PlannedRound, in_force: InForce, promises: Mapping[Leaf, Told], plans: Mapping[Leaf, LeafPlan]
) -> Mapping[Leaf, Told]:
    """Find the promises whose settings are in force as they were intended."""
    left_alone = {entry.leaf for enforcing in planned.enforcing for entry in enforcing.foreign}
    return {
        leaf: confirmed(promises[leaf], plans[leaf])
        for leaf, settings in in_force.settings.items()
        if leaf in promises and leaf not in left_alone and dict(settings) == dict(promises[leaf].intended)
    }


def _amounts(entry: Enforcing) -> dict[Leaf, Room]:
    """Return what a system should have made of what was written: just now, or, where it takes a while, before."""
    written = {leaf for draft in entry.drafts for leaf in draft.leaves}
    if entry.enforcer.is_lagging:
        return {} if written else {wanted.leaf: wanted.amount for wanted in entry.wanted}
    return {wanted.leaf: wanted.amount for wanted in entry.wanted if wanted.leaf in written}


def _least(planned: PlannedRound, entry: Enforcing) -> Room:
    queues = planned.facts.queues
    if entry.enforcer.side is Side.YARN and isinstance(queues, QueueFacts):
        return queues.minimum
    return NO_ROOM


def _evict(eviction: Eviction, sharing: Sharing) -> EvictionOutcome:
    pod = eviction.pod
    try:
        is_done = sharing.namespaces.evict(eviction)
    except PortError as error:
        log.warning("evict.failed namespace=%s pod=%s error=%r", pod.namespace, pod.name, str(error))
        return EvictionOutcome(eviction=eviction, result=_failure(error), error=str(error))
    log.info("evict.done namespace=%s pod=%s tenant=%s done=%s", pod.namespace, pod.name, eviction.tenant, is_done)
    return EvictionOutcome(eviction=eviction, result=Written.DONE if is_done else Written.BUDGET)
