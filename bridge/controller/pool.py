"""One pool with everything that its ticks need."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from bridge.controller.lifetimes import Lifetimes
from bridge.core.entitlement import Entitlement
from bridge.core.forecast.values import Forecast
from bridge.core.nodes import NO_NODES, Nodes
from bridge.core.snapshot import Memory, PoolPolicy, Promise
from bridge.core.window import WindowSpan
from bridge.ports import Clock, Journal, Kube, LoadSignal, Yarn


class Mode(StrEnum):
    """What the controller may do."""

    OBSERVE = "observe"
    """Compute and record."""
    ADVISE = "advise"
    """Also say in Kubernetes Events what it would do."""
    ENFORCE = "enforce"
    """Act."""


class Forecasting(Protocol):
    """Says what is to be expected of the load, from what it was told of it."""

    def look(self, at: datetime, ratios: Mapping[str, float], sizes: Mapping[str, int] | None = None) -> Forecast:
        """Take in the load at the instant *at*, and return what is to be expected. Raises ``PortError``."""
        ...

    def restart(self) -> None:
        """Forget everything, and begin with what the database has: another replica may have led meanwhile."""
        ...

    def prune(self, now: datetime) -> None:
        """Forget what is older than is to be kept. Raises ``PortError``."""
        ...


@dataclass(slots=True)
class Known:
    """What the process keeps from one tick to the next, for as long as it leads.

    The journal has it all, but for what couldn't be written: while the database is away, this stands in for it.
    """

    nodes: Nodes = field(default_factory=lambda: NO_NODES)
    """The last decision's, by id: they make the next one quicker, and change nothing in it."""
    read: tuple[Promise, ...] = ()
    """What was last read of the journal."""
    written: dict[str, Promise] = field(default_factory=dict)
    """What was written since, by id."""
    unwritten: dict[str, Promise] = field(default_factory=dict)
    """What was decided of promises and couldn't be written, by id."""
    memory: Memory | None = None
    """What the last tick left to remember; None before the first."""
    is_memory_written: bool = True

    def forget(self) -> None:
        """Begin anew: another replica may have led meanwhile, and the database knows what it did."""
        self.nodes, self.read, self.written, self.unwritten = NO_NODES, (), {}, {}
        self.memory, self.is_memory_written = None, True

    def amended(self, read: tuple[Promise, ...]) -> tuple[Promise, ...]:
        """Keep what was *read* from the journal, with what couldn't be written of it, and return that.

        What was decided of a promise before it was ever read counts for nothing: the journal knows more of it.
        """
        if not self.unwritten:
            self.read, self.written = read, {}
            return read
        known = {promise.id for promise in self.read} | self.written.keys()
        by_id = {promise.id: promise for promise in read}
        self.unwritten = {id: one for id, one in self.unwritten.items() if id in known or id not in by_id}
        by_id |= self.unwritten
        self.read, self.written = tuple(by_id.values()), {}
        return tuple(promise for promise in self.read if not promise.is_over)

    @property
    def recalled(self) -> Mapping[str, Promise]:
        """What is known of promises while the journal can't be read."""
        return {promise.id: promise for promise in self.read} | self.written | self.unwritten


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """A pool's policy, its windows, and the ports to its two systems and the journal."""

    policy: PoolPolicy
    windows: Callable[[datetime], tuple[WindowSpan, ...]]
    """The openings around an instant: those that still run, and those of the coming days."""
    kube: Kube
    yarn: Yarn
    journal: Journal
    clock: Clock
    new_id: Callable[[], str]
    mode: Mode
    signal: LoadSignal | None = None
    """What online services use; None where the pool goes by requests alone."""
    foresight: Forecasting | None = None
    """What is to be expected; None where the pool has no forecast."""
    lifetimes: Lifetimes | None = None
    """How long tasks take; None where nothing is kept of that."""
    begin: Callable[[], int | None] = lambda: 0
    """Asked before each tick: the term in which it may act, None where another replica leads."""
    urgent: Callable[[], frozenset[str]] = frozenset
    """Asked between ticks: which online pods the scheduler has found no room for, which lenders are under pressure."""
    entitled: Callable[[], Entitlement | None] = lambda: None
    """YARN's part of what both systems share, from the journal; None where tenants don't matter."""
    known: Known = field(default_factory=Known)

    @property
    def name(self) -> str:
        """The pool's name."""
        return self.policy.name
