"""Who changed what, from which address and when: by the systems' own logs, not by what a controller says of itself."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tests.lab.lab import environment

_REQUEST = re.compile(r'(\S+ \S+) INFO requests\.resourcemanager: (\S+) .* "((?:POST|PUT|DELETE) \S+)')
_STATEMENT = re.compile(r"(\S+ \S+) UTC (\S+) LOG:  (?:execute \S+|statement): ((?:INSERT|UPDATE|DELETE) .*)")


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Call:
    """One call that changes something, as the system heard it."""

    at: datetime
    system: str
    address: str
    words: str


def calls(database_log: Path, *, since: datetime) -> list[Call]:
    """Read every log there is, in the order of time, from an instant on.

    Writes of the Lease are no acts: they decide who may.
    """
    state = Path(environment("TIDEBRIDGE_LAB"))
    found = (
        *_of_api_server(state / "log/audit.log"),
        *_of_resourcemanager(state / "log/rm.log"),
        *_of_database(database_log),
    )
    return sorted(call for call in found if call.at >= since)


def _of_api_server(log: Path) -> Iterator[Call]:
    for line in log.read_text(encoding="utf-8").splitlines():
        event = json.loads(line)
        what = event["objectRef"]
        if what["resource"] != "leases":
            words = f"{event['verb']} {what['resource']} {what.get('name', '')}"
            at = datetime.fromisoformat(event["requestReceivedTimestamp"])
            yield Call(at=at, system="Kubernetes", address=event["sourceIPs"][0], words=words)


def _of_resourcemanager(log: Path) -> Iterator[Call]:
    for found in _REQUEST.finditer(log.read_text(encoding="utf-8", errors="replace")):
        at = datetime.strptime(found[1], "%Y-%m-%d %H:%M:%S,%f").astimezone()
        yield Call(at=at, system="YARN", address=found[2], words=found[3])


def _of_database(log: Path) -> Iterator[Call]:
    for found in _STATEMENT.finditer(log.read_text(encoding="utf-8", errors="replace")):
        at = datetime.strptime(found[1], "%Y-%m-%d %H:%M:%S.%f").replace(tzinfo=UTC)
        yield Call(at=at, system="database", address=found[2], words=found[3][:80])
