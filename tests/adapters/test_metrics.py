"""Load from the metrics API: what elastic pods use is taken out, and what is missing is said."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from bridge.adapters.metrics import MetricsLoad
from bridge.core.load import LoadReading, LoadUnit, Sample
from bridge.ports import Denied, PortError, Rejected, Unavailable
from k8s_pool import KubeUnavailable, read_fleet
from tests.k8s_pool.stubs import (
    HOME,
    StubReply,
    StubTransport,
    page,
    raw_elastic,
    raw_node,
    raw_pod,
    refusal_reply,
)

AT = datetime(2026, 3, 2, 12, tzinfo=UTC)
NO_RIGHT = (
    'nodes.metrics.k8s.io is forbidden: User "me" cannot list resource "nodes" in API group "metrics.k8s.io" at the '
    "cluster scope"
)
ELASTIC = raw_elastic("p1")
MINE = ELASTIC["metadata"]["name"]


def node(cpu: str, name: str = "node-1") -> dict[str, Any]:
    return {"metadata": {"name": name}, "timestamp": "2026-03-02T12:00:00Z", "window": "15s", "usage": {"cpu": cpu}}


def pod(name: str, *cpu: str) -> dict[str, Any]:
    containers = [{"name": f"c{number}", "usage": {"cpu": each}} for number, each in enumerate(cpu)]
    return {"metadata": {"name": name}, "timestamp": "2026-03-02T12:00:00Z", "containers": containers}


def load_of(*replies: StubReply | KubeUnavailable) -> MetricsLoad:
    """A signal that hears these; on node-1 there are one elastic pod and one online pod."""
    lists = StubTransport([page(raw_node()), page(ELASTIC, raw_pod("web-1"))])
    fleet = read_fleet(lists, namespace=HOME)
    return MetricsLoad(StubTransport([*replies]), lambda: fleet, HOME)


@pytest.mark.parametrize(
    ("pods", "cores"),
    [
        pytest.param([pod(MINE, "500m", "250m")], 2.25, id="its containers are taken out"),
        pytest.param([pod(MINE, "1500000000n")], 1.5, id="in whatever unit"),
        pytest.param([pod(MINE, "9")], 0.0, id="and never more than there is"),
        pytest.param([], 3.0, id="one that isn't measured yet counts as load"),
        pytest.param([pod("other", "2")], 3.0, id="so does a pod of the namespace that isn't elastic"),
    ],
)
def test_what_elastic_pods_use_is_no_load(pods: list[dict[str, Any]], cores: float) -> None:
    found = load_of(page(node("3")), page(*pods)).observe()
    assert found == LoadReading(unit=LoadUnit.CORES, by_lender={"node-1": Sample(at=AT, value=cores)})


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        pytest.param(refusal_reply(404, "NotFound"), Rejected, id="nobody serves it"),
        pytest.param(refusal_reply(403, "Forbidden", NO_RIGHT), Denied, id="no right"),
        pytest.param(refusal_reply(503, "ServiceUnavailable"), Unavailable, id="metrics-server is away"),
        pytest.param(KubeUnavailable("cut"), Unavailable, id="no answer"),
        pytest.param(page({"metadata": {}}), Unavailable, id="not understood"),
        pytest.param(page(node("much")), Unavailable, id="no quantity"),
    ],
)
def test_what_goes_wrong_names_the_api(reply: StubReply | KubeUnavailable, kind: type[PortError]) -> None:
    with pytest.raises(kind, match=r"metrics\.k8s\.io"):
        load_of(reply).observe()
