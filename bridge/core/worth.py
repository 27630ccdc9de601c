"""What an elastic pod's work is worth, written on the pod, so that whoever must evict one takes the cheapest.

The worth is what would be lost with the pod now, in vcore minutes, rounded down to a power of two: so a pod is stamped
again each time its work has doubled, and not at each tick. A pod with an ApplicationMaster is worth more than any
without: with it a whole application would begin again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bridge.core.actions import StampPod, Step
from bridge.core.lifecycle import State
from bridge.core.nodes import ElasticNode
from bridge.core.reasons import Gap, Reason
from bridge.core.snapshot import ElasticPod, Snapshot

STAMPS_A_TICK = 20
"""Each is a call to the API server; where more pods differ, those that are furthest off come first."""
WITH_AM = 1 << 30
"""The largest power of two that the annotation's 32 bits hold."""

_STAMPED = frozenset({State.SERVING, State.CORDONED, State.DRAINING})


def worth(node: ElasticNode, snapshot: Snapshot) -> int | None:
    """Say what a node's work is worth; None where that can't be seen."""
    if node.running is None:
        return None
    if node.running.has_am:
        return WITH_AM
    minutes = node.running.work_vcore_s(snapshot.at) // 60
    return min(WITH_AM >> 1, 1 << minutes.bit_length() - 1) if minutes > 0 else 0


def stamps(snapshot: Snapshot, nodes: Iterable[ElasticNode]) -> Iterator[Step]:
    """Stamp pods whose work is worth something else than they say; a pod without a stamp is worth nothing."""
    if isinstance(snapshot.kube, Gap) or not snapshot.kube.may_stamp:
        return
    wrong = []
    for node in nodes:
        if node.state not in _STAMPED or not isinstance(node.pod, ElasticPod):
            continue
        wanted, said = worth(node, snapshot), node.pod.worth or 0
        if wanted is not None and wanted != said:
            off = abs(wanted.bit_length() - said.bit_length())
            wrong.append((-off, node.id, StampPod(promise_id=node.id, uid=node.pod.uid, worth=wanted)))
    for _, _, act in sorted(wrong, key=lambda entry: entry[:2])[:STAMPS_A_TICK]:
        yield Step(promise=None, act=act, reason=Reason.WORTH_HAS_CHANGED)
