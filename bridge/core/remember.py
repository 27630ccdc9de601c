"""What a tick leaves in the database for the next one."""

from __future__ import annotations

from bridge.core.lifecycle import State
from bridge.core.load import SignalState
from bridge.core.nodes import ElasticNode
from bridge.core.reasons import Gap, Reason
from bridge.core.size import Size
from bridge.core.snapshot import ElasticPod, LeftAlone, Memory, Resizing, Snapshot
from bridge.core.statement import Statement
from bridge.core.window_load import LoadGates

FAILED_COOL_DOWNS = 5
"""How many of the pool's cool-downs a lender is left alone on which a pod never served."""

REFUSED = frozenset({Resizing.DEFERRED, Resizing.INFEASIBLE})
"""Where the kubelet has no room for a pod's new size."""
_ENDED = frozenset({State.DELETING, State.GONE})
_FAILURES = frozenset({Reason.NEVER_SERVED, Reason.POD_ENDED})


def remember(
    snapshot: Snapshot,
    nodes: tuple[ElasticNode, ...],
    size: Size,
    gates: LoadGates,
    told: tuple[Statement, ...],
) -> Memory:
    """Say what the next tick must know of this one."""
    failed_start = any(_has_just_failed(node) for node in nodes)
    return Memory(
        waiting=None if isinstance(snapshot.yarn, Gap) else snapshot.yarn.waiting,
        surplus_since=size.surplus_since,
        failed_start_at=snapshot.at if failed_start else snapshot.memory.failed_start_at,
        left_alone=_left_alone(snapshot, nodes),
        signal=snapshot.signal,
        gates=gates,
        announced={entry.deadline: entry.verdict for entry in told if entry.verdict.is_bad},
        held_when_lost=_held_when_lost(snapshot, nodes),
        obeyed_version=0 if snapshot.entitlement is None else snapshot.entitlement.version,
    )


def _held_when_lost(snapshot: Snapshot, nodes: tuple[ElasticNode, ...]) -> int | None:
    """Count what was lent when the load signal was lost, once: the steps of shrinking are parts of that."""
    if snapshot.load is None or snapshot.load.state is SignalState.FRESH:
        return None
    held = snapshot.memory.held_when_lost
    return sum(1 for node in nodes if node.state is not State.GONE) if held is None else held


def lenders_left_alone(snapshot: Snapshot) -> frozenset[str]:
    """Name the lenders that get no new pod now."""
    return frozenset(entry.lender for entry in snapshot.memory.left_alone if snapshot.at < entry.until)


def _left_alone(snapshot: Snapshot, nodes: tuple[ElasticNode, ...]) -> tuple[LeftAlone, ...]:
    """Remember whom not to fight, and where pods fail, so that another lender has its turn."""
    until = {entry.lender: entry.until for entry in snapshot.memory.left_alone if snapshot.at < entry.until}
    for node in nodes:
        if _was_just_taken(node):
            until[node.promise.lender] = snapshot.at + snapshot.policy.cool_down
        if _has_just_failed(node) or _could_not_grow(node):
            until[node.promise.lender] = snapshot.at + FAILED_COOL_DOWNS * snapshot.policy.cool_down
    return tuple(LeftAlone(lender=lender, until=until[lender]) for lender in sorted(until))


def _could_not_grow(node: ElasticNode) -> bool:
    """Say whether the kubelet has no room for the size that a node was to have."""
    return isinstance(node.pod, ElasticPod) and node.pod.resizing in REFUSED


def _was_just_taken(node: ElasticNode) -> bool:
    """Say whether this tick is the first to see that somebody else deleted a pod."""
    if node.state not in _ENDED or node.promise.reason is not Reason.DELETED_BY_ANOTHER:
        return False
    return node.recorded is None or node.recorded.state not in _ENDED


def _has_just_failed(node: ElasticNode) -> bool:
    """Say whether a node was given up in this tick before it ever served: too slow, or its pod ended."""
    if node.promise.reason not in _FAILURES or node.promise.served:
        return False
    return node.recorded is None or node.recorded.state is not node.state
