"""A process of its own: the real clients read a large cluster, at first as a whole and then tick by tick.

The cluster is served over loopback HTTP by another process, whose CPU time isn't counted here.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.cluster import DEADLINE_AT, LABEL, NODEMANAGER, POOL, START, Size
from benchmarks.figures import Figure, figure, hand_over, in_ms, peak_mib
from benchmarks.serving import Changed, Server, served
from bridge.app import running
from bridge.controller.collector import kept_out
from bridge.controller.pool import Pool
from bridge.controller.tick import tick
from bridge.core.lifecycle import State
from bridge.core.reasons import Reason
from bridge.core.resources import NO_ROOM
from bridge.core.snapshot import ElasticPod, KubeFacts, Promise
from bridge.ports import Unavailable
from bridge.settings import Settings, parse
from bridge.store import upgrade

FIRST = "first read over HTTP: 5,000 YARN nodes, 5,000 Kubernetes nodes, 50,000 pods of 4.9 kB"
STEADY = "a tick at steady state: watch open, {events} pod events since the last one, YARN read whole"
GOAL_S = 2.0
GOAL_MIB = 300.0

_FIRST_READS = 2
_TICKS = 9
_REPLACED = 100
"""Pods that end, and as many that start, between two ticks: five events for each pair."""
_SETTLE_S = 1.0
_BUDGET_S = 25.0
_PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True)
class Clock:
    """Stands still: an hour after the world was made, in the middle of the night."""

    at: datetime = START + timedelta(hours=1)

    def now(self) -> datetime:
        """Return that instant."""
        return self.at


@dataclass(frozen=True, slots=True)
class Round:
    """How long one tick's parts took, in seconds."""

    events: int
    following_cpu_s: float
    kube_s: float
    yarn_s: float
    reading_cpu_s: float
    tick_s: float
    tick_cpu_s: float

    @property
    def reading_s(self) -> float:
        """What events cost while they came, and the look at both systems."""
        return self.following_cpu_s + self.kube_s + self.yarn_s


def measure() -> list[Figure]:
    """Read the cluster a few times from nothing, then follow it."""
    with served(Size()) as server, _settings(server) as settings:
        looks = [_first_look(settings) for _ in range(_FIRST_READS)]
        with running(settings, follow=True, clock=Clock()) as app:
            (pool,) = app.pools
            _promise_all(pool, _patiently(pool))
            return [*_of_first(looks), *_of_steady(list(_rounds(pool, server)))]


def _of_first(looks: list[tuple[float, float, float]]) -> list[Figure]:
    kube, yarn, cpu = ([look[each] for look in looks] for each in range(3))
    return [
        figure(FIRST, "Kubernetes: connect, list in pages, sum up", kube, "s"),
        figure(FIRST, "YARN: nodes, applications, labels", yarn, "s"),
        figure(FIRST, "CPU of the client for both", cpu, "s"),
    ]


def _of_steady(found: list[Round]) -> list[Figure]:
    part = STEADY.format(events=max(each.events for each in found))
    return [
        figure(part, "reading and parsing, all of the following", [each.reading_s for each in found], "s", GOAL_S),
        figure(part, "  following pods and nodes (CPU)", in_ms([each.following_cpu_s for each in found]), "ms"),
        figure(part, "  Kubernetes: view and lenders", in_ms([each.kube_s for each in found]), "ms"),
        figure(part, "  YARN: nodes, applications, labels", in_ms([each.yarn_s for each in found]), "ms"),
        figure(part, "CPU of the client for reading", in_ms([each.reading_cpu_s for each in found]), "ms"),
        figure(part, "whole tick: read, decide, plan, check, record", [each.tick_s for each in found], "s"),
        figure(part, "CPU of the client for the whole tick", [each.tick_cpu_s for each in found], "s"),
        figure(part, "peak memory of the client", [peak_mib()], "MiB", GOAL_MIB),
    ]


def _first_look(settings: Settings) -> tuple[float, float, float]:
    """Return the seconds for Kubernetes and for YARN, and the CPU seconds for both."""
    cpu, started = time.process_time(), time.perf_counter()
    with running(settings, follow=True, clock=Clock()) as app:
        (pool,) = app.pools
        _patiently(pool)
        with_kube = time.perf_counter()
        pool.yarn.observe()
        with_yarn = time.perf_counter()
        cpu_s = time.process_time() - cpu
    return with_kube - started, with_yarn - with_kube, cpu_s


