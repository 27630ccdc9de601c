"""The settings of one bridge, as the YAML file has them: names, units, defaults and limits.

Unknown keys are refused. What a value refers to outside itself (files, names of pools) arrives as ``Around``.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from bridge import packaged
from bridge.settings.giving_back import GivingBack
from bridge.settings.kinds import (
    YEAR_S,
    AdminAddress,
    Count,
    DnsLabel,
    Positive,
    ResourceManager,
    Seconds,
    Text,
    WholeSeconds,
    YarnLabel,
    refusal,
)
from bridge.settings.leadership import Alone, ByLease, Leadership
from bridge.settings.lenders import Lenders
from bridge.settings.section import Around, Section, choice
from bridge.settings.signals import Signal
from bridge.settings.tenants import Adapter, Rebalance, Tenant, refuse_shared
from bridge.settings.windows import Window


class Mode(StrEnum):
    """What the bridge may do; it caps everything else."""

    OBSERVE = "observe"
    ADVISE = "advise"
    ENFORCE = "enforce"


class Store(Section):
    """Where promises, pauses and ticks are kept."""

    url: str = Field(default="sqlite:///tidebridge.db", validate_default=True, repr=False)
    """`sqlite:///FILE`, or `postgresql+psycopg://USER@HOST/DATABASE` for a managed database, and for one that replicas
    share.

    SQLite by default, because it needs no server. A password is better kept out of the file: libpq reads PGPASSWORD
    and ~/.pgpass. It can't be switched off: without a journal nothing is lent.
    """
    history_days: int = Field(default=28, strict=True, ge=14, le=365)
    """Days after which the load's history is forgotten. The forecast looks at two weeks; the rest is for looking back
    at. It has no off: without history there is no forecast."""
    keep_days: int = Field(default=30, strict=True, ge=1, le=36500)
    """Days after which ticks, and elastic nodes that are gone, are forgotten. A month, so that a night can be compared
    with the same weekday's before. It has no off; 36500, the most, keeps
    everything."""

    @field_validator("url")
    @classmethod
    def _check_url(cls, url: str, info: ValidationInfo) -> str:
        if url.startswith("sqlite:///") and url != "sqlite:///:memory:" and len(url) > len("sqlite:///"):
            return f"sqlite:///{Around.of(info).file(url.removeprefix('sqlite:///'))}"
        if url.startswith("sqlite:"):
            raise refusal("isn't a file, and promises must survive a crash", "write sqlite:///FILE")
        if not url.startswith("postgresql+psycopg://"):
            raise refusal(
                "isn't a database that the journal can use",
                "write sqlite:///FILE or postgresql+psycopg://USER@HOST/DATABASE",
            )
        return url


class Auth(Section):
    """How the ResourceManager is told who asks."""

    kind: Literal["simple"] = "simple"
    """`simple`: user.name in the query. The only kind of this version."""
    user: Text = "tidebridge"
    """The user; must be a YARN administrator (`yarn.admin.acl`) in mode enforce. The default has a name of its own, so
    that it can be told from people."""


class Decommission(Section):
    """Graceful decommission: nodes that must go run out, and ApplicationMasters are told."""

    exclude_file: Path
    """What the ResourceManager reads as yarn.resourcemanager.nodes.exclude-path, where Tidebridge can write it. XML,
    its name ending in .xml: only there has each host a time of its own. No default: the ResourceManager must know
    it."""
    admin_addresses: tuple[AdminAddress, ...] = Field(min_length=1)
    """yarn.resourcemanager.admin.address of each ResourceManager, such as rm1:8033. No default."""

    @field_validator("exclude_file")
    @classmethod
    def _resolve(cls, exclude_file: Path, info: ValidationInfo) -> Path:
        if exclude_file.suffix != ".xml":
            why = "isn't XML, where each host has a time of its own"
            raise refusal(why, "give the file a name that ends in .xml, in the ResourceManager's configuration too")
        return Around.of(info).file(exclude_file)


class Cluster(Section):
    """A YARN cluster."""

    resourcemanagers: tuple[ResourceManager, ...] = Field(min_length=1)
    """Web addresses, such as http://rm1:8088; all of them where the ResourceManager is highly available."""
    vcores_per_core: float = Field(default=1.0, ge=0.001, le=1000, strict=True)
    """How many vcores a core counts for in this cluster. 1 by default: a vcore is a core. Set it to what the static
    NodeManagers do (vcores / cores), 0.001 to 1000."""
    auth: Auth = Auth()
    """How to say who asks."""
    connect_timeout_s: Seconds = 3.0
    """Seconds until a connection must stand; short, because a standby is asked next."""
    read_timeout_s: Seconds = 15.0
    """Seconds of silence after which a reply is given up; a ResourceManager with thousands of nodes needs 1 or 2."""
    settle_s: Seconds = 45.0
    """Seconds after a ResourceManager's start or failover in which its lists may be half full, so that a node it
    doesn't show isn't taken for lost. NodeManagers retry every 30 s by default
    (yarn.resourcemanager.connect.retry-interval.ms); lower both together."""
    remote_shuffle_queues: tuple[Text, ...] = ()
    """Queues whose shuffle is kept by a remote shuffle service, so that a node holds no output of theirs: named as the
    ResourceManager does (root.etl; etl before 3.4). None by default: output on a node counts as work."""
    decommission: Decommission | None = None
    """How nodes that must go by a deadline are closed. null, the default: by a resize over REST, which needs no file
    and survives a ResourceManager's restart."""


