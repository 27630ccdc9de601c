"""A small online service in the lab that has asked for much CPU: its answers, timed, and what the kernel gave it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from tests.lab.lab import ROOT, environment, kubectl, pods, within

NODE = "node-1"
MANIFEST = str(ROOT / "lab/server.yaml")
CGROUPS = Path("/sys/fs/cgroup")
IS_V2 = (CGROUPS / "cgroup.controllers").exists()

WORK_UNITS = 1000
"""Some milliseconds of CPU a request."""
REQUESTS_PER_S = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Latencies:
    """How long a service took to answer."""

    count: int
    p50_ms: float
    p95_ms: float
    p99_ms: float

    @classmethod
    def of(cls, took_ms: Sequence[float]) -> Latencies:
        """Sum up single answers."""
        line, count = sorted(took_ms), len(took_ms)
        return cls(count=count, p50_ms=line[count // 2], p95_ms=line[count * 95 // 100], p99_ms=line[count * 99 // 100])

    def __str__(self) -> str:
        return f"{self.count} requests, p50 {self.p50_ms:.1f} ms, p95 {self.p95_ms:.1f} ms, p99 {self.p99_ms:.1f} ms"


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuTime:
    """CPU that a pod has used, and time for which its limit has held it back."""

    used_s: float = 0.0
    throttled_s: float = 0.0

    def __add__(self, other: CpuTime) -> CpuTime:
        return CpuTime(used_s=self.used_s + other.used_s, throttled_s=self.throttled_s + other.throttled_s)

    def __sub__(self, other: CpuTime) -> CpuTime:
        return CpuTime(used_s=self.used_s - other.used_s, throttled_s=self.throttled_s - other.throttled_s)


class Server:
    """The pod of lab/server.yaml."""

    def __init__(self) -> None:
        kubectl("apply", "-f", MANIFEST)
        pod = within(60, self._ready_pod, "the online server is ready")
        assert pod is not None
        self.uid = str(pod["metadata"]["uid"])
        self._address = f"http://{pod['status']['podIP']}:8080"

    def close(self) -> None:
        """Take the service away."""
        kubectl("delete", "-f", MANIFEST, "--ignore-not-found", "--wait=true")

    def answers(self, seconds: float) -> list[float]:
        """Have it ask itself at a fixed rate, whether or not answers come; return how many milliseconds each took."""
        every_ms = 1000 // REQUESTS_PER_S
        words = {"count": int(seconds * REQUESTS_PER_S), "every_ms": every_ms, "units": WORK_UNITS}
        reply = requests.get(f"{self._address}/answers", params=words, timeout=seconds + 60)
        reply.raise_for_status()
        return [took_us / 1000 for took_us in reply.json()]

    def burn(self, seconds: int) -> None:
        """Have it keep every core busy."""
        requests.get(f"{self._address}/burn?s={seconds}", timeout=seconds + 30).raise_for_status()

    @staticmethod
    def _ready_pod() -> dict[str, Any] | None:
        for pod in pods("shop"):
            truths = {each["type"]: each["status"] for each in pod["status"].get("conditions", [])}
            if truths.get("Ready") == "True":
                return pod
        return None


def cpu_time(pod_uid: str) -> CpuTime:
    """Read a pod's cgroup."""
    if IS_V2:
        stat = _numbers(_cgroup("", pod_uid) / "cpu.stat")
        return CpuTime(used_s=stat["usage_usec"] / 1e6, throttled_s=stat.get("throttled_usec", 0) / 1e6)
    used_ns = int((_cgroup("cpuacct", pod_uid) / "cpuacct.usage").read_text())
    stat = _numbers(_cgroup("cpu", pod_uid) / "cpu.stat")
    return CpuTime(used_s=used_ns / 1e9, throttled_s=stat["throttled_time"] / 1e9)


def cpu_weight(pod_uid: str) -> int:
    """Read what a pod's part of a full node follows from: cpu.weight, or cpu.shares of cgroup v1."""
    if IS_V2:
        return int((_cgroup("", pod_uid) / "cpu.weight").read_text())
    return int((_cgroup("cpu", pod_uid) / "cpu.shares").read_text())


def spent(pod_uids: Sequence[str], during: Callable[[], object]) -> list[CpuTime]:
    """Say what each pod used of CPU while something was done."""
    before = [cpu_time(uid) for uid in pod_uids]
    during()
    return [cpu_time(uid) - was for uid, was in zip(pod_uids, before, strict=True)]


@contextmanager
def frozen(pod_uid: str) -> Iterator[None]:
    """Hold all of a pod's processes for a few seconds: too short for YARN or the kubelet to miss it."""
    _set_frozen(pod_uid, True)
    try:
        yield
    finally:
        _set_frozen(pod_uid, False)


@contextmanager
def node_alone() -> Iterator[None]:
    """Put the node's pods before all else on this machine for some seconds: what is tried is who of them waits."""
    file = CGROUPS / ("" if IS_V2 else "cpu") / _node_cgroup() / ("cpu.weight" if IS_V2 else "cpu.shares")
    before = file.read_text()
    file.write_text("10000" if IS_V2 else "200000")
    try:
        yield
    finally:
        file.write_text(before)


def _set_frozen(pod_uid: str, is_frozen: bool) -> None:
    if IS_V2:
        (_cgroup("", pod_uid) / "cgroup.freeze").write_text("1" if is_frozen else "0")
    else:
        (_cgroup("freezer", pod_uid) / "freezer.state").write_text("FROZEN" if is_frozen else "THAWED")


def _cgroup(hierarchy: str, pod_uid: str) -> Path:
    found = next((CGROUPS / hierarchy / _node_cgroup()).glob(f"kubepods/**/pod{pod_uid}"), None)
    assert found is not None, f"there is a cgroup of pod {pod_uid}"
    return found


def _node_cgroup() -> str:
    """Name the control group of this lab's node: there may be other labs on the machine."""
    return f"{environment('TIDEBRIDGE_LAB_NETNS')}-{NODE}"


def _numbers(file: Path) -> dict[str, int]:
    return {name: int(number) for name, number in (line.split() for line in file.read_text().splitlines())}


def limits(pod: dict[str, Any]) -> str:
    """Say what a pod's first container requests and is held to."""
    return json.dumps(pod["spec"]["containers"][0]["resources"], sort_keys=True)
