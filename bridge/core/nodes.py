"""Elastic nodes as this tick finds them: promise, pod and YARN node joined, and moved to the state the facts show.

Decides nothing: what should happen to a node is for ``decide``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from types import MappingProxyType

from bridge.core.lifecycle import GROWING, State
from bridge.core.reasons import Gap, Reason
from bridge.core.resources import Room, Shape
from bridge.core.sizes import sizes
from bridge.core.snapshot import (
    ElasticPod,
    KubeFacts,
    Promise,
    Resizing,
    Snapshot,
    YarnFacts,
    YarnNode,
    YarnNodeState,
)

CLOCK_SKEW = timedelta(seconds=30)
"""How far the clocks of the two systems may differ before a fresh NodeManager is taken for a ghost."""

_SEEN_BY_RM = frozenset({State.SERVING, State.CORDONED, State.DRAINING, State.FORCED, State.EMPTY})
_ALIVE = frozenset({YarnNodeState.RUNNING, YarnNodeState.UNHEALTHY, YarnNodeState.DECOMMISSIONING})


Free = tuple[int, int, bool]
"""What is free on a node, in vcores and MiB, and whether it runs anything: plain numbers, as there are thousands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ElasticNode:
    """One NodeManager pod and its YARN node, under the promise that made it.

    ``pod`` and ``yarn`` are None where the system was read and has no such thing, and a Gap where it wasn't read.
    """

    promise: Promise
    pod: ElasticPod | Gap | None
    yarn: YarnNode | Gap | None
    recorded: Promise | None
    """The promise as the journal has it; None for a pod that the journal doesn't know."""

    id: str = field(init=False, repr=False, compare=False)
    """The promise's id."""
    state: State = field(init=False, repr=False, compare=False)
    """The state after the facts were taken in."""
    running: YarnNode | None = field(init=False, repr=False, compare=False)
    """The YARN node, where the ResourceManager was read and sees it alive."""
    holds: Room = field(init=False, repr=False, compare=False)
    """What it takes of its lender: what it was promised, and no less than its pod has while that is resized."""
    free: Free = field(init=False, repr=False, compare=False)
    """What is free on it, or will be once it serves."""
    labelled_host: str | None = field(init=False, repr=False, compare=False)
    """The address that was mapped to the pool's label for it, where its pod still has that."""
    is_steady: bool = field(init=False, repr=False, compare=False)
    """It serves at its size, as both systems and the journal have it: what isn't called back stays as it is."""

    def __post_init__(self) -> None:
        """Look once at what a tick asks of a node ten times."""
        promise, pod = self.promise, self.pod
        promised, host = promise.shape.pod, promise.label_host
        object.__setattr__(self, "id", promise.id)
        object.__setattr__(self, "state", promise.state)
        object.__setattr__(self, "running", _alive(self.yarn))
        object.__setattr__(self, "holds", promised.largest(pod.requests) if isinstance(pod, ElasticPod) else promised)
        object.__setattr__(self, "free", _free(promise, self.running))
        is_labelled = host is not None and isinstance(pod, ElasticPod) and pod.ip == host
        object.__setattr__(self, "labelled_host", host if is_labelled else None)
        object.__setattr__(self, "is_steady", promise is self.recorded and _is_steady(promise, pod, self.running))

    @property
    def is_unseen(self) -> bool:
        """Say whether a pod that no view has shown is deleted by its name, and may be there."""
        return self.pod is None and self.promise.pod_uid is None and self.state is State.DELETING

    @property
    def is_idle(self) -> bool:
        """Say whether it is known to run nothing."""
        return self.running is not None and self.running.containers == 0 and self.running.is_settled


def _free(promise: Promise, running: YarnNode | None) -> Free:
    """Say what is free on a node, or will be once it serves."""
    shape = promise.shape.yarn
    if running is None or promise.state in GROWING:
        return shape.vcores, shape.memory_mib, False
    is_busy = running.containers > 0
    if running.state is not YarnNodeState.RUNNING:
        return 0, 0, is_busy
    # A serving node that has another amount is told its own in this tick; one with custom resources can't be told.
    total, used = running.total if running.has_custom_resources else shape, running.used
    return total.vcores - used.vcores, total.memory_mib - used.memory_mib, is_busy


