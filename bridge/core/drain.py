"""What goes back, which first, and by when: cheapest work first, planned backward from the deadline.

A node that must return has a deadline; one that only has no work is closed without a promise, and may be opened again.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import datetime

from bridge.core.lifecycle import OPEN, State
from bridge.core.nodes import ElasticNode
from bridge.core.offer import LenderOffer, Offer
from bridge.core.reasons import Gap, Reason
from bridge.core.resources import NO_ROOM
from bridge.core.size import Size
from bridge.core.snapshot import Snapshot
from bridge.core.window import Allowance

_RETURN_REASONS = frozenset(
    {
        Reason.WINDOW_ENDS,
        Reason.WINDOW_CLOSED,
        Reason.KUBERNETES_NEEDS_ROOM,
        Reason.LENDER_REFUSES,
        Reason.DEADLINE_NEAR,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Return:
    """A promise to give one node's room back by a time."""

    node_id: str
    deadline: datetime
    reason: Reason


def returns(
    snapshot: Snapshot, nodes: tuple[ElasticNode, ...], allowed: Allowance, offer: Offer | Gap
) -> tuple[Return, ...]:
    """Choose what must go back. Without a view of the lenders only time calls anything back."""
    found = {node.id: _kept(node) for node in nodes if node.promise.deadline is not None and _is_promised(node)}
    for entries in (_due(snapshot, nodes), _lenders(snapshot, nodes, offer, found)):
        for entry in entries:
            found.setdefault(entry.node_id, entry)
    for entry in _window(snapshot, nodes, allowed, offer, found):
        found[entry.node_id] = entry
    deadlines = {node.id: node.promise.deadline for node in nodes}
    return tuple(_not_later(found[key], deadlines[key]) for key in sorted(found))


def surplus(staying: tuple[ElasticNode, ...], size: Size) -> tuple[str, ...]:
    """Choose what nobody needs: idle nodes down to the size, promises without a pod first; busy ones stay open."""
    spare = max(0, size.open_nodes - size.target)
    unmade = [node for node in staying if node.state is State.REQUESTED and node.pod is None]
    idle = [node for node in staying if node.state is State.SERVING and node.is_idle]
    return tuple(node.id for node in (*sorted(unmade, key=cost), *sorted(idle, key=cost))[:spare])


def cost(node: ElasticNode) -> tuple[int, int, int, int, str]:
    """Order nodes by what their return costs: no AM, not yet serving, few containers, little in use; then by id."""
    running = node.running
    if running is None:
        return (0, 0, 0, 0, node.id)
    return (int(running.has_am), 1, running.containers, running.used.memory_mib, node.id)


def _is_promised(node: ElasticNode) -> bool:
    """Say whether a deadline for this node is being kept already."""
    return node.state in {State.DRAINING, State.FORCED} or (
        node.state is State.EMPTY and node.promise.reason in _RETURN_REASONS
    )


def _kept(node: ElasticNode) -> Return:
    """Keep a promise that was given: a deadline once in the journal isn't moved back."""
    deadline = node.promise.deadline or node.promise.since
    return Return(node_id=node.id, deadline=deadline, reason=node.promise.reason)


def _not_later(entry: Return, deadline: datetime | None) -> Return:
    """Hold a return to the deadline that its node has already."""
    return entry if deadline is None or entry.deadline <= deadline else replace(entry, deadline=deadline)


def _due(snapshot: Snapshot, nodes: tuple[ElasticNode, ...]) -> list[Return]:
    """What its own deadline calls back, whatever the windows say by now."""
    return [
        Return(node_id=node.id, deadline=node.promise.deadline, reason=Reason.WINDOW_ENDS)
        for node in nodes
        if node.promise.deadline is not None
        and node.state not in {State.GONE, State.DELETING}
        and snapshot.at >= node.promise.deadline - snapshot.policy.notice
    ]


def _window(
    snapshot: Snapshot,
    nodes: tuple[ElasticNode, ...],
    allowed: Allowance,
    offer: Offer | Gap,
    returns: dict[str, Return],
) -> list[Return]:
    """What the window calls back: everything where none is open, what is above the next limit from ``lead`` on."""
    staying = sorted(_staying(nodes, returns), key=cost)
    soon = snapshot.at + snapshot.policy.reclaim_within
    if not allowed.is_open:
        return [
            Return(node_id=node.id, deadline=min(node.promise.deadline or soon, soon), reason=Reason.WINDOW_CLOSED)
            for node in staying
        ]
    if allowed.is_ending(snapshot.at) and allowed.back_by is not None:
        lasting = (0 if allowed.next_ratio <= 0 else len(staying)) if isinstance(offer, Gap) else offer.lasting
        leaving, by, reason = staying[: max(0, len(staying) - lasting)], allowed.back_by, Reason.WINDOW_ENDS
    elif isinstance(offer, Gap):
        return []
    else:
        leaving, by, reason = staying[: max(0, len(staying) - offer.nodes)], soon, Reason.KUBERNETES_NEEDS_ROOM
    return [Return(node_id=node.id, deadline=by, reason=reason) for node in leaving]


def _lenders(
    snapshot: Snapshot, nodes: tuple[ElasticNode, ...], offer: Offer | Gap, returns: dict[str, Return]
) -> list[Return]:
    """What single lenders need back: all of a cordoned one, else no more than what is missing."""
    if isinstance(offer, Gap):
        return []
    soon = snapshot.at + snapshot.policy.reclaim_within
    by_lender: dict[str, list[ElasticNode]] = defaultdict(list)
    for node in nodes:
        if node.state is not State.GONE:
            by_lender[node.promise.lender].append(node)
    found = []
    for lender, here in by_lender.items():
        staying = [node for node in here if node.id not in returns and node.state is not State.DELETING]
        entry = offer.by_lender.get(lender)
        if entry is None or entry.must_empty:
            leaving, reason = staying, Reason.LENDER_REFUSES
        else:
            leaving, reason = _over(staying, entry), Reason.KUBERNETES_NEEDS_ROOM
        found += [Return(node_id=node.id, deadline=soon, reason=reason) for node in leaving]
    return found


def _over(staying: list[ElasticNode], entry: LenderOffer) -> list[ElasticNode]:
    """Take the cheapest nodes until the rest fits in the lender's room."""
    held = NO_ROOM
    for node in staying:
        held = held + node.promise.shape.pod
    leaving: list[ElasticNode] = []
    for node in sorted(staying, key=cost):
        if held.fits_in(entry.room):
            break
        held = held - node.promise.shape.pod
        leaving.append(node)
    return leaving


def _staying(nodes: tuple[ElasticNode, ...], returns: dict[str, Return]) -> list[ElasticNode]:
    """Nodes that hold room and aren't on their way back yet."""
    return [
        node
        for node in nodes
        if node.id not in returns and (node.state in OPEN or node.state in {State.CORDONED, State.LOST})
    ]
