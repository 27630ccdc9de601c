"""One round: from a division to what each leaf is told next, what queues are set to, and which pods are evicted.

What goes down goes down now; what goes up waits until the room is seen to be free. So no unit of L is ever promised
twice, whatever gets lost between the two systems.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from bridge.core.ledger import Ledger, Side
from bridge.core.reasons import Gap
from bridge.core.resources import NO_ROOM, Room
from bridge.core.shares import PastUse
from bridge.core.tenants.divide import Division, Share, added, at_least, at_most, divide
from bridge.core.tenants.evictions import Eviction, evictions
from bridge.core.tenants.facts import Leaf, LendableFacts, RoundFacts, RoundMemory, Told
from bridge.core.tenants.past import sampled
from bridge.core.tenants.policy import Tenant
from bridge.core.tenants.settle import settle
from bridge.core.tenants.tree import amounts, room


class Hold(StrEnum):
    """Why a leaf isn't told its whole target in this round."""

    STEP_LIMIT = "step_limit"
    """One round takes no more of a tenant's amount."""
    NOT_RELEASED = "not_released"
    """Others still hold what it is to have."""
    DEAD_BAND = "dead_band"
    """The change is too small to be written."""
    UNKNOWN = "unknown"
    """Its side, or the lenders, could not be read: it keeps what it was told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeafPlan:
    """What a leaf is told next, and why it isn't all of its target."""

    share: Share
    now: Told | None
    room: Room
    """Of L, next."""
    static: Room
    """Of S, next; a queue's."""
    hold: Hold | None = None

    @property
    def leaf(self) -> Leaf:
        """Whose plan this is."""
        return self.share.leaf


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundPlan:
    """What a round would do. Who acts has no choices left but to stop at a fault."""

    division: Division
    leaves: tuple[LeafPlan, ...]
    ledger: Ledger | None
    """Both sides of L, with the numbers that this round tells them; None where L isn't known."""
    evictions: tuple[Eviction, ...]
    memory: RoundMemory
    orphans: tuple[Leaf, ...] = ()
    """Leaves that were told something and that nobody has any more: no longer configured, or gone."""

    @property
    def waits_for_release(self) -> bool:
        """Say whether somebody is to get more as soon as others have let go."""
        return any(plan.hold is Hold.NOT_RELEASED for plan in self.leaves)


def decide_round(facts: RoundFacts) -> RoundPlan:
    """Decide from the facts alone: the same facts give the same plan."""
    division = divide(facts)
    told = {} if isinstance(facts.told, Gap) else {entry.leaf: entry for entry in facts.told}
    aims = _Aims(facts, division, told)
    ledger = _booked(facts, division, told, aims)
    rooms = _settled(division, told, aims, ledger)
    leaves = tuple(
        LeafPlan(
            share=share,
            now=told.get(share.leaf),
            room=rooms[share.leaf],
            static=aims.static[share.leaf],
            hold=_hold(division, share, told.get(share.leaf), aims.lendable[share.leaf], rooms[share.leaf]),
        )
        for share in division.shares
    )
    return RoundPlan(
        division=division,
        leaves=leaves,
        ledger=ledger,
        evictions=evictions(facts, division),
        memory=RoundMemory(at=facts.at, smoothed=division.smoothed, past=_past(facts, division)),
        orphans=_orphans(facts, division, told),
    )


def _past(facts: RoundFacts, division: Division) -> Mapping[str, PastUse]:
    """Sample what tenants use now."""
    used = {name: added(share.used for share in shares) for name, shares in _by_tenant(division).items()}
    return sampled(facts, used, (division.static or NO_ROOM) + (division.lendable or NO_ROOM))


def _orphans(facts: RoundFacts, division: Division, told: Mapping[Leaf, Told]) -> tuple[Leaf, ...]:
    """Find who was told something and isn't there any more; queues only where they could be read."""
    there = {share.leaf for share in division.shares}
    namespaces = set(facts.policy.namespaces)
    return tuple(
        leaf
        for leaf in told
        if (leaf.name not in namespaces if _is_namespace(leaf) else division.static is not None and leaf not in there)
    )


