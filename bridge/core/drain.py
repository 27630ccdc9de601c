"""What goes back, which first, and by when: cheapest work first, planned backward from the deadline.

A node that must return has a deadline; one that only has no work is closed without a promise, and may be opened again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import TypeGuard

from bridge.core.lead import Lead
from bridge.core.left_alone import relieved_lenders
from bridge.core.lifecycle import State
from bridge.core.nodes import ByLender, ElasticNode, fit_in, grouped
from bridge.core.offer import LenderOffer, Offer
from bridge.core.reasons import Gap, LenderRefusal, Limit, Reason
from bridge.core.resources import NO_ROOM, Room
from bridge.core.room import sum_of
from bridge.core.size import Size
from bridge.core.snapshot import Snapshot
from bridge.core.turns import Turns, is_worth_keeping
from bridge.core.window import Allowance

RETURN_REASONS = frozenset(
    {
        Reason.WINDOW_ENDS,
        Reason.WINDOW_CLOSED,
        Reason.KUBERNETES_NEEDS_ROOM,
        Reason.LOAD_WILL_RISE,
        Reason.SIGNAL_IS_LOST,
        Reason.LENDER_REFUSES,
        Reason.ONLINE_PODS_WAIT,
        Reason.LENDER_UNDER_PRESSURE,
        Reason.DEADLINE_NEAR,
    }
)
"""Why a node with a deadline is on its way back."""
_ENDING = frozenset({State.GONE, State.DELETING})
_CALLED_BACK = frozenset({State.DRAINING, State.FORCED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Return:
    """A promise to give one node's room back by a time."""

    node_id: str
    deadline: datetime
    reason: Reason
    extended_until: datetime | None = None
    """Until when work may go on after the deadline, where it is missed on purpose."""

    @property
    def ends_at(self) -> datetime:
        """Say by when the room is free at the latest."""
        return self.extended_until or self.deadline


def returns(
    snapshot: Snapshot,
    nodes: tuple[ElasticNode, ...],
    allowed: Allowance,
    offer: Offer | Gap,
    turns: Turns,
    lead: Lead,
    pressing: Mapping[str, Room] = MappingProxyType({}),
) -> tuple[Return, ...]:
    """Choose what must go back. Without a view of the lenders only time calls anything back.

    A promise that was given may come forward, when something nearer needs the room, but never moves back. *lead*: how
    long before their own deadlines nodes are closed. *pressing*: by lender, what online pods wait for.
    """
    nodes = tuple([node for node in nodes if node.state not in _ENDING])
    by_lender = grouped(nodes)
    moving = (node for node in nodes if not node.is_steady)
    found = {node.id: _kept(node) for node in moving if node.promise.deadline is not None and _is_promised(node)}
    _take_over(found, _spike(snapshot, nodes, pressing, found, turns))
    _take_over(found, _under_pressure(snapshot, nodes, found, turns))
    _take_over(found, _due(snapshot, nodes, found, lead))
    _take_over(found, _lenders(snapshot, by_lender, offer, found, turns))
    _take_over(found, _window(snapshot, nodes, allowed, offer, found, turns))
    _take_over(found, _without_signal(snapshot, nodes, offer, found, turns))
    _take_over(found, _ahead(by_lender, offer, found, turns))
    deadlines = {node.id: node.promise.deadline for node in nodes if node.id in found} if found else {}
    return tuple(_not_later(found[key], deadlines[key]) for key in sorted(found))


def _take_over(found: dict[str, Return], entries: list[Return]) -> None:
    """Take entries in; of two for one node the earlier deadline counts."""
    for entry in entries:
        earlier = found.get(entry.node_id)
        if earlier is None or entry.deadline < earlier.deadline:
            found[entry.node_id] = entry


def surplus(staying: tuple[ElasticNode, ...], size: Size, turns: Turns, at: datetime) -> tuple[str, ...]:
    """Choose what nobody needs: idle nodes down to the size, promises without a pod first; busy ones stay open."""
    spare = max(0, size.open_nodes - size.target)
    unmade = [node for node in staying if node.state is State.REQUESTED and node.pod is None]
    idle = [node for node in staying if node.state is State.SERVING and node.is_idle]
    return tuple(node.id for node in (*turns.order(unmade, at, ()), *turns.order(idle, at, ()))[:spare])


def _is_promised(node: ElasticNode) -> bool:
    """Say whether a deadline for this node is being kept already."""
    return node.state in _CALLED_BACK or (node.state is State.EMPTY and node.promise.reason in RETURN_REASONS)


def _kept(node: ElasticNode) -> Return:
    """Keep a promise that was given: a deadline once in the journal isn't moved back."""
    deadline = node.promise.deadline or node.promise.since
    return Return(node_id=node.id, deadline=deadline, reason=node.promise.reason)


def _not_later(entry: Return, deadline: datetime | None) -> Return:
    """Hold a return to the deadline that its node has already."""
    return entry if deadline is None or entry.deadline <= deadline else replace(entry, deadline=deadline)


