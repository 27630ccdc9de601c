"""The sources of load, each with two lenders of 10 cores whose load a test sets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from bridge.adapters.metrics import MetricsLoad
from bridge.adapters.prometheus import HttpTransport, LoadQuery, PrometheusLoad
from bridge.adapters.recorded import RecordedLoad, Recording
from bridge.core.load import LoadUnit
from bridge.core.resources import Room
from bridge.ports import Clock, LoadSignal, Unavailable
from bridge.sim import SimConfig, SimLoad, serve
from k8s_pool import connect, read_fleet
from tests.adapters.prometheus_server import Asked, Reply, serving
from tests.sim.build import Pool, make_job

LENDERS = ("lender-1", "lender-2")
CORES = 10
STEP = timedelta(minutes=1)


class Source(Protocol):
    """A signal, and the hand that steers what it measures."""

    has_elastic_use: bool
    """Tasks on elastic nodes can be made to use CPU beside the load."""

    @property
    def signal(self) -> LoadSignal: ...

    @property
    def clock(self) -> Clock: ...

    def set(self, load: float | None) -> None:
        """From now on every lender uses this ratio; None: nobody measures it."""
        ...

    def pass_time(self, length: timedelta) -> None: ...

    def work(self) -> None:
        """Let elastic nodes use CPU."""
        ...

    def cut(self) -> None:
        """Let the source answer nothing."""
        ...


@dataclass
class Simulated:
    """The simulated world's own signal."""

    pool: Pool
    signal: SimLoad
    clock: Clock
    has_elastic_use: bool = True

    def set(self, load: float | None) -> None:
        self.signal.faults.is_silent = load is None
        for node in self.pool.world.kube.nodes.values():
            node.online_use_ratio = load or 0.0

    def pass_time(self, length: timedelta) -> None:
        self.pool.world.pass_time(int(length.total_seconds()))

    def work(self) -> None:
        start_work(self.pool)

    def cut(self) -> None:
        self.signal.faults.is_cut = True


@dataclass
class Recorded:
    """A recording, which is written as time passes."""

    clock: HandClock
    load: dict[int, float | None] = field(default_factory=dict)
    now: float | None = 0.0
    has_elastic_use: bool = False

    @property
    def signal(self) -> LoadSignal:
        first_at = self.clock.start
        steps = tuple(self.load.get(number) for number in range(max(self.load) + 1))
        return RecordedLoad(Recording(first_at=first_at, step=STEP, load=steps), self.clock)

    def set(self, load: float | None) -> None:
        self.now = load
        self.pass_time(timedelta(0))

    def pass_time(self, length: timedelta) -> None:
        end = self.clock.at + length
        while True:
            self.load[(self.clock.at - self.clock.start) // STEP] = self.now
            if self.clock.at >= end:
                return
            self.clock.at = min(end, self.clock.at + STEP)

    def work(self) -> None: ...

    def cut(self) -> None: ...


@dataclass
class HandClock:
    """Moves when it is told to."""

    start: datetime
    at: datetime

    def now(self) -> datetime:
        return self.at


@dataclass
class Prometheus:
    """A Prometheus that scrapes whenever time passes."""

    signal: LoadSignal
    clock: HandClock
    load: dict[datetime, float | None] = field(default_factory=dict)
    now: float | None = 0.0
    own: float = 0.0
    is_cut: bool = False
    has_elastic_use: bool = True

    def set(self, load: float | None) -> None:
        self.now = load
        self.load[self.clock.at] = load

    def pass_time(self, length: timedelta) -> None:
        end = self.clock.at + length
        while self.clock.at < end:
            self.clock.at = min(end, self.clock.at + STEP)
            self.load[self.clock.at] = self.now

    def work(self) -> None:
        self.own = 2.0

    def cut(self) -> None:
        self.is_cut = True

    def answer(self, asked: Asked) -> Reply:
        if self.is_cut:
            return Reply(body=b"", status=503)
        if asked.path.endswith("query"):
            cores = self._cores(self.load.get(self.clock.at), asked)
            values = [] if cores is None else [[asked.parameters["time"], cores]]
            return Reply.result(
                "vector", [{"metric": {"node": name}, "value": at} for name in LENDERS for at in values]
            )
        start, end = (float(asked.parameters[key]) for key in ("start", "end"))
        known = [(at.timestamp(), self._cores(load, asked)) for at, load in sorted(self.load.items())]
        points = [[at, cores] for at, cores in known if start <= at <= end and cores is not None]
        return Reply.result("matrix", [{"metric": {"node": name}, "values": points} for name in LENDERS if points])

    def _cores(self, load: float | None, asked: Asked) -> str | None:
        if load is None:
            return None
        return str(self.own if asked.parameters["query"] == "own" else load * CORES + self.own)


@dataclass
class Metrics:
    """The metrics API, served from the simulated world."""

    pool: Pool
    signal: LoadSignal
    clock: Clock
    has_elastic_use: bool = True

    def set(self, load: float | None) -> None:
        for node in self.pool.world.kube.nodes.values():
            node.online_use_ratio = load or 0.0
        self.is_silent = load is None

    def pass_time(self, length: timedelta) -> None:
        self.pool.world.pass_time(int(length.total_seconds()))

    def work(self) -> None:
        start_work(self.pool)

    def cut(self) -> None:
        self.pool.world.faults.fail_next("kube.metrics", Unavailable("away"), times=99)


def start_work(pool: Pool) -> None:
    """Make an elastic node on the first lender, and let tasks run on it."""
    pool.serve()
    pool.world.submit(make_job())
    pool.world.pass_time(60)
    assert any(node.used_vcores for node in pool.world.yarn.nodes.values() if node.is_lent)


def two_lenders() -> Pool:
    return Pool(SimConfig(lenders=len(LENDERS), lender_size=Room(cpu_millicores=1000 * CORES, memory_mib=65_536)))


@contextmanager
def simulated(_folder: Path) -> Iterator[Source]:
    pool = two_lenders()
    yield Simulated(pool, SimLoad(pool.world), pool.world.clock)


@contextmanager
def recorded(_folder: Path) -> Iterator[Source]:
    start = two_lenders().world.now
    yield Recorded(HandClock(start, start))


@contextmanager
def from_prometheus(_folder: Path) -> Iterator[Source]:
    start = two_lenders().world.now
    clock = HandClock(start, start)
    query = LoadQuery(query="use", node_label="node", own_query="own")
    with serving() as server:
        source = Prometheus(PrometheusLoad(HttpTransport(server.url), query, clock), clock)
        server.answer = source.answer
        yield source


@contextmanager
def from_metrics(folder: Path) -> Iterator[Source]:
    pool = two_lenders()
    with serve(pool.world) as served:
        file = folder / "kubeconfig"
        file.write_text(served.kubeconfig, encoding="utf-8")
        api = connect(kubeconfig=file)
        load = MetricsLoad(api, lambda: read_fleet(api, namespace="tidebridge"), "tidebridge")
        yield Metrics(pool, load, pool.world.clock)


def cores_of(signal: LoadSignal) -> Mapping[str, float]:
    """Observe, and return cores by lender; a ratio of all counts as spread."""
    reading = signal.observe()
    samples = dict.fromkeys(LENDERS, reading.total) if reading.total else reading.by_lender
    factor = CORES if reading.unit is LoadUnit.RATIO else 1
    return {name: round(sample.value * factor, 6) for name, sample in samples.items() if sample is not None}


SOURCES = {"sim": simulated, "recorded": recorded, "prometheus": from_prometheus, "metrics": from_metrics}
