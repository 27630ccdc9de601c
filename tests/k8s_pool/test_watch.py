"""The threads around the reflectors, with a stub server that never ends."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from k8s_pool import FleetWatch, KubeUnavailable, Request, read_fleet
from tests.k8s_pool.stubs import HOME, StubReply, event, page, raw_node, raw_pod


class OpenWatch(StubReply):
    """A watch that says what it has and then stays open until it is aborted."""

    def lines(self) -> Iterator[bytes]:
        self.over = threading.Event()
        yield from self.events
        self.over.wait(10)

    def abort(self) -> None:
        self.over.set()


@dataclass
class StubServer:
    """One node, one pod, and an event that takes the pod away."""

    fails: bool = False
    watches: list[OpenWatch] = field(default_factory=list)

    def send(self, request: Request) -> StubReply:
        if self.fails:
            raise KubeUnavailable("down")
        is_pods = request.path.endswith("pods")
        if dict(request.query).get("watch"):
            gone = event("MODIFIED", raw_pod("web-1", phase="Succeeded", version="11"))
            self.watches.append(OpenWatch(events=[gone] if is_pods else []))
            return self.watches[-1]
        return page(raw_pod("web-1"), raw_pod("web-2")) if is_pods else page(raw_node())


def test_a_started_watch_follows_and_stops() -> None:
    watch = FleetWatch(StubServer(), namespace=HOME)
    with watch:
        assert watch.wait_synced(5)
        for _ in range(100):
            if len(watch.view().pods) == 1:
                break
            threading.Event().wait(0.02)
        assert set(watch.view().pods) == {("shop", "web-2")}
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("k8s-")]


def test_nothing_read_is_not_nothing_there() -> None:
    watch = FleetWatch(StubServer(fails=True), namespace=HOME)
    with watch:
        assert not watch.wait_synced(0.1)
        with pytest.raises(KubeUnavailable, match="haven't been read yet; down"):
            watch.view()


def test_staleness_is_each_resources_own() -> None:
    now = 100.0
    watch = FleetWatch(StubServer(), namespace=HOME, clock=lambda: now)
    watch.read_once()
    now = 130.0
    fresh = watch.view().freshness
    assert (fresh.nodes_stale_s, fresh.pods_stale_s, fresh.last_error) == (30.0, 30.0, None)


def test_one_reading_needs_no_threads() -> None:
    server: Any = StubServer()
    view = read_fleet(server, namespace=HOME)
    assert set(view.nodes) == {"node-1"}
    assert set(view.pods) == {("shop", "web-1"), ("shop", "web-2")}
    assert server.watches == []


class CrashingServer(StubServer):
    """A server that meets a bug of ours at its first watch."""

    def send(self, request: Request) -> StubReply:
        if dict(request.query).get("watch"):
            raise RuntimeError("a bug")
        return super().send(request)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_crashed_is_an_error_and_not_a_quiet_cluster() -> None:
    with FleetWatch(CrashingServer(), namespace=HOME) as watch:
        assert watch.wait_synced(5)
        for _ in range(100):
            if not [thread for thread in threading.enumerate() if thread.name.startswith("k8s-")]:
                break
            threading.Event().wait(0.02)
        assert watch.view().freshness.last_error == "thread k8s-nodes has crashed; thread k8s-pods has crashed"
