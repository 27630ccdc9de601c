"""One request to an API server and its reply, and the one-method seam that tests replace.

The building of requests and the reading of replies are elsewhere, as pure functions; here are only their shapes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

JsonObject = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """How long to wait, in seconds: for a connection, and for each silence while reading a reply."""

    connect_s: float = 5.0
    read_s: float = 30.0


WRITE_S = 10.0
"""How long a write may take: a webhook may take as long by default, and a server that has lost its etcd would keep its
caller, and all that comes after, waiting for a minute."""
EVENT_S = 3.0
"""How long an Event may take: nothing depends on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A call, before it is sent. `read_timeout_s` replaces the connection's own where waiting is worth more or less."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    body: JsonObject | None = None
    content_type: str = "application/json"
    read_timeout_s: float | None = None


class Reply(Protocol):
    """A reply whose body hasn't been read yet. Whoever asked for it closes it.

    Reading raises KubeUnavailable when the connection breaks or stays silent.
    """

    @property
    def status(self) -> int:
        """The HTTP status."""

    @property
    def retry_after_s(self) -> float:
        """Seconds the server asks to wait before the next attempt; 0 when it asks nothing."""

    def read(self) -> bytes:
        """Return the whole body, decompressed."""

    def lines(self) -> Iterator[bytes]:
        """Yield the body line by line as it arrives, without line ends; a broken last line too."""

    def abort(self) -> None:
        """Make a read in another thread end soon; that thread still closes the reply."""

    def close(self) -> None:
        """Give the connection back."""


class Transport(Protocol):
    """Sends a request. Raises KubeUnavailable when there is no reply at all."""

    def send(self, request: Request) -> Reply:
        """Send *request* and return the reply, whatever its status."""
