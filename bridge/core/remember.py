"""What a tick leaves in the database for the next one."""

from __future__ import annotations

from bridge.core.lifecycle import State
from bridge.core.nodes import ElasticNode
from bridge.core.reasons import Gap, Reason
from bridge.core.size import Size
from bridge.core.snapshot import Memory, Snapshot, Taken


def remember(snapshot: Snapshot, nodes: tuple[ElasticNode, ...], size: Size) -> Memory:
    """Say what the next tick must know of this one."""
    failed_start = any(_has_just_failed(node) for node in nodes)
    return Memory(
        waiting=None if isinstance(snapshot.yarn, Gap) else snapshot.yarn.waiting,
        surplus_since=size.surplus_since,
        failed_start_at=snapshot.at if failed_start else snapshot.memory.failed_start_at,
        taken=_taken(snapshot, nodes),
    )


def lenders_left_alone(snapshot: Snapshot) -> frozenset[str]:
    """Name the lenders from which somebody else took a pod a short while ago."""
    cool_down = snapshot.policy.cool_down
    return frozenset(entry.lender for entry in snapshot.memory.taken if snapshot.at - entry.at < cool_down)


def _taken(snapshot: Snapshot, nodes: tuple[ElasticNode, ...]) -> tuple[Taken, ...]:
    """Remember whom not to fight, each lender once, until the cool-down is over."""
    at_by_lender = {
        entry.lender: entry.at for entry in snapshot.memory.taken if snapshot.at - entry.at < snapshot.policy.cool_down
    }
    at_by_lender |= {node.promise.lender: snapshot.at for node in nodes if _was_just_taken(node)}
    return tuple(Taken(lender=lender, at=at_by_lender[lender]) for lender in sorted(at_by_lender))


def _was_just_taken(node: ElasticNode) -> bool:
    """Say whether this tick is the first to see that somebody else deleted a pod."""
    ended = {State.DELETING, State.GONE}
    is_known = node.recorded is not None and node.recorded.state in ended
    return node.state in ended and node.promise.reason is Reason.DELETED_BY_ANOTHER and not is_known


def _has_just_failed(node: ElasticNode) -> bool:
    """Say whether a node was given up in this tick before it ever served: too slow, or its pod ended."""
    recorded = None if node.recorded is None else node.recorded.state
    is_failure = node.promise.reason in {Reason.NEVER_SERVED, Reason.POD_ENDED}
    return is_failure and not node.promise.served and recorded is not node.state
