"""The load of the online services, and its history."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from bridge.core.load import LoadReading


class LoadSignal(Protocol):
    """Where the load of the online services is measured. Every method raises ``PortError``."""

    def observe(self) -> LoadReading:
        """Read the newest samples, once."""
        ...

    def history(self, since: datetime, until: datetime, step: timedelta) -> Sequence[tuple[datetime, LoadReading]]:
        """Read what was measured before; empty where the source keeps nothing."""
        ...


class LoadHistory(Protocol):
    """The database, for steps of five minutes. Every method raises ``JournalUnavailable``."""

    def append(self, pool: str, at: datetime, values: Mapping[str, float]) -> None:
        """Keep a step that is over: its highest load by series, as ratios."""
        ...

    def read(self, pool: str, since: datetime) -> Iterable[tuple[datetime, Mapping[str, float]]]:
        """Yield the steps from *since* on, oldest first; what fails may fail on the way."""
        ...

    def prune(self, before: datetime) -> None:
        """Forget what is older."""
        ...
