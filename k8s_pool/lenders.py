"""Which nodes may lend, what they have, and why the others don't. Pure; margins and forecasts are the caller's."""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from enum import StrEnum

from k8s_pool.amounts import ZERO, KubeAmount
from k8s_pool.fleet import FleetView, NodeLoad
from k8s_pool.views import Expression, NodeView, PodView, Taint

_KEEPS_OUT = frozenset({"NoSchedule", "NoExecute"})
_NO_LOAD = NodeLoad()


class LenderRefusal(StrEnum):
    """Why a node lends nothing; the first that applies, in this order."""

    UNKNOWN_ROLE = "unknown_role"
    """No selector says which nodes lend, or the node doesn't say what it has."""
    DELETING = "deleting"
    CORDONED = "cordoned"
    NOT_READY = "not_ready"
    PRESSURE = "pressure"
    TAINT = "taint"
    NO_POD_SLOTS = "no_pod_slots"
    NO_EPHEMERAL_STORAGE = "no_ephemeral_storage"


@dataclass(frozen=True, slots=True, kw_only=True)
class Toleration:
    """A pod's toleration. An empty key with Exists tolerates everything; an empty effect means every effect."""

    key: str = ""
    operator: str = "Equal"
    value: str = ""
    effect: str = ""

    def tolerates(self, taint: Taint) -> bool:
        """Say whether a pod with this toleration may run despite *taint*."""
        if self.effect and self.effect != taint.effect:
            return False
        if self.operator == "Exists":
            return self.key in ("", taint.key)
        return self.key == taint.key and self.value == taint.value


@dataclass(frozen=True, slots=True, kw_only=True)
class LenderRoom:
    """A node with its books: what it has, what is asked of it, by whom."""

    node: NodeView
    online: KubeAmount
    """Requests of the pods that are neither elastic nor in a tenant's namespace."""
    tenants: KubeAmount
    """Requests of the pods in tenants' namespaces: use of what is lent, not a cause to lend less."""
    elastic: KubeAmount
    """Requests of our NodeManager pods there."""
    pod_slots_left: int
    refusal: LenderRefusal | None

    @property
    def allocatable(self) -> KubeAmount:
        """What the node has for pods, rounded down."""
        return self.node.allocatable

    @property
    def room(self) -> KubeAmount:
        """What online pods leave, tenants and elastic pods not yet taken off; negative parts mean overcommitted."""
        return self.node.allocatable - self.online

    @property
    def batch_room(self) -> KubeAmount | None:
        """What koordinator lets batch work take, less what pods that aren't elastic ask of it; None without it."""
        asked = (self.online + self.tenants).of_batch
        return None if self.node.batch is None else (self.node.batch - asked).clipped()


def lenders(
    view: FleetView,
    *,
    node_selector: Mapping[str, str],
    tolerations: Sequence[Toleration] = (),
    tenant_namespaces: Set[str] = frozenset(),
) -> tuple[LenderRoom, ...]:
    """Return every node that carries the labels of *node_selector*, by name, with its books and its refusal, if any.

    An empty selector selects every node, and each refuses as UNKNOWN_ROLE. *tolerations* are the pod template's.
    """
    wanted = node_selector.items()
    return tuple(
        _room(node, view.load_by_node.get(name, _NO_LOAD), bool(wanted), tolerations, tenant_namespaces)
        for name, node in sorted(view.nodes.items())
        if wanted <= node.labels.items()
    )


def _room(
    node: NodeView,
    load: NodeLoad,
    is_selected: bool,
    tolerations: Sequence[Toleration],
    tenant_namespaces: Set[str],
) -> LenderRoom:
    tenants = sum((load.online_by_namespace[n] for n in tenant_namespaces & load.online_by_namespace.keys()), ZERO)
    refusal = _refusal(node, load, tolerations) if is_selected else LenderRefusal.UNKNOWN_ROLE
    return LenderRoom(
        node=node,
        online=load.online - tenants,
        tenants=tenants,
        elastic=load.elastic,
        pod_slots_left=max(0, node.pod_slots - load.pods),
        refusal=refusal,
    )


def _refusal(node: NodeView, load: NodeLoad, tolerations: Sequence[Toleration]) -> LenderRefusal | None:
    """Return the first reason, in the order of the enum."""
    storage_mib = node.allocatable.ephemeral_mib
    used_mib = load.online.ephemeral_mib + load.elastic.ephemeral_mib
    reasons = (
        (LenderRefusal.UNKNOWN_ROLE, not (node.allocatable.cpu_millicores and node.allocatable.memory_mib)),
        (LenderRefusal.DELETING, node.deleting_since is not None),
        (LenderRefusal.CORDONED, node.is_unschedulable),
        (LenderRefusal.NOT_READY, not node.is_ready),
        (LenderRefusal.PRESSURE, bool(node.pressures)),
        (LenderRefusal.TAINT, not _is_tolerated(node.taints, tolerations)),
        (LenderRefusal.NO_POD_SLOTS, load.pods >= node.pod_slots),
        (LenderRefusal.NO_EPHEMERAL_STORAGE, 0 < storage_mib <= used_mib),
    )
    return next((reason for reason, applies in reasons if applies), None)


def _is_tolerated(taints: Sequence[Taint], tolerations: Sequence[Toleration]) -> bool:
    return all(
        any(toleration.tolerates(taint) for toleration in tolerations) for taint in taints if taint.effect in _KEEPS_OUT
    )


def waiting_for(rooms: Sequence[LenderRoom], pending: Iterable[PodView]) -> KubeAmount:
    """Sum the requests of the pods that wait and that one of *rooms* could hold if it were empty.

    Size, node selector and required node affinity count; a pod that no lender could ever take isn't waiting for one.
    """
    known: dict[tuple[object, ...], frozenset[str]] = {}
    total = ZERO
    for pod in pending:
        if _holders(rooms, pod, known):
            total = total + pod.requests
    return total


def holders(rooms: Sequence[LenderRoom], pending: Sequence[PodView]) -> tuple[frozenset[str], ...]:
    """Name, for each pod that waits, the lenders that could hold it if they were empty."""
    known: dict[tuple[object, ...], frozenset[str]] = {}
    return tuple(_holders(rooms, pod, known) for pod in pending)


def _holders(
    rooms: Sequence[LenderRoom], pod: PodView, known: dict[tuple[object, ...], frozenset[str]]
) -> frozenset[str]:
    """Look for them once for all pods that ask for the same."""
    asked = pod.requests
    key = (
        tuple(sorted(pod.node_selector.items())),
        pod.only_node,
        pod.node_terms,
        asked.cpu_millicores,
        asked.memory_mib,
        tuple(sorted(asked.extended.items())),
    )
    if key not in known:
        known[key] = frozenset(room.node.name for room in rooms if _could_hold(room.node, pod))
    return known[key]


def _could_hold(node: NodeView, pod: PodView) -> bool:
    has, asked = node.allocatable, pod.requests
    return (
        pod.only_node in (None, node.name)
        and pod.node_selector.items() <= node.labels.items()
        and (not pod.node_terms or any(_holds(term, node) for term in pod.node_terms))
        and asked.cpu_millicores <= has.cpu_millicores
        and asked.memory_mib <= has.memory_mib
        and all(count <= has.extended.get(name, 0) for name, count in asked.extended.items())
    )


def _holds(term: tuple[Expression, ...], node: NodeView) -> bool:
    return all(expression.holds(node.labels) for expression in term)
