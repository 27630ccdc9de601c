"""The one piece that really sends, against a small server on the loopback."""

import gzip
import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from yarn_client import NoReply, Reply, Request, RequestsTransport, Timeouts

PATIENT = Timeouts(connect_s=10.0, read_s=10.0)
HASTY = Timeouts(connect_s=10.0, read_s=0.3)
GET = Request(path="/x", query=(("states", "RUNNING,LOST"),))
POST = Request(path="/x", body=b'{"a":1}')


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    seen: list[tuple[str, str, str | None, bytes, int]]

    def _answer(self) -> None:
        sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.seen.append((self.command, self.path, self.headers.get("Cookie"), sent, self.client_address[1]))
        if self.path.startswith("/slow"):
            self.connection.recv(1)
            return
        body = gzip.compress(b'{"nodes":{}}')
        self.send_response(307 if self.path.startswith("/standby") else 200)
        self.send_header("Location", "http://active:8088/x")
        self.send_header("Set-Cookie", "hadoop.auth=u=boss; Path=/")
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = _answer

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""


@pytest.fixture
def seen() -> list[tuple[str, str, str | None, bytes, int]]:
    return []


@pytest.fixture
def address(seen: list[tuple[str, str, str | None, bytes, int]]) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Seeing", (Handler,), {"seen": seen}))
    server.daemon_threads = True
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def transport() -> Iterator[RequestsTransport]:
    transport = RequestsTransport("boss")
    yield transport
    transport.close()


def test_says_who_asks_keeps_the_cookie_and_the_connection(
    transport: RequestsTransport, address: str, seen: list[tuple[str, str, str | None, bytes, int]]
) -> None:
    transport.send(address, GET, PATIENT)
    transport.send(address, POST, PATIENT)
    (first, second) = seen
    assert first[:4] == ("GET", "/x?states=RUNNING%2CLOST&user.name=boss", None, b"")
    assert second[:4] == ("POST", "/x?user.name=boss", "hadoop.auth=u=boss", b'{"a":1}')
    assert first[4] == second[4]


def test_puts_where_a_put_is_asked(
    transport: RequestsTransport, address: str, seen: list[tuple[str, str, str | None, bytes, int]]
) -> None:
    transport.send(address, Request(path="/x", body=b"<a/>", is_put=True), PATIENT)
    assert (seen[0][0], seen[0][3]) == ("PUT", b"<a/>")


def test_unpacks_the_reply(transport: RequestsTransport, address: str) -> None:
    reply = transport.send(address, GET, PATIENT)
    assert reply == Reply(status=200, body=b'{"nodes":{}}', location="http://active:8088/x")


def test_follows_no_redirect(transport: RequestsTransport, address: str) -> None:
    reply = transport.send(address, Request(path="/standby"), PATIENT)
    assert isinstance(reply, Reply)
    assert (reply.status, reply.location) == (307, "http://active:8088/x")


def test_a_late_answer_may_have_arrived(transport: RequestsTransport, address: str) -> None:
    reply = transport.send(address, Request(path="/slow", body=b"{}"), HASTY)
    assert reply == NoReply(why="no answer in time", may_have_arrived=True)


def test_a_refused_connection_has_not_arrived(transport: RequestsTransport) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{unused.getsockname()[1]}"
        assert transport.send(address, POST, PATIENT) == NoReply(why="no connection", may_have_arrived=False)


def test_a_host_that_has_no_address_has_not_been_reached(transport: RequestsTransport) -> None:
    reply = transport.send("http://rm.invalid:8088", POST, PATIENT)
    assert reply == NoReply(why="no connection", may_have_arrived=False)


def test_what_is_no_address_is_no_reply_either(transport: RequestsTransport) -> None:
    assert isinstance(transport.send("http://", POST, PATIENT), NoReply)