def _patiently(pool: Pool) -> KubeFacts:
    """Look at Kubernetes once its lists are there."""
    ends_at = time.monotonic() + _PATIENCE_S
    while True:
        try:
            return pool.kube.observe()
        except Unavailable:
            if time.monotonic() > ends_at:
                raise
            time.sleep(0.05)


def _promise_all(pool: Pool, facts: KubeFacts) -> None:
    """Let the journal know every elastic pod, as it would."""
    pool.journal.save(*(_promise(pool, pod) for pod in facts.pods))


def _promise(pool: Pool, pod: ElasticPod) -> Promise:
    return Promise(
        id=pod.promise_id,
        pool=pool.name,
        lender=pod.lender,
        shape=pool.policy.shape,
        state=State.SERVING,
        made_at=pod.created_at,
        since=pod.created_at,
        deadline=DEADLINE_AT,
        reason=Reason.REGISTERED,
        pod_uid=pod.uid,
        node_id=f"{pod.ip}:8041",
        served=True,
        label_host=pod.ip,
    )


def _rounds(pool: Pool, server: Server) -> Iterator[Round]:
    """Tick until there are enough rounds, or the time is over; the first one warms up."""
    _round(pool, server)
    ends_at = time.monotonic() + _BUDGET_S
    for _ in range(_TICKS):
        yield _round(pool, server)
        if time.monotonic() > ends_at:
            return


def _round(pool: Pool, server: Server) -> Round:
    began = time.process_time()
    changed = server.replace_pods(_REPLACED)
    time.sleep(_SETTLE_S)
    following = time.process_time() - began

    with kept_out():
        started = time.perf_counter()
        facts = pool.kube.observe()
        with_kube = time.perf_counter()
        pool.yarn.observe()
        with_yarn = time.perf_counter()
    reading_cpu = time.process_time() - began
    _compare(facts, changed)

    cpu, started_tick = time.process_time(), time.perf_counter()
    ticked = tick(pool)
    if ticked.planned.gaps:
        raise RuntimeError(f"the tick has gaps: {ticked.planned.gaps}")
    return Round(
        events=changed.events,
        following_cpu_s=following,
        kube_s=with_kube - started,
        yarn_s=with_yarn - with_kube,
        reading_cpu_s=reading_cpu,
        tick_s=time.perf_counter() - started_tick,
        tick_cpu_s=following + time.process_time() - cpu,
    )


def _compare(facts: KubeFacts, changed: Changed) -> None:
    """Refuse figures of a client that hasn't read everything."""
    online = sum((lender.online for lender in facts.lenders), NO_ROOM).cpu_millicores
    if online != changed.online_millicores:
        raise RuntimeError(f"the client has read {online} millicores, the server has {changed.online_millicores}")


@contextmanager
def _settings(server: Server) -> Iterator[Settings]:
    """Write settings for the served cluster into a folder that goes with the block."""
    with TemporaryDirectory(prefix="tidebridge-bench-") as name:
        folder = Path(name)
        (folder / "kubeconfig").write_text(server.kubeconfig, encoding="utf-8")
        settings = parse(_values(server), file=folder / "tidebridge.yaml")
        upgrade(settings.store.url)
        yield settings


def _values(server: Server) -> dict[str, object]:
    return {
        "store": {"url": "sqlite:///journal.db"},
        "yarn": {"clusters": {"main": {"resourcemanagers": [server.yarn_url]}}},
        "kubernetes": {"kubeconfig": "kubeconfig"},
        "pools": {
            POOL: {
                "cluster": "main",
                "placement": {"kind": "spill", "label": LABEL},
                "lenders": {"node_selector": {"lend": "true"}},
                "shape": {"vcores": NODEMANAGER.vcores, "memory_mib": NODEMANAGER.memory_mib},
                "limits": {"max_nodes": 5000},
            }
        },
        "windows": [
            {
                "name": "nights",
                "pool": POOL,
                "cron": "0 22 * * *",
                "back_by": DEADLINE_AT.strftime("%H:%M"),
                "timezone": "UTC",
                "max_ratio": 0.7,
            }
        ],
    }


if __name__ == "__main__":
    hand_over(measure())
