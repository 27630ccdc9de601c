"""What a tick leaves in the database for the next one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from bridge.core.drain import Return
from bridge.core.left_alone import has_just_failed, left_alone
from bridge.core.lifecycle import State
from bridge.core.load import SignalState
from bridge.core.nodes import ElasticNode
from bridge.core.reasons import Gap, Reason, Verdict
from bridge.core.size import Size
from bridge.core.snapshot import Memory, Snapshot
from bridge.core.window_load import LoadGates


def remember(
    snapshot: Snapshot,
    nodes: tuple[ElasticNode, ...],
    size: Size,
    gates: LoadGates,
    bad: Mapping[datetime, Verdict],
    returns: tuple[Return, ...],
) -> Memory:
    """Say what the next tick must know of this one. *bad*: the deadlines that won't hold, and what is said of them."""
    relieving = {entry.node_id for entry in returns if entry.reason is Reason.LENDER_UNDER_PRESSURE}
    failed_start = any(has_just_failed(node) for node in nodes if not node.is_steady)
    return Memory(
        waiting=None if isinstance(snapshot.yarn, Gap) else snapshot.yarn.waiting,
        surplus_since=size.surplus_since,
        failed_start_at=snapshot.at if failed_start else snapshot.memory.failed_start_at,
        left_alone=left_alone(snapshot, nodes, relieving),
        signal=snapshot.signal,
        gates=gates,
        announced=bad,
        held_when_lost=_held_when_lost(snapshot, nodes),
        obeyed_version=0 if snapshot.entitlement is None else snapshot.entitlement.version,
    )


def _held_when_lost(snapshot: Snapshot, nodes: tuple[ElasticNode, ...]) -> int | None:
    """Count what was lent when the load signal was lost, once: the steps of shrinking are parts of that."""
    if snapshot.load is None or snapshot.load.state is SignalState.FRESH:
        return None
    held = snapshot.memory.held_when_lost
    return sum(1 for node in nodes if node.state is not State.GONE) if held is None else held