class _Aims:
    """What each leaf would be told if everything were released: its share, within the step limit and the dead band."""

    def __init__(self, facts: RoundFacts, division: Division, told: Mapping[Leaf, Told]) -> None:
        steps = {axis: _step(facts, division, told, get) for axis, get in _AXES.items()}

        def blend(now: Room | None, target: Room) -> Room:
            if now is None:
                return target
            moved = {axis: _moved(get(now), get(target), steps[axis], facts) for axis, get in _AXES.items()}
            return Room(cpu_millicores=moved["cpu"], memory_mib=moved["memory"])

        def before(share: Share, get: Callable[[Told], Room]) -> Room | None:
            return get(told[share.leaf]) if share.leaf in told else None

        self.lendable = {
            share.leaf: blend(before(share, lambda entry: entry.room), share.lendable_told) for share in division.shares
        }
        if division.lendable is not None and not added(self.lendable.values()).fits_in(division.lendable):
            # There is less than was told: neither a step nor a dead band may keep what isn't there.
            self.lendable = {share.leaf: share.lendable_told for share in division.shares}
        self.static = _whole_static(
            division,
            {
                share.leaf: blend(before(share, lambda entry: entry.static), share.static_told)
                for share in division.shares
            },
        )

    def of_side(self, side: Side) -> Iterator[Room]:
        """Give the aims of one side's leaves."""
        return (aim for leaf, aim in self.lendable.items() if leaf.side is side)


_AXES: Mapping[str, Callable[[Room], int]] = {
    "cpu": lambda amount: amount.cpu_millicores,
    "memory": lambda amount: amount.memory_mib,
}


def _step(facts: RoundFacts, division: Division, told: Mapping[Leaf, Told], get: Callable[[Room], int]) -> Fraction:
    """Say which part of the way to the targets this round goes: all, unless a tenant would lose more than its limit."""
    by_tenant = _by_tenant(division)
    if any(_is_short(tenant, by_tenant.get(tenant.name, ()), told, get) for tenant in facts.policy.tenants):
        return Fraction(1)
    step, limit = Fraction(1), Fraction(facts.policy.max_step_ratio).limit_denominator(1000)
    for shares in by_tenant.values():
        has = sum(get(told[share.leaf].room + told[share.leaf].static) for share in shares if share.leaf in told)
        loss = has - sum(get(share.lendable_told + share.static_told) for share in shares if share.leaf in told)
        if loss > 0 and has > 0:
            step = min(step, max(Fraction(1, 1000), limit * has / loss))
    return step


def _is_short(tenant: Tenant, shares: Sequence[Share], told: Mapping[Leaf, Told], get: Callable[[Room], int]) -> bool:
    """Say whether a tenant is told less of its guarantee than it asks for, and this round can give it more."""
    guarantee = tenant.guarantee
    asked = sum(get(share.demand) for share in shares)
    promised = get(Room(cpu_millicores=guarantee.get("cpu_millicores", 0), memory_mib=guarantee.get("memory_mib", 0)))
    has = sum(get(told[share.leaf].room + told[share.leaf].static) for share in shares if share.leaf in told)
    target = sum(get(share.lendable_told + share.static_told) for share in shares)
    return has < min(asked, promised) and has < target


def _by_tenant(division: Division) -> Mapping[str, Sequence[Share]]:
    found: dict[str, list[Share]] = {}
    for share in division.shares:
        found.setdefault(share.tenant, []).append(share)
    return found


def _moved(now: int, target: int, step: Fraction, facts: RoundFacts) -> int:
    """Go a step from *now* to *target*, rounded toward *now*; a change within the dead band isn't made."""
    if abs(target - now) <= facts.policy.dead_band_ratio * now:
        return now
    change = abs(target - now) * step
    return now + int(change) if target > now else now - int(change)


def _whole_static(division: Division, static: Mapping[Leaf, Room]) -> dict[Leaf, Room]:
    """Let the queues' amounts be all of S, whatever steps and dead bands left: the difference is shared by target."""
    if division.static is None:
        return dict(static)
    targets = {share.leaf: share.static_told for share in division.shares}
    cpu, memory = (
        _corrected(
            {leaf: get(amount) for leaf, amount in static.items()},
            {leaf: get(amount) for leaf, amount in targets.items()},
        )
        for get in _AXES.values()
    )
    return {leaf: Room(cpu_millicores=cpu[leaf], memory_mib=memory[leaf]) for leaf in static}


