"""What the loop's tests share."""

from __future__ import annotations

import pytest
from apscheduler.schedulers.background import BackgroundScheduler


@pytest.fixture
def _wall_clock_is_set_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing be due by APScheduler's clock."""
    monkeypatch.setattr(BackgroundScheduler, "start", lambda _self: None)
    monkeypatch.setattr(BackgroundScheduler, "shutdown", lambda _self, wait: None)
