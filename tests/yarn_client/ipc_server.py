"""A server on loopback that reads one call a connection and answers with the bytes it was given."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from yarn_client.ipc import Call, read_call
from yarn_client.protobuf import NotProtobuf

_PIECE_BYTES = 1 << 16


class IpcServer:
    """What was asked, and what each next connection is answered; it hangs up afterwards unless told to stay silent."""

    def __init__(self, *answers: bytes, is_silent: bool = False) -> None:
        self.calls: list[tuple[str, Call]] = []
        self._answers = list(answers)
        self._is_silent = is_silent
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"
        self._end = threading.Event()

    def serve(self) -> None:
        for answer in self._answers:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                self.calls.append(_read(connection))
                connection.sendall(answer)
                if self._is_silent:
                    self._end.wait()

    def close(self) -> None:
        self._end.set()
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


def _read(connection: socket.socket) -> tuple[str, Call]:
    received = b""
    while True:
        received += connection.recv(_PIECE_BYTES)
        try:
            return read_call(received)
        except NotProtobuf:
            continue


@contextmanager
def serving(*answers: bytes, is_silent: bool = False) -> Iterator[IpcServer]:
    """Serve from a thread of its own until the block ends."""
    server = IpcServer(*answers, is_silent=is_silent)
    thread = threading.Thread(target=server.serve)
    thread.start()
    try:
        yield server
    finally:
        server.close()
        thread.join()
