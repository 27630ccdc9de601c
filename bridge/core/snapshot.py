"""What one tick knows: facts of both systems, the journal's promises, the pool's policy, and the time.

Assembled by ``bridge.controller.observe``. A part that could not be read is a ``Gap``, never an empty tuple.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from bridge.core.entitlement import Entitlement
from bridge.core.forecast.values import Forecast
from bridge.core.lifecycle import State
from bridge.core.load import Belief, SignalPolicy
from bridge.core.reasons import Gap, LenderRefusal, Reason, Verdict
from bridge.core.resources import NO_ROOM, Resources, Room, Shape
from bridge.core.signal import SignalMemory
from bridge.core.tasks import NO_HISTORY, EndedTask, Task, TaskHistory
from bridge.core.waiting import WaitingContainers
from bridge.core.window import WindowSpan
from bridge.core.window_load import LoadGates


class Basis(StrEnum):
    """What counts as taken on a lender."""

    REQUESTS = "requests"
    """What online pods have asked for."""
    USAGE = "usage"
    """What online pods really use, of CPU; their memory counts as requested."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolPolicy:
    """What the configuration says of one pool, in the core's words."""

    name: str
    shape: Shape
    overhead: Room = NO_ROOM
    """What of the shape's pod the NodeManager itself needs, however small the node."""
    label: str | None
    """The node label of placement ``spill``; None for no label."""
    basis: Basis = Basis.REQUESTS
    cap_ratio: float = 0.85
    """Basis ``usage``: up to which part of a lender's CPU online and elastic pods together may load it."""
    margin_ratio: float = 0.0
    signal: SignalPolicy | None = None
    """When the load signal is trusted; None where the pool has none."""
    lend_for: timedelta = timedelta(minutes=20)
    """For how long, by the forecast, room must last before a node is made on it."""
    give_back_ahead: timedelta = timedelta(minutes=10)
    """How long before the forecast's peak room is given back, so that tasks may end by themselves; never more than
    ``lend_for``."""
    keep_free: Room = NO_ROOM
    """Room kept free over all lenders together."""
    max_nodes: int = 100
    grow_per_tick: int = 10
    cool_down: timedelta = timedelta(seconds=120)
    """How long demand must be low before an idle node goes, and how long nothing grows after a failed start."""
    start_timeout: timedelta = timedelta(seconds=180)
    """How long a pod may take until it serves."""
    lost_timeout: timedelta = timedelta(seconds=120)
    """How long a node may be unseen by the ResourceManager before its pod is deleted."""
    reclaim_within: timedelta = timedelta(seconds=60)
    """How soon room that Kubernetes needs inside a window is given back."""
    overcommit_timeout: timedelta = timedelta(seconds=10)
    """How long ApplicationMasters are told ahead of the preemption in the forced step."""
    grace: timedelta = timedelta(seconds=10)
    """The pod's termination grace period."""
    kill_time: timedelta = timedelta(seconds=5)
    """How long the ResourceManager takes, after the timeout, until the last container is gone."""
    safety: timedelta = timedelta(seconds=5)
    app_loss_ratio: float = 0.5
    """Which part of its tasks an application may lose before others lose theirs."""
    tolerated_loss_ratio: float = 0.05
    """Which part of busy vcores may still be busy when containers are preempted; for less, the lead grows."""
    max_lead: timedelta = timedelta(hours=1)
    """How far the lead may grow; a window's own lead counts where it is longer."""
    spike_timeout: timedelta = timedelta(seconds=2)
    """How long ApplicationMasters are told ahead of the preemption where online pods wait for the room."""
    newest_first: bool = False
    """Give back the pods made last, whatever runs on them, as many autoscalers do; here to be compared with."""
    prefers_work: bool = False
    """Extend a deadline, as far as its window allows, for tasks that will end by then; else they are preempted."""
    tick: timedelta = timedelta(seconds=10)

    @property
    def pod_tail(self) -> timedelta:
        """From the last call to delete a pod until its room is free, with a margin."""
        return self.grace + self.tick + self.safety

    @property
    def tail(self) -> timedelta:
        """From the forced step until the room is free: timeout, kill, a look, the pod's end, a margin."""
        return self.overcommit_timeout + self.kill_time + self.tick + self.pod_tail

    @property
    def spike_tail(self) -> timedelta:
        """How soon room is back for online pods that wait: a short notice, the kill, the pod's end."""
        return min(self.spike_timeout, self.overcommit_timeout) + self.kill_time + self.pod_tail

    @property
    def reclaimed_within(self) -> timedelta:
        """How soon room is given back inside a window: no sooner than the forced step takes."""
        return max(self.reclaim_within, self.tail)

    @property
    def notice(self) -> timedelta:
        """How long before its deadline a node is closed at the latest, whatever a window's lead says."""
        return 2 * self.tail


