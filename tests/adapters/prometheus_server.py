"""A Prometheus of the tests' own: an HTTP server on the loopback that answers what a test says."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What is answered."""

    body: bytes
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    after_s: float = 0.0

    @classmethod
    def of(cls, value: Any, status: int = 200) -> Reply:
        return cls(body=json.dumps(value).encode(), status=status)

    @classmethod
    def result(cls, kind: str, result: Any) -> Reply:
        """Answer as API v1 does."""
        return cls.of({"status": "success", "data": {"resultType": kind, "result": result}})


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What was asked."""

    path: str
    parameters: Mapping[str, str]
    token: str | None


@dataclass(slots=True)
class PrometheusServer:
    """Answers by ``answer``, and keeps what it was asked."""

    url: str = ""
    answer: Callable[[Asked], Reply] = lambda _asked: Reply.result("vector", [])
    asked: list[Asked] = field(default_factory=list)


@contextmanager
def serving() -> Iterator[PrometheusServer]:
    """Serve until the block ends."""
    found = PrometheusServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            asked = Asked(
                path=parts.path, parameters=dict(parse_qsl(parts.query)), token=self.headers.get("Authorization")
            )
            found.asked.append(asked)
            reply = found.answer(asked)
            time.sleep(reply.after_s)
            self.close_connection = True
            try:
                self.send_response(reply.status)
                for key, value in reply.headers.items():
                    self.send_header(key, value)
                self.send_header("Content-Length", str(len(reply.body)))
                self.send_header("Connection", "close")
                self.end_headers()
                self.wfile.write(reply.body)
            except OSError:
                return

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
