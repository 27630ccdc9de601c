"""Nodes and pods of a whole cluster, kept current by two threads, or read once without any.

Only the threads and the lock are here; what an event does to the sums is in `fleet`, how it is read in `reflector`.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from types import TracebackType
from typing import Self

from k8s_pool.errors import KubeUnavailable
from k8s_pool.fleet import FleetState, FleetView, Freshness
from k8s_pool.parse import parse_node, parse_pod
from k8s_pool.reflector import Pace, Reflector
from k8s_pool.transport import Transport
from k8s_pool.views import NodeView, PodView

NODES_PATH = "/api/v1/nodes"
PODS_PATH = "/api/v1/pods"


def _utc_now() -> datetime:
    return datetime.now(UTC)


class FleetWatch:
    """A current view of all nodes and pods. *namespace* is where Tidebridge's own pods live.

    Rights needed: list and watch on nodes and pods, cluster-wide.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        namespace: str,
        pace: Pace | None = None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        self._state = FleetState()
        self._lock = threading.Lock()
        self._clock = clock
        self._now = now
        self._nodes: Reflector[NodeView] = Reflector(
            transport, NODES_PATH, parse_node, _NodeSink(self._state, self._lock), clock=clock, pace=pace
        )
        self._pods: Reflector[PodView] = Reflector(
            transport,
            PODS_PATH,
            partial(parse_pod, home=namespace),
            _PodSink(self._state, self._lock),
            clock=clock,
            pace=pace,
        )
        self._stopping = threading.Event()
        self._synced = threading.Condition()
        self._threads: tuple[threading.Thread, ...] = ()

    def start(self) -> None:
        """Start following the cluster, in two daemon threads."""
        self._threads = (
            threading.Thread(target=self._follow, args=(self._nodes,), name="k8s-nodes", daemon=True),
            threading.Thread(target=self._follow, args=(self._pods,), name="k8s-pods", daemon=True),
        )
        for thread in self._threads:
            thread.start()

    def stop(self, timeout_s: float = 5.0) -> None:
        """Stop following; wait up to *timeout_s* seconds for each thread. The last view stays readable."""
        self._stopping.set()
        for reflector in (self._nodes, self._pods):
            reflector.abort()
        for thread in self._threads:
            thread.join(timeout_s)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def read_once(self) -> FleetView:
        """List nodes and pods once, without threads, and return them. Raises KubeError."""
        self._nodes.list_once()
        self._pods.list_once()
        return self.view()

    def wait_synced(self, timeout_s: float) -> bool:
        """Wait up to *timeout_s* seconds until nodes and pods have been listed; say whether they have."""
        with self._synced:
            return self._synced.wait_for(lambda: self._oldest() is not None, timeout_s)

    def view(self) -> FleetView:
        """Return the present state, in about a millisecond for 50,000 pods.

        Raises KubeUnavailable as long as nodes and pods haven't both been listed: nothing read isn't nothing there.
        """
        with self._lock:
            freshness = self._freshness()
            return self._state.view(freshness)

    def _follow(self, reflector: Reflector[NodeView] | Reflector[PodView]) -> None:
        delay_s = 0.0
        while not self._stopping.wait(delay_s):
            delay_s = reflector.step()
            with self._synced:
                self._synced.notify_all()

    def _freshness(self) -> Freshness:
        errors = [str(r.last_error) for r in (self._nodes, self._pods) if r.last_error is not None]
        if not self._stopping.is_set():
            errors += [f"thread {thread.name} has crashed" for thread in self._threads if not thread.is_alive()]
        nodes_at, pods_at = self._nodes.confirmed_at, self._pods.confirmed_at
        if nodes_at is None or pods_at is None:
            raise KubeUnavailable("; ".join(["nodes and pods haven't been read yet", *errors]))
        elapsed_s = self._clock()
        stale_s = elapsed_s - min(nodes_at, pods_at)
        return Freshness(
            synced_at=self._now() - timedelta(seconds=stale_s),
            nodes_stale_s=elapsed_s - nodes_at,
            pods_stale_s=elapsed_s - pods_at,
            last_error="; ".join(errors) or None,
        )

    def _oldest(self) -> float | None:
        nodes_at, pods_at = self._nodes.confirmed_at, self._pods.confirmed_at
        return None if nodes_at is None or pods_at is None else min(nodes_at, pods_at)


def read_fleet(transport: Transport, *, namespace: str, pace: Pace | None = None) -> FleetView:
    """List all nodes and pods once and return them, for a dry run. Raises KubeError."""
    return FleetWatch(transport, namespace=namespace, pace=pace).read_once()


@dataclass(frozen=True, slots=True)
class _NodeSink:
    state: FleetState
    lock: threading.Lock

    def replace(self, items: Sequence[NodeView]) -> None:
        with self.lock:
            self.state.replace_nodes(items)

    def put(self, item: NodeView) -> None:
        with self.lock:
            self.state.put_node(item)

    def drop(self, item: NodeView) -> None:
        with self.lock:
            self.state.drop_node(item)


@dataclass(frozen=True, slots=True)
class _PodSink:
    state: FleetState
    lock: threading.Lock

    def replace(self, items: Sequence[PodView]) -> None:
        with self.lock:
            self.state.replace_pods(items)

    def put(self, item: PodView) -> None:
        with self.lock:
            self.state.put_pod(item)

    def drop(self, item: PodView) -> None:
        with self.lock:
            self.state.drop_pod(item)
