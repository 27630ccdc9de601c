"""What a lender's elastic pods may take: now, by what is measured or requested, and for a while, by the forecast.

Both round down, per lender. CPU follows the pool's basis. Memory follows requests on either basis: it can't be taken
back by waiting, so what an online pod has asked for is its own.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from bridge.core.forecast.values import Forecast, PeakBound
from bridge.core.load import Belief, SignalState
from bridge.core.reasons import Gap
from bridge.core.resources import NO_ROOM, Room
from bridge.core.snapshot import Basis, Claim, KubeFacts, Lender, PoolPolicy, Snapshot

_LEAST = 1e-4


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """What all lenders together have, and what of it is spoken for."""

    allocatable: Room = NO_ROOM
    usable: Room = NO_ROOM
    """What online and elastic pods together may take."""
    elsewhere: Room = NO_ROOM
    claims: tuple[Claim, ...] = ()
    online: Room = NO_ROOM


def whole_of(lenders: Iterable[Lender], policy: PoolPolicy) -> Whole:
    """Sum lenders up."""
    known = tuple(lenders)
    sizes = Counter([(lender.allocatable.cpu_millicores, lender.allocatable.memory_mib) for lender in known])
    return Whole(
        allocatable=sum_of(lender.allocatable for lender in known),
        usable=sum_of(
            _usable(Room(cpu_millicores=cpu, memory_mib=memory), policy) * count
            for (cpu, memory), count in sizes.items()
        ),
        elsewhere=sum_of(lender.elsewhere for lender in known),
        claims=tuple(sorted(claim for lender in known for claim in lender.claims)),
        online=sum_of(lender.online for lender in known),
    )


def kind(lender: Lender, snapshot: Snapshot) -> tuple[object, ...]:
    """Return all of a lender that its room depends on: what is computed of one holds for all of its kind.

    Idle nodes of one size, or nodes whose load is known of all together, are thousands of one kind.
    """
    load, forecast, elsewhere, batch = snapshot.load, snapshot.forecast, lender.elsewhere, lender.batch_room
    series = None if forecast is None or isinstance(forecast, Gap) else forecast.by_lender.get(lender.name)
    return (
        lender.allocatable.cpu_millicores,
        lender.allocatable.memory_mib,
        lender.online.cpu_millicores,
        lender.online.memory_mib,
        None if elsewhere is NO_ROOM else (elsewhere.cpu_millicores, elsewhere.memory_mib),
        lender.claims,
        None if batch is None else (batch.cpu_millicores, batch.memory_mib),
        None if load is None else load.by_lender.get(lender.name),
        id(series),
    )


def usable(lender: Lender, policy: PoolPolicy) -> Room:
    """Return what online and elastic pods together may take of a lender: up to the cap, or less the margin."""
    return _usable(lender.allocatable, policy)


def _usable(allocatable: Room, policy: PoolPolicy) -> Room:
    of_margin = allocatable.share(1 - policy.margin_ratio)
    if policy.basis is Basis.REQUESTS:
        return of_margin
    return Room(cpu_millicores=allocatable.share(policy.cap_ratio).cpu_millicores, memory_mib=of_margin.memory_mib)


def taken(lender: Lender, snapshot: Snapshot) -> Room | None:
    """Return what online pods take of a lender by the pool's basis; None where nobody knows."""
    if snapshot.policy.basis is Basis.REQUESTS:
        return lender.online
    used = None if snapshot.load is None else snapshot.load.by_lender.get(lender.name)
    return None if used is None else Room(cpu_millicores=used, memory_mib=lender.online.memory_mib)


def taken_ratios(kube: KubeFacts, basis: Basis, load: Belief | None) -> dict[str, float]:
    """Return what is taken of the lenders' CPU, by lender and, under the empty name, of all together.

    What isn't known now, because the signal or a lender's part of it isn't trusted, is left out: what a lender counts
    as that is silent is no load to learn from. Of all together it is then the ratio of those that are known.
    """
    if basis is Basis.REQUESTS:
        taken_by = {lender.name: lender.online.cpu_millicores for lender in kube.lenders}
        total: int | None = sum(taken_by.values())
    elif load is None or load.state is not SignalState.FRESH:
        return {}
    else:
        taken_by = {name: used for name, used in load.by_lender.items() if name not in load.stale}
        total = load.total_millicores
    whole = lender_sizes(kube)
    ratios = {name: taken_by[name] / size for name, size in whole.items() if name in taken_by and size > 0}
    if total is not None and sum(whole.values()) > 0:
        ratios[""] = total / sum(whole.values())
    elif ratios:
        ratios[""] = sum(taken_by[name] for name in ratios) / sum(whole[name] for name in ratios)
    # A load that is known to be nothing isn't a step without a sample.
    return {name: max(ratio, _LEAST) for name, ratio in ratios.items()}


def lender_sizes(kube: KubeFacts) -> dict[str, int]:
    """Return what each lender can allocate, in millicores."""
    return {lender.name: lender.allocatable.cpu_millicores for lender in kube.lenders}


