"""How much may be lent now, on which node, and until when: the smallest of what every limit allows.

Leaves to others whether anybody wants it (``demand``) and how fast to go there (``size``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bridge.core.reasons import Gap, LenderRefusal, Limit
from bridge.core.resources import NO_ROOM, Room
from bridge.core.snapshot import KubeFacts, Lender, PoolPolicy, Snapshot
from bridge.core.window import Allowance

_EMPTYING = frozenset({LenderRefusal.CORDONED, LenderRefusal.DELETING})


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """One limit of the offer: how many elastic nodes it would allow by itself, and the amount it comes from."""

    limit: Limit
    nodes: int
    room: Room | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LenderOffer:
    """What one lender can give to elastic pods, those that are there included."""

    lender: str
    room: Room
    nodes: int
    """How many elastic nodes of the pool's shape fit; none is made anew while the lender refuses."""
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
    ceiling: int
    """Up to how many new ones may be made: as ``nodes``, or ``lasting`` from ``lead`` on, and less when pods wait."""
    by_lender: Mapping[str, LenderOffer]
    chain: tuple[Bound, ...]
    bound_by: Limit


def offer(snapshot: Snapshot, allowed: Allowance) -> Offer | Gap:
    """Compute the offer, or say why the lenders aren't known."""
    if isinstance(snapshot.kube, Gap):
        return snapshot.kube
    policy, kube = snapshot.policy, snapshot.kube
    by_lender = {lender.name: lender_offer(lender, policy) for lender in kube.lenders}
    whole = _sum(lender.allocatable for lender in kube.lenders if not by_lender[lender.name].must_empty)
    slots = sum(entry.nodes for entry in by_lender.values() if not entry.must_empty)
    room = _sum(entry.room for entry in by_lender.values() if not entry.must_empty)

    chain: tuple[Bound, ...] = (
        Bound(
            limit=Limit.WINDOW_RATIO if allowed.is_open else Limit.NO_WINDOW_OPEN,
            nodes=policy.shape.pod.times_in(whole.share(allowed.max_ratio)),
            room=whole.share(allowed.max_ratio),
        ),
        Bound(limit=Limit.LENDERS_ROOM, nodes=slots, room=room),
        Bound(
            limit=Limit.KEEP_FREE,
            nodes=policy.shape.pod.times_in((room - policy.keep_free).at_least_zero()),
            room=(room - policy.keep_free).at_least_zero(),
        ),
        Bound(limit=Limit.MAX_NODES, nodes=policy.max_nodes),
    )
    if snapshot.entitlement is not None:
        entitled = snapshot.entitlement.room
        chain += (Bound(limit=Limit.ENTITLEMENT, nodes=policy.shape.pod.times_in(entitled), room=entitled),)
    tightest = min(chain, key=lambda bound: bound.nodes)
    lasting = min(tightest.nodes, policy.shape.pod.times_in(whole.share(allowed.next_ratio)))
    ceiling, bound_by = _ceiling(snapshot, kube, allowed, tightest, lasting)
    return Offer(
        nodes=tightest.nodes,
        lasting=lasting,
        ceiling=ceiling,
        by_lender=by_lender,
        chain=chain,
        bound_by=bound_by,
    )


def _ceiling(
    snapshot: Snapshot, kube: KubeFacts, allowed: Allowance, tightest: Bound, lasting: int
) -> tuple[int, Limit]:
    """Bound what may be made anew.

    A lender that refuses, pods that wait, an ending window, a label that the ResourceManager doesn't know yet and a
    pause hold growth, but take nothing back.
    """
    policy, shape = snapshot.policy, snapshot.policy.shape.pod
    lending = [lender for lender in kube.lenders if lender.refusal is None]
    share = _sum(lender.allocatable for lender in lending).share(allowed.max_ratio)
    bounds = [(tightest.nodes, tightest.limit), (shape.times_in(share), Limit.WINDOW_RATIO)]
    if kube.online_waiting != NO_ROOM:
        room = _sum(lender_room(lender, policy) for lender in lending) - policy.keep_free - kube.online_waiting
        bounds.append((shape.times_in(room.at_least_zero()), Limit.ONLINE_PODS_WAIT))
    if allowed.is_ending(snapshot.at):
        bounds.append((lasting, Limit.WINDOW_IS_ENDING))
    if policy.label is not None and not isinstance(snapshot.yarn, Gap) and policy.label not in snapshot.yarn.labels:
        bounds.append((0, Limit.LABEL_MISSING))
    if snapshot.pause is not None:
        bounds.append((0, Limit.PAUSED))
    return min(bounds, key=lambda bound: bound[0])


def lender_offer(lender: Lender, policy: PoolPolicy) -> LenderOffer:
    """Compute what one lender gives: its room, and how many nodes of the pool's shape that makes."""
    room = lender_room(lender, policy)
    nodes = min(policy.shape.pod.times_in(room), max(0, lender.pod_slots))
    return LenderOffer(
        lender=lender.name,
        room=room,
        nodes=nodes,
        refusal=lender.refusal,
        must_empty=lender.refusal in _EMPTYING,
    )


def lender_room(lender: Lender, policy: PoolPolicy) -> Room:
    """Compute one lender's room: allocatable less margin, online pods and other pools' elastic pods, rounded down."""
    return (lender.allocatable.share(1 - policy.margin_ratio) - lender.online - lender.elsewhere).at_least_zero()


def _sum(amounts: Iterable[Room]) -> Room:
    """Add rooms up on both axes."""
    cpu = memory = 0
    for amount in amounts:
        cpu += amount.cpu_millicores
        memory += amount.memory_mib
    return Room(cpu_millicores=cpu, memory_mib=memory)
