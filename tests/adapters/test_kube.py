"""What the Kubernetes adapter makes of a fleet that it shares with other pools, and of an admin's template."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bridge.adapters.clock import SystemClock
from bridge.adapters.kube import KubeCluster, template_extra
from bridge.core.actions import CreatePod
from bridge.core.resources import NO_ROOM, Resources, Room
from bridge.core.snapshot import KubeFacts, Promise
from k8s_pool import FleetState, Freshness, KubePool, PodTemplate, parse_node, parse_pod
from tests.build import make_promise
from tests.k8s_pool.stubs import HOME, StubReply, StubTransport, raw_container, raw_elastic, raw_node, raw_pod

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SIDECAR = raw_container("exporter", cpu="1", memory="512Mi")


def template_with(*containers: dict[str, Any]) -> PodTemplate:
    spec = {"containers": [{"name": "nodemanager", "image": "nm"}, *containers], "restartPolicy": "Never"}
    return PodTemplate(path=Path("pod.yaml"), body={"apiVersion": "v1", "kind": "Pod", "spec": spec})


THERE_ALREADY = StubReply(status=409, body=b'{"kind": "Status", "reason": "AlreadyExists", "message": "it exists"}')


def cluster(
    *raw: dict[str, Any],
    template: PodTemplate | None = None,
    transport: StubTransport | None = None,
    requested: Room | None = None,
) -> KubeCluster:
    state = FleetState()
    for each in raw:
        if "containers" in each["spec"]:
            state.put_pod(parse_pod(each, home=HOME))
        else:
            state.put_node(parse_node(each))
    return KubeCluster(
        lambda: state.view(Freshness(synced_at=NOW)),
        KubePool(transport or StubTransport([]), HOME),
        SystemClock(),
        pool="night",
        template=template or template_with(),
        node_selector={"lend": "true"},
        priority_class="tidebridge-elastic",
        env={},
        requested=requested,
    )


def observed(*raw: dict[str, Any]) -> KubeFacts:
    return cluster(*raw).observe()


def elastic(promise: str, pool: str, ip: str) -> dict[str, Any]:
    made = {"creationTimestamp": "2026-01-01T00:00:00Z"}
    return raw_elastic(
        promise, pool=pool, containers=[raw_container(cpu="2", memory="4Gi")], status={"podIP": ip}, meta=made
    )


def test_what_another_pool_holds_is_taken_but_is_no_online_use() -> None:
    facts = observed(raw_node(), elastic("p1", "night", "10.0.0.1"), elastic("p2", "weekend", "10.0.0.2"))
    (lender,) = facts.lenders
    assert lender.online == NO_ROOM
    assert lender.elsewhere == Room(cpu_millicores=2000, memory_mib=4096)
    assert [pod.promise_id for pod in facts.pods] == ["p1"]
    assert facts.other_addresses == frozenset({"10.0.0.2"})


def test_a_templates_sidecars_are_part_of_what_a_node_asks_for() -> None:
    assert template_extra(template_with()) == NO_ROOM
    assert template_extra(template_with(SIDECAR)) == Room(cpu_millicores=1000, memory_mib=512)


PROMISE: Promise = make_promise("p1", deadline=NOW + timedelta(hours=1))
ACT = CreatePod(
    promise_id="p1",
    lender="node-1",
    shape=Resources(vcores=4, memory_mib=4096),
    requests=Room(cpu_millicores=5000, memory_mib=5632),
    label="k8s",
    lives_at_most=timedelta(hours=1),
    grace=timedelta(seconds=10),
)


def created(*, requested: Room | None = None) -> dict[str, Any]:
    """Make the promise's pod, with a sidecar; return the body that was sent."""
    transport = StubTransport([THERE_ALREADY])
    cluster(template=template_with(SIDECAR), transport=transport, requested=requested).create(ACT, PROMISE)
    body: Any = transport.requests[0].body
    return dict(body)


def test_a_pod_with_a_sidecar_asks_for_the_promised_room_and_no_more() -> None:
    body = created()
    resources = [container["resources"] for container in body["spec"]["containers"]]
    assert resources == [
        {"requests": {"cpu": "4000m", "memory": "5120Mi"}, "limits": {"memory": "5120Mi"}},
        SIDECAR["resources"],
    ]
    assert "tidebridge.dev/takes" not in body["metadata"]["annotations"]


def test_by_use_a_pod_requests_its_overhead_and_is_held_to_the_promised_room() -> None:
    body = created(requested=Room(cpu_millicores=250, memory_mib=1024))
    resources = [container["resources"] for container in body["spec"]["containers"]]
    assert resources == [
        {"requests": {"cpu": "250m", "memory": "1024Mi"}, "limits": {"cpu": "4000m", "memory": "5120Mi"}},
        SIDECAR["resources"],
    ]
    assert body["metadata"]["annotations"]["tidebridge.dev/takes"] == "cpu_millicores=5000,memory_mib=5632"


@pytest.mark.parametrize(
    ("takes", "expected"),
    [
        pytest.param("cpu_millicores=5000,memory_mib=5632", Room(cpu_millicores=5000, memory_mib=5632), id="as made"),
        pytest.param("cpu_millicores=1,memory_mib=1", Room(cpu_millicores=2000, memory_mib=4096), id="requests more"),
        pytest.param("all of it", Room(cpu_millicores=2000, memory_mib=4096), id="unreadable"),
    ],
)
def test_a_pod_takes_what_it_was_made_for_whatever_little_it_requests(takes: str, expected: Room) -> None:
    ours, theirs = elastic("p1", "night", "10.0.0.1"), elastic("p2", "weekend", "10.0.0.2")
    for pod in (ours, theirs):
        pod["metadata"]["annotations"] = {"tidebridge.dev/takes": takes}
    facts = observed(raw_node(), ours, theirs)
    assert [pod.requests for pod in facts.pods] == [expected]
    assert [lender.elsewhere for lender in facts.lenders] == [expected]


@pytest.mark.parametrize(
    ("free_millicores", "expected"),
    [pytest.param(900, 4, id="three more"), pytest.param(299, 1, id="no other"), pytest.param(-100, 1, id="oversold")],
)
def test_even_a_small_request_must_fit(free_millicores: int, expected: int) -> None:
    online = raw_pod(containers=[raw_container(cpu=f"{8000 - 300 - free_millicores}m", memory="1Gi")])
    ours = elastic("p1", "night", "10.0.0.1")
    ours["spec"]["containers"] = [raw_container(cpu="300m", memory="1Gi")]
    by_use = cluster(raw_node(), online, ours, requested=Room(cpu_millicores=300, memory_mib=1024))
    assert [lender.pod_slots for lender in by_use.observe().lenders] == [expected]


def test_what_koordinator_leaves_is_part_of_what_a_lender_is() -> None:
    batch = {"kubernetes.io/batch-cpu": "3000", "kubernetes.io/batch-memory": "1073741824"}
    with_batch = raw_node(allocatable={"cpu": "8", "memory": "16Gi", "pods": "110"} | batch)
    assert [lender.batch_room for lender in observed(with_batch).lenders] == [
        Room(cpu_millicores=3000, memory_mib=1024)
    ]
    assert [lender.batch_room for lender in observed(raw_node()).lenders] == [None]
