"""An online service: as many replicas on each of its nodes as its recorded load asks for.

With ``follows_load`` the number of replicas, and so the requests, move with the load. Without, the replicas that the
peak needs are always there, and only the measured use moves.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from bridge.core.resources import Room
from bridge.sim.clock import Timeline
from bridge.sim.kube import KubeCluster
from bridge.sim.load import LoadSeries
from bridge.sim.pods import KubeNode, Pod, PodOrder

_REPLICA = Room(cpu_millicores=1000, memory_mib=2048)


@dataclass(frozen=True, slots=True, kw_only=True)
class OnlineService:
    """What a service is."""

    name: str
    series: LoadSeries
    replica: Room = _REPLICA
    namespace: str = "online"
    starts_at_s: int = 0
    """The simulated second of the series' first step; what came before the series' start isn't known."""
    skip_s: int = 0
    """How much of the series is left out at its beginning."""
    follows_load: bool = True
    peak: float = 1.0
    """The load that the replicas are for, where they don't follow it."""
    priority: int = 0


class RunningService:
    """A service at work in a cluster. A missing sample leaves everything as it was."""

    def __init__(
        self, service: OnlineService, cluster: KubeCluster, timeline: Timeline, nodes: Sequence[KubeNode]
    ) -> None:
        self.service = service
        self._cluster = cluster
        self._timeline = timeline
        self._nodes = tuple(nodes)
        self._replicas: dict[str, list[Pod]] = {node.name: [] for node in nodes}
        self._made = 0
        self.load = 0.0
        self._timeline.at(service.starts_at_s, self._step)

    def _step(self) -> None:
        series = self.service.series
        elapsed_s = self._timeline.now - self.service.starts_at_s + self.service.skip_s
        load = series.after(elapsed_s)
        if load is not None:
            self.load = load
            for node in self._nodes:
                node.online_use_ratio = load
                self._scale(node, load if self.service.follows_load else self.service.peak)
        if elapsed_s < series.length_s:
            self._timeline.at(self._timeline.now + series.step_s - elapsed_s % series.step_s, self._step)

    def _scale(self, node: KubeNode, load: float) -> None:
        wanted = math.ceil(round(load * node.allocatable.cpu_millicores / self.service.replica.cpu_millicores, 6))
        replicas = [pod for pod in self._replicas[node.name] if not pod.is_gone and pod.deleting is None]
        while len(replicas) < wanted:
            self._made += 1
            replicas.append(self._cluster.create(self._order(node)))
        while len(replicas) > wanted:
            self._cluster.delete(*replicas.pop().key)
        self._replicas[node.name] = replicas

    def _order(self, node: KubeNode) -> PodOrder:
        service = self.service
        return PodOrder(
            name=f"{service.name}-{self._made}",
            namespace=service.namespace,
            requests=service.replica,
            labels={"app": service.name},
            priority=service.priority,
            pinned_to=node.name,
        )
