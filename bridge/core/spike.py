"""Online pods that the scheduler has found no room for: how much must be freed for them, and on which lenders.

What is free, and what is on its way back already, counts first. Pods go where least work is lost for them, and then
where least more must be freed. With the basis usage elastic pods request next to nothing, so that no online pod waits
for them.

Where other pools have pods as well, each pool frees its part of the same room: pods that came last go first,
whosesoever they are, and which lender an online pod goes to follows from what all pools see.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from bridge.core.lifecycle import State
from bridge.core.nodes import ElasticNode
from bridge.core.reasons import Gap
from bridge.core.resources import NO_ROOM, Room
from bridge.core.room import sum_of
from bridge.core.snapshot import Basis, Claim, Lender, Snapshot
from bridge.core.turns import Turns


@dataclass(slots=True, kw_only=True)
class _Space:
    """One lender: what pods could have at once, and what would have to be taken from elastic nodes."""

    free: Room
    elastic: Room
    first: tuple[ElasticNode, ...] = ()
    """Its elastic nodes that stay, cheapest first; empty where other pools have some, whose work nobody knows here."""
    latest: tuple[Claim, ...] = ()
    """What all pools' pods take of it, the latest first; empty where other pools have none."""
    leaving: Room = NO_ROOM
    """What of this pool's own there is on its way back."""
    taken: Room = NO_ROOM
    """What is to be freed for other pods already."""

    def missing_for(self, pod: Room) -> Room | None:
        """Say how much would have to be freed for a pod; None if even all of it isn't enough."""
        missing = (pod - self.free).at_least_zero()
        return missing if missing.fits_in(self.elastic) else None

    def take(self, pod: Room, missing: Room) -> None:
        """Count a pod in."""
        self.free = (self.free + missing - pod).at_least_zero()
        self.elastic = self.elastic - missing
        self.taken += missing

    @property
    def own_part(self) -> Room:
        """What of the room that is taken this pool must still free."""
        if not self.latest:
            return self.taken
        freed = own = NO_ROOM
        for claim in self.latest:
            if self.taken.fits_in(freed):
                break
            freed += claim.takes
            own += claim.takes if claim.is_own else NO_ROOM
        return (own - self.leaving).at_least_zero()


def pressing(snapshot: Snapshot, nodes: Iterable[ElasticNode], turns: Turns) -> Mapping[str, Room]:
    """Say how much more than what is on its way must be freed on each lender."""
    kube = snapshot.kube
    if isinstance(kube, Gap) or not kube.online_stuck or snapshot.policy.basis is not Basis.REQUESTS:
        return {}
    by_lender: defaultdict[str, list[ElasticNode]] = defaultdict(list)
    for node in nodes:
        if node.state is not State.GONE:
            by_lender[node.promise.lender].append(node)
    spaces = {
        lender.name: _space(lender, by_lender[lender.name], snapshot, turns)
        for lender in kube.lenders
        if lender.refusal is None
    }
    by = snapshot.at + snapshot.policy.spike_tail
    for pod in kube.online_stuck:
        choices = ((name, spaces[name].missing_for(pod.requests)) for name in pod.lenders if name in spaces)
        best = min(
            ((_price(spaces[name], need, turns, by), name, need) for name, need in choices if need is not None),
            default=None,
        )
        if best is None:
            continue
        _, name, missing = best
        spaces[name].take(pod.requests, missing)
    parts = {name: space.own_part for name, space in spaces.items()}
    return {name: part for name, part in parts.items() if part != NO_ROOM}


def _space(lender: Lender, held: list[ElasticNode], snapshot: Snapshot, turns: Turns) -> _Space:
    """Count what is free on a lender with what is on its way back, and what elastic nodes keep."""
    staying = [node for node in held if not _is_leaving(node, snapshot)]
    kept = sum_of(node.promise.shape.pod for node in staying)
    if lender.claims:
        return _shared_space(lender, held, sum_of(node.holds for node in held) - kept)
    free = lender.allocatable - lender.online - lender.elsewhere - kept
    first = turns.order(staying, snapshot.at + snapshot.policy.spike_tail, ())
    return _Space(free=free.at_least_zero(), elastic=kept, first=tuple(first))


def _shared_space(lender: Lender, held: list[ElasticNode], leaving: Room) -> _Space:
    """Count as every pool does: what is on its way back is taken until its pod is gone, as others don't see that."""
    unmade = tuple(
        Claim(node.promise.made_at, node.promise.pool, node.id, True, node.promise.shape.pod)
        for node in held
        if node.pod is None
    )
    latest = (*unmade, *reversed(lender.claims))
    taken = sum_of(claim.takes for claim in latest)
    free = lender.allocatable - lender.online - taken
    return _Space(free=free.at_least_zero(), elastic=taken, latest=latest, leaving=leaving.at_least_zero())


def _price(space: _Space, missing: Room, turns: Turns, by: datetime) -> tuple[int, int, int, int]:
    """Say what it costs to free so much more on a lender: ApplicationMasters, work in vcore seconds, and room."""
    if missing == NO_ROOM:
        return (0, 0, 0, 0)
    masters = lost = 0
    before, until = space.taken, space.taken + missing
    freed = NO_ROOM
    for node in space.first:
        if until.fits_in(freed):
            break
        if before.fits_in(freed):
            masters += node.running is not None and node.running.has_am
            lost += turns.lost_vcore_s(node, by)
        freed += node.promise.shape.pod
    return (masters, lost, missing.cpu_millicores, missing.memory_mib)


def _is_leaving(node: ElasticNode, snapshot: Snapshot) -> bool:
    """Say whether a node's room is back as soon as it could be freed anyhow."""
    soon = snapshot.at + snapshot.policy.tail
    deadline = node.promise.deadline
    is_called = node.state in {State.DRAINING, State.FORCED, State.EMPTY} and deadline is not None and deadline <= soon
    return node.state is State.DELETING or is_called
