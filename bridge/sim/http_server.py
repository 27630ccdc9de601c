"""The simulated world over loopback HTTP: connections, compression, one lock, and how an outage looks from outside.

What is answered is in ``http_yarn`` and ``http_kube``. Simulated time still moves only in ``Served.advance``.
"""

from __future__ import annotations

import gzip
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, unquote, urlsplit

import orjson

from bridge.sim.http_kube import KubeApi
from bridge.sim.http_words import Answer, Question
from bridge.sim.http_yarn import YarnRest
from bridge.sim.world import SimWorld

_WORTH_COMPRESSING = 1024
"""Bytes from which a reply is compressed for those who accept it."""

Ask = Callable[[Question], Answer | None]
"""None: the connection ends without an answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A world that is being served. Whoever else touches the world meanwhile holds ``lock``."""

    world: SimWorld
    yarn_url: str
    kube_url: str
    lock: threading.Condition = field(compare=False)

    def advance(self, to: datetime) -> None:
        """Let everything happen up to the instant *to*."""
        with self.lock:
            self.world.advance(to)

    def pass_time(self, seconds: int) -> None:
        """Let *seconds* go by."""
        with self.lock:
            self.world.pass_time(seconds)

    @property
    def kubeconfig(self) -> str:
        """The text of a kubeconfig file for the served cluster."""
        context = {"cluster": "sim", "user": "sim"}
        return orjson.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": "sim", "cluster": {"server": self.kube_url}}],
                "users": [{"name": "sim", "user": {"token": "sim"}}],
                "contexts": [{"name": "sim", "context": context}],
                "current-context": "sim",
            }
        ).decode()


@contextmanager
def serve(world: SimWorld, *, yarn_port: int = 0, kube_port: int = 0) -> Iterator[Served]:
    """Serve *world* on two ports of the loopback interface, by default free ones, until the block ends."""
    lock = threading.Condition(threading.RLock())
    kube = KubeApi(world, lock)
    yarn_server = _Server(yarn_port, YarnRest(world, lock).answer)
    kube_server = _Server(kube_port, kube.answer)
    servers = (yarn_server, kube_server)
    threads = [threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True) for server in servers]
    for thread in threads:
        thread.start()
    try:
        yield Served(world=world, yarn_url=yarn_server.url, kube_url=kube_server.url, lock=lock)
    finally:
        kube.stop()
        for server in servers:
            server.shutdown()
            server.server_close()
        for thread in threads:
            thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, port: int, ask: Ask) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.ask = ask

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: object, client_address: object) -> None:
        """Stay silent about a client that is gone."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 1 << 16

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length) if length else b""
        url = urlsplit(self.path)
        query = dict(parse_qsl(url.query, keep_blank_values=True))
        answer = self.server.ask(Question(self.command, unquote(url.path), query, body))
        try:
            if answer is None:
                self.close_connection = True
            elif answer.lines is not None:
                self._stream(answer, answer.lines)
            else:
                self._send(answer)
        except ConnectionError:
            self.close_connection = True

    do_GET = do_POST = do_DELETE = do_PATCH = do_PUT = _serve

    def _send(self, answer: Answer) -> None:
        body = answer.body
        is_accepted = "gzip" in self.headers.get("Accept-Encoding", "")
        is_compressed = is_accepted and len(body) >= _WORTH_COMPRESSING
        if is_compressed:
            body = gzip.compress(body, compresslevel=1)
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(body)))
        if is_compressed:
            self.send_header("Content-Encoding", "gzip")
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def _stream(self, answer: Answer, lines: Iterator[bytes]) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.flush()
        for piece in lines:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:
        """Stay silent."""
