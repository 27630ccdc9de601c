"""How much may be lent now, on which node, and until when: the smallest of what every limit allows.

Two chains of limits are kept. The first bounds what may be there: what is above it goes back at once. The second bounds
what may be made anew, for it must also last. Between the two lies what may stay for now, and must be back before the
forecast's peak. Leaves to others whether anybody wants it (``demand``) and how fast to go there (``size``).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from bridge.core.forecast.values import STEP
from bridge.core.load import SignalState
from bridge.core.reasons import Gap, LenderRefusal, Limit
from bridge.core.resources import NO_ROOM, Room
from bridge.core.room import (
    Whole,
    coming_room,
    kind,
    lender_room,
    smallest,
    staying_room,
    sum_of,
    taken,
    total_room,
    whole_of,
)
from bridge.core.snapshot import KubeFacts, Lender, Snapshot
from bridge.core.window import Allowance

_EMPTYING = frozenset({LenderRefusal.CORDONED, LenderRefusal.DELETING})

Input = Room | float | int | str | datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """One limit of the offer: how many elastic nodes it would allow by itself, and the amount it comes from."""

    limit: Limit
    nodes: int
    room: Room | None = None
    inputs: Mapping[str, Input] = field(default_factory=dict)
    """What the limit's formula takes."""
    changes_at: datetime | None = None
    """When it will change next, as far as that is known now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LenderOffer:
    """What one lender can give to elastic pods, those that are there included."""

    room: Room
    nodes: int
    """How many elastic nodes of the pool's shape fit; none is made anew while the lender refuses."""
    lasting_room: Room
    """What it can give for as long as a new node must last, by the forecast."""
    lasting_nodes: int
    staying_nodes: int
    """How many may stay beyond the time within which room is given back ahead of a peak."""
    is_known: bool = True
    """Its load and its role are known: what it can't give is really missing."""
    refusal: LenderRefusal | None = None
    must_empty: bool = False
    """A cordoned node's elastic pods leave as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What may be lent, with the chain of limits that leads to it.

    Every count is of elastic nodes and includes what is lent already.
    """

    nodes: int
    """How many may be there now."""
    lasting: int
    """How many of these may stay after the allowance's ``back_by``."""
    staying: int
    """How many may stay after ``staying_by``, by the forecast."""
    staying_by: datetime
    ceiling: int
    """Up to how many new ones may be made: no more than ``nodes``, and less where a limit of the second chain binds."""
    holds_until: datetime | None
    """Until when what is made now may be kept, as far as windows and forecast tell; None where nothing is offered."""
    by_lender: Mapping[str, LenderOffer]
    chain: tuple[Bound, ...]
    """What bounds ``nodes``."""
    growth: tuple[Bound, ...]
    """What bounds ``ceiling`` besides."""
    bound_by: Limit


Count = Callable[[Room], int]
Smaller = Mapping[str, tuple[Room, ...]]
"""By lender, what nodes take that are of another size than the pool's shape."""


def offer(snapshot: Snapshot, allowed: Allowance, smaller: Smaller = MappingProxyType({})) -> Offer | Gap:
    """Compute the offer, or say why the lenders aren't known. Nodes of another size are counted as they are."""
    if isinstance(snapshot.kube, Gap):
        return snapshot.kube
    policy, kube = snapshot.policy, snapshot.kube
    by_lender = _lender_offers(kube.lenders, snapshot, smaller)
    count = _counting(policy.shape.pod, tuple(itertools.chain.from_iterable(smaller.values())))
    fleet = whole_of(kube.lenders, policy)
    whole = sum_of(lender.allocatable for lender in kube.lenders if not by_lender[lender.name].must_empty)
    chain = _chain(snapshot, allowed, by_lender, whole, count)
    tightest = min(chain, key=lambda bound: bound.nodes)
    after = _window_room(whole, allowed.next_ratio, allowed.next_room)
    lasting = min(tightest.nodes, count(after))
    growth = _growth(snapshot, kube, allowed, by_lender, lasting, fleet, count)
    narrowest = min((tightest, *growth), key=lambda bound: bound.nodes)
    return Offer(
        nodes=tightest.nodes,
        lasting=lasting,
        staying=_staying(snapshot, fleet, by_lender, count),
        staying_by=snapshot.at + policy.give_back_ahead,
        ceiling=narrowest.nodes,
        holds_until=_holds_until(snapshot, allowed) if tightest.nodes > 0 else None,
        by_lender=by_lender,
        chain=chain,
        growth=growth,
        bound_by=narrowest.limit,
    )