def _is_steady(promise: Promise, pod: ElasticPod | Gap | None, running: YarnNode | None) -> bool:
    """Say whether all that is known of a node agrees, and nothing of it is on its way."""
    return (
        promise.state is State.SERVING
        and running is not None
        and isinstance(pod, ElasticPod)
        and running.state is YarnNodeState.RUNNING
        and running.total == promise.shape.yarn
        and running.node_id == promise.node_id
        and pod.uid == promise.pod_uid
        and pod.deleting_since is None
        and not pod.phase.is_over
        and pod.resizing is Resizing.NONE
        and pod.requested in (None, promise.shape.pod)
    )


ByLender = Mapping[str, Sequence[ElasticNode]]


def grouped(nodes: Iterable[ElasticNode]) -> ByLender:
    """Put nodes together that are on one lender, in the order in which they come."""
    found: dict[str, list[ElasticNode]] = {}
    for node in nodes:
        lender = node.promise.lender
        if lender in found:
            found[lender].append(node)
        else:
            found[lender] = [node]
    return found


def fit_in(nodes: Iterable[ElasticNode], room: Room) -> bool:
    """Say whether the sizes that nodes were promised fit in *room*, as on nearly every lender at nearly every tick."""
    cpu = memory = 0
    for node in nodes:
        pod = node.promise.shape.pod
        cpu += pod.cpu_millicores
        memory += pod.memory_mib
    return cpu <= room.cpu_millicores and memory <= room.memory_mib


def is_known(snapshot: Snapshot, node: ElasticNode) -> bool:
    """Say whether a node's promise was read, or is remembered; else there is only what its pod carries."""
    return not isinstance(snapshot.promises, Gap) or node.id in snapshot.recalled


Nodes = Mapping[str, ElasticNode]
NO_NODES: Nodes = MappingProxyType({})


def elastic_nodes(snapshot: Snapshot, before: Nodes = NO_NODES) -> tuple[ElasticNode, ...]:
    """Join the promises with both systems and move each to the state that the facts show.

    *before*: the last tick's, by id. One that was steady, and of which the very same is known now, is taken again: of
    thousands hardly any have changed since.
    """
    kube = None if isinstance(snapshot.kube, Gap) else snapshot.kube
    yarn = None if isinstance(snapshot.yarn, Gap) else snapshot.yarn
    pods = {} if kube is None else {pod.promise_id: pod for pod in kube.pods}
    promises = () if isinstance(snapshot.promises, Gap) else snapshot.promises
    hosts = {} if yarn is None else _by_host(yarn)
    shared_hosts = _shared_hosts(kube)
    found = []
    for promise in promises:
        pod = snapshot.kube if isinstance(snapshot.kube, Gap) else pods.pop(promise.id, None)
        same = before.get(promise.id)
        if (
            same is not None
            and same.is_steady
            and same.recorded is promise
            and same.pod is pod
            and isinstance(pod, ElasticPod)
            and same.yarn is hosts.get(pod.ip or "")
        ):
            # Joined of the same parts a steady node is in the same state, at any time.
            found.append(same)
            continue
        yarn_node = _yarn_of(snapshot, promise, pod, hosts, shared_hosts)
        found.append(_join(snapshot, promise, promise, pod, yarn_node))
    # Without a journal the pods say what there is; of those that can't be seen, or haven't been yet, only this process.
    for promise in snapshot.recalled.values():
        unseen = snapshot.kube if isinstance(snapshot.kube, Gap) else None
        if not promise.is_over and (unseen is not None or (promise.pod_uid is None and promise.id not in pods)):
            yarn_node = _yarn_of(snapshot, promise, unseen, hosts, shared_hosts)
            found.append(_join(snapshot, promise, None, unseen, yarn_node))
    for pod in pods.values():
        promise = _recalled(pod, snapshot) or _promise_of(pod, snapshot)
        yarn_node = _yarn_of(snapshot, promise, pod, hosts, shared_hosts)
        found.append(_join(snapshot, promise, None, pod, yarn_node))
    return tuple(found)


