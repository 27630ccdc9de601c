"""The pool's node label: known before a node needs it, on an address before work, off it when the pod is gone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from bridge.core.actions import AddLabel, MapLabel, Step, UnmapLabel
from bridge.core.decide import Decision
from bridge.core.lifecycle import State
from bridge.core.nodes import ElasticNode
from bridge.core.reasons import Gap, Reason
from bridge.core.snapshot import ElasticPod, Snapshot


def label_steps(snapshot: Snapshot, decision: Decision) -> Iterator[Step]:
    """Make the pool's label known before the first node needs it; clear the addresses of nodes that are gone."""
    if isinstance(snapshot.yarn, Gap):
        return
    label, mapped = snapshot.policy.label, snapshot.yarn.label_by_host
    if label is not None and label not in snapshot.yarn.labels:
        yield Step(promise=None, act=AddLabel(label=label), reason=Reason.LABEL_IS_MISSING)
    gone = [node for node in decision.nodes if node.state is State.GONE and node.promise.label_host is not None]
    if not gone:
        return
    in_use = {
        node.pod.ip for node in decision.nodes if isinstance(node.pod, ElasticPod) and node.state is not State.GONE
    }
    elsewhere = frozenset() if isinstance(snapshot.kube, Gap) else snapshot.kube.other_addresses
    for node in gone:
        host, cleared = node.promise.label_host, replace(node.promise, label_host=None)
        if host is not None and mapped.get(host) == label and host not in in_use and host not in elsewhere:
            yield Step(promise=node.promise, act=UnmapLabel(host=host), reason=Reason.ADDRESS_IS_FREE, done=cleared)
        else:
            yield Step(promise=cleared, act=None, reason=Reason.ADDRESS_IS_FREE)


def left_as_they_are(snapshot: Snapshot) -> Callable[[ElasticNode], bool]:
    """Say which of the nodes that serve have their label, in the ResourceManager and in the journal."""
    label, yarn = snapshot.policy.label, snapshot.yarn
    if label is None or isinstance(yarn, Gap) or label not in yarn.labels:
        return lambda _node: True
    label_of = yarn.label_by_host.get
    return lambda node: node.labelled_host is not None and label_of(node.labelled_host) == label


def host_to_label(snapshot: Snapshot, node: ElasticNode) -> str | None:
    """Find the address of a pod that is to carry the pool's label."""
    label = snapshot.policy.label
    if label is None or isinstance(snapshot.yarn, Gap) or not isinstance(node.pod, ElasticPod):
        return None
    return None if node.state is State.DELETING or label not in snapshot.yarn.labels else node.pod.ip


def map_label(snapshot: Snapshot, step: Step, host: str) -> Iterator[Step]:
    """Map a pod's address before its NodeManager registers, so that no ApplicationMaster lands in between.

    The record is that of the node's own *step*: two steps of one node must not write different things. A node that is
    forced needs no label any more.
    """
    label = snapshot.policy.label
    if label is None or isinstance(snapshot.yarn, Gap) or snapshot.yarn.label_by_host.get(host) == label:
        return
    if step.promise is not None and step.promise.state not in {State.FORCED, State.DELETING}:
        yield Step(promise=step.promise, act=MapLabel(host=host, label=label), reason=Reason.LABEL_BEFORE_WORK)
