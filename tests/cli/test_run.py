"""``run`` as a process of its own: it ticks, logs what it does and nothing else, and ends when it is told to."""

from __future__ import annotations

import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bridge.store import upgrade
from tests.cli.stage import Stage

COMMAND = (sys.executable, "-c", "from bridge.cli import main; main()")
LINE = re.compile(r"\S+ (INFO|WARNING) (run\.\w+|tick\.done|act|gap) .*|\S+ INFO run\.stopped")
PATIENCE_S = 60.0


class Running:
    """A controller at work; the world's time passes as ours does."""

    def __init__(self, stage: Stage, process: subprocess.Popen[bytes], log: Path) -> None:
        self._stage = stage
        self._log = log
        self.process = process

    @property
    def log(self) -> str:
        return self._log.read_text(encoding="utf-8")

    def until(self, words: str, times: int = 1) -> None:
        """Wait until the log has *words* so many times."""
        until = time.monotonic() + PATIENCE_S
        while self.log.count(words) < times:
            assert self.process.poll() is None, self.log
            assert time.monotonic() < until, self.log
            self._stage.served.advance(datetime.now(UTC))
            time.sleep(0.05)

    def stop(self) -> tuple[int, float]:
        """Send SIGTERM; return the exit status and how long it took."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_S), time.monotonic() - began


@contextmanager
def running(stage: Stage) -> Iterator[Running]:
    log = stage.folder / "run.log"
    environment = {**os.environ, "TIDEBRIDGE_CONFIG": str(stage.file)}
    with (
        log.open("wb") as sink,
        subprocess.Popen([*COMMAND, "run"], stdout=sink, stderr=sink, env=environment) as process,
    ):
        try:
            yield Running(stage, process, log)
        finally:
            process.kill()


def test_it_ticks_until_it_is_told_to_stop_and_says_only_what_it_does(stage: Stage) -> None:
    stage.change("tick_s", 0.3)
    stage.prepare()
    stage.submit()
    with running(stage) as controller:
        controller.until("tick.done", times=4)
        status, took_s = controller.stop()
        assert (status, took_s < 5) == (0, True), controller.log
        assert [line for line in controller.log.splitlines() if not LINE.fullmatch(line)] == []
        assert len(re.findall(r" INFO act .*CreatePod promise=\w+ lender=lender-\d .*result=done", controller.log)) == 6
    assert len(stage.pods) == 6
    assert stage.say("status", "--json").json["pools"][0]["mode"] == "enforce"


def test_it_starts_without_its_database_and_lends_once_that_is_there(stage: Stage) -> None:
    stage.change("tick_s", 0.3)
    stage.change("store.url", "sqlite:///away/tidebridge.db")
    stage.submit()
    with running(stage) as controller:
        controller.until("part=journal", times=2)
        assert stage.pods == {}
        (stage.folder / "ready").mkdir()
        upgrade(f"sqlite:///{stage.folder}/ready/tidebridge.db")
        (stage.folder / "ready").rename(stage.folder / "away")
        controller.until("CreatePod", times=6)
        assert controller.stop()[0] == 0
    assert len(stage.pods) == 6


@pytest.mark.parametrize("tables", ["none", "old"])
def test_it_ends_at_start_where_the_tables_are_not_its_own(stage: Stage, tables: str) -> None:
    if tables == "old":
        stage.prepare()
        with closing(sqlite3.connect(stage.database)) as database, database:
            database.execute("UPDATE alembic_version SET version_num = '0000'")
    with running(stage) as controller:
        assert controller.process.wait(PATIENCE_S) == 1
        assert "(run: tidebridge db upgrade)" in controller.log or "then run: tidebridge db upgrade" in controller.log


def test_pods_of_a_pool_that_is_not_in_the_settings_are_told_of(stage: Stage) -> None:
    stage.serve_some()
    stage.settings["pools"]["day"] = stage.settings["pools"].pop("night")
    stage.change("windows.0.pool", "day")
    with running(stage) as controller:
        controller.until("tick.done")
        assert "WARNING pool.unknown pool=night pods=6" in controller.log


def test_it_ends_at_once_when_it_is_told_to_while_the_api_server_is_silent(stage: Stage) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        kubeconfig = stage.served.kubeconfig.replace(stage.served.kube_url, address)
        (stage.folder / "kubeconfig").write_text(kubeconfig, encoding="utf-8")
        stage.prepare()
        with running(stage) as controller:
            controller.until("run.starting")
            status, took_s = controller.stop()
            assert (status, took_s < 5) == (0, True), controller.log
