"""From a decision to steps: for each elastic node what the journal says next, and what is done. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from bridge.core.actions import (
    AddLabel,
    CreatePod,
    Decommission,
    DeletePod,
    MapLabel,
    Plan,
    Readmit,
    ResizeNode,
    ResizePod,
    StampPod,
    Step,
    UnmapLabel,
)
from bridge.core.decide import Decision
from bridge.core.drain import Return
from bridge.core.growth import new_nodes, reopened
from bridge.core.labelling import host_to_label, label_steps, left_as_they_are, map_label
from bridge.core.leaving import leaving_steps
from bridge.core.node_steps import next_step
from bridge.core.nodes import ElasticNode
from bridge.core.snapshot import Snapshot
from bridge.core.worth import stamps

_ORDER = {
    DeletePod: 0,
    ResizeNode: 1,
    ResizePod: 1,
    Decommission: 3,
    Readmit: 3,
    UnmapLabel: 3,
    AddLabel: 4,
    MapLabel: 5,
    CreatePod: 7,
    StampPod: 8,
}


def plan(snapshot: Snapshot, decision: Decision) -> Plan:
    """Make the steps that lead from the world as seen to the world as decided."""
    returns = {entry.node_id: entry for entry in decision.returns}
    cordons, opened = frozenset(decision.cordons), reopened(snapshot, decision, returns)
    steps: list[Step] = []
    stays = left_as_they_are(snapshot)
    for node in decision.nodes:
        if node.is_steady and node.id not in returns and node.id not in cordons and stays(node):
            continue
        steps += _steps(snapshot, node, returns.get(node.id), node.id in cordons, node.id in opened)
    steps += leaving_steps(snapshot, decision.nodes, returns)
    steps += label_steps(snapshot, decision)
    steps += new_nodes(snapshot, decision, len(opened))
    steps += stamps(snapshot, decision.nodes)
    return Plan(steps=tuple(sorted(steps, key=_urgency)))


def _urgency(step: Step) -> int:
    """Give back first, then write down, then label, then grow; what is only told comes last."""
    if step.act is None:
        return 2
    return 6 if step.grows and not isinstance(step.act, CreatePod) else _ORDER[type(step.act)]


def _steps(snapshot: Snapshot, node: ElasticNode, due: Return | None, cordon: bool, reopen: bool) -> Iterator[Step]:
    """Make one node's steps: at most one act besides the labels."""
    host = host_to_label(snapshot, node)
    if host is not None and host != node.promise.label_host:
        node = replace(node, promise=replace(node.promise, label_host=host))
    step = next_step(snapshot, node, due, cordon, reopen)
    # Most nodes stay as they are, under the very promise that was read.
    if step.act is not None or (step.promise is not node.recorded and step.promise != node.recorded):
        yield step
    if host is not None:
        yield from map_label(snapshot, step, host)