def _corrected(amounts: Mapping[Leaf, int], targets: Mapping[Leaf, int]) -> dict[Leaf, int]:
    """Make amounts sum up to what the targets do: more or less for each in proportion to its target."""
    whole = sum(targets.values())
    missing = whole - sum(amounts.values())
    if whole <= 0:
        return dict(targets)
    found = {leaf: max(0, amount + missing * targets[leaf] // whole) for leaf, amount in amounts.items()}
    left = whole - sum(found.values())
    largest = max(targets, key=lambda leaf: (targets[leaf], leaf))
    return found | {largest: found[largest] + left} if found[largest] + left >= 0 else dict(targets)


def _booked(facts: RoundFacts, division: Division, told: Mapping[Leaf, Told], aims: _Aims) -> Ledger | None:
    """Tell each side as much of its aims as the other has let go of."""
    if division.lendable is None or not isinstance(facts.lendable, LendableFacts):
        return None
    capacity, elastic = amounts(facts.lendable.room), amounts(facts.lendable.elastic)
    of_namespaces = amounts(_held_by_namespaces(division, told))
    # A pool that nobody has told anything may believe that all of it is its own.
    ledger = facts.ledger or Ledger.opened(capacity, {Side.YARN: capacity, Side.KUBERNETES: of_namespaces})
    ledger = ledger.resized(capacity).seen(Side.YARN, elastic, _version(ledger, facts.obeyed_by_yarn))
    # What each namespace may use is known leaf by leaf, so the side has obeyed what they hold together.
    ledger = ledger.seen(Side.KUBERNETES, of_namespaces, ledger.told(Side.KUBERNETES).version)
    known = [side for side in Side if side is Side.KUBERNETES or not isinstance(facts.queues, Gap)]
    return ledger.aim({side: amounts(added(aims.of_side(side))) for side in known})


def _held_by_namespaces(division: Division, told: Mapping[Leaf, Told]) -> Room:
    """Sum what each namespace may use: what it was told, which is the larger amount until less was confirmed, or uses.

    A namespace that nobody has any more holds what it was told until its quota is gone.
    """
    used = {share.leaf: share.used_lendable for share in division.shares if _is_namespace(share.leaf)}
    leaves = {*used, *(leaf for leaf in told if _is_namespace(leaf))}
    return added(at_least(told[leaf].room if leaf in told else NO_ROOM, used.get(leaf, NO_ROOM)) for leaf in leaves)


def _version(ledger: Ledger, obeyed: int) -> int:
    """Take the version that the pool says it acted by, as far as this ledger knows it: its use counts in any case."""
    believed = ledger.account_by_side[Side.YARN].told
    return min(max(obeyed, believed[0].version), believed[-1].version)


def _settled(division: Division, told: Mapping[Leaf, Told], aims: _Aims, ledger: Ledger | None) -> dict[Leaf, Room]:
    """Divide what each side was told among its leaves: a namespace gets more once others' pods have gone."""
    now = {share.leaf: told[share.leaf].room if share.leaf in told else NO_ROOM for share in division.shares}
    if ledger is None:
        return now
    queues = {leaf: aim for leaf, aim in aims.lendable.items() if leaf.side is Side.YARN}
    settled = settle(now=dict.fromkeys(queues, NO_ROOM), aims=queues, free=room(ledger.told(Side.YARN).amounts))
    namespaces = {leaf: aim for leaf, aim in aims.lendable.items() if leaf.side is Side.KUBERNETES}
    used = {share.leaf: share.used_lendable for share in division.shares}
    # What a namespace uses already is held anyhow: being told so much takes nothing from anybody.
    has = {leaf: at_least(now[leaf], at_most(used[leaf], aim)) for leaf, aim in namespaces.items()}
    claims = added(at_least(now[leaf], used[leaf]) for leaf in namespaces)
    free = (room(ledger.told(Side.KUBERNETES).amounts) - claims).at_least_zero()
    return settled | settle(now=has, aims=namespaces, free=free)


def _is_namespace(leaf: Leaf) -> bool:
    return leaf.side is Side.KUBERNETES


def _hold(division: Division, share: Share, told: Told | None, aim: Room, room: Room) -> Hold | None:
    """Say why a leaf isn't told its whole target."""
    if division.lendable is None:
        return Hold.UNKNOWN
    if room == share.lendable_told:
        return None
    if room != aim:
        return Hold.NOT_RELEASED
    now = told.room if told is not None else None
    return Hold.DEAD_BAND if room == now else Hold.STEP_LIMIT
