"""Lists in pages and watches, over all nodes and all pods: what was there at a version, and all that came after it."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count

import orjson

from bridge.sim.errors import ApiRefusal
from bridge.sim.http_kube_objects import node_json, pod_json
from bridge.sim.http_words import Answer
from bridge.sim.pods import KubeNode, Pod
from bridge.sim.world import SimWorld

_CHANGES_KEPT = 20_000
_LISTS_KEPT = 8
_BOOKMARK_EVERY_S = 5.0
_LOOK_EVERY_S = 0.5
"""How often, at the least, a quiet watch looks whether it should end."""

Thing = KubeNode | Pod
Chosen = Callable[[Thing], bool]


@dataclass(frozen=True, slots=True)
class Change:
    """One object's change."""

    version: int
    kind: str
    what: Thing
    json: bytes


class Watches:
    """Keeps the last changes, and hands them out."""

    def __init__(self, world: SimWorld, lock: threading.Condition) -> None:
        self._world = world
        self._lock = lock
        self._changes: deque[Change] = deque(maxlen=_CHANGES_KEPT)
        self._forgotten = world.kube.version
        """All changes up to this version are gone."""
        self._lists: OrderedDict[str, tuple[int, list[Thing]]] = OrderedDict()
        """Those whose next page may be asked for, by a name of their own: two lists may begin at one version."""
        self._names = count(1)
        self._is_over = False
        world.kube.watcher = self._take

    def stop(self) -> None:
        """End every watch."""
        with self._lock:
            self._is_over = True
            self._world.kube.watcher = None
            self._lock.notify_all()

    def _take(self, kind: str, what: Thing) -> None:
        with self._lock:
            if len(self._changes) == _CHANGES_KEPT:
                self._forgotten = self._changes[0].version
            self._changes.append(Change(what.version, kind, what, self._json(what)))
            self._lock.notify_all()

    def _json(self, what: Thing) -> bytes:
        clock = self._world.clock
        return node_json(what, clock) if isinstance(what, KubeNode) else pod_json(what, clock)

    # --- Lists

    def page(self, kind: str, query: Mapping[str, str], things: Callable[[], list[Thing]]) -> bytes:
        """Return one page of a list, and where the next one begins."""
        name, version, listed, first = self._begun(query.get("continue", ""), things)
        limit = int(query.get("limit") or 0) or len(listed)
        last = first + limit
        meta: dict[str, object] = {"resourceVersion": str(version)}
        if last < len(listed):
            meta |= {"continue": f"{name}.{last}", "remainingItemCount": len(listed) - last}
        head = orjson.dumps({"kind": f"{kind}List", "apiVersion": "v1", "metadata": meta})[:-1]
        return head + b',"items":[' + b",".join(map(self._json, listed[first:last])) + b"]}"

    def _begun(self, token: str, things: Callable[[], list[Thing]]) -> tuple[str, int, list[Thing], int]:
        if not token:
            name, version, listed = str(next(self._names)), self._world.kube.version, things()
            self._lists[name] = version, listed
            while len(self._lists) > _LISTS_KEPT:
                self._lists.popitem(last=False)
            return name, version, listed, 0
        name, _, first = token.partition(".")
        if name not in self._lists:
            raise ApiRefusal(410, "Expired", "The provided continue parameter is too old")
        return name, *self._lists[name], int(first)

    # --- Watches

    def watch(self, kind: str, query: Mapping[str, str], chosen: Chosen) -> Answer:
        """Stream the changes after a version, until the time that the client gives is over."""
        version = int(query.get("resourceVersion") or self._world.kube.version)
        ends_at = time.monotonic() + float(query.get("timeoutSeconds") or 300)
        return Answer(lines=self._lines(kind, version, ends_at, chosen))

    def _lines(self, kind: str, version: int, ends_at: float, chosen: Chosen) -> Iterator[bytes]:
        """Yield what is new, and at times a bookmark; the lock is free while the client is written to."""
        bookmark_at = time.monotonic() + _BOOKMARK_EVERY_S
        while not self._is_over:
            if version < self._forgotten:
                yield _line("ERROR", _status(410, "Expired", "too old resource version"))
                return
            with self._lock:
                if self._world.faults.is_down("kube"):
                    raise ConnectionAbortedError("the API server is gone")
                changes = self._after(version)
                if not changes and time.monotonic() < min(ends_at, bookmark_at):
                    self._lock.wait(_LOOK_EVERY_S)
                    continue
                version = max(version, self._world.kube.version)
            piece = b"".join(_event(kind, change) for change in changes if chosen(change.what))
            is_last = time.monotonic() >= ends_at
            if is_last or time.monotonic() >= bookmark_at:
                piece += _line("BOOKMARK", _bookmark(kind, version))
                bookmark_at = time.monotonic() + _BOOKMARK_EVERY_S
            if piece:
                yield piece
            if is_last:
                return

    def _after(self, version: int) -> list[Change]:
        found = []
        for change in reversed(self._changes):
            if change.version <= version:
                break
            found.append(change)
        return found[::-1]


def _event(kind: str, change: Change) -> bytes:
    name = change.kind.encode()
    whole = b'{"kind":"' + kind.encode() + b'","apiVersion":"v1",' + change.json[1:]
    return b'{"type":"' + name + b'","object":' + whole + b"}\n"


def _line(kind: str, document: object) -> bytes:
    return orjson.dumps({"type": kind, "object": document}) + b"\n"


def _bookmark(kind: str, version: int) -> dict[str, object]:
    return {"kind": kind, "apiVersion": "v1", "metadata": {"resourceVersion": str(version)}}


def _status(code: int, reason: str, message: str) -> dict[str, object]:
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": reason,
        "code": code,
    }


def refused(error: ApiRefusal) -> Answer:
    """Make the reply of a refusal."""
    document = _status(error.status, error.reason, str(error))
    if error.details is not None:
        document["details"] = error.details
    return Answer.of(document, error.status)
