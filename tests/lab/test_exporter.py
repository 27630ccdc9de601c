"""The lab's exporter: what Prometheus is told of a recording, and of what a story says instead."""

from __future__ import annotations

import importlib.util
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

FILE = Path(__file__).parents[2] / "lab/exporter.py"
HOUR = "timestamp_s,load\n0,0.5\n300,\n600,0\n900,0.25\n"


def exporter() -> Any:
    """Load the script as a module."""
    spec = importlib.util.spec_from_file_location("lab_exporter", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def ask(tmp_path: Path) -> Iterator[Callable[[str, str], tuple[int, list[str]]]]:
    """Serve four steps for two nodes of 2 cores; send a request, return status and samples."""
    module, file = exporter(), tmp_path / "recording.csv"
    file.write_text(HOUR)
    nodes = dict.fromkeys(("node-1", "node-2"), 2.0)
    module.Handler.gauges = module.Gauges(module.Recording.read(file), nodes, from_s=0.0, speed=0.0)
    server = module.ThreadingHTTPServer(("127.0.0.1", 0), module.Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()

    def send(method: str, path: str) -> tuple[int, list[str]]:
        reply = requests.request(method, f"http://127.0.0.1:{server.server_port}{path}", timeout=5)
        return reply.status_code, [line for line in reply.text.splitlines() if line.startswith("online")]

    yield send
    server.shutdown()
    server.server_close()
    thread.join(5)


def samples(first: str, second: str) -> tuple[int, list[str]]:
    return 200, [f'online_cpu_cores{{node="node-1"}} {first}', f'online_cpu_cores{{node="node-2"}} {second}']


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        pytest.param((), samples("1.000000", "1.000000"), id="plays from the start"),
        pytest.param(("/follow?from_s=950&speed=0",), samples("0.500000", "0.500000"), id="from an instant"),
        pytest.param(("/follow?from_s=350&speed=0",), (200, []), id="no sample is not a zero"),
        pytest.param(("/follow?from_s=650&speed=0",), samples("0.000000", "0.000000"), id="a zero is one"),
        pytest.param(("/set?cores=1.5&node=node-2",), samples("1.000000", "1.500000"), id="one node by hand"),
        pytest.param(("/set?cores=0",), samples("0.000000", "0.000000"), id="all nodes by hand"),
        pytest.param(("/freeze", "/follow?from_s=950&speed=0"), samples("0.500000", "0.500000"), id="thaws"),
        pytest.param(("/stop",), (503, []), id="stopped"),
        pytest.param(("/stop", "/set?cores=1"), samples("1.000000", "1.000000"), id="talks again"),
    ],
)
def test_says_what_it_is_told(
    ask: Callable[[str, str], tuple[int, list[str]]], told: tuple[str, ...], expected: tuple[int, list[str]]
) -> None:
    assert [ask("POST", path)[0] for path in told] == [200] * len(told)
    assert ask("GET", "/metrics") == expected


@pytest.mark.parametrize("path", ["/set", "/set?cores=much", "/jump"])
def test_refuses_what_it_does_not_understand(ask: Callable[[str, str], tuple[int, list[str]]], path: str) -> None:
    assert ask("POST", path)[0] == 400
    assert ask("GET", "/metrics") == samples("1.000000", "1.000000")
