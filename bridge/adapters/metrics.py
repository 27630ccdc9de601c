"""Online load from Kubernetes' metrics API: what each node uses, less what its elastic pods use."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from bridge.adapters.kube_errors import translated
from bridge.core.load import LoadReading, LoadUnit, Sample
from k8s_pool import FleetView, Transport, node_usage, pod_usage


class MetricsLoad:
    """``bridge.ports.LoadSignal`` from metrics.k8s.io. A sample is as old as the kubelet's measurement."""

    def __init__(self, api: Transport, view: Callable[[], FleetView], namespace: str) -> None:
        """Read the nodes' use, and that of elastic pods in *namespace*; *view* tells where these are."""
        self._api = api
        self._view = view
        self._namespace = namespace

    def observe(self) -> LoadReading:
        """Read now. A pod that isn't measured yet is taken for online: the load looks higher, never lower."""
        with translated("read metrics.k8s.io (metrics-server serves it)"):
            node_by_pod = {pod.name: pod.node for pod in self._view().elastic if pod.node is not None}
            nodes, pods = node_usage(self._api), pod_usage(self._api, self._namespace)
        own: Counter[str] = Counter()
        for pod in pods:
            if pod.name in node_by_pod:
                own[node_by_pod[pod.name]] += pod.cpu_millicores
        return LoadReading(
            unit=LoadUnit.CORES,
            by_lender={
                node.name: Sample(at=node.at, value=max(0, node.cpu_millicores - own[node.name]) / 1000)
                for node in nodes
            },
        )

    def history(self, since: datetime, until: datetime, step: timedelta) -> Sequence[tuple[datetime, LoadReading]]:  # noqa: ARG002
        """Nothing: the metrics API knows only the present."""
        return ()
