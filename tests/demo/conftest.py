"""The stretch is played twice for all tests that only look at it: once by hand, once as the command does it."""

from io import StringIO

import pytest
from rich.console import Console

from bridge.cli.demo import perform
from bridge.demo import playing
from tests.demo.stretch import STRETCH, Played, Printed


@pytest.fixture(scope="session")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    with playing(STRETCH, tmp_path_factory.mktemp("demo")) as play:
        moments = tuple(play.moments())
        return Played(moments=moments, report=play.report(moments))


@pytest.fixture(scope="session")
def printed(tmp_path_factory: pytest.TempPathFactory) -> Printed:
    folder, out = tmp_path_factory.mktemp("demo"), StringIO()
    report = perform(STRETCH, folder, Console(file=out, width=100), as_json=False, seconds=0)
    return Printed(report=report, text=out.getvalue(), folder=folder)
