"""The decision of one tick: offer, what must go back, demand, size, what nobody needs; in this order. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta

from bridge.core.allowed import allowed
from bridge.core.demand import Demand, demand
from bridge.core.drain import Return, returns, surplus
from bridge.core.extend import extended
from bridge.core.lead import Lead
from bridge.core.lifecycle import State
from bridge.core.nodes import NO_NODES, ElasticNode, Nodes, elastic_nodes
from bridge.core.offer import Offer, offer
from bridge.core.outlook import Outlook
from bridge.core.reasons import Gap
from bridge.core.remember import remember
from bridge.core.resize import Fit, fitted, grows, shrinks, smaller_by_lender
from bridge.core.size import Size, size
from bridge.core.snapshot import Memory, Snapshot
from bridge.core.spike import pressing
from bridge.core.statement import Foretold
from bridge.core.turns import Turns
from bridge.core.window import Allowance


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What should be so, and why; how to get there is the plan's."""

    window: Allowance
    """What the windows allow, by their own lead."""
    nodes: tuple[ElasticNode, ...]
    offer: Offer | Gap
    demand: Demand | Gap
    size: Size
    returns: tuple[Return, ...]
    """Promises to give room back by a time."""
    fits: tuple[Fit, ...]
    """Nodes that are given another size in place; ``nodes`` has them at that size."""
    cordons: tuple[str, ...]
    """Ids of nodes that nobody needs; closed without a promise."""
    growing_lead: Lead = field(compare=False)
    foretold: Foretold = field(compare=False)
    """What will come of each deadline."""
    memory: Memory
    """What the next tick must know."""

    @property
    def lead(self) -> timedelta:
        """How long before their deadlines nodes are closed."""
        return self.growing_lead.length

    @property
    def allowance(self) -> Allowance:
        """What may be lent now and until when, with the lead as it has grown."""
        return self.window.with_lead(self.lead)


def decide(snapshot: Snapshot, before: Nodes = NO_NODES) -> Decision:
    """Decide from a snapshot alone: the same snapshot gives the same decision.

    *before*: the last decision's nodes, by id. They spare joining again what hasn't changed, and change nothing.
    """
    nodes, outlook = elastic_nodes(snapshot, before), Outlook.of(snapshot)
    turns = Turns(snapshot.policy, outlook)
    allows, gates = allowed(snapshot)
    lead = Lead(snapshot.policy, allows.lead or snapshot.policy.notice, nodes, outlook)
    window = allows
    if allows.back_by is not None and lead.has_come(allows.back_by, snapshot.at):
        allows = allows.with_lead(lead.length)
    pressed = pressing(snapshot, nodes, turns)
    given_up = shrinks(snapshot, nodes, pressed)
    nodes = fitted(nodes, given_up)
    offered = offer(snapshot, allows, smaller_by_lender(snapshot.policy, nodes))
    leaving = extended(snapshot, returns(snapshot, nodes, allows, offered, turns, lead, pressed), nodes, outlook)
    gone = {entry.node_id for entry in leaving}
    staying = tuple([node for node in nodes if node.id not in gone]) if gone else nodes
    foretold = Foretold(snapshot, nodes, leaving, lead, outlook)
    wanted = demand(snapshot, staying, _too_long(snapshot, allows, outlook))
    larger = _grows(snapshot, allows, staying, offered, wanted)
    nodes = fitted(nodes, larger)
    sized = size(snapshot, staying, offered, _less(wanted, larger, snapshot))
    return Decision(
        window=window,
        nodes=nodes,
        offer=offered,
        demand=wanted,
        size=sized,
        returns=leaving,
        fits=(*given_up, *larger),
        cordons=surplus(staying, sized, turns, snapshot.at),
        growing_lead=lead,
        foretold=foretold,
        memory=remember(snapshot, nodes, sized, gates, foretold.bad, leaving),
    )


def _grows(
    snapshot: Snapshot,
    allows: Allowance,
    staying: tuple[ElasticNode, ...],
    offered: Offer | Gap,
    wanted: Demand | Gap,
) -> tuple[Fit, ...]:
    """Let nodes grow again for work that waits, where new ones could be made as well."""
    if isinstance(offered, Gap) or isinstance(wanted, Gap) or isinstance(snapshot.promises, Gap):
        return ()
    is_ending = allows.closes_at is None or snapshot.at >= allows.closes_at - snapshot.policy.notice
    there = len([node for node in staying if node.state is not State.GONE])
    if wanted.new_nodes == 0 or is_ending or there > offered.ceiling:
        return ()
    lasting = {name: entry.lasting_room for name, entry in offered.by_lender.items() if entry.refusal is None}
    return grows(snapshot, staying, lasting, wanted.new_nodes)


def _less(wanted: Demand | Gap, larger: tuple[Fit, ...], snapshot: Snapshot) -> Demand | Gap:
    """Make fewer new nodes for what nodes that grow will serve."""
    if isinstance(wanted, Gap) or not larger:
        return wanted
    by_id = {promise.id: promise for promise in (() if isinstance(snapshot.promises, Gap) else snapshot.promises)}
    gained = sum(fit.shape.yarn.vcores - by_id[fit.node_id].shape.yarn.vcores for fit in larger if fit.node_id in by_id)
    fewer = min(wanted.new_nodes, gained // max(1, snapshot.policy.shape.yarn.vcores))
    return replace(wanted, nodes=wanted.nodes - fewer, new_nodes=wanted.new_nodes - fewer)


def _too_long(snapshot: Snapshot, allows: Allowance, outlook: Outlook) -> Callable[[str], bool]:
    """Say of a queue whether half of its tasks or more would still run when a new node would have to go."""
    if allows.closes_at is None:
        return lambda _queue: False
    left_s = (allows.closes_at - snapshot.policy.tail - snapshot.at).total_seconds()
    return lambda queue: outlook.is_known and outlook.mostly_longer(queue, max(0.0, left_s))
