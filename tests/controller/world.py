"""A small world behind the ports: the tests' pure model, with a list of every call and a place to break at."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from bridge.controller.pool import Mode, Pool
from bridge.controller.tick import Ticked, tick
from bridge.core.actions import CreatePod, Decommission, DeletePod, Readmit, ResizeNode, ResizePod, StampPod
from bridge.core.snapshot import KubeFacts, Memory, Pause, Promise, Snapshot, YarnFacts
from bridge.ports import TickRecord
from tests.core.model import (
    Model,
    created,
    deleted,
    labelled,
    meant,
    readmitted,
    resized,
    resized_pod,
    running_out,
    settled,
    stamped,
    unlabelled,
    with_label,
    written,
)


class Crash(BaseException):
    """The controller is killed."""


@dataclass(slots=True, kw_only=True)
class World:
    """Both systems and the journal, as one mutable truth."""

    model: Model
    calls: list[tuple[str, ...]] = field(default_factory=list)
    records: list[TickRecord] = field(default_factory=list)
    told: list[tuple[str, str]] = field(default_factory=list)
    before: Callable[[int, tuple[str, ...]], None] = lambda _count, _call: None
    """Called with each call before its effect; what it raises is the call's fault."""
    after: Callable[[int, tuple[str, ...]], None] = lambda _count, _call: None
    ids: Iterator[int] = field(default_factory=itertools.count)

    @classmethod
    def of(cls, snapshot: Snapshot) -> World:
        return cls(model=settled(Model(truth=snapshot)))

    @contextmanager
    def call(self, *words: str) -> Iterator[None]:
        """Note a call, and break before or after its effect where a test says so."""
        count = len(self.calls)
        self.calls.append(words)
        self.before(count, words)
        yield
        self.after(count, words)

    def pool(self, mode: Mode = Mode.ENFORCE) -> Pool:
        """Start a controller anew: it knows nothing but what is in the world."""
        truth = self.model.truth
        return Pool(
            policy=truth.policy,
            windows=lambda _at: truth.windows,
            kube=FakeKube(self),
            yarn=FakeYarn(self),
            journal=FakeJournal(self),
            clock=FakeClock(self),
            new_id=lambda: f"id{next(self.ids)}",
            mode=mode,
        )

    def tick(self, mode: Mode = Mode.ENFORCE, last_advice: str | None = None, *, pool: Pool | None = None) -> Ticked:
        """Run one tick; then the systems do what they were told: pods end, new ones register.

        The controller begins anew for it, unless a *pool* goes on from its last tick.
        """
        try:
            return tick(pool or self.pool(mode), last_advice)
        finally:
            self.settle()

    def settle(self) -> None:
        """Let pods that were told to end be gone, and new NodeManagers register."""
        kube = self.model.kube
        there = tuple(pod for pod in kube.pods if pod.deleting_since is None)
        self.model = settled(replace(self.model, truth=replace(self.model.truth, kube=replace(kube, pods=there))))

    def pass_time(self, length: timedelta) -> None:
        """Move the clock."""
        self.model = replace(self.model, truth=replace(self.model.truth, at=self.model.truth.at + length))

    @property
    def effects(self) -> list[tuple[str, ...]]:
        """The calls that changed either system."""
        return [
            call
            for call in self.calls
            if call[0] in {"create", "delete", "resize", "resize_pod", "add_label", "map_label"}
        ]


@dataclass(frozen=True, slots=True)
class FakeClock:
    world: World

    def now(self) -> datetime:
        return self.world.model.truth.at


@dataclass(frozen=True, slots=True)
class FakeKube:
    world: World

    def observe(self) -> KubeFacts:
        with self.world.call("observe", "kubernetes"):
            return self.world.model.kube

    def create(self, act: CreatePod, promise: Promise) -> None:
        with self.world.call("create", act.promise_id):
            self.world.model = created(self.world.model, act, promise)

    def resize_pod(self, act: ResizePod) -> None:
        with self.world.call("resize_pod", act.promise_id):
            self.world.model = resized_pod(self.world.model, act)

    def stamp(self, act: StampPod) -> None:
        with self.world.call("stamp", act.promise_id):
            self.world.model = stamped(self.world.model, act)

    def delete(self, act: DeletePod) -> bool:
        with self.world.call("delete", act.promise_id):
            was_there = bool(meant(self.world.model, act))
            self.world.model = deleted(self.world.model, act)
            return was_there

    def tell(self, reason: str, message: str) -> None:
        with self.world.call("tell", reason):
            self.world.told.append((reason, message))


@dataclass(frozen=True, slots=True)
class FakeYarn:
    world: World

    def observe(self) -> YarnFacts:
        with self.world.call("observe", "yarn"):
            return self.world.model.yarn

    def resize(self, act: ResizeNode) -> None:
        with self.world.call("resize", act.node_id, str(act.purpose)):
            self.world.model = resized(self.world.model, act)

    def add_label(self, label: str) -> None:
        with self.world.call("add_label", label):
            self.world.model = with_label(self.world.model, label)

    def map_label(self, host: str, label: str | None) -> None:
        with self.world.call("map_label", host):
            model = self.world.model
            self.world.model = unlabelled(model, host) if label is None else labelled(model, host, label)

    def decommission(self, act: Decommission) -> None:
        with self.world.call("decommission", *(host for host, _ in act.timeout_s_by_host)):
            self.world.model = running_out(self.world.model, act)

    def readmit(self, act: Readmit) -> None:
        with self.world.call("readmit", *act.hosts):
            self.world.model = readmitted(self.world.model, act)


@dataclass(frozen=True, slots=True)
class FakeJournal:
    world: World

    def promises(self, pool: str) -> tuple[Promise, ...]:
        with self.world.call("promises"):
            return tuple(promise for promise in self.world.model.promises if not promise.is_over)

    def save(self, *promises: Promise) -> None:
        with self.world.call("save", *(f"{promise.id} {promise.state}" for promise in promises)):
            for promise in promises:
                self.world.model = written(self.world.model, promise)

    def memory(self, pool: str) -> Memory:
        with self.world.call("memory"):
            return self.world.model.truth.memory

    def pause(self, pool: str, at: datetime) -> Pause | None:
        with self.world.call("pause"):
            return self.world.model.truth.pause

    def set_pause(self, pool: str, pause: Pause | None) -> None:
        with self.world.call("set_pause"):
            self.world.model = replace(self.world.model, truth=replace(self.world.model.truth, pause=pause))

    def record(self, tick: TickRecord, memory: Memory | None) -> None:
        with self.world.call("record"):
            self.world.records.append(tick)
            if memory is not None:
                self.world.model = replace(self.world.model, truth=replace(self.world.model.truth, memory=memory))

    def prune(self, before: datetime) -> int:
        with self.world.call("prune"):
            return 0

    def ticks(self, pool: str, limit: int) -> Sequence[TickRecord]:
        with self.world.call("ticks"):
            return tuple(reversed(self.world.records))[:limit]