def _spike(
    snapshot: Snapshot,
    nodes: tuple[ElasticNode, ...],
    pressing: Mapping[str, Room],
    returns: dict[str, Return],
    turns: Turns,
) -> list[Return]:
    """What is called back at once for online pods that wait: no more than is missing once idle room is given up."""
    by = snapshot.at + snapshot.policy.spike_tail
    leaving: list[ElasticNode] = []
    for lender, missing in pressing.items():
        holding = [node for node in _holding(nodes, returns, by) if node.promise.lender == lender]
        left = missing - sum_of(node.holds - node.promise.shape.pod for node in holding)
        for node in turns.order(holding, by, returns):
            if left.fits_in(NO_ROOM):
                break
            left = left - node.promise.shape.pod
            leaving.append(node)
    return _called(leaving, by, Reason.ONLINE_PODS_WAIT)


def _under_pressure(
    snapshot: Snapshot, nodes: tuple[ElasticNode, ...], returns: dict[str, Return], turns: Turns
) -> list[Return]:
    """What is called back at once for lenders short of memory, disk or process ids, before their kubelets evict pods.

    Idle nodes, and the cheapest of the others: how much helps can't be known beforehand, and a kubelet takes minutes to
    say that it did. So the next one goes a cool-down after the last, or after somebody else has taken one.
    """
    if isinstance(snapshot.kube, Gap):
        return []
    by = snapshot.at + snapshot.policy.spike_tail
    short = {lender.name for lender in snapshot.kube.lenders if lender.refusal is LenderRefusal.PRESSURE}
    relieved = relieved_lenders(snapshot)
    by_lender: dict[str, list[ElasticNode]] = defaultdict(list)
    for node in _holding(nodes, returns, by) if short else ():
        if node.promise.lender in short:
            by_lender[node.promise.lender].append(node)
    leaving: list[ElasticNode] = []
    for lender, holding in by_lender.items():
        cheapest_first = turns.order(holding, by, returns)
        leaving += [node for node in cheapest_first if not is_worth_keeping(node)]
        busy = [node for node in cheapest_first if is_worth_keeping(node)]
        leaving += busy[: 0 if lender in relieved else 1]
    return _called(leaving, by, Reason.LENDER_UNDER_PRESSURE)


def _due(snapshot: Snapshot, nodes: tuple[ElasticNode, ...], returns: Mapping[str, Return], lead: Lead) -> list[Return]:
    """What its own deadline calls back, whatever the windows say by now.

    Windows that never close are seen two days ahead, and a pod lives no longer than it was promised.
    """
    by_deadline: defaultdict[datetime, list[ElasticNode]] = defaultdict(list)
    for node in nodes:
        deadline = node.promise.deadline
        if deadline is not None and (node.id not in returns or returns[node.id].deadline > deadline):
            by_deadline[deadline].append(node)
    found: list[Return] = []
    for deadline, due in by_deadline.items():
        if lead.has_come(deadline, snapshot.at, _lead_before(snapshot, deadline)):
            found += _called(due, deadline, Reason.WINDOW_ENDS)
    return found


def _lead_before(snapshot: Snapshot, deadline: datetime) -> timedelta:
    """Say how long before a deadline its window closes nodes: other windows' leads are nothing to it."""
    around = (span.lead for span in snapshot.windows if span.start < deadline <= span.back_by)
    return max([snapshot.policy.notice, *around])


def _window(
    snapshot: Snapshot,
    nodes: tuple[ElasticNode, ...],
    allowed: Allowance,
    offer: Offer | Gap,
    returns: dict[str, Return],
    turns: Turns,
) -> list[Return]:
    """What the window calls back: everything where none is open, what is above the next limit from ``lead`` on."""
    soon = snapshot.at + snapshot.policy.reclaimed_within
    if not allowed.is_open:
        return _called(_holding(nodes, returns, soon), soon, Reason.WINDOW_CLOSED)
    ends = allowed.back_by if allowed.is_ending(snapshot.at) else None
    soon = soon if ends is None else min(soon, ends)
    found: list[Return] = []
    if not isinstance(offer, Gap):
        now = _above(_known(_holding(nodes, returns, soon), offer), offer.nodes, soon, returns, turns)
        found = _called(now, soon, _why_now(offer))
    if ends is not None:
        leaving = {entry.node_id for entry in found}
        holding = [node for node in _holding(nodes, returns, ends) if node.id not in leaving]
        found += _called(_above_next(holding, allowed, offer, ends, returns, turns), ends, Reason.WINDOW_ENDS)
    return found


def _without_signal(
    snapshot: Snapshot, nodes: tuple[ElasticNode, ...], offer: Offer | Gap, returns: dict[str, Return], turns: Turns
) -> list[Return]:
    """What a signal that is long lost takes back, step by step: of all lenders, though nothing is known of any."""
    if isinstance(offer, Gap):
        return []
    soon = snapshot.at + snapshot.policy.reclaimed_within
    steps = (bound.nodes for bound in offer.chain if bound.limit is Limit.SIGNAL_SHRINKING)
    leaving = [node for left in steps for node in _above(_holding(nodes, returns, soon), left, soon, returns, turns)]
    return _called(leaving, soon, Reason.SIGNAL_IS_LOST)


