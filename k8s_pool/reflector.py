"""Follows one kind of object: lists it page by page, then watches it, for ever.

A reflector takes one step at a time and says how long to wait before the next, so that the loop around it, with its
thread and its clock, has no decisions. Whatever breaks is retried with a bounded backoff, from the last version seen;
only "410 Gone" makes it list again, and soon: it is the answer of a server that is there. A list replaces everything at
once, when its last page has come.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from k8s_pool.collector import COLLECTOR
from k8s_pool.errors import KubeError, KubeUnavailable, Refused
from k8s_pool.replies import call, parse_object, read_object, refusal
from k8s_pool.transport import JsonObject, Reply, Request, Transport

T = TypeVar("T")
T_contra = TypeVar("T_contra", contravariant=True)

_GONE = 410


class Sink(Protocol[T_contra]):
    """Where a reflector brings what it reads."""

    def replace(self, items: Sequence[T_contra]) -> None:
        """Take a complete list in place of all that was known."""

    def put(self, item: T_contra) -> None:
        """Take a new or changed object."""

    def drop(self, item: T_contra) -> None:
        """Forget an object."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How a reflector reads. Times in seconds.

    `watch_s`: the server ends a watch after this time and so confirms that nothing was missed; it bounds the staleness
    of a quiet cluster. `silence_s`: no sign of life for this long after that means that the connection is dead.
    """

    page_size: int = 500
    watch_s: int = 50
    silence_s: float = 10.0
    backoff_first_s: float = 0.5
    backoff_longest_s: float = 8.0


class Reflector(Generic[T]):
    """Keeps a sink equal to the objects at *path*. One thread calls `step`; others may read the properties."""

    def __init__(
        self,
        transport: Transport,
        path: str,
        parse: Callable[[Mapping[str, Any]], T],
        sink: Sink[T],
        *,
        clock: Callable[[], float],
        pace: Pace | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._transport = transport
        self._path = path
        self._parse = parse
        self._sink = sink
        self._clock = clock
        self._pace = pace or Pace()
        self._chance = chance
        self._version: str | None = None
        self._has_watched = False
        """Whether a watch has gone on from the last list: only then is a version that is gone no reason to wait."""
        self._failures = 0
        self._watching: Reply | None = None
        self.confirmed_at: float | None = None
        """The clock's time of the last sign that the sink is current; None before the first list."""
        self.last_error: KubeError | None = None
        """What the last step failed with; None when it didn't."""

    def step(self) -> float:
        """List, or watch until the server ends it; return the seconds to wait before the next step."""
        try:
            if self._version is None:
                self.list_once()
                return 0.0
            is_lively = self._watch(self._version)
        except KubeError as error:
            return self._after(error)
        self._failures = 0 if is_lively else self._failures + 1
        return 0.0 if is_lively else self._backoff_s()

    @COLLECTOR.kept_out()
    def list_once(self) -> None:
        """Read all pages and replace the sink's content. Raises KubeError; then the sink is as it was."""
        items: list[T] = []
        version, token = self._take_page("", items)
        while token:
            version, token = self._take_page(token, items)
        self._sink.replace(items)
        self._version, self._has_watched = version, False
        self._confirm()

    def abort(self) -> None:
        """Make a watch that another thread is reading end soon."""
        if (watching := self._watching) is not None:
            watching.abort()

    def _take_page(self, token: str, items: list[T]) -> tuple[str, str]:
        """Add one page to *items*; return the list's version and the token of the next page, "" after the last."""
        request = list_request(self._path, self._pace, token)
        page = call(self._transport, request)
        items.extend(self._parsed(raw) for raw in page.get("items") or ())
        meta = page.get("metadata") or {}
        if not meta.get("resourceVersion"):
            raise KubeUnavailable(f"{self._path}: the answer isn't a list: {str(page)[:80]}")
        return str(meta["resourceVersion"]), meta.get("continue") or ""

    def _watch(self, version: str) -> bool:
        """Bring events to the sink until the server ends the watch; say whether that was in good order."""
        started_at = self._clock()
        count = 0
        with closing(self._transport.send(watch_request(self._path, self._pace, version))) as reply:
            if reply.status != 200:
                read_object(reply)
            self._watching = reply
            try:
                for line in reply.lines():
                    self._take(parse_object(line))
                    count += 1
            finally:
                self._watching = None
        self._confirm()
        return count > 0 or self._clock() - started_at >= 1.0

    def _take(self, event: JsonObject) -> None:
        raw = event.get("object") or {}
        match event.get("type"):
            case "ADDED" | "MODIFIED":
                self._sink.put(self._parsed(raw))
            case "DELETED":
                self._sink.drop(self._parsed(raw))
            case "BOOKMARK":
                pass
            case "ERROR":
                raise _event_error(raw)
            case other:
                raise KubeUnavailable(f"a watch event of unknown type {other!r}")
        version = (raw.get("metadata") or {}).get("resourceVersion")
        if not version:
            raise KubeUnavailable("a watch event without a version")
        self._version, self._has_watched = str(version), True
        self._failures = 0
        self._confirm()

    def _parsed(self, raw: Mapping[str, Any]) -> T:
        """Parse one object; one that can't be understood counts as an outage, since its share of a node is unknown."""
        try:
            return self._parse(raw)
        except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
            raise KubeUnavailable(f"{self._path}: not understood: {error!r} in {str(raw)[:200]}") from error

    def _confirm(self) -> None:
        self.confirmed_at = self._clock()
        self.last_error = None

    def _after(self, error: KubeError) -> float:
        """Note *error* and return how long to wait."""
        if isinstance(error, Refused) and error.status == _GONE:
            self._version = None
            self._failures = 0 if self._has_watched else self._failures
        self.last_error = error
        self._failures += 1
        asked_s = error.retry_after_s if isinstance(error, KubeUnavailable) else 0.0
        return max(self._backoff_s(), min(asked_s, self._pace.backoff_longest_s))

    def _backoff_s(self) -> float:
        """Return the wait after so many failures: doubled each time, bounded, between half and all of it by chance."""
        longest = self._pace.backoff_longest_s
        whole = min(longest, self._pace.backoff_first_s * 2.0 ** min(self._failures - 1, 16))
        return whole * (0.5 + self._chance() / 2)


def list_request(path: str, pace: Pace, token: str = "") -> Request:
    """Build the request for one page of a list; *token* comes from the page before."""
    query: tuple[tuple[str, str], ...] = (("limit", str(pace.page_size)),)
    return Request(method="GET", path=path, query=(*query, ("continue", token)) if token else query)


def watch_request(path: str, pace: Pace, version: str) -> Request:
    """Build the request for all events after *version*."""
    query = (
        ("watch", "true"),
        ("allowWatchBookmarks", "true"),
        ("resourceVersion", version),
        ("timeoutSeconds", str(pace.watch_s)),
    )
    return Request(method="GET", path=path, query=query, read_timeout_s=pace.watch_s + pace.silence_s)


def _event_error(status: JsonObject) -> KubeError:
    """Return the error that an ERROR event carries as a Status object."""
    code = int(status.get("code") or 500)
    message = str(status.get("message") or "a watch error without a message")
    if code == _GONE:
        return Refused(message, status=code, reason=str(status.get("reason") or ""))
    return refusal(500, message.encode())
