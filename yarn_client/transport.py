"""Send one request to one ResourceManager: the only place that knows `requests`.

It follows no redirect and repeats nothing; who is asked, and whether again, is decided in `active`.
"""

from dataclasses import dataclass
from typing import Protocol

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import MaxRetryError, NewConnectionError


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """How long to wait for a ResourceManager, in seconds."""

    connect_s: float = 3.0
    """For the TCP connection."""
    read_s: float = 15.0
    """For the first byte, and between two pieces of the reply: an RM with thousands of nodes needs 1 or 2."""
    probe_s: float = 5.0
    """As read_s, while looking for the active RM, where each address may cost this much."""

    def at_most(self, seconds: float) -> "Timeouts":
        """Give those that wait no longer than this for any one thing."""
        return Timeouts(
            connect_s=min(self.connect_s, seconds), read_s=min(self.read_s, seconds), probe_s=min(self.probe_s, seconds)
        )

    def for_probe(self) -> "Timeouts":
        """Give the shorter timeouts of a probe."""
        return Timeouts(connect_s=self.connect_s, read_s=min(self.read_s, self.probe_s), probe_s=self.probe_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is asked, whoever is asked: a path below the RM's address, a query, and a body for POST or PUT."""

    path: str
    query: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    content_type: str = "application/json"
    is_put: bool = False
    success_text: str = ""
    """What a success says where the RM answers in plain text; any other text is an outage."""

    @property
    def is_change(self) -> bool:
        """Say whether this is a POST or a PUT."""
        return self.body is not None

    @property
    def method(self) -> str:
        """Name the HTTP method."""
        if self.body is None:
            return "GET"
        return "PUT" if self.is_put else "POST"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What came back: any status, body as sent (decompressed)."""

    status: int
    body: bytes = b""
    location: str = ""
    """The Location header, "" when absent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoReply:
    """Nothing came back."""

    why: str
    may_have_arrived: bool
    """False only when the connection was never made."""


class Transport(Protocol):
    """The seam for tests, and for other ways to authenticate."""

    def send(self, address: str, request: Request, timeouts: Timeouts) -> Reply | NoReply:
        """Send *request* to *address* ("http://rm1:8088") once; report a failure as a value."""
        ...

    def close(self) -> None:
        """Let go of the connections."""
        ...


KEPT_CONNECTIONS = 64
"""As many as pools and tenants may have open to one ResourceManager at once; further ones are closed after use."""


class RequestsTransport:
    """Connection pool, gzip and simple authentication: user.name in the query, the cookie kept.

    A Kerberos or token set-up passes its own session (`session.auth`, headers, `verify`).
    """

    def __init__(self, user: str | None = None, session: requests.Session | None = None) -> None:
        self._login = () if user is None else (("user.name", user),)
        self._session = session or _session()

    def send(self, address: str, request: Request, timeouts: Timeouts) -> Reply | NoReply:
        """Send once; every failure of `requests` becomes a NoReply."""
        try:
            answer = self._session.request(
                request.method,
                address + request.path,
                params=request.query + self._login,
                data=request.body,
                headers={"Accept": "application/json", "Content-Type": request.content_type},
                timeout=(timeouts.connect_s, timeouts.read_s),
                allow_redirects=False,
            )
        except requests.RequestException as error:
            return NoReply(why=_reason(error), may_have_arrived=not _never_connected(error))
        return Reply(status=answer.status_code, body=answer.content, location=answer.headers.get("Location", ""))

    def close(self) -> None:
        """Close the pool."""
        self._session.close()


def _never_connected(error: requests.RequestException) -> bool:
    cause = error.args[0] if error.args else None
    refused = isinstance(cause, MaxRetryError) and isinstance(cause.reason, NewConnectionError)
    return refused or isinstance(error, requests.ConnectTimeout)


def _reason(error: requests.RequestException) -> str:
    match error:
        case requests.ConnectTimeout():
            return "no connection in time"
        case requests.Timeout():
            return "no answer in time"
        case _ if _never_connected(error):
            return "no connection"
        case _:
            return f"connection lost ({type(error).__name__})"


def _session() -> requests.Session:
    session = requests.Session()
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(pool_maxsize=KEPT_CONNECTIONS))
    return session
