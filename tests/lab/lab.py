"""The running lab, as a test reaches it: from inside its network namespace, with its environment.

`make e2e` starts labs and runs these tests in it; without a lab they fail, and say so.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import requests

T = TypeVar("T")

ROOT = Path(__file__).parents[2]
STATIC_HOST = "10.88.0.1"


def environment(name: str) -> str:
    """Return a variable that `lab/enter` sets."""
    if name not in os.environ:
        raise AssertionError(f"{name} isn't set: start the lab with 'make lab-up', and run this by lab/enter")
    return os.environ[name]


def kubectl(*words: str, input: str | None = None) -> str:
    """Run kubectl as the lab's administrator, with *input* to read."""
    command = [environment("TIDEBRIDGE_LAB_KUBECTL"), *words]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60, input=input)
    if done.returncode != 0:
        raise subprocess.CalledProcessError(done.returncode, command, done.stdout, done.stderr)
    return done.stdout


def pods(namespace: str = "tidebridge") -> list[dict[str, Any]]:
    """List the pods of a namespace."""
    found: list[dict[str, Any]] = json.loads(kubectl("get", "pods", "-n", namespace, "-o", "json"))["items"]
    return found


def elastic_pod_names() -> set[str]:
    """Name the elastic pods that are there, on their way out or not."""
    return {pod["metadata"]["name"] for pod in pods() if "tidebridge.dev/promise" in pod["metadata"].get("labels", {})}


def end_the_night() -> None:
    """Take the elastic pods away where a story ends before its window does, and its controller has ended."""
    kubectl("delete", "pods", "-n", "tidebridge", "--all", "--grace-period=1", "--wait=true")


def scale_online(replicas: int) -> None:
    """Set how large the online service is: 8 fill both nodes, 2 are a night."""
    kubectl("scale", "deployment/online", "-n", "online", f"--replicas={replicas}")


def online_running() -> int:
    """Count the online service's pods that run."""
    return sum(
        1
        for pod in pods("online")
        if pod["status"].get("phase") == "Running" and "deletionTimestamp" not in pod["metadata"]
    )


def rm(path: str) -> dict[str, Any]:
    """Read from the ResourceManager."""
    reply = requests.get(f"{environment('TIDEBRIDGE_LAB_RM')}/ws/v1/cluster/{path}", timeout=5)
    reply.raise_for_status()
    found: dict[str, Any] = reply.json()
    return found


def containers_waiting() -> int:
    """Count the containers that applications wait for."""
    return int(rm("metrics")["clusterMetrics"]["containersPending"])


def end_applications() -> None:
    """Kill what an earlier test left running, so that its AM doesn't take this one's place."""
    running = (rm("apps?states=ACCEPTED,RUNNING&deSelects=resourceRequests")["apps"] or {}).get("app", [])
    for app in running:
        address = f"{environment('TIDEBRIDGE_LAB_RM')}/ws/v1/cluster/apps/{app['id']}/state?user.name=root"
        requests.put(address, json={"state": "KILLED"}, timeout=10).raise_for_status()


def make_label_known(name: str) -> None:
    """Add a node label as an administrator may; the controller adds it too, and lends from its next tick on."""
    address = f"{environment('TIDEBRIDGE_LAB_RM')}/ws/v1/cluster/add-node-labels?user.name=root"
    body = {"nodeLabelInfo": [{"name": name, "exclusivity": False}]}
    requests.post(address, json=body, timeout=10).raise_for_status()


def yarn_nodes() -> dict[str, dict[str, Any]]:
    """Return the running YARN nodes by host."""
    nodes = rm("nodes?states=RUNNING")["nodes"] or {}
    return {node["id"].rpartition(":")[0]: node for node in nodes.get("node", [])}


def elastic_nodes() -> dict[str, dict[str, Any]]:
    """Return the running YARN nodes that carry the pool's label."""
    return {host: node for host, node in yarn_nodes().items() if node.get("nodeLabels") == ["k8s"]}


def service(name: str, action: str) -> None:
    """Start, stop or kill one service of the lab."""
    subprocess.run([str(ROOT / "lab/service"), name, action], check=True, timeout=90)


def within(timeout_s: float, look: Callable[[], T], claim: str, *, every_s: float = 0.5) -> T:
    """Look again and again until something true is seen; return it, or fail with the claim."""
    end = time.monotonic() + timeout_s
    seen: T | None = None
    while time.monotonic() < end:
        try:
            seen = look()
        except (requests.RequestException, subprocess.SubprocessError):
            seen = None
        if seen:
            return seen
        time.sleep(every_s)
    raise AssertionError(f"not within {timeout_s:g} s: {claim} (last seen: {seen!r})")
