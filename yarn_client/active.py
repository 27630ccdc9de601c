"""Find the active ResourceManager among several addresses, and ask it.

- The active one is remembered until it fails, says that it is a standby (307), or answers 200 with something that
  isn't JSON (its own "There is no active RM right now", or a proxy's page).
- Then `/ws/v1/cluster/info` is asked of every address. Redirects aren't followed: their host name is the RM's own idea
  of itself, and often resolves only there.
- Two RMs can say ACTIVE: without fencing for as long as nobody looks (seen on 3.4.2 without ZooKeeper), with fencing
  until the old one notices. Those with running nodes come first, then the one that became active last.
- A GET is sent once more after the search. A change is sent once more only when the first attempt certainly reached no
  active RM: no connection, or a standby's 307.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from yarn_client import cluster
from yarn_client.cluster import ClusterInfo
from yarn_client.errors import (
    BadReply,
    Forbidden,
    NodeNotUpdatable,
    NotFound,
    NotMutable,
    RmRefused,
    RmUnavailable,
    YarnError,
)
from yarn_client.reading import Json, decode
from yarn_client.transport import NoReply, Reply, Request, Timeouts, Transport
from yarn_client.values import HaState

_TRIES = 2
_LONGEST_QUOTE = 600
"""Characters of a plain text: a refused change of queues takes some 300 to say why."""
_NOT_UPDATABLE = ("Failed to update the node resource", "on an unrecognized node")
"""Of a resize of a node that is gone: 3.4.2, 3.5.0."""
_NOT_MUTABLE = ("mutable configuration store", "MutableConfScheduler")
"""Of a change with the default store, and of anything else there and with other schedulers (3.4.2)."""


@dataclass(frozen=True, slots=True)
class _Served:
    document: Json


@dataclass(frozen=True, slots=True)
class _Outage:
    why: str
    may_have_been_applied: bool = True


class ActiveRm:
    """The active ResourceManager of one cluster, wherever it is at the moment."""

    def __init__(
        self,
        addresses: Sequence[str],
        transport: Transport,
        timeouts: Timeouts,
        *,
        before_change: Callable[[], None] = lambda: None,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._addresses = tuple(_full(address) for address in addresses)
        if not self._addresses:
            raise ValueError("at least one address is needed")
        self._transport = transport
        self._timeouts = timeouts
        self._before_change = before_change
        self._now_s = now_s
        self._until_s: float | None = None
        self._known: str | None = None

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Give up what isn't answered so long from now, all requests until the block's end together."""
        self._until_s = self._now_s() + seconds
        try:
            yield
        finally:
            self._until_s = None

    def ask(self, request: Request) -> Json:
        """Give the active RM's answer, decoded; None when a change is answered by nothing.

        Raise RmRefused or RmUnavailable.
        """
        heard = _Heard()
        in_doubt = False
        for _ in range(_TRIES):
            address = self._known or self._find(heard).address
            if request.is_change:
                self._before_change()
            outcome = self._send(address, request, self._timeouts)
            if isinstance(outcome, _Served):
                return outcome.document
            heard.add(address, outcome.why)
            self._known = None
            in_doubt = request.is_change and outcome.may_have_been_applied
            if in_doubt:
                break
        raise RmUnavailable(heard.by_address, may_have_been_applied=in_doubt)

    def info(self) -> ClusterInfo:
        """Describe the active RM, looking for it anew when the known one is it no more."""
        heard = _Heard()
        known = self._probe(self._known, heard) if self._known else None
        return known or self._find(heard)

    def _find(self, heard: "_Heard") -> ClusterInfo:
        active: list[ClusterInfo] = []
        refused: RmRefused | None = None
        for address in self._addresses:
            try:
                info = self._probe(address, heard)
            except RmRefused as error:
                heard.add(address, str(error))
                refused = error
            else:
                active += [info] if info else []
        if active:
            chosen = active[0] if len(active) == 1 else max(active, key=self._in_use)
            self._known = chosen.address
            return chosen
        if refused is not None:
            raise refused
        raise RmUnavailable(heard.by_address)

    def _probe(self, address: str, heard: "_Heard") -> ClusterInfo | None:
        outcome = self._send(address, cluster.info_request(), self._timeouts.for_probe())
        if isinstance(outcome, _Outage):
            heard.add(address, outcome.why)
            return None
        try:
            info = cluster.read_info(outcome.document, address)
        except BadReply as error:
            heard.add(address, str(error))
            return None
        if info.ha_state is HaState.ACTIVE:
            return info
        heard.add(address, f"says {info.ha_state}")
        return None

    def _in_use(self, info: ClusterInfo) -> tuple[bool, datetime]:
        try:
            outcome = self._send(info.address, cluster.metrics_request(), self._timeouts.for_probe())
            has_nodes = isinstance(outcome, _Served) and cluster.read_active_nodes(outcome.document) > 0
        except YarnError:
            has_nodes = False
        return has_nodes, info.started_at

    def _send(self, address: str, request: Request, timeouts: Timeouts) -> _Served | _Outage:
        left_s = None if self._until_s is None else self._until_s - self._now_s()
        if left_s is not None and left_s <= 0:
            return _Outage("not asked any more: the time for all of the look was over", may_have_been_applied=False)
        timeouts = timeouts if left_s is None else timeouts.at_most(left_s)
        return _interpret(self._transport.send(address, request, timeouts), request)