def _by_host(yarn: YarnFacts) -> dict[str, YarnNode]:
    """Find nodes by address; of several on one address the living one that was heard of last counts."""
    found = {node.host: node for node in yarn.nodes}
    if len(found) == len(yarn.nodes):
        return found
    found = {}
    for node in yarn.nodes:
        other = found.get(node.host)
        if other is None or _likeliness(other) < _likeliness(node):
            found[node.host] = node
    return found


def _likeliness(node: YarnNode) -> tuple[bool, str, str]:
    heard_at = "" if node.health_at is None else node.health_at.isoformat()
    return node.state in _ALIVE, heard_at, node.node_id


def _shared_hosts(kube: KubeFacts | None) -> frozenset[str]:
    """Addresses that two pods show at once: one of them is on its way out."""
    if kube is None:
        return frozenset()
    addresses = [pod.ip for pod in kube.pods if pod.ip is not None]
    if len(set(addresses)) == len(addresses):
        return frozenset()
    times = Counter(addresses)
    return frozenset(ip for ip, count in times.items() if count > 1)


def _yarn_of(
    snapshot: Snapshot,
    promise: Promise,
    pod: ElasticPod | Gap | None,
    hosts: dict[str, YarnNode],
    shared_hosts: frozenset[str],
) -> YarnNode | Gap | None:
    """Find a pod's YARN node by its address, and by when it registered: addresses are used again."""
    if isinstance(snapshot.yarn, Gap):
        return snapshot.yarn
    if not isinstance(pod, ElasticPod):
        host = promise.node_id.rpartition(":")[0] if promise.node_id else None
        return hosts.get(host) if host is not None and isinstance(pod, Gap) else None
    if pod.ip is None or (pod.ip in shared_hosts and pod.deleting_since is not None):
        return None
    node = hosts.get(pod.ip)
    if node is not None and promise.served and promise.node_id == node.node_id:
        # It was there before, whatever a clock that was set says now.
        return node
    if node is not None and node.health_at is not None and node.health_at < pod.created_at - CLOCK_SKEW:
        return None
    return node


def _recalled(pod: ElasticPod, snapshot: Snapshot) -> Promise | None:
    """Remember a pod's promise while the journal can't be read; None where this process has never known it."""
    promise = snapshot.recalled.get(pod.promise_id)
    return promise if promise is not None and promise.pod_uid in (None, pod.uid) else None


def _promise_of(pod: ElasticPod, snapshot: Snapshot) -> Promise:
    """Read the promise back from the pod that it made: giving back needs no database.

    How long it has been in its state is not written on it, so that time begins now.
    """
    return Promise(
        id=pod.promise_id,
        pool=snapshot.policy.name,
        lender=pod.lender,
        shape=_shape_of(pod, snapshot),
        state=State.STARTING,
        made_at=pod.created_at,
        since=snapshot.at,
        deadline=pod.deadline,
        reason=Reason.POD_SEEN,
        pod_uid=pod.uid,
    )


def _shape_of(pod: ElasticPod, snapshot: Snapshot) -> Shape:
    """Say what a pod lends: as much as it was made for, unless it was resized since."""
    policy = snapshot.policy
    if pod.shape == policy.shape.yarn and pod.requested is not None and not isinstance(snapshot.yarn, Gap):
        resized = [shape for shape in sizes(policy, snapshot.yarn.minimum) if shape.pod == pod.requested]
        if resized:
            return resized[0]
    return Shape(yarn=pod.shape, pod=pod.requests)


def _join(
    snapshot: Snapshot,
    promise: Promise,
    recorded: Promise | None,
    pod: ElasticPod | Gap | None,
    yarn: YarnNode | Gap | None,
) -> ElasticNode:
    """Put the parts together and take in what the facts say of the state."""
    running = _alive(yarn)
    if isinstance(pod, ElasticPod) and promise.pod_uid is None:
        promise = replace(promise, pod_uid=pod.uid)
    if running is not None and promise.state is not State.GONE and promise.node_id != running.node_id:
        promise = replace(promise, node_id=running.node_id)
    while (moved := _observed(snapshot, promise, pod, yarn)) is not None and moved[0] is not promise.state:
        state, reason = moved
        served = promise.served or state is State.SERVING
        promise = replace(promise, state=state, reason=reason, since=snapshot.at, served=served)
    return ElasticNode(promise=promise, pod=pod, yarn=yarn, recorded=recorded)


