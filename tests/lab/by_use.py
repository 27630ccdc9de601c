"""What the stories of measured load share: the exporter that they steer, and settings with the basis `usage`."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import requests

from tests.lab.controller import Controller, Night, configuration
from tests.lab.lab import environment, kubectl

CAP_RATIO = 0.85
NODE_MILLICORES = 1100
"""What one elastic node takes: 4 vcores of a quarter core, and its overhead."""
FROZEN_AFTER_S = 6
SHRINK_AFTER_S = 16
SHRINK_EVERY_S = 6
CONFIRM_S = 6


def open_now(length: timedelta, lead: timedelta = timedelta(seconds=40)) -> Night:
    """Make a window that has just opened."""
    opens = datetime.now(UTC).replace(second=0, microsecond=0)
    return Night(opens=opens, back_by=opens + length, lead=lead)


def settings_by_use(night: Night, *, selector: str = '{lend: "true"}') -> str:
    """Write the stories' settings, for lenders whose load Prometheus knows."""
    by_requests = configuration(night, 4)
    lenders = 'lenders: {node_selector: {lend: "true"}, margin_ratio: 0.0}'
    assert lenders in by_requests
    # No forecast: it would want days of history. These stories are of what is measured now.
    counted = f"basis: usage, cap: {CAP_RATIO}, signal: online_load, margin_ratio: 0.0, expecting: {{enabled: false}}"
    by_use = f"lenders: {{node_selector: {selector}, {counted}}}"
    return f"""{by_requests.replace(lenders, by_use)}
signals:
  online_load:
    kind: prometheus
    url: "{environment("TIDEBRIDGE_LAB_PROMETHEUS")}"
    query: online_cpu_cores
    node_label: node
    lookback_s: 3
    frozen_after_s: {FROZEN_AFTER_S}
    shrink_after_s: {SHRINK_AFTER_S}
    shrink_every_s: {SHRINK_EVERY_S}
    shrink_ratio: 0.5
    confirm_s: {CONFIRM_S}
"""


class Exporter:
    """lab/exporter.py, which serves the online load that Prometheus scrapes."""

    def follow(self, *, from_s: float, speed: float) -> None:
        """Play the recording from an instant, so many of its seconds a second."""
        self._tell("follow", from_s=from_s, speed=speed)

    def set(self, cores: float) -> None:
        """Serve a value for every node."""
        self._tell("set", cores=cores)

    def stop(self) -> None:
        """Answer no scrape."""
        self._tell("stop")

    @staticmethod
    def _tell(what: str, **words: float) -> None:
        requests.post(f"{environment('TIDEBRIDGE_LAB_EXPORTER')}/{what}", params=words, timeout=5).raise_for_status()


def cores_in_prometheus(node: str) -> float | None:
    """Ask Prometheus for a node's online load; None where it has no sample."""
    url, query = environment("TIDEBRIDGE_LAB_PROMETHEUS"), f'online_cpu_cores{{node="{node}"}}'
    reply = requests.get(f"{url}/api/v1/query", params={"query": query}, timeout=5)
    reply.raise_for_status()
    found = reply.json()["data"]["result"]
    return float(found[0]["value"][1]) if found else None


def lends_below_cores(node: str) -> float:
    """Say below which online load a node has room for an elastic one."""
    allocatable = json.loads(kubectl("get", "node", node, "-o", "json"))["status"]["allocatable"]["cpu"]
    return int(allocatable) * CAP_RATIO - NODE_MILLICORES / 1000


def signal(controller: Controller) -> dict[str, Any]:
    """Ask the controller what it thinks of its load signal; before its first tick it thinks nothing."""
    found: dict[str, Any] | None = controller.ask("status").get("load")
    return found or {"state": None}
