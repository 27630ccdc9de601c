"""A process of its own: serves a large simulated world over loopback HTTP, and changes pods when it is told to.

It ends when its standard input does, so it can't outlive the process that started it.
"""

from __future__ import annotations

import gc
import subprocess
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import count
from typing import IO, Any

import orjson

from benchmarks.cluster import Size, make_world, online_pod
from bridge.sim import Served, serve

_STOP_S = 5.0


@dataclass(frozen=True, slots=True)
class Changed:
    """What the server says once pods have been changed."""

    events: int
    online_millicores: int
    """Requested on all nodes by pods that aren't elastic, from now on."""


class Server:
    """The serving process, seen from the one that started it."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        hello = self._hear()
        self.yarn_url: str = hello["yarn_url"]
        self.kubeconfig: str = hello["kubeconfig"]

    def replace_pods(self, pods: int) -> Changed:
        """Let *pods* pods end and as many start, on other nodes, and wait until it has happened there."""
        _pipe(self._process.stdin).write(b"%d\n" % pods)
        _pipe(self._process.stdin).flush()
        return Changed(**self._hear())

    def _hear(self) -> dict[str, Any]:
        line = _pipe(self._process.stdout).readline()
        if not line:
            raise RuntimeError("the server has ended")
        heard: dict[str, Any] = orjson.loads(line)
        return heard


@contextmanager
def served(size: Size) -> Iterator[Server]:
    """Serve a world of that size from another process until the block ends."""
    words = [f"--{name.replace('_', '-')}={amount}" for name, amount in asdict(size).items()]
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.serving", *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        yield Server(process)
    finally:
        _pipe(process.stdin).close()
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        _pipe(process.stdout).close()


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None
    return pipe


def run(size: Size) -> None:
    """Serve until the standard input ends."""
    gc.disable()
    world = make_world(size)
    gc.freeze()
    numbers = count(size.online)
    with serve(world) as here:
        _say({"yarn_url": here.yarn_url, "kubeconfig": here.kubeconfig})
        for line in sys.stdin.buffer:
            _say(asdict(_replace(here, size, [next(numbers) for _ in range(int(line))])))


def _replace(here: Served, size: Size, numbers: list[int]) -> Changed:
    """Let the oldest online pods end and new ones begin; ten seconds pass."""
    kube = here.world.kube
    with here.lock:
        before = kube.version
        oldest = [online_pod(number - size.online, size) for number in numbers]
        for order in oldest:
            kube.delete(order.namespace, order.name)
        for number in numbers:
            kube.create(online_pod(number, size))
        here.pass_time(10)
        online = sum(node.online.cpu_millicores for node in kube.nodes.values())
        return Changed(events=kube.version - before, online_millicores=online)


def _say(words: object) -> None:
    sys.stdout.buffer.write(orjson.dumps(words) + b"\n")
    sys.stdout.buffer.flush()


def _size_asked() -> Size:
    parser = ArgumentParser()
    for name, amount in asdict(Size()).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=amount)
    return Size(**vars(parser.parse_args()))


if __name__ == "__main__":
    run(_size_asked())
