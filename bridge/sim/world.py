"""The simulated world: one YARN cluster and one Kubernetes cluster in one simulated time.

It is deterministic: the same configuration and the same calls give the same world. It has no threads, and time moves
only in ``advance``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random

from bridge.ports import PortError
from bridge.sim.accounts import Accounts, NamespaceAccount
from bridge.sim.batch import RunningWork, TenantWork
from bridge.sim.clock import SimClock, Timeline
from bridge.sim.config import SimConfig
from bridge.sim.faults import Faults
from bridge.sim.kube import KubeCluster
from bridge.sim.load import Job
from bridge.sim.nodes import NodeManager
from bridge.sim.online import OnlineService, RunningService
from bridge.sim.pods import Pod
from bridge.sim.yarn import ResourceManager


class SimWorld:
    """Both systems, what is to go wrong in them, and the truth about what happened."""

    def __init__(self, config: SimConfig | None = None) -> None:
        self.config = config or SimConfig()
        self.timeline = Timeline()
        self.clock = SimClock(self.timeline, self.config.start)
        self.accounts = Accounts()
        self.faults = Faults(lambda: self.timeline.now)
        self.yarn = ResourceManager(self.timeline, self.config, self.accounts, Random(self.config.seed))
        self.yarn.told_to_stop = self._nodemanager_stops
        self.kube = KubeCluster(self.timeline, self.config, self.accounts, self)
        self.services: list[RunningService] = []
        self.works: list[RunningWork] = []
        self._nodemanager_by_pod: dict[str, NodeManager] = {}
        self._pod_by_nodemanager: dict[int, Pod] = {}
        self._build()

    def _build(self) -> None:
        config = self.config
        for number in range(1, config.lenders + 1):
            name = f"lender-{number}"
            labels = {**config.lender_labels, "kubernetes.io/hostname": name}
            self.kube.add_node(name, config.lender_size, labels=labels, slots=config.pod_slots)
        for number in range(1, config.static_nodes + 1):
            self.yarn.launch(f"static-{number}", config.static_size, is_lent=False)
        self.timeline.run_to(0)

    # --- Time

    @property
    def now(self) -> datetime:
        """The present instant."""
        return self.clock.now()

    def advance(self, to: datetime) -> None:
        """Let everything happen up to the instant *to*, in whole seconds."""
        self.timeline.run_to(self.clock.second(to))

    def pass_time(self, seconds: int) -> None:
        """Let *seconds* go by."""
        self.timeline.run_to(self.timeline.now + seconds)

    def plan(self, at: datetime, act: Callable[[], object]) -> None:
        """Let *act* happen at the instant *at*: a schedule of faults, for example."""
        self.timeline.at(self.clock.second(at), act)

    # --- Work and load

    def submit(self, job: Job, at: datetime | None = None) -> None:
        """Submit a job now, or at an instant."""
        if at is None:
            self.yarn.work.submit(job)
        else:
            self.timeline.at(self.clock.second(at), self.yarn.work.submit, job)

    def submit_all(self, jobs: Iterable[Job], first_at: datetime) -> None:
        """Submit jobs at their own times, counted from the instant *first_at*."""
        for job in jobs:
            self.submit(job, first_at + timedelta(seconds=job.submit_s))

    def start_service(self, service: OnlineService, nodes: Sequence[str] | None = None) -> RunningService:
        """Start an online service on *nodes*, by default on every node there is."""
        names = list(self.kube.nodes) if nodes is None else nodes
        service = replace(service, starts_at_s=max(service.starts_at_s, self.timeline.now))
        running = RunningService(service, self.kube, self.timeline, [self.kube.nodes[name] for name in names])
        self.services.append(running)
        self.timeline.run_to(self.timeline.now)
        return running

    def start_work(self, work: TenantWork) -> RunningWork:
        """Start a tenant's workload in Kubernetes; its schedule is counted from now."""
        account = self.accounts.namespace(work.namespace)
        running = RunningWork(work, self.kube, self.timeline, account)
        self.kube.workloads[work.namespace, work.name] = running
        self.works.append(running)
        self.timeline.run_to(self.timeline.now)
        return running

    # --- What goes wrong

    def fail_next(self, call: str, error: PortError, *, took_effect: bool = False, times: int = 1) -> None:
        """Make the next calls of that name fail; see ``faults``."""
        self.faults.fail_next(call, error, took_effect=took_effect, times=times)

    def break_kube(self, for_s: int) -> None:
        """Let the API server answer nothing for *for_s* seconds; kubelets and pods go on."""
        self.faults.take_down("kube", self.timeline.now + for_s)

    def break_yarn(self, for_s: int) -> None:
        """Cut off the ResourceManager's REST interface for *for_s* seconds; the cluster goes on."""
        self.faults.take_down("yarn", self.timeline.now + for_s)

    def restart_rm(self, down_for_s: int = 5) -> None:
        """Restart the ResourceManager; see ``ResourceManager.restart``."""
        self.yarn.restart(down_for_s)

    def cordon(self, name: str, is_cordoned: bool = True) -> None:
        """Cordon a Kubernetes node, or lift it."""
        node = self.kube.nodes[name]
        node.is_cordoned = is_cordoned
        self.kube.node_changed(node)

    def set_ready(self, name: str, is_ready: bool) -> None:
        """Let a Kubernetes node be NotReady, or ready again; a NodeManager there goes on."""
        node = self.kube.nodes[name]
        node.is_ready = is_ready
        self.kube.node_changed(node)

    def press(self, name: str, *pressures: str) -> None:
        """Put a Kubernetes node under these pressures (MemoryPressure, DiskPressure, PIDPressure), or under none."""
        node = self.kube.nodes[name]
        node.pressures = set(pressures)
        self.kube.node_changed(node)

    def lose_images(self, name: str, are_missing: bool = True) -> None:
        """Let no image be pulled on a node (ImagePullBackOff), or let it work again."""
        node = self.kube.nodes[name]
        node.images_are_missing = are_missing
        self.kube.node_changed(node)

    def kill_nodemanager(self, pod_name: str, namespace: str = "tidebridge") -> None:
        """Kill the NodeManager in a pod with SIGKILL: the pod has failed, and YARN hasn't been told."""
        self.kube.end(self.kube.pod(namespace, pod_name), "Error")

    def crash_node(self, name: str) -> None:
        """Switch a Kubernetes node off: it is NotReady, and the NodeManagers there are silent."""
        self.set_ready(name, False)
        for pod in self.kube.nodes[name].pods.values():
            self.pod_is_killed(pod)

    # --- What happens inside pods (``kube.Runtime``)

    def pod_runs(self, pod: Pod) -> None:
        """Start the NodeManager, if the pod is for one."""
        if pod.order.nodemanager is not None and pod.ip is not None:
            node = self.yarn.launch(pod.ip, pod.order.nodemanager, label=pod.order.yarn_label)
            self._nodemanager_by_pod[pod.uid] = node
            self._pod_by_nodemanager[id(node)] = pod

    def pod_is_told_to_end(self, pod: Pod) -> None:
        """Send SIGTERM to the NodeManager."""
        if (node := self._nodemanager_by_pod.get(pod.uid)) is not None:
            self.yarn.terminate(node)

    def pod_is_killed(self, pod: Pod) -> None:
        """Let the NodeManager be gone; one that had been told to end has unregistered before."""
        node = self._nodemanager_by_pod.pop(pod.uid, None)
        if node is not None:
            del self._pod_by_nodemanager[id(node)]
            if node.is_alive:
                self.yarn.crash(node)

    def _nodemanager_stops(self, node: NodeManager) -> None:
        """End the pod of a NodeManager that the ResourceManager has sent away."""
        pod = self._pod_by_nodemanager.get(id(node))
        if pod is not None:
            self.kube.end(pod, "Error")

    # --- Truth

    def nodemanager(self, pod_name: str, namespace: str = "tidebridge") -> NodeManager:
        """Return the NodeManager in a pod that runs."""
        return self._nodemanager_by_pod[self.kube.pod(namespace, pod_name).uid]

    def nodemanager_of(self, pod: Pod) -> NodeManager | None:
        """Return the NodeManager in a pod, if one runs there."""
        return self._nodemanager_by_pod.get(pod.uid)

    def totals(self) -> Accounts:
        """Return the accounts with what is under way counted up to now."""
        now, pods = self.timeline.now, self.kube.elastic.values()
        lent = sum(
            (now - pod.bound) * pod.order.nodemanager.vcores
            for pod in pods
            if pod.is_elastic and pod.bound is not None and pod.order.nodemanager is not None and not pod.phase.is_over
        )
        short = sum(
            (now - pod.created) * pod.order.requests.cpu_millicores / 1000
            for pod in self.kube.pending
            if not pod.is_elastic and pod.order.workload is None
        )
        return replace(
            self.accounts,
            lent_core_s=self.accounts.lent_core_s + lent,
            online_short_core_s=self.accounts.online_short_core_s + short,
            used_core_s_by_queue={queue.node.path: queue.count(now) for queue in self.yarn.work.queues.values()},
            namespaces=self._namespaces(),
        )

    def _namespaces(self) -> dict[str, NamespaceAccount]:
        """Return the tenants' accounts with what is under way counted up to now."""
        now, found = self.timeline.now, {}
        for work in self.works:
            work.count()
        for name, account in self.accounts.namespaces.items():
            found[name] = replace(account)
        for work in self.works:
            account = found[work.work.namespace]
            for pod in work.there:
                cores = pod.order.requests.cpu_millicores / 1000
                if pod.bound is None:
                    account.waited_core_s += (now - pod.created) * cores
                else:
                    account.used_core_s += (now - pod.bound) * cores
        return found