class _Heard:
    """What each address did, in order, for the error's message."""

    def __init__(self) -> None:
        self.by_address: dict[str, str] = {}

    def add(self, address: str, what: str) -> None:
        before = self.by_address.get(address)
        self.by_address[address] = what if before in (None, what) else f"{before}, then {what}"


def _full(address: str) -> str:
    with_scheme = address if "://" in address else f"http://{address}"
    return with_scheme.rstrip("/")


def _interpret(answer: Reply | NoReply, request: Request) -> _Served | _Outage:
    """Tell an answer of the RM from an outage; raise the RM's refusal."""
    if isinstance(answer, NoReply):
        return _Outage(answer.why, answer.may_have_arrived)
    if answer.status == 307:
        where = f"the active is {answer.location}" if answer.location else "and knows no active one"
        return _Outage(f"a standby, {where}", may_have_been_applied=False)
    try:
        document = decode(answer.body) if answer.body.strip() else None
    except ValueError:
        document = answer.body.decode("utf-8", "replace")
    if answer.status >= 400:
        return _error(answer.status, document)
    if answer.status >= 300:
        return _Outage(f"{answer.status} to {answer.location or 'nowhere'}")
    if document is None and not request.is_change:
        return _Outage("an empty answer")
    if isinstance(document, str):
        if request.success_text and document.strip() == request.success_text:
            return _Served(document)
        return _Outage(f"{answer.status} that isn't JSON: {document.strip()[:80]!r}")
    return _Served(document)


def _error(status: int, document: Json) -> _Outage:
    remote = document.get("RemoteException") if isinstance(document, dict) else None
    if not isinstance(remote, dict):
        if status >= 500:
            return _Outage(f"{status} without a word of the RM")
        raise _refusal(status, "", _plain(document))
    raise _refusal(status, str(remote.get("exception") or ""), str(remote.get("message") or ""))


def _refusal(status: int, exception: str, message: str) -> RmRefused:
    message = message.removeprefix("java.lang.Exception: ")
    if status in (401, 403):
        return Forbidden(status, exception, message)
    if status == 404:
        return NotFound(status, exception, message)
    if status == 400 and any(words in message for words in _NOT_MUTABLE):
        return NotMutable(status, exception, message)
    if status >= 500 and any(words in message for words in _NOT_UPDATABLE):
        return NodeNotUpdatable(status, exception, message)
    return RmRefused(status, exception, message)


def _plain(document: Json) -> str:
    text = document.strip() if isinstance(document, str) else ""
    return "" if text.startswith("<") else text[:_LONGEST_QUOTE]