class Yarn(Section):
    """YARN's side."""

    clusters: dict[Text, Cluster] = Field(min_length=1)
    """YARN clusters by a name that pools refer to."""


class Kubernetes(Section):
    """Kubernetes' side: one cluster."""

    context: Text | None = None
    """The kubeconfig's context. null, the default: its current one, or the pod's own account inside a cluster."""
    kubeconfig: Path | None = None
    """The kubeconfig file. null, the default: KUBECONFIG or ~/.kube/config, or the pod's own account."""
    namespace: DnsLabel = "tidebridge"
    """Where elastic pods live. A namespace of its own by default, so that rights and quotas reach nothing else."""

    @field_validator("kubeconfig")
    @classmethod
    def _resolve(cls, kubeconfig: Path | None, info: ValidationInfo) -> Path | None:
        return None if kubeconfig is None else Around.of(info).file(kubeconfig)


class Spill(Section):
    """A node label that isn't exclusive: work comes by itself when plain nodes are full, ApplicationMasters don't."""

    kind: Literal["spill"]
    label: YarnLabel = "k8s"
    """The node label; made if the cluster doesn't know it."""


class Entitled(Section):
    """The same label, with capacities for each queue from the tenants' targets: work that names the label runs there.

    Needs tenants and the adapter yarn-capacity.
    """

    kind: Literal["entitled"]
    label: YarnLabel = "k8s"
    """The node label; made if the cluster doesn't know it."""


class Plain(Section):
    """No label: elastic nodes are like any other. ApplicationMasters can land on them."""

    kind: Literal["plain"]


class NodeShape(Section):
    """The size of one elastic node."""

    vcores: Positive
    """vcores that the NodeManager offers. No default: at least the largest container, at most what a lender has."""
    memory_mib: Positive
    """MiB that the NodeManager offers to containers. No default, as for vcores."""
    overhead_millicores: Count = 250
    """Millicores of the pod for the NodeManager itself, on top of the vcores; it idles far below that, and starting
    containers takes the rest. 0 if the vcores are to cover it."""
    overhead_mib: Count = 1024
    """MiB of the pod for the NodeManager's heap, its JVM and page cache, on top of memory_mib. Twice a 512 MiB heap by
    default; too little and the kernel kills the pod. 0 only where the pod has no memory limit."""