def _counting(pod: Room, smaller: tuple[Room, ...]) -> Count:
    """Count how many nodes an amount holds: those of another size that are there, then such of the pool's shape."""
    if not smaller:
        return pod.times_in
    ordered = sorted(smaller, key=lambda room: (room.cpu_millicores, room.memory_mib))
    return lambda room: pod.nodes_in(room, ordered)


def _chain(
    snapshot: Snapshot, allowed: Allowance, by_lender: Mapping[str, LenderOffer], whole: Room, count: Count
) -> tuple[Bound, ...]:
    """Say what each limit leaves of what may be there now."""
    policy = snapshot.policy
    giving = [entry for entry in by_lender.values() if not entry.must_empty]
    room = sum_of(entry.room for entry in giving)
    kept = (room - policy.keep_free).at_least_zero()
    chain = (
        *_window_chain(allowed, whole, count),
        Bound(
            limit=Limit.LENDERS_ROOM,
            nodes=sum(entry.nodes for entry in giving),
            room=room,
            inputs={"lenders": len(giving), "basis": policy.basis.value},
            changes_at=None if snapshot.load is None else snapshot.load.changes_at,
        ),
        Bound(
            limit=Limit.KEEP_FREE,
            nodes=count(kept),
            room=kept,
            inputs={"room": room, "keep_free": policy.keep_free},
        ),
        Bound(limit=Limit.MAX_NODES, nodes=policy.max_nodes, inputs={"max_nodes": policy.max_nodes}),
    )
    return chain + _entitlement(snapshot, count) + _shrinking(snapshot)


def _window_chain(allowed: Allowance, whole: Room, count: Count) -> tuple[Bound, ...]:
    """Say what the windows leave: a share of the lenders, and an amount where one is set."""
    share = whole.share(allowed.max_ratio)
    ratio = Bound(
        limit=Limit.WINDOW_RATIO if allowed.is_open else Limit.NO_WINDOW_OPEN,
        nodes=count(share),
        room=share,
        inputs={"allocatable": whole, "max_ratio": allowed.max_ratio},
        changes_at=allowed.back_by or allowed.opens_at,
    )
    if allowed.max_room is None:
        return (ratio,)
    amount = Bound(
        limit=Limit.WINDOW_AMOUNT,
        nodes=count(allowed.max_room),
        room=allowed.max_room,
        changes_at=allowed.back_by,
    )
    return (ratio, amount)


def _entitlement(snapshot: Snapshot, count: Count) -> tuple[Bound, ...]:
    """Say what the ledger leaves to YARN, where tenants share the lenders."""
    if snapshot.entitlement is None:
        return ()
    entitled = snapshot.entitlement.room
    nodes = count(entitled)
    inputs = {"version": snapshot.entitlement.version}
    return (Bound(limit=Limit.ENTITLEMENT, nodes=nodes, room=entitled, inputs=inputs),)


def _shrinking(snapshot: Snapshot) -> tuple[Bound, ...]:
    """Say what a load signal that is long lost still allows: step by step less of what was lent."""
    load, held = snapshot.load, snapshot.memory.held_when_lost
    if load is None or load.state is not SignalState.SHRINKING or held is None:
        return ()
    return (
        Bound(
            limit=Limit.SIGNAL_SHRINKING,
            nodes=math.floor(held * load.keep_ratio + 1e-9),
            inputs={"held_when_lost": held, "keep_ratio": load.keep_ratio, "sampled_at": load.sampled_at},
            changes_at=load.changes_at,
        ),
    )


