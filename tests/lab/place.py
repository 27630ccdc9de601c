"""A network namespace of one process's own, on a cable to the lab's bridge that can be cut."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.lab.lab import environment


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a process runs, and from which address it is heard."""

    namespace: str
    cable: str
    address: str

    def cut_off(self) -> None:
        """Let nothing through any more, either way."""
        _ip("link", "set", self.cable, "down")

    def connect(self) -> None:
        """Let everything through again."""
        _ip("link", "set", self.cable, "up")


@contextmanager
def placed(name: str, address: str) -> Iterator[Place]:
    """Make a place, and take it away at the end."""
    place = Place(namespace=f"{environment('TIDEBRIDGE_LAB_NETNS')}-{name}", cable=f"cable-{name}", address=address)
    _ip("netns", "add", place.namespace)
    try:
        _ip("link", "add", place.cable, "type", "veth", "peer", "name", "eth0", "netns", place.namespace)
        _ip("link", "set", place.cable, "master", "lab0", "up")
        for words in (("link", "set", "lo", "up"), ("addr", "add", f"{address}/24", "dev", "eth0")):
            _ip("-n", place.namespace, *words)
        _ip("-n", place.namespace, "link", "set", "eth0", "up")
        yield place
    finally:
        _ip("netns", "delete", place.namespace)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, timeout=20)
