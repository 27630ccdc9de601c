"""Send one call to one admin port over a TCP connection of its own.

A reply's length is believed only up to a limit, and all of it must come in time.
"""

import socket
import time
from typing import Protocol

from yarn_client.transport import NoReply, Timeouts

LONGEST_REPLY_BYTES = 4 << 20
"""Ten thousand nodes on their way out take less than one of them."""
_PIECE_BYTES = 1 << 16


class IpcTransport(Protocol):
    """The seam for tests."""

    def send(self, address: str, data: bytes, timeouts: Timeouts) -> bytes | NoReply:
        """Send *data* to *address* ("rm1:8033"), and give the reply's frame without its length."""
        ...


class SocketTransport:
    """A connection for each call."""

    def send(self, address: str, data: bytes, timeouts: Timeouts) -> bytes | NoReply:
        """Send once; every failure becomes a NoReply."""
        host, _, port = address.rpartition(":")
        try:
            connection = socket.create_connection((host.strip("[]"), int(port)), timeouts.connect_s)
        except OSError as error:
            return NoReply(why=_why(error, "no connection"), may_have_arrived=False)
        with connection:
            try:
                connection.settimeout(timeouts.read_s)
                connection.sendall(data)
                return _receive(connection, time.monotonic() + timeouts.read_s)
            except OSError as error:
                return NoReply(why=_why(error, "no answer"), may_have_arrived=True)


def _receive(connection: socket.socket, until: float) -> bytes | NoReply:
    length = int.from_bytes(_read(connection, 4, until), "big")
    if length > LONGEST_REPLY_BYTES:
        return NoReply(why=f"a reply of {length} bytes announced", may_have_arrived=True)
    return _read(connection, length, until)


def _read(connection: socket.socket, length: int, until: float) -> bytes:
    """Read *length* bytes; raise when time runs out, or the other side hangs up."""
    received = bytearray()
    while len(received) < length:
        left_s = until - time.monotonic()
        if left_s <= 0:
            raise TimeoutError
        connection.settimeout(left_s)
        piece = connection.recv(min(length - len(received), _PIECE_BYTES))
        if not piece:
            raise ConnectionError(f"hung up after {len(received)} of {length} bytes")
        received += piece
    return bytes(received)


def _why(error: OSError, what: str) -> str:
    return f"{what} in time" if isinstance(error, TimeoutError) else f"{what} ({error or type(error).__name__})"