def _alive(yarn: YarnNode | Gap | None) -> YarnNode | None:
    """Return a YARN node that the ResourceManager was read to see alive."""
    return yarn if isinstance(yarn, YarnNode) and yarn.state in _ALIVE else None


def _observed(
    snapshot: Snapshot, promise: Promise, pod: ElasticPod | Gap | None, yarn: YarnNode | Gap | None
) -> tuple[State, Reason] | None:
    """Say to which state the facts alone move a node, or None."""
    if promise.state is State.GONE or isinstance(pod, Gap):
        return None
    if pod is None:
        return _without_pod(snapshot, promise)
    if promise.state is State.DELETING:
        return None
    if promise.state is State.REQUESTED:
        return State.STARTING, Reason.POD_SEEN
    if pod.deleting_since is not None:
        return State.DELETING, Reason.DELETED_BY_ANOTHER
    if pod.phase.is_over:
        return State.DELETING, Reason.POD_ENDED
    return _with_pod(snapshot, promise, yarn)


def _without_pod(snapshot: Snapshot, promise: Promise) -> tuple[State, Reason] | None:
    """A pod that was seen and isn't there any more is gone; one that was never seen may still be made, for a while."""
    if promise.pod_uid is not None:
        return State.GONE, Reason.VERIFIED_FREE if promise.state is State.DELETING else Reason.DELETED_BY_ANOTHER
    if promise.state is State.DELETING:
        # It was never seen, and the view may be behind: the API server is asked.
        return None
    if snapshot.at - promise.made_at > snapshot.policy.start_timeout:
        return State.GONE, Reason.NEVER_SERVED
    return None


def _with_pod(snapshot: Snapshot, promise: Promise, yarn: YarnNode | Gap | None) -> tuple[State, Reason] | None:
    """Follow the ResourceManager's view of a node whose pod is there."""
    policy, running = snapshot.policy, _alive(yarn)
    if running is not None and promise.state in _SEEN_BY_RM:
        return None
    age = snapshot.at - promise.since
    if promise.state is State.STARTING:
        if running is not None and _is_fit(running, policy.label):
            return _registered(running, promise, snapshot)
        if age > policy.start_timeout and _is_sure(snapshot.yarn):
            return State.DELETING, Reason.NEVER_SERVED
        return None
    if promise.state is State.LOST:
        if running is not None:
            return State.SERVING, Reason.CAME_BACK
        is_too_long = age > policy.lost_timeout and _is_sure(snapshot.yarn)
        return (State.DELETING, Reason.LOST_TOO_LONG) if is_too_long else None
    if promise.state in _SEEN_BY_RM and _is_sure(snapshot.yarn):
        is_out = isinstance(yarn, YarnNode) and yarn.state is YarnNodeState.DECOMMISSIONED
        ending = promise.state in {State.FORCED, State.EMPTY} or (is_out and promise.state is State.DRAINING)
        return (State.DELETING if ending else State.LOST), Reason.NODE_UNSEEN
    return None


def _is_fit(running: YarnNode, label: str | None) -> bool:
    """Say whether a node that registered may serve: healthy, and in the pool's partition."""
    return running.state is not YarnNodeState.UNHEALTHY and label in (None, running.label)


def _registered(running: YarnNode, promise: Promise, snapshot: Snapshot) -> tuple[State, Reason]:
    """A node that the ResourceManager holds at nothing was forced before the journal was lost.

    Where the journal is only out of sight, what still runs there may have been told to leave a moment ago.
    """
    is_remembered = not isinstance(snapshot.promises, Gap) or promise.id in snapshot.recalled
    may_be_leaving = not is_remembered and running.containers > 0
    if running.total.is_empty and not promise.served and not may_be_leaving:
        return State.DELETING, Reason.NO_LONGER_WANTED
    return State.SERVING, Reason.REGISTERED


def _is_sure(yarn: YarnFacts | Gap) -> bool:
    """Say whether what the ResourceManager doesn't list is really not there."""
    return not isinstance(yarn, Gap) and not yarn.is_settling
