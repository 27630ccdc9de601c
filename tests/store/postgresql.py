"""A PostgreSQL server for tests: a cluster of its own in a temporary folder, reached by a Unix socket there.

The server refuses to run as root, so root runs it as the user that its package made.
"""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import chown, which
from tempfile import TemporaryDirectory

_INSTALLED = Path("/usr/lib/postgresql")
"""Where Debian puts the server's programs, by version; they aren't on PATH there."""
_USER = "postgres"
_PATIENCE_S = 30.0


@dataclass(slots=True, kw_only=True)
class Server:
    """A server that runs, or is killed and started again on the data it had."""

    url: str
    log: Path
    """What it says, and for one on a network each statement that writes: when, from where, what."""
    command: tuple[str | Path, ...]
    user: str
    _process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it takes connections."""
        with self.log.open("ab") as log:
            # A process group of its own, so that `kill` reaches each connection's process, too.
            self._process = subprocess.Popen(
                self.command, user=_as(self.user), cwd=self.log.parent, stdout=log, stderr=log, process_group=0
            )
        _wait_until_it_accepts(self._process, self.log.parent)

    def kill(self) -> None:
        """End it and all its connections by SIGKILL."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(_PATIENCE_S)

    def stop(self) -> None:
        """End it by its "fast shutdown", if it runs: connections are closed, and it ends."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(_PATIENCE_S)


@contextmanager
def served() -> Iterator[str]:
    """Start a server with an empty database; return its URL, and leave nothing behind."""
    with _started(listen="", trusted="") as server:
        yield server.url


@contextmanager
def served_on(address: str, trusted: str) -> Iterator[Server]:
    """Start one that is reached over the network at *address*, from the addresses *trusted*, without a password."""
    with _started(listen=address, trusted=trusted) as server:
        server.url = f"postgresql+psycopg://tidebridge@{address}/postgres"
        yield server


@contextmanager
def _started(listen: str, trusted: str) -> Iterator[Server]:
    user = _USER if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    # A short path: a socket's may not be longer than about 100 characters.
    with TemporaryDirectory(prefix="pg-", dir="/tmp") as name:
        folder = Path(name)
        if os.geteuid() == 0:
            chown(folder, user=user)
        data = folder / "data"
        make: list[str | Path] = [_program("initdb"), "-D", data, "-U", "tidebridge", "-A", "trust", "-E", "UTF8"]
        subprocess.run([*make, "--no-sync"], user=_as(user), cwd=folder, check=True, capture_output=True, timeout=120)
        if trusted:
            with (data / "pg_hba.conf").open("a") as rules:
                rules.write(f"host all all {trusted} trust\n")
        server = Server(
            url=f"postgresql+psycopg://tidebridge@/postgres?host={folder}",
            log=folder / "log",
            command=(_program("postgres"), "-D", data, "-k", folder, *_said(listen)),
            user=user,
        )
        try:
            server.start()
            yield server
        finally:
            server.stop()


def _said(listen: str) -> list[str]:
    """Say how it is to run, as arguments."""
    said = {"listen_addresses": listen, "fsync": "off"}
    if listen:
        said |= {"log_statement": "mod", "log_line_prefix": "%m %h ", "log_timezone": "UTC"}
    return [word for key, value in said.items() for word in ("-c", f"{key}={value}")]


def _as(user: str) -> str | None:
    """Say whom a child runs as; only root may choose."""
    return user if os.geteuid() == 0 else None


def _program(name: str) -> Path:
    """Find one of the server's programs; the newest version where there are several."""
    versions = sorted(_INSTALLED.glob(f"*/bin/{name}"), key=lambda path: float(path.parts[-3]))
    found = versions[-1] if versions else which(name)
    assert found is not None, f"{name} isn't there: install the package postgresql (lab/build does)"
    return Path(found)


def _wait_until_it_accepts(process: subprocess.Popen[bytes], folder: Path) -> None:
    until = time.monotonic() + _PATIENCE_S
    ready: list[str | Path] = [_program("pg_isready"), "-q", "-h", folder, "-d", "postgres", "-U", "tidebridge"]
    while subprocess.run(ready, check=False, timeout=_PATIENCE_S).returncode != 0:
        log = (folder / "log").read_text(encoding="utf-8", errors="replace")
        assert process.poll() is None, log
        assert time.monotonic() < until, log
        time.sleep(0.05)