class Limits(Section):
    """How far and how fast a pool goes."""

    max_nodes: Count = 100
    """Elastic nodes at most. A bound on surprises; 0 stops new nodes, a number beyond the fleet switches it off."""
    grow_per_tick: int = Field(default=10, strict=True, ge=1, le=1000)
    """New nodes a tick at most. Up slowly: 10 pods are no burden on scheduler and registry. 1000 is
    the most."""
    cool_down_s: WholeSeconds = 120
    """Seconds of low demand until an idle node goes, and without growth after a failed start. Longer than the gap
    between two jobs of a chain; 0 switches it off."""
    start_timeout_s: WholeSeconds = Field(default=180, validate_default=True)
    """Seconds until a new pod must serve; then it is deleted. Covers pulling a cached image and registering. Raise it
    for cold pulls; at least two ticks, it has no off."""
    lost_timeout_s: WholeSeconds = Field(default=120, validate_default=True)
    """Seconds that the ResourceManager may not see a node before its pod is deleted. Longer than a failover, and
    at least two ticks; it has no off, because capacity that nobody sees must go back."""
    reclaim_s: int = Field(default=60, strict=True, gt=0, le=YEAR_S)
    """Seconds within which room that Kubernetes needs inside a window is given back; never less than the forced step
    takes (the tail). Shorter loses more work, longer keeps online pods waiting; it has no off."""
    overcommit_timeout_s: WholeSeconds = 10
    """Seconds between the forced step and the preemption of containers, which lets ApplicationMasters save their work.
    0 preempts at once."""
    grace_s: int = Field(default=10, strict=True, ge=1, le=15)
    """Seconds from SIGTERM to SIGKILL for the pod, 1 to 15: an online pod waits for them. 10 suffices with log
    aggregation on."""

    @field_validator("start_timeout_s", "lost_timeout_s")
    @classmethod
    def _check_timeout(cls, timeout_s: int, info: ValidationInfo) -> int:
        least_s = math.ceil(2 * Around.of(info).tick_s)
        if timeout_s < least_s:
            raise refusal(
                "is shorter than two ticks, so a node would be given up that nobody could have seen in time",
                f"set it to {least_s} or more, or lower tick_s",
            )
        return timeout_s


class Pool(Section):
    """Elastic NodeManagers of one template and one YARN cluster."""

    cluster: Text
    """The YARN cluster they belong to, a key of yarn.clusters."""
    placement: Annotated[Spill | Entitled | Plain, Field(discriminator="kind")] = Spill(kind="spill")
    """How YARN work comes to them. `{kind: spill, label: k8s}` by default, because no ApplicationMaster lands there
    and no queue changes; `{kind: plain}` for schedulers without labels."""
    lenders: Lenders
    """Which Kubernetes nodes lend, and how much they keep."""
    shape: NodeShape
    """The size of one node."""
    pod_template: Path = Field(default_factory=lambda: packaged.path("config/nodemanager-pod.yaml"))
    """The pod's template. The packaged config/nodemanager-pod.yaml by default: a start, whose image must be
    replaced."""
    priority_class: DnsLabel = "tidebridge-elastic"
    """The pods' PriorityClass: below -10 and never preempting. config/priorityclass.yaml makes the default one."""
    limits: Limits = Field(default_factory=dict, validate_default=True)
    """How far and how fast it goes."""
    giving_back: GivingBack = GivingBack()
    """What counts more when room must go back, and how early that begins."""

    @field_validator("cluster")
    @classmethod
    def _check_cluster(cls, cluster: str, info: ValidationInfo) -> str:
        known = Around.of(info).clusters
        if cluster not in known:
            raise refusal("isn't a key of yarn.clusters", choice(known, "add it there"))
        return cluster

    @field_validator("pod_template")
    @classmethod
    def _check_template(cls, pod_template: Path, info: ValidationInfo) -> Path:
        file = Around.of(info).file(pod_template)
        if not file.is_file():
            raise refusal(f"there is no file {file}", "correct the path (it counts from the settings file)")
        return file


