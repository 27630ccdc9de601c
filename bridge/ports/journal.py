"""What must survive a crash, and what each tick saw, decided and did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from bridge.core.ledger import Ledger
from bridge.core.snapshot import Memory, Pause, Promise
from bridge.core.tenants.facts import Leaf, RoundMemory, Told


@dataclass(frozen=True, slots=True, kw_only=True)
class TickRecord:
    """One tick, as it is kept: plain JSON values under a few section names (``seen``, ``decided``, ``done``)."""

    id: str
    pool: str
    at: datetime
    took_ms: int
    mode: str
    sections: Mapping[str, Any]
    """A section that didn't change since the last tick is stored once."""


class Journal(Protocol):
    """The database, for one pool at a time. Every method raises ``JournalUnavailable``."""

    def promises(self, pool: str) -> tuple[Promise, ...]:
        """Return every promise that isn't over."""
        ...

    def save(self, *promises: Promise) -> None:
        """Write promises, durably and all or none, before the side effects that they stand for."""
        ...

    def memory(self, pool: str) -> Memory:
        """Return what the last tick left to remember; an empty one at first."""
        ...

    def pause(self, pool: str, at: datetime) -> Pause | None:
        """Return the pause that holds at the instant *at*, if any."""
        ...

    def set_pause(self, pool: str, pause: Pause | None) -> None:
        """Set or lift a pause."""
        ...

    def record(self, tick: TickRecord, memory: Memory | None) -> None:
        """Keep a tick, and what the next one must know; None leaves what is remembered as it is."""
        ...

    def prune(self, before: datetime) -> int:
        """Forget ticks, and promises that are over, from before the instant; return how many ticks went."""
        ...

    def ticks(self, pool: str, limit: int) -> Sequence[TickRecord]:
        """Return the last ticks, newest first."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Booked:
    """A ledger, and the one that it follows from."""

    before: Ledger | None
    after: Ledger


class ShareJournal(Protocol):
    """The database, for what tenants were told. Every method raises ``JournalUnavailable``."""

    def told(self) -> tuple[Told, ...]:
        """Return what every leaf was told."""
        ...

    def ledger(self) -> Ledger | None:
        """Return both sides of the lendable capacity; None before the first round."""
        ...

    def tell(self, *told: Told, at: datetime, ledger: Booked | None = None) -> None:
        """Write promises and the ledger, durably and all or none, before anything is written into either system.

        Two rounds at once would each give away what is free: so the ledger is written only over the one that the
        round has read. ``Superseded``: another round was quicker, and nothing is written.
        """
        ...

    def forget(self, *leaves: Leaf, at: datetime) -> None:
        """Forget leaves that nobody has any more and that hold nothing."""
        ...

    def memory(self) -> RoundMemory:
        """Return what the last round left to remember; an empty one at first."""
        ...

    def remember(self, memory: RoundMemory) -> None:
        """Keep what the next round must know."""
        ...

    def prune(self, before: datetime) -> None:
        """Forget changes from before the instant, but for each leaf's last."""
        ...
