"""The official client behind the one-method seam, against an HTTP server of a few lines."""

import gzip
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import monotonic, sleep

import pytest
import yaml

from k8s_pool import BadKubeconfig, KubeApi, KubeUnavailable, Request, Timeouts, connect

LIST = b'{"items":[]}'


class Answers(BaseHTTPRequestHandler):
    """An API server that misbehaves by path."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        match self.path.partition("?")[0]:
            case "/list":
                self.whole(200, gzip.compress(LIST), "Content-Encoding", "gzip")
            case "/busy":
                self.whole(429, b"{}", "Retry-After", "7")
            case "/silent":
                sleep(1)
            case "/watch":
                self.chunks(b'{"a":1}\n{"b', b'":2}\n\n', b'{"cut', b"")
            case "/cut":
                self.chunks(b'{"a":1}\n')
            case "/open":
                self.chunks(b'{"a":1}\n')
                sleep(3)
            case _:
                self.whole(200, f'{{"token": "{self.headers["Authorization"]}"}}'.encode(), "X-Path", self.path)

    def whole(self, status: int, body: bytes, header: str, value: str) -> None:
        self.send_response(status)
        self.send_header(header, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def chunks(self, *pieces: bytes) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for piece in pieces:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        pass


Connect = Callable[[], KubeApi]


@pytest.fixture
def api(tmp_path: Path) -> Iterator[KubeApi]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    written = kubeconfig(tmp_path, f"http://127.0.0.1:{server.server_port}")
    with closing(connect(kubeconfig=written, timeouts=Timeouts(connect_s=1, read_s=0.3))) as connected:
        yield connected
    server.shutdown()
    thread.join()
    server.server_close()


def kubeconfig(folder: Path, server: str) -> Path:
    path = folder / "kubeconfig"
    context = {"name": "lab", "context": {"cluster": "lab", "user": "me"}}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "lab", "cluster": {"server": server}}],
        "users": [{"name": "me", "user": {"token": "secret"}}],
        "contexts": [context],
        "current-context": "lab",
    }
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    return path


def get(path: str) -> Request:
    return Request(method="GET", path=path)


def test_a_compressed_list_is_read(api: KubeApi) -> None:
    with closing(api.send(get("/list"))) as reply:
        assert (reply.status, reply.read()) == (200, LIST)


def test_the_credentials_of_the_kubeconfig_are_sent(api: KubeApi) -> None:
    with closing(api.send(get("/whoami"))) as reply:
        assert reply.read() == b'{"token": "Bearer secret"}'


def test_a_busy_server_says_how_long_to_wait(api: KubeApi) -> None:
    with closing(api.send(get("/busy"))) as reply:
        assert (reply.status, reply.retry_after_s) == (429, 7.0)


def test_lines_are_put_together_across_chunks_and_a_broken_last_one_is_shown(api: KubeApi) -> None:
    with closing(api.send(get("/watch"))) as reply:
        assert list(reply.lines()) == [b'{"a":1}', b'{"b":2}', b'{"cut']


@pytest.mark.parametrize("path", ["/cut", "/open"], ids=["cut off", "silent for too long"])
def test_a_watch_without_a_proper_end_is_unavailable_after_its_lines(api: KubeApi, path: str) -> None:
    with closing(api.send(get(path))) as reply:
        lines = reply.lines()
        assert next(lines) == b'{"a":1}'
        with pytest.raises(KubeUnavailable):
            next(lines)


def test_a_watch_can_be_ended_by_another_thread(api: KubeApi) -> None:
    request = Request(method="GET", path="/open", read_timeout_s=10)
    with closing(api.send(request)) as reply:
        lines = reply.lines()
        next(lines)
        started_at = monotonic()
        threading.Timer(0.1, reply.abort).start()
        with pytest.raises(KubeUnavailable):
            next(lines)
    assert monotonic() - started_at < 2


def test_silence_is_unavailable_within_the_read_timeout(api: KubeApi) -> None:
    started_at = monotonic()
    with pytest.raises(KubeUnavailable):
        api.send(get("/silent"))
    assert monotonic() - started_at < 0.9


def test_nobody_there_is_unavailable(tmp_path: Path) -> None:
    with (
        closing(connect(kubeconfig=kubeconfig(tmp_path, "http://127.0.0.1:1"))) as api,
        pytest.raises(KubeUnavailable, match="doesn't answer"),
    ):
        api.send(get("/version"))


@pytest.mark.parametrize("text", ["", "kind: [", "{}", "clusters: 7"])
def test_an_unusable_kubeconfig_says_so(tmp_path: Path, text: str) -> None:
    path = tmp_path / "kubeconfig"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BadKubeconfig):
        connect(kubeconfig=path)


def test_a_missing_file_and_an_unknown_context_say_so(tmp_path: Path) -> None:
    with pytest.raises(BadKubeconfig):
        connect(kubeconfig=tmp_path / "none")
    with pytest.raises(BadKubeconfig, match="other"):
        connect(kubeconfig=kubeconfig(tmp_path, "http://x"), context="other")


def test_outside_a_cluster_there_is_no_service_account(tmp_path: Path) -> None:
    with pytest.raises(BadKubeconfig):
        connect(in_cluster=True)