class Settings(Section):
    """Everything that the file says."""

    store: Store = Field(default_factory=dict, validate_default=True)
    """Where promises, pauses and ticks are kept."""
    leadership: Leadership = Alone(kind="none")
    """Which of several replicas acts. `{kind: none}` by default: there is one. `{kind: lease}`: the one that holds a
    Lease in Kubernetes; the others stand by."""
    mode: Mode = Mode.OBSERVE
    """`observe`: compute and record. `advise`: also Events. `enforce`: act. observe by default: nothing is touched
    before somebody has read a plan; it is also how enforcing is switched off."""
    tick_s: float = Field(default=10.0, strict=True, gt=0, le=300)
    """Seconds between two ticks. 10 by default: a ResourceManager's own heartbeats take 1 to 3. It has no off."""
    yarn: Yarn
    """YARN's side."""
    kubernetes: Kubernetes = Kubernetes()
    """Kubernetes' side."""
    signals: dict[Text, Signal] = Field(default_factory=dict)
    """Where the online services' load is read, by a name that pools refer to. None by default: requests alone count."""
    pools: dict[DnsLabel, Pool] = Field(min_length=1)
    """Pools by name; the name becomes part of the pods' names."""
    windows: tuple[Window, ...] = ()
    """When lending is allowed. None by default, and then nothing is lent."""
    tenants: tuple[Tenant, ...] = ()
    """Owners of queues and namespaces, and organisations above them. None by default: then lending knows no tenants."""
    rebalance: Rebalance = Field(default_factory=dict, validate_default=True)
    """When the tenants' targets are computed anew, and where they are written. Without tenants it does nothing."""

    @field_validator("leadership")
    @classmethod
    def _check_shared_store(cls, leadership: Leadership, info: ValidationInfo) -> Leadership:
        store = info.data.get("store")
        if isinstance(leadership, ByLease) and store is not None and store.url.startswith("sqlite:"):
            raise refusal(
                "lets replicas take turns, and store.url is SQLite, which they can't share",
                "set store.url to postgresql+psycopg://USER@HOST/DATABASE, or leadership to {kind: none}",
            )
        return leadership

    @field_validator("tenants")
    @classmethod
    def _check_tenants(cls, tenants: tuple[Tenant, ...]) -> tuple[Tenant, ...]:
        refuse_shared(tenants)
        return tenants

    @model_validator(mode="after")
    def _check_rebalanced_pool(self) -> Settings:
        if self.tenants and self.rebalance.pool is None and len(self.pools) > 1:
            raise refusal(
                "has tenants and several pools, and doesn't say whose lenders both systems share",
                f"set rebalance.pool to one of: {', '.join(self.pools)}",
            )
        return self

    @model_validator(mode="after")
    def _check_basis(self) -> Settings:
        if self.tenants and self.pools[self.rebalanced_pool].lenders.basis == "usage":
            raise refusal(
                f"has tenants, and pool {self.rebalanced_pool}, whose lenders they share, has the basis usage",
                "set its lenders.basis to requests: quotas and queues bind what is requested",
            )
        return self

    @model_validator(mode="after")
    def _check_usage_alone(self) -> Settings:
        for (name, pool), (other, its) in itertools.combinations(self.pools.items(), 2):
            by_use = "usage" in {pool.lenders.basis, its.lenders.basis}
            if by_use and not _are_apart(pool.lenders.node_selector, its.lenders.node_selector):
                raise refusal(
                    f"has the pools {name} and {other}, which may lend the same nodes, one of them by usage: what is "
                    "not requested would be lent twice",
                    "give one label of their lenders.node_selector different values",
                )
        return self

    @model_validator(mode="after")
    def _check_own_namespace(self) -> Settings:
        for tenant in self.tenants:
            if self.kubernetes.namespace in tenant.namespaces:
                raise refusal(
                    f"gives tenant {tenant.name} the namespace {self.kubernetes.namespace}, where elastic pods live",
                    "give the tenant a namespace of its own",
                )
        return self

    @model_validator(mode="after")
    def _check_entitled(self) -> Settings:
        for name, pool in self.pools.items():
            is_served = name == self.rebalanced_pool and Adapter.YARN_CAPACITY in self.rebalance.adapters
            if isinstance(pool.placement, Entitled) and not (self.tenants and is_served):
                raise refusal(
                    f"has the placement entitled for pool {name}, and nothing that gives queues their capacities there",
                    "add tenants and the adapter yarn-capacity under rebalance, or use the placement spill",
                )
        return self

    @property
    def rebalanced_pool(self) -> str:
        """The pool whose lenders both systems share."""
        return self.rebalance.pool or next(iter(self.pools))


def _are_apart(selector: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Say whether no node can have the labels of both."""
    return any(key in other and other[key] != value for key, value in selector.items())
