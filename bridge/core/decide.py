"""The decision of one tick: offer, what must go back, demand, size, what nobody needs; in this order. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from bridge.core.allowed import allowed
from bridge.core.demand import Demand, demand
from bridge.core.drain import Return, returns, surplus
from bridge.core.extend import extended
from bridge.core.lead import lead_for
from bridge.core.nodes import ElasticNode, elastic_nodes
from bridge.core.offer import Offer, offer
from bridge.core.outlook import Outlook
from bridge.core.reasons import Gap
from bridge.core.remember import remember
from bridge.core.size import Size, size
from bridge.core.snapshot import Memory, Snapshot
from bridge.core.statement import Fate, Statement, fates, statements
from bridge.core.turns import Turns
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
    lead: timedelta
    """How long before their deadlines nodes are closed."""
    fates: Mapping[str, Fate]
    """What is expected of each node with a deadline, by id."""
    statements: tuple[Statement, ...]
    """What will come of each deadline, nearest first."""
    memory: Memory
    """What the next tick must know."""


def decide(snapshot: Snapshot) -> Decision:
    """Decide from a snapshot alone: the same snapshot gives the same decision."""
    nodes, outlook = elastic_nodes(snapshot), Outlook.of(snapshot)
    turns = Turns(snapshot.policy, outlook)
    allows, gates = allowed(snapshot)
    lead = lead_for(snapshot.policy, allows.lead or snapshot.policy.notice, nodes, outlook)
    allows = allows.with_lead(lead)
    offered = offer(snapshot, allows)
    leaving = extended(snapshot, returns(snapshot, nodes, allows, offered, turns, lead), nodes, outlook)
    gone = {entry.node_id for entry in leaving}
    staying = tuple(node for node in nodes if node.id not in gone)
    expected = fates(snapshot, nodes, leaving, lead, outlook)
    told = statements(snapshot, nodes, leaving, expected)
    wanted = demand(snapshot, staying, _too_long(snapshot, allows, outlook))
    sized = size(snapshot, staying, offered, wanted)
    return Decision(
        allowance=allows,
        nodes=nodes,
        offer=offered,
        demand=wanted,
        size=sized,
        returns=leaving,
        cordons=surplus(staying, sized, turns, snapshot.at),
        lead=lead,
        fates=expected,
        statements=told,
        memory=remember(snapshot, nodes, sized, gates, told),
    )


def _too_long(snapshot: Snapshot, allows: Allowance, outlook: Outlook) -> Callable[[str], bool]:
    """Say of a queue whether half of its tasks or more would still run when a new node would have to go."""
    if allows.closes_at is None:
        return lambda _queue: False
    left_s = (allows.closes_at - snapshot.policy.tail - snapshot.at).total_seconds()
    return lambda queue: outlook.is_known and outlook.table(queue).runs_longer(max(0.0, left_s)) > 0.5
