"""What is kept of a node and of a pod: immutable, slim, without the raw object.

An unknown word from the API server becomes UNKNOWN or stays a plain string; nothing acts upon it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from k8s_pool.amounts import ZERO, KubeAmount
from k8s_pool.identity import DEADLINE, POOL, PROMISE, Identity
from k8s_pool.resize import PodSizes

NO_WORDS: Mapping[str, str] = {}


class PodPhase(StrEnum):
    """The phase in a pod's status."""

    PENDING = "Pending"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    UNKNOWN = "Unknown"

    @property
    def is_terminal(self) -> bool:
        """Say whether the pod holds nothing any more."""
        return self is PodPhase.SUCCEEDED or self is PodPhase.FAILED


@dataclass(frozen=True, slots=True, kw_only=True)
class Taint:
    """A taint of a node; effects are NoSchedule, PreferNoSchedule and NoExecute."""

    key: str
    value: str
    effect: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeView:
    """A node, as far as lending needs it. `allocatable` is rounded down; `pod_slots` is allocatable pods."""

    name: str
    uid: str = ""
    labels: Mapping[str, str] = field(default_factory=dict, hash=False)
    allocatable: KubeAmount = ZERO
    batch: KubeAmount | None = None
    """What koordinator lets batch work take of the node, kubernetes.io/batch-cpu and batch-memory, rounded down; one
    that is absent counts as none. None: the node names neither."""
    pod_slots: int = 0
    is_ready: bool = False
    pressures: frozenset[str] = frozenset()
    """Conditions other than Ready that are True, such as MemoryPressure, DiskPressure, PIDPressure."""
    is_unschedulable: bool = False
    taints: tuple[Taint, ...] = ()
    deleting_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Expression:
    """A NodeSelectorRequirement: what a node's label must be."""

    key: str
    operator: str
    """In, NotIn, Exists, DoesNotExist, Gt or Lt."""
    values: tuple[str, ...] = ()

    def holds(self, labels: Mapping[str, str]) -> bool:
        """Say whether a node with these labels will do, as the scheduler sees it; an unknown operator lets none."""
        value = labels.get(self.key)
        match self.operator:
            case "In":
                return value in self.values
            case "NotIn":
                return value not in self.values
            case "Exists":
                return value is not None
            case "DoesNotExist":
                return value is None
            case "Gt" | "Lt":
                return self._compares(value)
            case _:
                return False

    def _compares(self, value: str | None) -> bool:
        try:
            there, limit = int(value or ""), int(self.values[0])
        except (ValueError, IndexError):
            return False
        return there > limit if self.operator == "Gt" else there < limit


PodKey = tuple[str, str]
"""Namespace and name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PodView:
    """A pod, as far as lending needs it. `requests` is what the scheduler counts, rounded up; see `pod_requests`."""

    name: str
    namespace: str
    uid: str = ""
    node: str | None = None
    phase: PodPhase = PodPhase.UNKNOWN
    labels: Mapping[str, str] = field(default_factory=dict, hash=False)
    annotations: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Tidebridge's own and `koordinator.sh/eviction-priority` only."""
    requests: KubeAmount = ZERO
    node_selector: Mapping[str, str] = field(default_factory=dict, hash=False)
    only_node: str | None = None
    """The one node that its required affinity names, as a DaemonSet's pods have it."""
    node_terms: tuple[tuple[Expression, ...], ...] = ()
    """What its required affinity says of nodes' labels: one of these terms must hold, if there are any."""
    priority: int = 0
    ip: str | None = None
    is_ready: bool = False
    created_at: datetime | None = None
    deleting_since: datetime | None = None
    """When deletion was asked; the API's deletionTimestamp is later by the grace period."""
    unschedulable_reason: str | None = None
    """Why the scheduler hasn't placed it: its reason and message."""
    lacks_room: bool = False
    """The scheduler has found some node with too little room for it."""
    waiting_reason: str | None = None
    """What a container waits for: ContainerCreating, ImagePullBackOff, CreateContainerConfigError ..."""
    ended_reason: str | None = None
    """Why the pod or its container ended: OOMKilled, Error, DeadlineExceeded, Evicted ..."""
    disruption_reason: str | None = None
    """Who took it: PreemptionByScheduler, EvictionByEvictionAPI, TerminationByKubelet, DeletionByTaintManager ..."""
    restarts: int = 0
    started_at: datetime | None = None
    """When the kubelet took it up."""
    owner_kind: str = ""
    """Of the controller that makes it anew, such as ReplicaSet or Job; "" when there is none."""
    unset_requests: tuple[str, ...] = ()
    """Which of cpu and memory some container doesn't request: a quota that bounds these would refuse such a pod."""
    identity: Identity = Identity.NONE
    sizes: PodSizes | None = None
    """Of a pod that carries our labels; None for all others."""

    @property
    def key(self) -> PodKey:
        """Namespace and name: unique at any one time."""
        return self.namespace, self.name

    @property
    def is_elastic(self) -> bool:
        """Say whether this pod is a NodeManager of ours. An impostor isn't: it counts as online use."""
        return self.identity is Identity.OURS

    @property
    def pool(self) -> str | None:
        """The pool its labels claim."""
        return self.labels.get(POOL)

    @property
    def promise(self) -> str | None:
        """The promise its labels claim."""
        return self.labels.get(PROMISE)

    @property
    def deadline_at(self) -> datetime | None:
        """The promised end, from the annotation; None when it is absent or unreadable."""
        return read_time(self.annotations.get(DEADLINE))


def read_time(text: str | None) -> datetime | None:
    """Read an RFC 3339 time as an aware datetime; None when absent, unreadable or without a zone."""
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo is not None else None
