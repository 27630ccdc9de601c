"""Two tenants in the lab: their pods, their queues as an administrator sets them, what is in force in either system."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import requests

from tests.lab.controller import Controller, Night, configuration
from tests.lab.lab import ROOT, environment, kubectl, pods, rm

ADS, ETL = "ads-batch", "etl-batch"
QUEUE_OF = {ADS: "root.ads", ETL: "root.default"}
POD_MILLICORES, POD_MIB = 200, 64


def tenants(adapter: str, *, extra: str = "") -> str:
    """Write the settings of two tenants: one has a guarantee, both let their pods be evicted."""
    return f"""
tenants:
  - name: ads
    min: {{cpu_millicores: 1600, memory_mib: 1024}}
    yarn_queues: [root.ads]
    namespaces: [{ADS}]
    evict: true
  - {{name: etl, yarn_queues: [root.default], namespaces: [{ETL}], evict: true}}
rebalance:
  adapters: [{adapter}, resource-quota]
  half_life: 0s
  max_step_ratio: 1.0
  headroom: {{cpu_millicores: 200, memory_mib: 64}}
{extra}
"""


class Tenants(Controller):
    """A controller with tenants."""

    def __init__(self, folder: Path, night: Night, *, settings: str | None = None) -> None:
        super().__init__(folder, night, settings=settings or configuration(night, 2) + tenants("yarn-capacity"))

    def round(self, *words: str, refused: bool = False) -> dict[str, Any]:
        """Run or plan a round."""
        found: dict[str, Any] = json.loads(self.command("rebalance", "--json", *words, refused=refused))
        return found

    @property
    def rounds(self) -> int:
        """Count the rounds that have changed something."""
        return sum(1 for line in self.log.splitlines() if "round.done" in line and "changes=0" not in line)


def set_up_namespaces() -> None:
    """Make the tenants' namespaces, empty, with the smallest rights that suffice."""
    rights = (ROOT / "config/rbac-tenants.yaml").read_text()
    for namespace in (ADS, ETL):
        kubectl("delete", "namespace", namespace, "--ignore-not-found", "--wait=true")
        kubectl("create", "namespace", namespace)
        _apply(rights.replace("TENANT", namespace))


def tear_down_namespaces() -> None:
    """Leave nothing of the tenants."""
    for namespace in (ADS, ETL):
        kubectl("delete", "namespace", namespace, "--ignore-not-found", "--wait=false", "--grace-period=1")


def want_pods(namespace: str, count: int) -> None:
    """Let a tenant's Deployment want so many pods."""
    container = {
        "name": "batch",
        "image": "tidebridge-lab/pause:1",
        "imagePullPolicy": "Never",
        "resources": {"requests": {"cpu": f"{POD_MILLICORES}m", "memory": f"{POD_MIB}Mi"}},
    }
    spec = {"containers": [container], "terminationGracePeriodSeconds": 1, "automountServiceAccountToken": False}
    _apply(
        json.dumps(
            {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": {"name": "batch", "namespace": namespace},
                "spec": {
                    "replicas": count,
                    "selector": {"matchLabels": {"app": "batch"}},
                    "template": {"metadata": {"labels": {"app": "batch"}}, "spec": spec},
                },
            }
        )
    )


def running(namespace: str) -> int:
    """Count a tenant's pods that run and aren't on their way out."""
    return sum(
        1
        for pod in pods(namespace)
        if pod["status"].get("phase") == "Running" and "deletionTimestamp" not in pod["metadata"]
    )


def quota(namespace: str) -> tuple[int, int]:
    """Return what the API server enforces in a namespace: millicores and MiB; nothing where there is no quota."""
    found = json.loads(kubectl("get", "resourcequota", "-n", namespace, "-o", "json"))["items"]
    hard = found[0]["status"].get("hard", {}) if found else {}
    return _millicores(hard.get("requests.cpu", "0")), _mib(hard.get("requests.memory", "0"))


def capacities() -> dict[str, tuple[int, int]]:
    """Return the queues' effective minimum: vcores and MiB, as the ResourceManager made them."""
    info = rm("scheduler")["scheduler"]["schedulerInfo"]
    found = {}
    for queue in info["queues"]["queue"]:
        (amount,) = (
            entry["effectiveMinResource"]
            for entry in queue["capacities"]["queueCapacitiesByPartition"]
            if entry.get("partitionName", "") == ""
        )
        found[f"root.{queue['queueName']}"] = (amount["vCores"], amount["memory"])
    return found


def configured() -> dict[str, str]:
    """Return the scheduler's configuration."""
    listed = requests.get(
        f"{environment('TIDEBRIDGE_LAB_RM')}/ws/v1/cluster/scheduler-conf?user.name=root",
        headers={"Accept": "application/json"},
        timeout=10,
    ).json()["property"]
    return {entry["name"]: entry["value"] for entry in listed}


def set_queues(*updates: str) -> None:
    """Change queues as an administrator may."""
    reply = requests.put(
        f"{environment('TIDEBRIDGE_LAB_RM')}/ws/v1/cluster/scheduler-conf?user.name=root",
        data=f"<sched-conf>{''.join(updates)}</sched-conf>",
        headers={"Content-Type": "application/xml"},
        timeout=10,
    )
    assert reply.status_code == 200, reply.text


def queue(path: str, *, verb: str = "update", **values: str) -> str:
    """Write one queue's part of a change."""
    entries = "".join(
        f"<entry><key>{key.replace('_', '-')}</key><value>{value}</value></entry>" for key, value in values.items()
    )
    return f"<{verb}-queue><queue-name>{path}</queue-name><params>{entries}</params></{verb}-queue>"


def _apply(text: str) -> None:
    kubectl("apply", "-f", "-", input=text)


def _millicores(text: str) -> int:
    return int(text.removesuffix("m")) if text.endswith("m") else int(float(text) * 1000)


def _mib(text: str) -> int:
    units = {"Ki": 1 / 1024, "Mi": 1, "Gi": 1024, "k": 1000 / 2**20, "M": 10**6 / 2**20}
    for unit, factor in units.items():
        if text.endswith(unit):
            return int(float(text.removesuffix(unit)) * factor)
    return int(text) // 2**20
