"""What the stories of measured load share: the exporter that they steer, and settings with the basis `usage`."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import requests

from bridge.settings import load
from bridge.store import open_journal
from tests.lab.controller import Controller, Night, configuration
from tests.lab.lab import environment, kubectl

POOL = "night"
CAP_RATIO = 0.85
NODE_MILLICORES = 1100
"""What one elastic node takes: 4 vcores of a quarter core, and its overhead."""
FROZEN_AFTER_S = 6
SHRINK_AFTER_S = 14
SHRINK_EVERY_S = 6
CONFIRM_S = 6
RECLAIM_S = 24


def open_now(length: timedelta, lead: timedelta = timedelta(seconds=40)) -> Night:
    """Make a window that has just opened."""
    opens = datetime.now(UTC).replace(second=0, microsecond=0)
    return Night(opens=opens, back_by=opens + length, lead=lead)


def settings_by_use(night: Night, *, selector: str = '{lend: "true"}') -> str:
    """Write the stories' settings, for lenders whose load Prometheus knows."""
    by_requests = configuration(night, 4).replace("reclaim_s: 40", f"reclaim_s: {RECLAIM_S}")
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

    def freeze(self) -> None:
        """Go on serving what is served now."""
        self._tell("freeze")

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What one tick believed of the load signal."""

    at: datetime
    state: str
    cores: float
    """Of all lenders together."""


def looks(controller: Controller, count: int) -> list[Look]:
    """Read the last ticks from the journal, the oldest first."""
    with closing(open_journal(load(controller.config).store.url)) as journal:
        ticks = journal.ticks(POOL, count)
    return [_look(tick.at, tick.sections["seen"]["load"]) for tick in reversed(ticks)]


def _look(at: datetime, belief: dict[str, Any]) -> Look:
    return Look(at=at, state=belief["state"], cores=(belief["total_millicores"] or 0) / 1000)


def wait_for_tick(controller: Controller, *, since: int | None = None) -> None:
    """Wait for the end of a tick that isn't over yet, or was not after the log's first *since* characters."""
    controller.said(r"tick\.done", 15, since=len(controller.log) if since is None else since)


def becomes(controller: Controller, state: str, timeout_s: float, *, since: int) -> None:
    """Wait until the log, after its first *since* characters, says that the signal has come to a state."""
    controller.said(rf"signal\.changed .*to={state}\b", timeout_s, since=since)