def _above_next(
    holding: Sequence[ElasticNode],
    allowed: Allowance,
    offer: Offer | Gap,
    by: datetime,
    returns: dict[str, Return],
    turns: Turns,
) -> list[ElasticNode]:
    """Choose what the limit after ``back_by`` leaves no place for: all of it where there is none."""
    if allowed.next_ratio <= 0:
        return list(holding)
    return [] if isinstance(offer, Gap) else _above(_known(holding, offer), offer.lasting, by, returns, turns)


def _above(
    holding: Sequence[ElasticNode], nodes: int, by: datetime, returns: dict[str, Return], turns: Turns
) -> list[ElasticNode]:
    """Choose what is more than so many nodes, in their order.

    Only where some must go are they put in turn: most ticks call none back, and it would be a good part of such a tick.
    """
    spare = len(holding) - nodes
    return turns.order(holding, by, returns)[:spare] if spare > 0 else []


def _known(holding: Sequence[ElasticNode], offer: Offer) -> list[ElasticNode]:
    """Leave out what is on lenders that can't be read now: it isn't counted against the others, nor called back."""
    known = {name for name, entry in offer.by_lender.items() if entry.is_known}
    return [node for node in holding if node.promise.lender in known]


def _why_now(offer: Offer) -> Reason:
    """Say why what is above the offer goes back at once."""
    tightest = min(offer.chain, key=lambda bound: bound.nodes)
    return Reason.SIGNAL_IS_LOST if tightest.limit is Limit.SIGNAL_SHRINKING else Reason.KUBERNETES_NEEDS_ROOM


def _ahead(there: ByLender, offer: Offer | Gap, returns: dict[str, Return], turns: Turns) -> list[Return]:
    """What goes back ahead of a peak that the forecast doesn't exclude, in time for most tasks to end by themselves."""
    if isinstance(offer, Gap):
        return []
    by_lender = {
        lender: _holding(nodes, returns, offer.staying_by)
        for lender, nodes in there.items()
        if _is_known(offer.by_lender.get(lender))
    }
    leaving = [
        node
        for lender, holding in by_lender.items()
        for node in _above(holding, offer.by_lender[lender].staying_nodes, offer.staying_by, returns, turns)
    ]
    if sum(len(holding) for holding in by_lender.values()) - len(leaving) > offer.staying:
        gone = {node.id for node in leaving}
        rest = [node for holding in by_lender.values() for node in holding if node.id not in gone]
        leaving += _above(rest, offer.staying, offer.staying_by, returns, turns)
    return _called(leaving, offer.staying_by, Reason.LOAD_WILL_RISE)


def _lenders(
    snapshot: Snapshot, there: ByLender, offer: Offer | Gap, returns: dict[str, Return], turns: Turns
) -> list[Return]:
    """What single lenders need back: all of a cordoned one, else no more than what is missing."""
    if isinstance(offer, Gap):
        return []
    soon = snapshot.at + snapshot.policy.reclaimed_within
    found = []
    for lender, nodes in there.items():
        entry = offer.by_lender.get(lender)
        if not _is_known(entry):
            continue
        holding = _holding(nodes, returns, soon)
        if entry.must_empty:
            found += _called(holding, soon, Reason.LENDER_REFUSES)
        else:
            found += _called(_over(holding, entry, soon, returns, turns), soon, Reason.KUBERNETES_NEEDS_ROOM)
    return found


def _is_known(entry: LenderOffer | None) -> TypeGuard[LenderOffer]:
    """Say whether a lender says what it has. One that vanished, or says nothing, lends no more, and that is all."""
    return entry is not None and entry.is_known


def _over(
    holding: Sequence[ElasticNode], entry: LenderOffer, by: datetime, returns: dict[str, Return], turns: Turns
) -> list[ElasticNode]:
    """Take nodes, in their order, until the rest fits in the lender's room."""
    if fit_in(holding, entry.room):
        return []
    held = sum_of(node.promise.shape.pod for node in holding)
    leaving: list[ElasticNode] = []
    for node in turns.order(holding, by, returns):
        if held.fits_in(entry.room):
            break
        held = held - node.promise.shape.pod
        leaving.append(node)
    return leaving


def _holding(nodes: Sequence[ElasticNode], returns: dict[str, Return], by: datetime) -> Sequence[ElasticNode]:
    """List nodes that still hold room at *by*."""
    if not returns:
        return nodes
    return [node for node in nodes if node.id not in returns or returns[node.id].deadline > by]


def _called(nodes: Iterable[ElasticNode], by: datetime, reason: Reason) -> list[Return]:
    return [Return(node_id=node.id, deadline=by, reason=reason) for node in nodes]