def lender_room(lender: Lender, snapshot: Snapshot) -> Room:
    """Return what elastic pods may take of a lender now, those that are there included; nothing if use is unknown."""
    online = taken(lender, snapshot)
    return NO_ROOM if online is None else _left(lender, online, snapshot.policy)


class Rooms:
    """What elastic pods may take of lenders now, worked out once for all of a kind."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._by_kind: dict[tuple[object, ...], Room] = {}

    def now(self, lender: Lender) -> Room:
        """Return what ``lender_room`` does."""
        alike = kind(lender, self._snapshot)
        found = self._by_kind.get(alike)
        if found is None:
            found = self._by_kind[alike] = lender_room(lender, self._snapshot)
        return found


def coming_room(lender: Lender, snapshot: Snapshot, horizon: timedelta, now: Room | None = None) -> Room:
    """Return what elastic pods may take of a lender for all of *horizon*: never more than *now*, where that is known.

    A lender that the forecast doesn't know has no room to come, and none has where the history can't be read.
    """
    room = lender_room(lender, snapshot) if now is None else now
    if snapshot.forecast is None or room == NO_ROOM:
        return room
    if isinstance(snapshot.forecast, Gap):
        return NO_ROOM
    bound = lender_bound(lender.name, snapshot.forecast, horizon)
    if bound is None:
        return NO_ROOM
    return smallest((room, _left(lender, _grown(lender, bound.ratio, snapshot.policy), snapshot.policy)))


def staying_room(lender: Lender, snapshot: Snapshot, now: Room) -> Room:
    """Return what of the room *now* may stay taken beyond the time within which it is given back ahead of a peak.

    Nothing is called back by a forecast that knows nothing: it only keeps new nodes off.
    """
    if isinstance(snapshot.forecast, Gap) or snapshot.forecast is None:
        return now
    series = snapshot.forecast.by_lender.get(lender.name)
    is_known = series is not None and bool(series.history)
    return coming_room(lender, snapshot, snapshot.policy.give_back_ahead, now) if is_known else now


def total_room(whole: Whole, snapshot: Snapshot, horizon: timedelta) -> Room | None:
    """Return what elastic pods may take of all lenders together for all of *horizon*, by their joint forecast.

    Peaks that don't meet leave more together than apart, and a load that moves between lenders less: so both are asked.
    None: no forecast.
    """
    if snapshot.forecast is None:
        return None
    if isinstance(snapshot.forecast, Gap):
        return NO_ROOM
    bound = snapshot.forecast.total.at(horizon)
    taken_cpu = math.ceil(round(bound.ratio * whole.allocatable.cpu_millicores, 6))
    online = Room(cpu_millicores=taken_cpu, memory_mib=whole.online.memory_mib)
    return _beside_others(whole.usable - online, whole.elsewhere, whole.claims)


def lender_bound(name: str, forecast: Forecast, horizon: timedelta) -> PeakBound | None:
    """Return what a lender's load won't exceed within *horizon*."""
    series = forecast.by_lender.get(name)
    return None if series is None else series.at(horizon)


def _grown(lender: Lender, ratio: float, policy: PoolPolicy) -> Room:
    """Say what online pods take when their CPU is *ratio* of the lender's: memory that is requested grows with it."""
    cpu_millicores = math.ceil(round(ratio * lender.allocatable.cpu_millicores, 6))
    memory_mib = lender.online.memory_mib
    if policy.basis is Basis.REQUESTS and cpu_millicores > lender.online.cpu_millicores > 0:
        memory_mib = math.ceil(memory_mib * cpu_millicores / lender.online.cpu_millicores)
    return Room(cpu_millicores=cpu_millicores, memory_mib=memory_mib)


def _left(lender: Lender, online: Room, policy: PoolPolicy) -> Room:
    """Take from a lender what online pods and other pools have, and what another system has set as its bound."""
    room = usable(lender, policy) - online
    if lender.batch_room is not None and policy.basis is Basis.USAGE:
        room = smallest((room, lender.batch_room))
    return _beside_others(room, lender.elsewhere, lender.claims)


def _beside_others(room: Room, elsewhere: Room, claims: Iterable[Claim]) -> Room:
    """Leave to this pool what others don't have, and never less than what of its own came before what others have.

    Without the second, two pools that made nodes at the same moment would both give all of them back, again and again.
    """
    left = (room - elsewhere).at_least_zero()
    taken = kept = NO_ROOM
    for claim in claims:
        if (taken + claim.takes).fits_in(room):
            taken += claim.takes
            kept += claim.takes if claim.is_own else NO_ROOM
    return Room(
        cpu_millicores=max(left.cpu_millicores, kept.cpu_millicores), memory_mib=max(left.memory_mib, kept.memory_mib)
    )


def sum_of(rooms: Iterable[Room]) -> Room:
    """Add rooms up on both axes."""
    cpu = memory = 0
    for room in rooms:
        cpu += room.cpu_millicores
        memory += room.memory_mib
    return Room(cpu_millicores=cpu, memory_mib=memory)


def smallest(rooms: Iterable[Room]) -> Room:
    """Take the smallest amount on each axis."""
    found = tuple(rooms)
    return Room(
        cpu_millicores=min(room.cpu_millicores for room in found), memory_mib=min(room.memory_mib for room in found)
    )
