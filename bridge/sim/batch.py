"""Tenants' batch work in Kubernetes: a workload's pods are made in its namespace as long as it wants more of them.

Without a run time it is a ReplicaSet. With one it is a Job: its pods end after that time, and others take their place
while the workload wants them; who is evicted begins again. A quota that refuses a pod leaves the workload wanting: its
controller tries again after 1, 2, 4 … seconds, up to 1000 for a ReplicaSet (client-go's default rate limiter) and 60
for a Job (job_controller.go), or at once when one of its pods has gone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bridge.core.resources import Room
from bridge.core.snapshot import PodPhase
from bridge.sim.accounts import NamespaceAccount
from bridge.sim.clock import Timeline
from bridge.sim.errors import ApiRefusal
from bridge.sim.kube import KubeCluster
from bridge.sim.pods import Pod, PodOrder

_LONGEST_RETRY_S = 1000
_LONGEST_JOB_RETRY_S = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantWork:
    """A workload of a tenant."""

    namespace: str
    name: str
    replicas: tuple[tuple[int, int], ...]
    """Seconds after its start, in order, and how many pods are wanted from then on."""
    request: Room
    """Of each pod."""
    run_s: int | None = None
    """How long a pod works until it is done; None: for ever."""
    priority: int = 0
    selector: Mapping[str, str] = field(default_factory=dict)
    """Labels of the nodes it may be on."""
    min_available: int = 0
    """Of a PodDisruptionBudget: so many pods run on, whatever is to be evicted."""

    @property
    def is_job(self) -> bool:
        """Say whether its pods end by themselves."""
        return self.run_s is not None


class RunningWork:
    """A workload under way, and its controller."""

    def __init__(self, work: TenantWork, cluster: KubeCluster, timeline: Timeline, account: NamespaceAccount) -> None:
        self.work = work
        self._cluster = cluster
        self._timeline = timeline
        self._account = account
        self._made = 0
        self._failures = 0
        self._is_planned = False
        self._retry_at = 0
        self._counted_at = timeline.now
        self._missing = 0
        """Pods that it hadn't got when it last looked."""
        self._pods: list[Pod] = []
        self.created = timeline.now
        self.wanted = 0
        self.finished = 0
        self.refusal: str | None = None
        """Why the last pod wasn't made."""
        for second, wanted in work.replicas:
            timeline.at(self.created + second, self._want, wanted)

    @property
    def pods(self) -> list[Pod]:
        """Those that are there and not on their way out."""
        return [pod for pod in self._pods if not pod.is_leaving]

    @property
    def there(self) -> list[Pod]:
        """Those that hold room or wait for it, on their way out or not."""
        return [pod for pod in self._pods if not pod.is_gone and not pod.phase.is_over]

    @property
    def ready(self) -> list[Pod]:
        """Those that run."""
        return [pod for pod in self.pods if pod.phase is PodPhase.RUNNING]

    @property
    def held_back(self) -> int:
        """How many pods it wants and hasn't got."""
        return max(0, self.wanted - len(self.pods))

    def pod_changed(self, pod: Pod) -> None:
        """Take notice that one of its pods is over, gone or on its way out."""
        if pod.phase is PodPhase.SUCCEEDED and not pod.is_gone:
            self.finished += 1
            self._account.pods_finished += 1
        if not self._is_planned:
            self._is_planned = True
            self._timeline.at(self._timeline.now, self._sync)

    def allow_eviction(self, pod: Pod) -> None:
        """Count a pod that is to be evicted; refuse where the disruption budget would be broken."""
        ready, needed = self.ready, self.work.min_available
        if pod in ready and len(ready) <= needed:
            cause = f"The disruption budget {self.work.name} needs {needed} healthy pods and has {len(ready)} currently"
            raise ApiRefusal(
                429,
                "TooManyRequests",
                "Cannot evict pod as it would violate the pod's disruption budget.",
                {"causes": [{"reason": "DisruptionBudget", "message": cause}]},
            )
        self._account.pods_evicted += 1

    def count(self) -> None:
        """Count what was held back up to now."""
        now = self._timeline.now
        self._account.held_back_core_s += self._missing * (now - self._counted_at) * self._cores
        self._counted_at = now

    @property
    def _cores(self) -> float:
        return self.work.request.cpu_millicores / 1000

    def _want(self, wanted: int) -> None:
        self.wanted = wanted
        self._sync()

    def _sync(self) -> None:
        self._is_planned = False
        self.count()
        for pod in [pod for pod in self._pods if pod.phase.is_over and not pod.is_gone]:
            self._cluster.delete(*pod.key, grace_s=0)
        self._pods = self.there
        surplus = len(self.pods) - self.wanted
        if surplus > 0:
            self._shrink(surplus)
        else:
            self._grow(-surplus)
        self._missing = self.held_back

    def _shrink(self, surplus: int) -> None:
        """Delete first what waits, then what doesn't run yet, then the newest."""
        cheapest = sorted(self.pods, key=lambda pod: (pod.node is not None, pod.phase is PodPhase.RUNNING, -pod.seq))
        for pod in cheapest[:surplus]:
            self._cluster.delete(*pod.key)
        self._failures, self.refusal = 0, None

    def _grow(self, missing: int) -> None:
        for _ in range(missing):
            try:
                self._pods.append(self._cluster.create(self._order()))
            except ApiRefusal as refusal:
                self.refusal = str(refusal)
                self._retry()
                return
        self._failures, self.refusal = 0, None

    def _retry(self) -> None:
        if self._retry_at > self._timeline.now:
            return
        longest_s = _LONGEST_JOB_RETRY_S if self.work.is_job else _LONGEST_RETRY_S
        delay_s = min(longest_s, 2**self._failures)
        self._failures += 1
        self._retry_at = self._timeline.now + delay_s
        self._timeline.at(self._retry_at, self._sync)

    def _order(self) -> PodOrder:
        work = self.work
        self._made += 1
        return PodOrder(
            name=f"{work.name}-{self._made}",
            namespace=work.namespace,
            requests=work.request,
            labels={"app": work.name},
            priority=work.priority,
            selector=work.selector,
            workload=work.name,
            runs_s=work.run_s,
        )
