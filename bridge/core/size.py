"""How many elastic nodes to have now: the offer and the demand, damped. Up slowly; down once it has lasted.

What must go back by a time isn't damped; that is for ``drain``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from bridge.core.demand import Demand
from bridge.core.lifecycle import OPEN
from bridge.core.nodes import ElasticNode
from bridge.core.offer import Offer
from bridge.core.reasons import Gap, Limit
from bridge.core.snapshot import Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """The number of open elastic nodes to have after this tick, and the limit that made it so."""

    open_nodes: int
    target: int
    bound_by: Limit
    surplus_since: datetime | None
    """Since when there have been more than wanted; remembered for the next tick."""


def size(snapshot: Snapshot, nodes: tuple[ElasticNode, ...], offer: Offer | Gap, demand: Demand | Gap) -> Size:
    """Damp the way from what is there to what is offered and wanted. A gap holds what is there."""
    open_nodes = sum(1 for node in nodes if node.state in OPEN)
    if isinstance(offer, Gap) or isinstance(snapshot.promises, Gap):
        return _hold(open_nodes, Limit.WORLD_UNKNOWN, snapshot.memory.surplus_since)
    if isinstance(demand, Gap):
        return _hold(open_nodes, Limit.DEMAND_UNKNOWN, snapshot.memory.surplus_since)
    if demand.nodes > open_nodes:
        return _grow(snapshot, open_nodes, offer, demand)
    if demand.nodes < open_nodes:
        return _shrink(snapshot, open_nodes, demand)
    return _hold(open_nodes, Limit.DEMAND, None)


def _hold(open_nodes: int, why: Limit, surplus_since: datetime | None) -> Size:
    return Size(open_nodes=open_nodes, target=open_nodes, bound_by=why, surplus_since=surplus_since)


def _grow(snapshot: Snapshot, open_nodes: int, offer: Offer, demand: Demand) -> Size:
    policy, failed = snapshot.policy, snapshot.memory.failed_start_at
    if offer.ceiling <= open_nodes:
        return _hold(open_nodes, offer.bound_by, None)
    # A failure in the future is of a clock that was wrong.
    if failed is not None and timedelta(0) <= snapshot.at - failed < policy.cool_down:
        return _hold(open_nodes, Limit.COOL_DOWN, None)
    target, bound_by = min(
        (demand.nodes, Limit.DEMAND),
        (offer.ceiling, offer.bound_by),
        (open_nodes + policy.grow_per_tick, Limit.GROW_PER_TICK),
        key=lambda bound: bound[0],
    )
    return Size(open_nodes=open_nodes, target=target, bound_by=bound_by, surplus_since=None)


def _shrink(snapshot: Snapshot, open_nodes: int, demand: Demand) -> Size:
    since = snapshot.memory.surplus_since or snapshot.at
    if snapshot.at - since < snapshot.policy.cool_down:
        return _hold(open_nodes, Limit.COOL_DOWN, since)
    return Size(open_nodes=open_nodes, target=demand.nodes, bound_by=Limit.DEMAND, surplus_since=since)
