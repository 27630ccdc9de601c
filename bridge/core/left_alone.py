"""Lenders that get no new pod for a while: somebody took one from them, a pod failed there, or they were relieved."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from bridge.core.lifecycle import State
from bridge.core.nodes import ElasticNode
from bridge.core.reasons import Reason
from bridge.core.snapshot import ElasticPod, LeftAlone, Resizing, Snapshot

FAILED_COOL_DOWNS = 5
"""How many of the pool's cool-downs a lender is left alone on which a pod never served."""

REFUSED = frozenset({Resizing.DEFERRED, Resizing.INFEASIBLE})
"""Where the kubelet has no room for a pod's new size."""
_ENDED = frozenset({State.DELETING, State.GONE})
_FAILURES = frozenset({Reason.NEVER_SERVED, Reason.POD_ENDED})


def lenders_left_alone(snapshot: Snapshot) -> frozenset[str]:
    """Name the lenders that get no new pod now."""
    return frozenset(entry.lender for entry in _lasting(snapshot))


def relieved_lenders(snapshot: Snapshot) -> frozenset[str]:
    """Name the lenders that got room back lately, without being asked or because they were under pressure."""
    return frozenset(entry.lender for entry in _lasting(snapshot) if entry.is_relieved)


def left_alone(snapshot: Snapshot, nodes: tuple[ElasticNode, ...], relieving: Collection[str]) -> tuple[LeftAlone, ...]:
    """Remember whom not to fight, and where pods fail, so that another lender has its turn.

    *relieving*: ids of nodes that leave lenders under pressure.
    """
    entries = {entry.lender: entry for entry in _lasting(snapshot)}
    soon = snapshot.at + snapshot.policy.cool_down
    late = snapshot.at + FAILED_COOL_DOWNS * snapshot.policy.cool_down
    for node in (node for node in nodes if not node.is_steady or node.id in relieving):
        lender = node.promise.lender
        if _was_just_taken(node) or node.id in relieving:
            entries[lender] = LeftAlone(lender=lender, until=soon, is_relieved=True)
        if has_just_failed(node) or _could_not_grow(node):
            entries[lender] = LeftAlone(lender=lender, until=late)
    return tuple(entries[lender] for lender in sorted(entries))


def _lasting(snapshot: Snapshot) -> Iterator[LeftAlone]:
    """Give what an earlier tick has remembered and isn't over yet; what lasts too long is of a clock that was wrong."""
    longest = snapshot.at + FAILED_COOL_DOWNS * snapshot.policy.cool_down
    return (entry for entry in snapshot.memory.left_alone if snapshot.at < entry.until <= longest)


def _could_not_grow(node: ElasticNode) -> bool:
    """Say whether the kubelet has no room for the size that a node was to have."""
    return isinstance(node.pod, ElasticPod) and node.pod.resizing in REFUSED


def _was_just_taken(node: ElasticNode) -> bool:
    """Say whether this tick is the first to see that somebody else deleted a pod."""
    if node.state not in _ENDED or node.promise.reason is not Reason.DELETED_BY_ANOTHER:
        return False
    return node.recorded is None or node.recorded.state not in _ENDED


def has_just_failed(node: ElasticNode) -> bool:
    """Say whether a node was given up in this tick before it ever served: too slow, or its pod ended."""
    if node.promise.reason not in _FAILURES or node.promise.served:
        return False
    return node.recorded is None or node.recorded.state is not node.state
