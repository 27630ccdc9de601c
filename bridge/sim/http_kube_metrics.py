"""The metrics API (metrics.k8s.io) on the simulated cluster: what nodes use in all, and elastic pods of it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from bridge.sim.errors import ApiRefusal
from bridge.sim.http_words import Answer, Question
from bridge.sim.pods import Pod
from bridge.sim.times import write_time
from bridge.sim.world import SimWorld

_API = "metrics.k8s.io/v1beta1"
_PATH = re.compile(rf"/apis/{re.escape(_API)}/(?:nodes|namespaces/(?P<namespace>[^/]+)/pods)")
_WINDOW_S = 15
_BUSY_MILLICORES = 1000
"""What a container uses of each of its vcores."""


class MetricsApi:
    """Answers what metrics-server answers: use over the last few seconds, which ends now."""

    def __init__(self, world: SimWorld) -> None:
        self._world = world

    def answer(self, question: Question) -> Answer | None:
        """Answer; None for another API's path."""
        match = _PATH.fullmatch(question.path)
        if match is None:
            return None
        if question.method != "GET":
            raise ApiRefusal(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")
        with self._world.faults.around("kube.metrics"):
            namespace = match["namespace"]
            return self._nodes() if namespace is None else self._pods(namespace)

    def _nodes(self) -> Answer:
        return self._listed(
            "NodeMetrics",
            (
                {
                    "metadata": {"name": node.name},
                    **self._measured(),
                    "usage": _usage(
                        node.online_use_ratio * node.allocatable.cpu_millicores
                        + sum(self._millicores(pod) for pod in node.pods.values())
                    ),
                }
                for node in self._world.kube.nodes.values()
            ),
        )

    def _pods(self, namespace: str) -> Answer:
        """List elastic pods: which online pod uses what isn't known here, only what all of a node use."""
        return self._listed(
            "PodMetrics",
            (
                {
                    "metadata": {"name": pod.order.name, "namespace": namespace},
                    **self._measured(),
                    "containers": [{"name": "nodemanager", "usage": _usage(self._millicores(pod))}],
                }
                for pod in self._world.kube.elastic.values()
                if pod.order.namespace == namespace and pod.node is not None
            ),
        )

    def _millicores(self, pod: Pod) -> float:
        node = self._world.nodemanager_of(pod)
        return 0.0 if node is None else node.used_vcores * _BUSY_MILLICORES

    def _measured(self) -> dict[str, str]:
        return {"timestamp": write_time(self._world.now), "window": f"{_WINDOW_S}s"}

    def _listed(self, kind: str, items: Iterable[dict[str, Any]]) -> Answer:
        return Answer.of({"kind": f"{kind}List", "apiVersion": _API, "metadata": {}, "items": list(items)})


def _usage(millicores: float) -> dict[str, str]:
    return {"cpu": f"{round(millicores * 1_000_000)}n", "memory": "0Ki"}
