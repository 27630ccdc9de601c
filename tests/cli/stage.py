"""A simulated world behind HTTP, a settings file that names it, and the command line as its users have it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from bridge import app, packaged
from bridge.cli import main
from bridge.controller.tick import tick
from bridge.core.resources import Resources
from bridge.settings import load
from bridge.sim import Job, Served, SimConfig, SimWorld, SimYarn, serve
from bridge.sim import Stage as Tasks

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
BEHIND = 5 * MINUTE
"""How far the world's clock is behind at first: as long may a test's ticks take before a command looks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What was printed, as JSON."""
        return json.loads(self.out)


class Stage:
    """One world, one settings file, one database."""

    def __init__(self, served: Served, folder: Path) -> None:
        self.served = served
        self.world = served.world
        self.folder = folder
        self.file = folder / "tidebridge.yaml"
        self.database = folder / "tidebridge.db"
        self.capture: pytest.CaptureFixture[str] | None = None
        """Where a test's commands print to; unless it is set, what they print is dropped."""
        self.settings: dict[str, Any] = settings_of(served, self.world.now)
        (folder / "kubeconfig").write_text(served.kubeconfig, encoding="utf-8")
        self.write()

    def write(self) -> None:
        """Write the settings down."""
        self.file.write_text(yaml.safe_dump(self.settings, sort_keys=False), encoding="utf-8")

    def change(self, key: str, value: object) -> None:
        """Set one value, such as ``windows.0.cron``, and write the file."""
        *path, last = (int(part) if part.isdigit() else part for part in key.split("."))
        section: Any = self.settings
        for part in path:
            section = section[part]
        section[last] = value
        self.write()

    def say(self, *words: str) -> Said:
        """Run a command with this stage's settings file, at present."""
        self.served.advance(datetime.now(UTC))
        return run(self.capture, *words, "--config", str(self.file))

    def prepare(self) -> None:
        """Make the database."""
        assert self.say("db", "upgrade").code == 0

    def tick(self, times: int = 1, every: timedelta = timedelta(seconds=10)) -> None:
        """Let the controller tick in the world's time, as ``run`` would, and time pass after each tick."""
        with app.running(load(self.file), follow=False, clock=self.world.clock) as built:
            (pool,) = built.pools
            for _ in range(times):
                tick(pool)
                self.served.pass_time(round(every.total_seconds()))

    def submit(self, tasks: int = 40) -> None:
        """Submit more work than the static nodes can take, and let it ask."""
        size = Resources(vcores=1, memory_mib=1024)
        self.world.submit(Job(id="job", stages=(Tasks(tasks=tasks, task_s=3000, size=size),)))
        self.served.pass_time(20)

    def serve_some(self) -> None:
        """Reach a night in which elastic nodes serve."""
        self.prepare()
        self.submit()
        self.tick(6)

    @property
    def pods(self) -> dict[str, str]:
        """The uid of each pod where elastic ones live, by name."""
        with self.served.lock:
            return {name: pod.uid for (place, name), pod in self.world.kube.pods.items() if place == "tidebridge"}

    def trace(self) -> tuple[object, ...]:
        """Write down all of the world and of the database that a command could change."""
        yarn, kube = self.world.yarn, self.world.kube
        with self.served.lock:
            pods = sorted((name, pod.version) for (_, name), pod in kube.pods.items())
            nodes = sorted((node.id, str(node.total)) for node in yarn.nodes.values())
            world = (pods, nodes, dict(yarn.label_by_host), dict(yarn.scheduler.is_exclusive), list(kube.events))
        with closing(sqlite3.connect(self.database)) as database:
            return (*world, *database.iterdump())


def run(capture: pytest.CaptureFixture[str] | None, *words: str) -> Said:
    """Run the command line in this process."""
    if capture is not None:
        capture.readouterr()
    try:
        main(words)
        code: int | str | None = 0
    except SystemExit as stop:
        code = stop.code
    printed = ("", "") if capture is None else capture.readouterr()
    return Said(code=int(code or 0), out=printed[0], err=printed[1])


def settings_of(served: Served, now: datetime) -> dict[str, Any]:
    """Make settings for a served world, with a window that opened an hour ago and ends in four hours."""
    start, end = now - HOUR, now + 4 * HOUR
    return {
        "store": {"url": "sqlite:///tidebridge.db"},
        "mode": "enforce",
        "tick_s": 1,
        "yarn": {
            "clusters": {"main": {"resourcemanagers": [served.yarn_url], "connect_timeout_s": 1, "read_timeout_s": 5}}
        },
        "kubernetes": {"kubeconfig": "kubeconfig"},
        "pools": {
            "night": {
                "cluster": "main",
                "lenders": {"node_selector": {"lend": "true"}},
                "shape": {"vcores": 4, "memory_mib": 8192},
                "pod_template": str(packaged.path("config/nodemanager-pod.yaml")),
            }
        },
        "windows": [
            {
                "name": "weeknights",
                "pool": "night",
                "cron": f"{start.minute} {start.hour} * * *",
                "back_by": f"{end:%H:%M}",
                "timezone": "UTC",
                "max_ratio": 0.6,
            }
        ],
    }


@contextmanager
def staged(folder: Path, config: SimConfig | None = None) -> Iterator[Stage]:
    """Open a stage whose world has been up for an hour; its present becomes the machine's with each command."""
    now = datetime.now(UTC).replace(microsecond=0) - BEHIND
    world = SimWorld(replace(config or SimConfig(), start=now - HOUR))
    SimYarn(world).add_label("k8s")
    world.advance(now)
    with serve(world) as served:
        yield Stage(served, folder)