class PodPhase(StrEnum):
    """A pod's phase."""

    PENDING = "Pending"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    UNKNOWN = "Unknown"

    @property
    def is_over(self) -> bool:
        """Say whether the pod's containers have ended for good."""
        return self is PodPhase.SUCCEEDED or self is PodPhase.FAILED


@dataclass(frozen=True, slots=True, order=True)
class Claim:
    """An elastic pod's claim to its lender's room, where several pools have some: who came first stays longest.

    Every pool puts claims in the same order, so of pods that don't all fit each is one pool's to give back.
    """

    since: datetime
    """When its pod was made, to the second."""
    pool: str
    pod: str
    is_own: bool
    takes: Room


@dataclass(frozen=True, slots=True, kw_only=True)
class Lender:
    """A Kubernetes node with room to lend."""

    name: str
    allocatable: Room
    online: Room
    """Requests of all pods on it that aren't elastic."""
    pod_slots: int
    """How many of the pool's pods the scheduler would take, by count, ephemeral storage and, where they request less
    than they take, by requests; those that are there included."""
    elsewhere: Room = NO_ROOM
    """Requests of other pools' elastic pods on it."""
    claims: tuple[Claim, ...] = ()
    """What all pools' elastic pods on it take, oldest first; empty where other pools have none anywhere."""
    tenants: Room = NO_ROOM
    """The part of ``online`` that is in tenants' namespaces: use of what is lent, where tenants are configured."""
    batch_room: Room | None = None
    """What another co-location system lets batch work take of it, where there is one (koordinator's batch-cpu)."""
    refusal: LenderRefusal | None = None


class Resizing(StrEnum):
    """Where a resize in place stands."""

    NONE = "none"
    """What was asked for is in force."""
    IN_PROGRESS = "in_progress"
    """The kubelet hasn't looked yet, or is at it."""
    DEFERRED = "deferred"
    """The node has no room for it now; the kubelet tries again by itself."""
    INFEASIBLE = "infeasible"
    """The node can never have room for it; what was asked for isn't counted as taken."""


class CannotResize(StrEnum):
    """Why pods keep the size they were made with."""

    UNKNOWN = "unknown"
    """Nobody has asked the API server yet, or it didn't answer."""
    NOT_SERVED = "not_served"
    """The API server has no pods/resize: it is older than 1.33, or the feature is off."""
    NOT_PERMITTED = "not_permitted"
    """The right to patch pods/resize is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ElasticPod:
    """A NodeManager pod of this pool, as Kubernetes shows it."""

    name: str
    uid: str
    promise_id: str
    lender: str
    """The lender it was made for."""
    requests: Room
    """What it takes of the room lent; while it is resized, the greater of what is asked for and what is in force."""
    shape: Resources
    phase: PodPhase
    deadline: datetime | None
    created_at: datetime
    node: str | None = None
    ip: str | None = None
    deleting_since: datetime | None = None
    trouble: str | None = None
    """Why it does not run, in Kubernetes' words (ImagePullBackOff, Unschedulable, …)."""
    requested: Room | None = None
    """What it was last asked to take; None where that isn't known apart from ``requests``."""
    allocated: Room | None = None
    """What the kubelet has made true; None before its container runs."""
    resizing: Resizing = Resizing.NONE
    worth: int | None = None
    """What it says that its work is worth; None where it says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StuckPod:
    """A pod that isn't elastic, and for which the scheduler has found no room."""

    requests: Room
    lenders: frozenset[str]
    """Those that could hold it if they were empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KubeFacts:
    """Kubernetes as this tick saw it."""

    lenders: tuple[Lender, ...]
    pods: tuple[ElasticPod, ...]
    online_waiting: Room = NO_ROOM
    """Requests of pods that aren't elastic and wait for a node."""
    online_stuck: tuple[StuckPod, ...] = ()
    """Those of these pods for which the scheduler has found no room, largest first."""
    impostors: tuple[str, ...] = ()
    """Names of pods that carry this pool's labels but that nobody here made."""
    other_addresses: frozenset[str] = frozenset()
    """Addresses of other pools' elastic pods."""
    cannot_resize: CannotResize | None = CannotResize.UNKNOWN
    """Why pods can't be resized in place; None where they can."""
    may_stamp: bool = False
    """Whether pods can be told what their work is worth."""


