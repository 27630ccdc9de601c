"""Nodes that are decommissioned gracefully when they must go: who is in the exclude file, until when, who no longer.

This is the other way to close a node, where the admin has given an exclude file: ApplicationMasters are told, and its
total isn't missing on the other nodes of its label. It takes as long as the node's deadline; what runs on then ends
with its pod. Spikes, and nodes whose promise nobody remembers while the journal is away, are closed by a resize.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping

from bridge.core.actions import Decommission, Readmit, Step
from bridge.core.drain import Return
from bridge.core.lifecycle import GROWING, State
from bridge.core.nodes import ElasticNode, is_known
from bridge.core.reasons import Gap, Reason
from bridge.core.snapshot import ElasticPod, Snapshot, YarnNodeState

_OPEN = frozenset({State.SERVING, State.CORDONED, State.DRAINING})


def is_decommissioning(node: ElasticNode) -> bool:
    """Say whether the ResourceManager lets a node run out."""
    return node.running is not None and node.running.state is YarnNodeState.DECOMMISSIONING


def leaves_gracefully(snapshot: Snapshot, node: ElasticNode, due: Return) -> bool:
    """Say whether a node that must go is closed by decommissioning it, and not by a resize."""
    yarn = snapshot.yarn
    if isinstance(yarn, Gap) or not is_known(snapshot, node) or node.state not in _OPEN or node.running is None:
        return False
    if due.reason.is_urgent or snapshot.at >= due.ends_at - snapshot.policy.tail:
        return False
    return is_decommissioning(node) or (
        yarn.cannot_decommission is None
        and node.running.state is YarnNodeState.RUNNING
        and not (node.running.host in yarn.excluded and _is_ignored(snapshot, node))
    )


def _is_ignored(snapshot: Snapshot, node: ElasticNode) -> bool:
    """Say whether the ResourceManager has had time to let a node run out, and doesn't: it may read another file.

    Else it does so in the very call (3.4.2).
    """
    patience = 2 * snapshot.policy.tick + snapshot.policy.safety
    return node.state is State.DRAINING and snapshot.at - node.promise.since > patience


def leaving_steps(snapshot: Snapshot, nodes: Iterable[ElasticNode], returns: Mapping[str, Return]) -> Iterator[Step]:
    """Tell the ResourceManager who is to run out, all in one call, and whose address may be used again."""
    yarn = snapshot.yarn
    if isinstance(yarn, Gap) or yarn.cannot_decommission is not None:
        return
    wanted: dict[str, int] = {}
    free: set[str] = set()
    for node in nodes:
        due = returns.get(node.id)
        if node.running is not None and due is not None and leaves_gracefully(snapshot, node, due):
            timeout_s = _timeout_s(snapshot, node, due)
            # One that another hand lets run out keeps that hand's time.
            if not is_decommissioning(node) or yarn.excluded.get(node.running.host, timeout_s) != timeout_s:
                wanted[node.running.host] = timeout_s
        elif (host := _host_to_readmit(node)) in yarn.excluded:
            free.add(host)
    in_use = {
        node.pod.ip for node in nodes if isinstance(node.pod, ElasticPod) and node.state not in {State.GONE, *GROWING}
    }
    if hosts := tuple(sorted(free - in_use)):
        yield Step(promise=None, act=Readmit(hosts=hosts), reason=Reason.ADDRESS_IS_FREE)
    if wanted:
        act = Decommission(timeout_s_by_host=tuple(sorted(wanted.items())))
        yield Step(promise=None, act=act, reason=min(returns[node.id].reason for node in nodes if node.id in returns))


def _timeout_s(snapshot: Snapshot, node: ElasticNode, due: Return) -> int:
    """Say how long a node may run out, from when that began: to its deadline, should nobody else end it before."""
    began = node.promise.since if node.state is State.DRAINING else snapshot.at
    return max(1, math.ceil((due.ends_at - began).total_seconds()))


def _host_to_readmit(node: ElasticNode) -> str:
    """Name the address of a pod that is gone, or of a new one that has got it."""
    if node.state is State.GONE:
        return "" if node.promise.node_id is None else node.promise.node_id.rpartition(":")[0]
    is_new = node.state in GROWING and isinstance(node.pod, ElasticPod)
    return node.pod.ip or "" if is_new and isinstance(node.pod, ElasticPod) else ""
