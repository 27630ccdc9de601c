"""Containers in the lab that only sleep: work that takes a known time, and no CPU."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.lab.lab import ROOT, rm, within


@dataclass(frozen=True, slots=True, kw_only=True)
class Sleeping:
    """A container of the job, as the ResourceManager shows it."""

    id: str
    host: str
    elapsed_s: float


class Sleeps:
    """One application of containers that each sleep for so long."""

    def __init__(self, folder: Path, *, containers: int, seconds: int, queue: str) -> None:
        self._output = folder / f"sleeps-{containers}x{seconds}.log"
        with self._output.open("w") as log:
            command = [str(ROOT / "lab/sleeps"), str(containers), str(seconds), queue]
            self._client = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)

    @property
    def app_id(self) -> str:
        """Return the application's id, once it is submitted."""
        found = within(60, lambda: re.search(r"application_\d+_\d+", self._output.read_text()), "the work is submitted")
        assert found is not None
        return found[0]

    def report(self) -> dict[str, Any]:
        """Return the ResourceManager's report."""
        app: dict[str, Any] = rm(f"apps/{self.app_id}")["app"]
        return app

    def sleeping(self) -> tuple[Sleeping, ...]:
        """List its containers that run, without the ApplicationMaster's."""
        attempt = self.app_id.replace("application", "appattempt", 1) + "_000001"
        listed = rm(f"apps/{self.app_id}/appattempts/{attempt}/containers").get("container", [])
        # One alone isn't in a list.
        listed = [listed] if isinstance(listed, dict) else listed
        return tuple(
            Sleeping(
                id=one["containerId"],
                host=one["nodeId"].rpartition(":")[0],
                elapsed_s=int(one["elapsedTime"]) / 1000,
            )
            for one in listed
            if not one["containerId"].endswith("_000001") and one["containerState"] == "RUNNING"
        )

    def finish(self, timeout_s: float) -> dict[str, Any]:
        """Wait for its end."""
        within(timeout_s, lambda: self.report()["state"] == "FINISHED", "the work has ended")
        return self.report()

    def close(self) -> None:
        """End the client, if it still runs."""
        if self._client.poll() is None:
            self._client.kill()
        self._client.wait(10)


@contextmanager
def sleeps(folder: Path, *, containers: int, seconds: int, queue: str = "default") -> Iterator[Sleeps]:
    """Run such an application for as long as a story needs it."""
    work = Sleeps(folder, containers=containers, seconds=seconds, queue=queue)
    try:
        yield work
    finally:
        work.close()