class CannotDecommission(StrEnum):
    """Why nodes that must go are closed by a resize, and not decommissioned."""

    NOT_CONFIGURED = "not_configured"
    """The admin has given no exclude file."""
    FILE = "file"
    """The exclude file can't be read or written."""
    ADMIN_PORT = "admin_port"
    """The ResourceManager's admin port doesn't answer, or the user isn't an admin."""


class YarnNodeState(StrEnum):
    """A YARN node's state; what isn't known by name is UNKNOWN, and nothing acts upon it."""

    NEW = "NEW"
    RUNNING = "RUNNING"
    UNHEALTHY = "UNHEALTHY"
    DECOMMISSIONING = "DECOMMISSIONING"
    DECOMMISSIONED = "DECOMMISSIONED"
    LOST = "LOST"
    REBOOTED = "REBOOTED"
    SHUTDOWN = "SHUTDOWN"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True, kw_only=True)
class YarnNode:
    """A NodeManager as the ResourceManager shows it."""

    node_id: str
    state: YarnNodeState
    total: Resources
    used: Resources
    containers: int
    label: str | None = None
    has_am: bool = False
    has_custom_resources: bool = False
    is_settled: bool = True
    """Its amounts add up; for a moment after an RM restart they don't, and its containers aren't counted yet."""
    health_at: datetime | None = None
    """When it last reported its health; older than the pod means a ghost on a used address."""
    tasks: tuple[Task, ...] = ()
    """What runs on it, as far as that is known; its ApplicationMasters aren't among them."""
    held_vcore_s: int = 0
    """What tasks worked that have ended, and whose output on the node unfinished applications still need."""
    host: str = field(init=False, repr=False, compare=False)
    """The host part of the node id."""

    def __post_init__(self) -> None:
        """Take the id apart once: a tick looks for each node by its host."""
        object.__setattr__(self, "host", self.node_id.rpartition(":")[0])

    def work_vcore_s(self, at: datetime) -> int:
        """Say what would be lost with it now, in vcore seconds, as far as that is known."""
        return self.held_vcore_s + sum(task.vcores * int(task.age(at).total_seconds()) for task in self.tasks)


