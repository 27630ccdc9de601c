"""A MapReduce job in the lab, submitted as any user of Hadoop would."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

from tests.lab.lab import ROOT, STATIC_HOST, rm, within


class Job:
    """A map-only job whose tasks wait, or burn CPU; followed by its client's output."""

    def __init__(self, folder: Path, *, maps: int, seconds: int, burns: bool = False) -> None:
        self._output = folder / f"job-{maps}x{seconds}.log"
        with self._output.open("w") as log:
            self._client = subprocess.Popen(
                [str(ROOT / "lab/job"), str(maps), str(seconds), "default", "burn" if burns else "wait"],
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    @property
    def app_id(self) -> str:
        """Return the application's id, once it is submitted."""
        found = within(60, lambda: re.search(r"application_\d+_\d+", self.output), "the job is submitted")
        assert found is not None
        return found[0]

    @property
    def output(self) -> str:
        """Return what the client has said so far."""
        return self._output.read_text()

    def report(self) -> dict[str, Any]:
        """Return the ResourceManager's report."""
        app: dict[str, Any] = rm(f"apps/{self.app_id}")["app"]
        return app

    def am_host(self) -> str:
        """Return the host of its ApplicationMaster."""
        return str(self.report().get("amHostHttpAddress", "")).partition(":")[0]

    def runs_its_am_on_the_static_node(self) -> bool:
        """Say whether the ApplicationMaster is where it belongs."""
        return self.am_host() == STATIC_HOST

    def finish(self, timeout_s: float) -> dict[str, Any]:
        """Wait for the client to end; return the ResourceManager's last report."""
        self._client.wait(timeout_s)
        return self.report()

    def counter(self, name: str) -> int:
        """Return a counter from the client's summary; Hadoop leaves out what is zero."""
        found = re.search(rf"{name}=(\d+)", self.output)
        return 0 if found is None else int(found[1])

    def close(self) -> None:
        """End the client, if it still runs."""
        if self._client.poll() is None:
            self._client.kill()
            self._client.wait(10)