def _growth(
    snapshot: Snapshot,
    kube: KubeFacts,
    allowed: Allowance,
    by_lender: Mapping[str, LenderOffer],
    lasting: int,
    fleet: Whole,
    count: Count,
) -> tuple[Bound, ...]:
    """Bound what may be made anew.

    A lender that refuses, a peak that is expected, a signal that is lost, pods that wait, an ending window, a label
    that the ResourceManager doesn't know yet and a pause hold growth, but take nothing back by themselves.
    """
    policy = snapshot.policy
    lending = [lender for lender in kube.lenders if by_lender[lender.name].refusal is None]
    whole = sum_of(lender.allocatable for lender in lending)
    share = _window_room(whole, allowed.max_ratio, allowed.max_room)
    bounds = [
        Bound(
            limit=Limit.WINDOW_RATIO,
            nodes=count(share),
            room=share,
            inputs={"allocatable_of_lenders_that_lend": whole, "max_ratio": allowed.max_ratio},
            changes_at=allowed.back_by,
        ),
        *_forecast(snapshot, fleet, by_lender, count),
        *_frozen(snapshot),
    ]
    if kube.online_waiting != NO_ROOM:
        room = sum_of(lender_room(lender, snapshot) for lender in lending) - policy.keep_free - kube.online_waiting
        bounds.append(
            Bound(
                limit=Limit.ONLINE_PODS_WAIT,
                nodes=count(room.at_least_zero()),
                room=room.at_least_zero(),
                inputs={"online_waiting": kube.online_waiting},
            )
        )
    if allowed.is_ending(snapshot.at):
        bounds.append(Bound(limit=Limit.WINDOW_IS_ENDING, nodes=lasting, changes_at=allowed.back_by))
    if policy.label is not None and not isinstance(snapshot.yarn, Gap) and policy.label not in snapshot.yarn.labels:
        bounds.append(Bound(limit=Limit.LABEL_MISSING, nodes=0, inputs={"label": policy.label}))
    if snapshot.pause is not None:
        bounds.append(Bound(limit=Limit.PAUSED, nodes=0, changes_at=snapshot.pause.until))
    return tuple(bounds)


def _forecast(
    snapshot: Snapshot, fleet: Whole, by_lender: Mapping[str, LenderOffer], count: Count
) -> tuple[Bound, ...]:
    """Say what the forecast leaves for as long as a new node must last: lender by lender, and of all together."""
    policy, forecast = snapshot.policy, snapshot.forecast
    if forecast is None:
        return ()
    if isinstance(forecast, Gap):
        return (Bound(limit=Limit.HISTORY_UNKNOWN, nodes=0),)
    giving = [entry for entry in by_lender.values() if entry.refusal is None]
    together = total_room(fleet, snapshot, policy.lend_for) or NO_ROOM
    bound, lend_for_s = forecast.total.at(policy.lend_for), policy.lend_for.total_seconds()
    return (
        Bound(
            limit=Limit.FORECAST,
            nodes=sum(entry.lasting_nodes for entry in giving),
            room=sum_of(entry.lasting_room for entry in giving),
            inputs={"lend_for_s": lend_for_s, "made_at": forecast.made_at, "lenders": len(giving)},
            changes_at=forecast.made_at + STEP,
        ),
        Bound(
            limit=Limit.FORECAST_TOTAL,
            nodes=count(together),
            room=together,
            inputs={
                "lend_for_s": lend_for_s,
                "made_at": forecast.made_at,
                **_loadable(fleet),
                "bound_ratio": bound.ratio,
                "expected_ratio": bound.expected_ratio,
                "margin_ratio": bound.margin_ratio,
                "method": bound.method,
                "history_days": round(forecast.total.history.total_seconds() / 86400, 2),
            },
            changes_at=forecast.made_at + STEP,
        ),
    )


