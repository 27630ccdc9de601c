"""A controller process in the lab: `tidebridge run` with a configuration whose window opens at a coming minute."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.lab.lab import environment, within

TIDEBRIDGE = str(Path(sys.executable).parent / "tidebridge")


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """One window: when it opens, and by when all is back."""

    opens: datetime
    back_by: datetime
    lead: timedelta
    by_cron: bool = False
    """It comes again each day, by a cron expression; both times are whole minutes then."""

    @property
    def closes_to_work(self) -> datetime:
        """Return when nothing new is scheduled any more."""
        return self.back_by - self.lead


def coming_night(*, ahead: timedelta, length: timedelta, lead: timedelta) -> Night:
    """Choose the second that leaves so much time to prepare."""
    opens = (datetime.now(UTC) + ahead).replace(microsecond=0)
    return Night(opens=opens, back_by=opens + length, lead=lead)


def night_by_cron(*, ahead: timedelta, length: timedelta, lead: timedelta) -> Night:
    """Choose the next whole minute that leaves time to prepare."""
    opens = (datetime.now(UTC) + ahead + timedelta(seconds=59)).replace(second=0, microsecond=0)
    return Night(opens=opens, back_by=opens + length, lead=lead, by_cron=True)


def window(name: str, pool: str, night: Night, *, max_ratio: float = 0.9) -> str:
    """Write one window of the settings file."""
    when = f'from: "{night.opens:%Y-%m-%d %H:%M:%S}", to: "{night.back_by:%Y-%m-%d %H:%M:%S}"'
    if night.by_cron:
        when = f'cron: "{night.opens.minute} {night.opens.hour} * * *", back_by: "{night.back_by:%H:%M}"'
    lead = f"lead: {night.lead.total_seconds():.0f}s"
    return f'- {{name: "{name}", pool: {pool}, {when}, timezone: UTC, max_ratio: {max_ratio}, {lead}}}\n'


def configuration(night: Night, vcores: int, *, placement: str = "kind: spill, label: k8s") -> str:
    """Write the settings file of the stories, for elastic nodes of *vcores*."""
    return f"""
store: {{url: "sqlite:///tidebridge.db"}}
mode: enforce
tick_s: 2.0
yarn:
  clusters:
    lab: {{resourcemanagers: ["{environment("TIDEBRIDGE_LAB_RM")}"], vcores_per_core: 4.0, settle_s: 10.0}}
kubernetes: {{kubeconfig: "{environment("TIDEBRIDGE_LAB_KUBECONFIG")}", namespace: tidebridge}}
pools:
  night:
    cluster: lab
    placement: {{{placement}}}
    lenders: {{node_selector: {{lend: "true"}}, margin_ratio: 0.0}}
    shape: {{vcores: {vcores}, memory_mib: {vcores * 512}, overhead_millicores: 100, overhead_mib: 1024}}
    pod_template: "{environment("TIDEBRIDGE_LAB_POD_TEMPLATE")}"
    limits:
      {{max_nodes: 4, grow_per_tick: 4, cool_down_s: 30, start_timeout_s: 60, lost_timeout_s: 30, reclaim_s: 40,
        overcommit_timeout_s: 3, grace_s: 3}}
windows:
{window("night", "night", night)}"""


class Controller:
    """`tidebridge run`, started, killed and started again on one configuration and one database."""

    def __init__(
        self,
        folder: Path,
        night: Night,
        *,
        vcores: int = 4,
        settings: str | None = None,
        name: str = "controller",
        inside: str | None = None,
    ) -> None:
        """*inside*: the network namespace that it runs in; None: the lab's, as the test itself."""
        self._config = folder / "tidebridge.yaml"
        self._config.write_text(configuration(night, vcores) if settings is None else settings)
        self._log = folder / f"{name}.log"
        self._enter = () if inside is None else ("nsenter", f"--net=/run/netns/{inside}")
        self._log.touch()
        self._process: subprocess.Popen[bytes] | None = None
        self.command("db", "upgrade")

    @property
    def config(self) -> Path:
        """Return the settings file."""
        return self._config

    def command(self, *words: str, refused: bool = False) -> str:
        """Run a command on the same configuration; *refused*: it ends with the status of what the world refuses."""
        command = [TIDEBRIDGE, *words, "-c", str(self._config)]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
        assert done.returncode == (1 if refused else 0), f"{done.stderr}\n{done.stdout}"
        return done.stdout

    def ask(self, *words: str) -> dict[str, Any]:
        """Run a command for its JSON; return what it says of the one pool."""
        found: dict[str, Any] = self.ask_all(*words)[0]
        return found

    def ask_all(self, *words: str) -> list[dict[str, Any]]:
        """Run a command for its JSON; return what it says of every pool."""
        found: list[dict[str, Any]] = json.loads(self.command(*words, "--json"))["pools"]
        return found

    def start(self) -> None:
        """Start the process."""
        with self._log.open("ab") as log:
            command = [*self._enter, TIDEBRIDGE, "run", "-c", str(self._config)]
            self._process = subprocess.Popen(command, stdout=log, stderr=log)

    def kill(self) -> None:
        """End the process by SIGKILL: it gets no chance to tidy up."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(10)

    @property
    def runs(self) -> bool:
        """Say whether the process that was started last is still there."""
        return self._process is not None and self._process.poll() is None

    def signal(self, number: int) -> None:
        """Send the process a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def stop(self) -> None:
        """End the process by SIGTERM, if it runs."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait(20)

    def end(self) -> None:
        """End the process whatever state it is in, if it runs."""
        if self._process is not None and self._process.poll() is None:
            self.kill()

    @property
    def log(self) -> str:
        """Return all that every start of it has logged."""
        return self._log.read_text()

    def said(self, pattern: str, timeout_s: float, *, since: int = 0) -> None:
        """Wait for a line in the log, after its first *since* characters."""
        within(timeout_s, lambda: re.search(pattern, self.log[since:]), f"the log says {pattern}", every_s=0.02)
