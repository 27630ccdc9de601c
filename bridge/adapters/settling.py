"""Whether a ResourceManager started so lately that its lists may be half full."""

from __future__ import annotations

from datetime import datetime, timedelta

from bridge.ports import Clock
from yarn_client import ClusterInfo


class Settling:
    """Remembers when the active ResourceManager was first seen."""

    def __init__(self, clock: Clock, settle: timedelta) -> None:
        self._clock = clock
        self._settle = settle
        self._started_at: datetime | None = None
        self._settled_at: datetime | None = None

    def is_settling(self, info: ClusterInfo) -> bool:
        """Say whether this RM answered for the first time a moment ago; its own clock may differ from ours."""
        now = self._clock.now()
        if info.started_at != self._started_at:
            is_first_look = self._started_at is None
            self._started_at = info.started_at
            since = min(info.started_at, now) if is_first_look else now
            self._settled_at = since + self._settle
        return self._settled_at is not None and now < self._settled_at
