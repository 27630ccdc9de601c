"""One small world for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.stage import Stage, staged


@pytest.fixture(autouse=True)
def _width(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give every command a terminal's width, and no settings from the environment."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("TIDEBRIDGE_CONFIG", raising=False)


@pytest.fixture
def stage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Stage]:
    """A stage without a database."""
    with staged(tmp_path) as stage:
        stage.capture = capsys
        yield stage


@pytest.fixture
def night(stage: Stage) -> Stage:
    """A night in which elastic nodes serve."""
    stage.serve_some()
    return stage


@pytest.fixture(scope="module")
def shared_night(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A night that the tests of a file share."""
    with staged(tmp_path_factory.mktemp("night")) as stage:
        stage.serve_some()
        yield stage


@pytest.fixture
def seen_night(shared_night: Stage, capsys: pytest.CaptureFixture[str]) -> Stage:
    """The shared night, for tests that only look, or change nothing that others look at."""
    shared_night.capture = capsys
    return shared_night
