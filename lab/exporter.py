#!/usr/bin/env python3
"""Serve a recorded load, in quick time, as a Prometheus exporter; stories steer it over HTTP.

    GET  /metrics                                   online_cpu_cores{node="..."}, a gauge for each node
    POST /follow?from_s=UNIX_TIME&speed=SECONDS     play the recording from there, so many of its seconds a second
    POST /set?cores=CORES[&node=NODE]               a value of ours, until told otherwise; for every node, or one
    POST /freeze                                    stay at the present values
    POST /stop                                      answer scrapes with 503, until told something else

What the recording holds no sample for isn't served, and what it says is zero is served as zero.
"""

from __future__ import annotations

import argparse
import csv
import threading
import time
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Recording:
    """Load as a fraction of all CPU, by UNIX time; None where there is no sample."""

    starts_s: Sequence[float]
    loads: Sequence[float | None]

    @classmethod
    def read(cls, path: Path) -> Recording:
        """Read columns `timestamp_s` and `load`."""
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        loads = [float(row["load"]) if row["load"] else None for row in rows]
        return cls([float(row["timestamp_s"]) for row in rows], loads)

    def load_at(self, at_s: float) -> float | None:
        """Return the load at an instant; before the first step and after the last, theirs."""
        return self.loads[max(0, bisect_right(self.starts_s, at_s) - 1)]


@dataclass
class Gauges:
    """What is served now: the recording at its present instant, but for nodes that were set by hand."""

    recording: Recording
    cores_by_node: Mapping[str, float]
    """How much CPU each node has."""
    from_s: float
    speed: float
    _began: float = field(default_factory=time.monotonic)
    _set_by_hand: dict[str, float] = field(default_factory=dict)
    _is_stopped: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def values(self) -> dict[str, float] | None:
        """Return cores in use by node; None while stopped."""
        with self._lock:
            return None if self._is_stopped else self._values()

    def follow(self, from_s: float, speed: float) -> None:
        """Play the recording from an instant."""
        with self._lock:
            self.from_s, self.speed, self._began, self._is_stopped = from_s, speed, time.monotonic(), False
            self._set_by_hand.clear()

    def set(self, cores: float, node: str | None) -> None:
        """Serve a value, for every node or for one."""
        with self._lock:
            self._is_stopped = False
            self._set_by_hand.update(dict.fromkeys([node] if node else self.cores_by_node, cores))

    def freeze(self) -> None:
        """Go on serving what is served now."""
        with self._lock:
            self._is_stopped = False
            self._set_by_hand = self._values()

    def stop(self) -> None:
        """Serve nothing."""
        with self._lock:
            self._is_stopped = True

    def _values(self) -> dict[str, float]:
        load = self.recording.load_at(self.from_s + self.speed * (time.monotonic() - self._began))
        played = {} if load is None else {node: load * cores for node, cores in self.cores_by_node.items()}
        return played | self._set_by_hand


def exposition(values: Mapping[str, float]) -> str:
    """Write the gauges in Prometheus' text format."""
    lines = [f'online_cpu_cores{{node="{node}"}} {cores:.6f}' for node, cores in sorted(values.items())]
    return "\n".join(("# HELP online_cpu_cores CPU that online pods use.", "# TYPE online_cpu_cores gauge", *lines, ""))


class Handler(BaseHTTPRequestHandler):
    """Answers scrapes, and does what it is told."""

    gauges: Gauges

    def do_GET(self) -> None:
        """Serve the metrics."""
        values = self.gauges.values() if self.path == "/metrics" else None
        self._answer(503 if values is None else 200, "" if values is None else exposition(values))

    def do_POST(self) -> None:
        """Obey."""
        url = urlsplit(self.path)
        words = dict(parse_qsl(url.query))
        try:
            self._obey(url.path, words)
        except (KeyError, ValueError) as error:
            self._answer(400, f"not understood: {error!r}\n")
        else:
            self._answer(200, "done\n")

    def log_message(self, format: str, *args: object) -> None:
        """Keep scrapes, one a second, out of the log."""
        if self.command == "POST":
            super().log_message(format, *args)

    def _obey(self, path: str, words: Mapping[str, str]) -> None:
        match path:
            case "/follow":
                self.gauges.follow(float(words["from_s"]), float(words["speed"]))
            case "/set":
                self.gauges.set(float(words["cores"]), words.get("node"))
            case "/freeze":
                self.gauges.freeze()
            case "/stop":
                self.gauges.stop()
            case _:
                raise ValueError(path)

    def _answer(self, status: int, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(description="Serve a recorded load as a Prometheus exporter.")
    parser.add_argument("recording", type=Path)
    parser.add_argument("--listen", default="127.0.0.1:9101", metavar="HOST:PORT")
    parser.add_argument("--cores", type=float, required=True, help="how many a node has")
    parser.add_argument("--speed", type=float, default=300.0, help="seconds of the recording a second")
    parser.add_argument("nodes", nargs="+")
    words = parser.parse_args()
    recording = Recording.read(words.recording)
    cores_by_node = dict.fromkeys(words.nodes, words.cores)
    Handler.gauges = Gauges(recording, cores_by_node, from_s=recording.starts_s[0], speed=words.speed)
    host, _, port = words.listen.rpartition(":")
    ThreadingHTTPServer((host, int(port)), Handler).serve_forever()


if __name__ == "__main__":
    main()
