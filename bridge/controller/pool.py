"""One pool with everything that its ticks need."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from bridge.controller.known import Known
from bridge.controller.lifetimes import Lifetimes
from bridge.core.entitlement import Entitlement
from bridge.core.forecast.values import Forecast
from bridge.core.snapshot import PoolPolicy
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
