"""A process of its own: the obvious ways to do the same, for comparison, on a tenth of the pods.

The official client builds a model object for each part of each pod; the standard library parses JSON. Where a watch
isn't kept open, a list of all pods is what a tick costs.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson
import requests
from kubernetes import client, config

from benchmarks.cluster import NAMESPACE, Size
from benchmarks.figures import Figure, figure, hand_over, in_ms, rounds
from benchmarks.serving import Server, served
from bridge.controller.collector import kept_out
from k8s_pool import KubeApi, connect, read_fleet

SLICE = Size(kube_nodes=500, pods=5_000, yarn_nodes=5_000, elastic=250)
SCALE = Size().pods // SLICE.pods
PART = f"the naive way: 5,000 pods, a tenth; times {SCALE} for 50,000"

Cost = tuple[float, float]
"""Wall-clock seconds, and CPU seconds of this process."""


def measure() -> list[Figure]:
    """Read the same pods in both ways, and parse the same bytes in both ways."""
    with served(SLICE) as server, TemporaryDirectory(prefix="tidebridge-bench-") as folder:
        kubeconfig = Path(folder) / "kubeconfig"
        kubeconfig.write_text(server.kubeconfig, encoding="utf-8")
        with closing(connect(kubeconfig=kubeconfig)) as api:
            return [*_of_lists(api, kubeconfig), *_of_parsers(api, server)]


def _of_lists(api: KubeApi, kubeconfig: Path) -> list[Figure]:
    loader: Any = config  # the official loaders are untyped
    official = client.CoreV1Api(loader.new_client_from_config(config_file=str(kubeconfig)))
    models = _costs(lambda: _list_models(official))
    ours = _costs(lambda: read_fleet(api, namespace=NAMESPACE))
    models_cpu, ours_cpu = ([cpu for _, cpu in each] for each in (models, ours))
    times = [slow / quick for slow, quick in zip(models_cpu, ours_cpu, strict=False)]
    return [
        figure(PART, "official client, list_pod_for_all_namespaces", [wall for wall, _ in models], "s"),
        figure(PART, "  its CPU", models_cpu, "s"),
        figure(
            PART, "  its CPU scaled to 50,000 pods: each tick, without a watch", [SCALE * c for c in models_cpu], "s"
        ),
        figure(PART, "k8s_pool.read_fleet, nodes and sums included", [wall for wall, _ in ours], "s"),
        figure(PART, "  its CPU", ours_cpu, "s"),
        figure(PART, "  its CPU, scaled to 50,000 pods: once", [SCALE * cpu for cpu in ours_cpu], "s"),
        figure(PART, "CPU of the official client, as a multiple of ours", times, "x"),
    ]


def _list_models(official: Any) -> int:
    """List every pod in pages of 500, as we do."""
    token, pods = "", 0
    while True:
        page = official.list_pod_for_all_namespaces(limit=500, _continue=token, _request_timeout=(5, 30))
        pods, token = pods + len(page.items), page.metadata._continue
        if not token:
            return pods


def _costs(read: Callable[[], object]) -> list[Cost]:
    found: list[Cost] = []

    def once() -> None:
        wall, cpu = time.perf_counter(), time.process_time()
        read()
        found.append((time.perf_counter() - wall, time.process_time() - cpu))

    rounds(once, most=5, budget_s=8.0)
    return found[1:]


def _of_parsers(api: KubeApi, server: Server) -> list[Figure]:
    texts = {
        "5,000 pods": _bytes(f"{api.server}/api/v1/pods"),
        "5,000 YARN nodes": _bytes(f"{server.yarn_url}/ws/v1/cluster/nodes"),
    }
    return [
        figure(PART, f"{name} of {what}, {len(text) / 1e6:.1f} MB (CPU)", in_ms(_parse(parser, text)), "ms")
        for what, text in texts.items()
        for name, parser in (("json.loads", json.loads), ("orjson.loads", orjson.loads))
    ]


def _parse(parser: Callable[[bytes], object], text: bytes) -> list[float]:
    with kept_out():
        return rounds(lambda: parser(text), budget_s=2.0, clock=time.process_time)


def _bytes(url: str) -> bytes:
    return requests.get(url, timeout=30).content


if __name__ == "__main__":
    hand_over(measure())
