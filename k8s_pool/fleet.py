"""All nodes and pods, with running sums per node and per namespace, so that reading them costs no pass over the pods.

`FleetState` is changed by one event at a time and isn't safe to share; `FleetView` is what a reader gets of it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType

from k8s_pool.amounts import ZERO, KubeAmount
from k8s_pool.identity import Identity
from k8s_pool.views import NodeView, PodKey, PodView


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeLoad:
    """What the pods bound to one node ask for. Pods in a terminal phase ask for nothing."""

    pods: int = 0
    """Pod slots taken, elastic pods included."""
    online: KubeAmount = ZERO
    """Requests of every pod that isn't elastic."""
    elastic: KubeAmount = ZERO
    online_by_namespace: Mapping[str, KubeAmount] = field(default_factory=dict, hash=False)
    """`online`, split; a namespace that isn't there asks for nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NamespaceLoad:
    """What the pods of one namespace ask for, elastic pods left out."""

    bound: KubeAmount = ZERO
    pending: KubeAmount = ZERO
    """Of pods that no node has taken yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Freshness:
    """How current a view is.

    A resource is confirmed by each event, bookmark and list, and by a watch that the server ends in good order; a
    quiet cluster is confirmed about once a minute.
    """

    synced_at: datetime
    """When the older of the two resources was last confirmed; aware UTC."""
    nodes_stale_s: float = 0.0
    pods_stale_s: float = 0.0
    last_error: str | None = None
    """The failure that is being retried now; None when both resources are being followed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetView:
    """Nodes and pods at one moment. The mappings don't change any more."""

    nodes: Mapping[str, NodeView]
    pods: Mapping[PodKey, PodView]
    """Every pod that isn't in a terminal phase, and those with our labels in any phase."""
    elastic: tuple[PodView, ...]
    """Ours, in any phase."""
    impostors: tuple[PodView, ...]
    """Pods that carry our labels and aren't ours; they count as online use."""
    pending: tuple[PodView, ...]
    """Pods that aren't elastic and that no node has taken yet."""
    pending_requests: KubeAmount
    """What `pending` asks for in total."""
    load_by_node: Mapping[str, NodeLoad]
    load_by_namespace: Mapping[str, NamespaceLoad]
    freshness: Freshness


class FleetState:
    """The current nodes and pods, and their sums, kept up to date change by change."""

    def __init__(self) -> None:
        self._nodes: dict[str, NodeView] = {}
        self._pods: dict[PodKey, PodView] = {}
        self._claimed: dict[PodKey, PodView] = {}
        self._pending: dict[PodKey, PodView] = {}
        self._pending_requests = ZERO
        self._load_by_node: dict[str, NodeLoad] = {}
        self._load_by_namespace: dict[str, NamespaceLoad] = {}

    def replace_nodes(self, nodes: Iterable[NodeView]) -> None:
        """Forget all nodes and take *nodes*. Loads stay: they belong to the pods."""
        self._nodes = {node.name: node for node in nodes}

    def put_node(self, node: NodeView) -> None:
        """Add *node*, or what it has become."""
        self._nodes[node.name] = node

    def drop_node(self, node: NodeView) -> None:
        """Forget *node*; one that isn't known is none of our worry."""
        self._nodes.pop(node.name, None)

    def replace_pods(self, pods: Iterable[PodView]) -> None:
        """Forget all pods and take *pods*."""
        self._pods, self._claimed, self._pending, self._pending_requests = {}, {}, {}, ZERO
        self._load_by_node, self._load_by_namespace = {}, {}
        for pod in pods:
            self.put_pod(pod)

    def put_pod(self, pod: PodView) -> None:
        """Add *pod*, or what it has become; a finished one that isn't ours is forgotten."""
        self.drop_pod(pod)
        if pod.phase.is_terminal and pod.identity is Identity.NONE:
            return
        self._pods[pod.key] = pod
        if pod.identity is not Identity.NONE:
            self._claimed[pod.key] = pod
        self._count(pod)

    def drop_pod(self, pod: PodView) -> None:
        """Forget the pod of that namespace and name."""
        known = self._pods.pop(pod.key, None)
        if known is None:
            return
        self._claimed.pop(pod.key, None)
        self._uncount(known)

    def view(self, freshness: Freshness) -> FleetView:
        """Return the present state as a value: shallow copies, no pass over the pods."""
        claimed = tuple(self._claimed.values())
        return FleetView(
            nodes=MappingProxyType(self._nodes.copy()),
            pods=MappingProxyType(self._pods.copy()),
            elastic=tuple(pod for pod in claimed if pod.is_elastic),
            impostors=tuple(pod for pod in claimed if not pod.is_elastic),
            pending=tuple(self._pending.values()),
            pending_requests=self._pending_requests,
            load_by_node=MappingProxyType(self._load_by_node.copy()),
            load_by_namespace=MappingProxyType(self._load_by_namespace.copy()),
            freshness=freshness,
        )

    def _count(self, pod: PodView) -> None:
        if pod.phase.is_terminal:
            return
        if pod.node is not None:
            load = self._load_by_node.get(pod.node, _NO_NODE_LOAD)
            self._load_by_node[pod.node] = _with_pod(load, pod)
        if pod.is_elastic:
            return
        load_there = self._load_by_namespace.get(pod.namespace, _NO_NAMESPACE_LOAD)
        if pod.node is not None:
            load_there = replace(load_there, bound=load_there.bound + pod.requests)
        else:
            load_there = replace(load_there, pending=load_there.pending + pod.requests)
            self._pending[pod.key] = pod
            self._pending_requests += pod.requests
        self._load_by_namespace[pod.namespace] = load_there

    def _uncount(self, pod: PodView) -> None:
        """Undo exactly what `_count` did for the same pod."""
        if pod.phase.is_terminal:
            return
        if pod.node is not None:
            load = _without_pod(self._load_by_node.pop(pod.node), pod)
            if load.pods:
                self._load_by_node[pod.node] = load
        if pod.is_elastic:
            return
        load_there = self._load_by_namespace.pop(pod.namespace, _NO_NAMESPACE_LOAD)
        if pod.node is not None:
            load_there = replace(load_there, bound=load_there.bound - pod.requests)
        else:
            load_there = replace(load_there, pending=load_there.pending - pod.requests)
            del self._pending[pod.key]
            self._pending_requests -= pod.requests
        if load_there != _NO_NAMESPACE_LOAD:
            self._load_by_namespace[pod.namespace] = load_there


_NO_NODE_LOAD = NodeLoad()
_NO_NAMESPACE_LOAD = NamespaceLoad()


def _with_pod(load: NodeLoad, pod: PodView) -> NodeLoad:
    if pod.is_elastic:
        return replace(load, pods=load.pods + 1, elastic=load.elastic + pod.requests)
    there = load.online_by_namespace.get(pod.namespace, ZERO) + pod.requests
    return replace(
        load,
        pods=load.pods + 1,
        online=load.online + pod.requests,
        online_by_namespace={**load.online_by_namespace, pod.namespace: there},
    )


def _without_pod(load: NodeLoad, pod: PodView) -> NodeLoad:
    if pod.is_elastic:
        return replace(load, pods=load.pods - 1, elastic=load.elastic - pod.requests)
    there = load.online_by_namespace.get(pod.namespace, ZERO) - pod.requests
    others = {name: amount for name, amount in load.online_by_namespace.items() if name != pod.namespace}
    return replace(
        load,
        pods=load.pods - 1,
        online=load.online - pod.requests,
        online_by_namespace=others if there == ZERO else others | {pod.namespace: there},
    )