@dataclass(frozen=True, slots=True, kw_only=True)
class YarnFacts:
    """YARN as this tick saw it."""

    started_at: datetime
    """When the active ResourceManager started; a change means that timers were forgotten."""
    minimum: Resources
    """The cluster's minimum allocation: what a cordoned node is resized to."""
    nodes: tuple[YarnNode, ...]
    waiting: tuple[WaitingContainers, ...]
    ams_waiting: int = 0
    """ApplicationMasters that wait for a place; no elastic node can serve them."""
    labels: frozenset[str] = frozenset()
    """The labels the cluster knows."""
    label_by_host: Mapping[str, str] = field(default_factory=dict)
    """Hosts that are mapped to a label, registered or not."""
    elastic_use_by_queue: Mapping[str, Resources] = field(default_factory=dict)
    """What leaf queues use of the elastic partition, by full path; empty where nobody divides by queues."""
    ended: tuple[EndedTask, ...] = ()
    """Tasks that were there at an earlier look."""
    apps: frozenset[str] = frozenset()
    """Applications that run."""
    excluded: Mapping[str, int] = field(default_factory=dict)
    """Hosts that Tidebridge has put into the exclude file, with their timeouts in seconds."""
    cannot_decommission: CannotDecommission | None = CannotDecommission.NOT_CONFIGURED
    """Why no node can be decommissioned; None where they can."""
    is_settling: bool = False
    """The ResourceManager started a moment ago: its lists may be half full, so what is missing isn't gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """The journal's record of one elastic node."""

    id: str
    pool: str
    lender: str
    shape: Shape
    state: State
    made_at: datetime
    since: datetime
    """When it came into its present state."""
    deadline: datetime | None
    """By when its room is verified free."""
    reason: Reason
    pod_uid: str | None = None
    node_id: str | None = None
    served: bool = False
    """It has been seen serving."""
    told_rm_started_at: datetime | None = None
    """When the ResourceManager started that was told the forced step: another one doesn't know of it."""
    extended_until: datetime | None = None
    """Until when work on it may go on beyond its deadline, where the pool prefers work and the window allows that."""
    label_host: str | None = None
    """The address that was mapped to the pool's label for it, until it is unmapped."""

    @property
    def is_over(self) -> bool:
        """Say whether nothing of it is left, not even its address's label."""
        return self.state is State.GONE and self.label_host is None


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftAlone:
    """A lender that gets no new pod for a while.

    Somebody else took one from it (an operator, or Kubernetes for an online pod), one never served there, or room was
    given back because it is under pressure.
    """

    lender: str
    until: datetime
    is_relieved: bool = False
    """It got room back, by somebody else's hand or for its pressure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What earlier ticks left in the database for this one."""

    waiting: tuple[WaitingContainers, ...] | None = None
    """What waited at the last tick; only what still waits makes nodes."""
    surplus_since: datetime | None = None
    """Since when there have been more nodes than wanted."""
    failed_start_at: datetime | None = None
    """When a pod last failed to serve."""
    left_alone: tuple[LeftAlone, ...] = ()
    signal: SignalMemory = field(default_factory=SignalMemory)
    """What of the load signal is still to be confirmed, and what was believed last."""
    gates: LoadGates = field(default_factory=LoadGates)
    """Which windows the load keeps closed."""
    held_when_lost: int | None = None
    """How many elastic nodes there were when the load signal was last trusted; None while it is."""
    announced: Mapping[datetime, Verdict] = field(default_factory=dict)
    """Deadlines of which it was said that they won't hold, and what was said."""
    obeyed_version: int = 0
    """The version of the entitlement that the last tick acted by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """An operator's instruction not to lend more; it ends by itself."""

    until: datetime
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """All that a decision may depend on."""

    at: datetime
    policy: PoolPolicy
    windows: tuple[WindowSpan, ...]
    kube: KubeFacts | Gap
    yarn: YarnFacts | Gap
    promises: tuple[Promise, ...] | Gap
    recalled: Mapping[str, Promise] = field(default_factory=dict)
    """Where the journal can't be read: what this process last knew of promises, by id."""
    memory: Memory = Memory()
    pause: Pause | None = None
    entitlement: Entitlement | None = None
    """YARN's part of what both systems share; None where no tenants are configured, or no round has been yet."""
    load: Belief | None = None
    """What online services are believed to use; None where the pool has no load signal."""
    signal: SignalMemory = field(default_factory=SignalMemory)
    """What the next tick must know of the signal's samples."""
    forecast: Forecast | Gap | None = None
    """Upper bounds for what is to come; None where the pool has no forecast, a gap where its history can't be read."""
    tasks: TaskHistory = NO_HISTORY
    """How long tasks took that have ended."""
    fresh_ids: tuple[str, ...] = ()
    """Ids that new promises may take, in this order."""
