"""The decision of one tick: offer, what must go back, demand, size, what nobody needs; in this order. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.core.allowed import allowed
from bridge.core.demand import Demand, demand
from bridge.core.drain import Return, returns, surplus
from bridge.core.nodes import ElasticNode, elastic_nodes
from bridge.core.offer import Offer, offer
from bridge.core.reasons import Gap
from bridge.core.remember import remember
from bridge.core.size import Size, size
from bridge.core.snapshot import Memory, Snapshot
from bridge.core.window import Allowance


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What should be so, and why; how to get there is the plan's."""

    allowance: Allowance
    nodes: tuple[ElasticNode, ...]
    offer: Offer | Gap
    demand: Demand | Gap
    size: Size
    returns: tuple[Return, ...]
    """Promises to give room back by a time."""
    cordons: tuple[str, ...]
    """Ids of nodes that nobody needs; closed without a promise."""
    memory: Memory
    """What the next tick must know."""


def decide(snapshot: Snapshot) -> Decision:
    """Decide from a snapshot alone: the same snapshot gives the same decision."""
    nodes = elastic_nodes(snapshot)
    allows, gates = allowed(snapshot)
    offered = offer(snapshot, allows)
    leaving = returns(snapshot, nodes, allows, offered)
    gone = {entry.node_id for entry in leaving}
    staying = tuple(node for node in nodes if node.id not in gone)
    wanted = demand(snapshot, staying)
    sized = size(snapshot, staying, offered, wanted)
    return Decision(
        allowance=allows,
        nodes=nodes,
        offer=offered,
        demand=wanted,
        size=sized,
        returns=leaving,
        cordons=surplus(staying, sized),
        memory=remember(snapshot, nodes, sized, gates),
    )
