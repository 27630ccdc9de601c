"""Kubernetes' objects as the simulated cluster holds them: nodes and pods."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bridge.core.resources import NO_ROOM, Resources, Room
from bridge.core.snapshot import PodPhase, Resizing

MANAGED_BY = "app.kubernetes.io/managed-by"
COMPONENT = "app.kubernetes.io/component"
POOL = "tidebridge.dev/pool"
PROMISE = "tidebridge.dev/promise"
DEADLINE = "tidebridge.dev/deadline"
EVICTION_PRIORITY = "koordinator.sh/eviction-priority"
SHAPE = "tidebridge.dev/shape"
LENDER = "tidebridge.dev/lender"

NO_WORDS: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class PodSize:
    """What a pod is held to, or is to be held to."""

    requests: Room
    """What the scheduler and the kubelet count."""
    takes: Room
    """The same, with the NodeManager's limits in place of its requests: what it takes of the room lent."""
    resources: Mapping[str, Any] | None = field(default=None, compare=False)
    """The NodeManager's container's resources as they were sent over the API."""

    def largest(self, other: PodSize) -> PodSize:
        """Return the greater of both, axis by axis."""
        return PodSize(requests=self.requests.largest(other.requests), takes=self.takes.largest(other.takes))


@dataclass(frozen=True, slots=True, kw_only=True)
class PodOrder:
    """A pod to be made, whoever asks for it: the direct port, the API over HTTP, or an online service."""

    name: str
    namespace: str
    requests: Room
    takes: Room | None = None
    """What it takes of the room lent, where that is more than it requests (basis usage)."""
    resources: Mapping[str, Any] | None = None
    """The NodeManager's container's resources as they were posted."""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    priority: int = 0
    pinned_to: str | None = None
    """The one node that its required affinity allows."""
    selector: Mapping[str, str] = field(default_factory=dict)
    may_preempt: bool = True
    grace_s: int = 30
    lives_at_most_s: int | None = None
    """activeDeadlineSeconds."""
    nodemanager: Resources | None = None
    """What the NodeManager in it offers to YARN, if there is one."""
    yarn_label: str | None = None
    body: Mapping[str, Any] | None = None
    """The object as it was posted."""
    workload: str | None = None
    """The tenant's workload that made it."""
    runs_s: int | None = None
    """How long it works until it is done."""

    @property
    def size(self) -> PodSize:
        """The size it is to be made with."""
        return PodSize(requests=self.requests, takes=self.takes or self.requests, resources=self.resources)

    @property
    def is_elastic(self) -> bool:
        """Say whether it is one of Tidebridge's own, under the name that its labels derive."""
        pool, promise = self.labels.get(POOL), self.labels.get(PROMISE)
        return self.nodemanager is not None and pool is not None and self.name == elastic_name(pool, promise or "")


def elastic_name(pool: str, promise_id: str) -> str:
    """Return the name of a promise's pod."""
    return f"nm-{pool}-{promise_id}"


def elastic_labels(pool: str, promise_id: str) -> dict[str, str]:
    """Return the labels that say whose a pod is."""
    return {MANAGED_BY: "tidebridge", COMPONENT: "nodemanager", POOL: pool, PROMISE: promise_id}


@dataclass(slots=True, eq=False)
class Pod:
    """A pod from its creation until it is off the API."""

    seq: int
    uid: str
    order: PodOrder
    created: int
    is_elastic: bool
    asked: PodSize
    """The size in its spec."""
    in_force: PodSize
    """What the kubelet has made true."""
    resizing: Resizing = Resizing.NONE
    phase: PodPhase = PodPhase.PENDING
    node: KubeNode | None = None
    nominated: str | None = None
    """Where it has preempted others, and waits for their end."""
    bound: int | None = None
    started: int | None = None
    ip: str | None = None
    deleting: int | None = None
    grace_s: int = 0
    waiting: str | None = None
    """What its container waits for, or why no node takes it."""
    message: str = ""
    ended: str | None = None
    """Why it is over."""
    disruption: str | None = None
    is_gone: bool = False
    version: int = 0
    json: bytes | None = None
    """Its serialised form, as long as it doesn't change."""

    @property
    def key(self) -> tuple[str, str]:
        """Namespace and name."""
        return self.order.namespace, self.order.name

    @property
    def counted(self) -> PodSize:
        """What it counts with: while it is resized the greater of both sizes, unless the kubelet has refused."""
        if self.asked is self.in_force or self.resizing is Resizing.INFEASIBLE:
            return self.in_force
        return self.asked.largest(self.in_force)

    @property
    def is_leaving(self) -> bool:
        """Say whether it is over, gone or on its way out."""
        return self.is_gone or self.phase.is_over or self.deleting is not None


@dataclass(slots=True, eq=False)
class KubeNode:
    """A node, and what the pods bound to it request."""

    name: str
    uid: str
    allocatable: Room
    slots: int
    labels: dict[str, str]
    is_ready: bool = True
    is_cordoned: bool = False
    pressures: set[str] = field(default_factory=set)
    taints: list[tuple[str, str, str]] = field(default_factory=list)
    """Key, value, effect."""
    images_are_missing: bool = False
    online: Room = NO_ROOM
    elastic: Room = NO_ROOM
    online_use_ratio: float = 0.0
    """What online pods really use of the node's CPU."""
    pods: dict[int, Pod] = field(default_factory=dict)
    elastic_pods: int = 0
    version: int = 0
    json: bytes | None = None

    @property
    def free(self) -> Room:
        """What no pod has requested."""
        return self.allocatable - self.online - self.elastic

    @property
    def takes_pods(self) -> bool:
        """Say whether the scheduler may use it."""
        out = any(effect in {"NoSchedule", "NoExecute"} for _, _, effect in self.taints)
        return self.is_ready and not self.is_cordoned and not self.pressures and not out