def _loadable(fleet: Whole) -> dict[str, Input]:
    """Say what the lenders together may be loaded with, and what that is made of."""
    return {
        "allocatable": fleet.allocatable,
        "usable": fleet.usable,
        "other_pools": fleet.elsewhere,
        "online": fleet.online,
    }


def _frozen(snapshot: Snapshot) -> tuple[Bound, ...]:
    """Nothing is lent anew while the load signal isn't trusted."""
    load = snapshot.load
    if load is None or load.state is SignalState.FRESH:
        return ()
    inputs: dict[str, Input] = {"reason": load.reason.value, "since": load.since, "sampled_at": load.sampled_at}
    return (Bound(limit=Limit.SIGNAL_FROZEN, nodes=0, inputs=inputs, changes_at=load.changes_at),)


def _staying(snapshot: Snapshot, fleet: Whole, by_lender: Mapping[str, LenderOffer], count: Count) -> int:
    """Count what may stay beyond the next peak, by the forecast of single lenders and of all together."""
    policy = snapshot.policy
    apart = sum(entry.staying_nodes for entry in by_lender.values() if not entry.must_empty)
    if isinstance(snapshot.forecast, Gap) or snapshot.forecast is None or not snapshot.forecast.total.history:
        return apart
    together = total_room(fleet, snapshot, policy.give_back_ahead) or NO_ROOM
    return min(apart, count(together))


def _holds_until(snapshot: Snapshot, allowed: Allowance) -> datetime | None:
    """Say until when what is made now may be kept."""
    ends = [] if allowed.closes_at is None else [allowed.closes_at]
    if snapshot.forecast is not None and not isinstance(snapshot.forecast, Gap):
        ends.append(snapshot.at + snapshot.policy.lend_for)
    return min(ends, default=None)


def _lender_offers(lenders: tuple[Lender, ...], snapshot: Snapshot, smaller: Smaller) -> dict[str, LenderOffer]:
    """Compute what each lender gives, once for all of a kind."""
    stale = frozenset[str]() if snapshot.load is None else snapshot.load.stale
    by_kind: dict[tuple[object, ...], LenderOffer] = {}
    found: dict[str, LenderOffer] = {}
    for lender in lenders:
        alike = *kind(lender, snapshot), lender.pod_slots, lender.refusal, lender.name in stale
        alike = *alike, smaller.get(lender.name)
        if alike not in by_kind:
            by_kind[alike] = lender_offer(lender, snapshot, smaller.get(lender.name, ()))
        found[lender.name] = by_kind[alike]
    return found


def lender_offer(lender: Lender, snapshot: Snapshot, smaller: tuple[Room, ...] = ()) -> LenderOffer:
    """Compute what one lender gives, now and for a while, and how many nodes that makes beside *smaller* ones."""
    policy = snapshot.policy
    room, count = lender_room(lender, snapshot), _counting(policy.shape.pod, smaller)
    lasting = coming_room(lender, snapshot, policy.lend_for, room)
    slots = max(0, lender.pod_slots)
    refusal = lender.refusal or _unsure(lender, snapshot)
    return LenderOffer(
        room=room,
        nodes=min(count(room), slots),
        lasting_room=lasting,
        lasting_nodes=min(count(lasting), slots),
        staying_nodes=min(count(staying_room(lender, snapshot, room)), slots),
        is_known=taken(lender, snapshot) is not None and refusal is not LenderRefusal.UNKNOWN_ROLE,
        refusal=refusal,
        must_empty=refusal in _EMPTYING,
    )


def _unsure(lender: Lender, snapshot: Snapshot) -> LenderRefusal | None:
    """Say why nothing is lent anew on a lender whose load isn't known well enough."""
    if taken(lender, snapshot) is None:
        return LenderRefusal.LOAD_UNKNOWN
    is_stale = snapshot.load is not None and lender.name in snapshot.load.stale
    return LenderRefusal.LOAD_STALE if is_stale else None


def _window_room(whole: Room, ratio: float, amount: Room | None) -> Room:
    """Return what a window's ratio and amount leave of *whole*."""
    share = whole.share(ratio)
    return share if amount is None else smallest((share, amount))
