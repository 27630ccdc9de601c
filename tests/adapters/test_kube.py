"""What the Kubernetes adapter makes of a fleet that it shares with other pools, and of an admin's template."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bridge.adapters.clock import SystemClock
from bridge.adapters.kube import KubeCluster, template_extra
from bridge.core.actions import CreatePod
from bridge.core.resources import NO_ROOM, Resources, Room
from bridge.core.snapshot import KubeFacts, Promise
from k8s_pool import FleetState, Freshness, KubePool, PodTemplate, parse_node, parse_pod
from tests.build import make_promise
from tests.k8s_pool.stubs import HOME, StubReply, StubTransport, raw_container, raw_elastic, raw_node

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SIDECAR = raw_container("exporter", cpu="1", memory="512Mi")


def template_with(*containers: dict[str, Any]) -> PodTemplate:
    spec = {"containers": [{"name": "nodemanager", "image": "nm"}, *containers], "restartPolicy": "Never"}
    return PodTemplate(path=Path("pod.yaml"), body={"apiVersion": "v1", "kind": "Pod", "spec": spec})


THERE_ALREADY = StubReply(status=409, body=b'{"kind": "Status", "reason": "AlreadyExists", "message": "it exists"}')


def cluster(
    *raw: dict[str, Any], template: PodTemplate | None = None, transport: StubTransport | None = None
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


def test_a_pod_with_a_sidecar_asks_for_the_promised_room_and_no_more() -> None:
    transport = StubTransport([THERE_ALREADY])
    promise: Promise = make_promise("p1", deadline=NOW + timedelta(hours=1))
    act = CreatePod(
        promise_id="p1",
        lender="node-1",
        shape=Resources(vcores=4, memory_mib=4096),
        requests=Room(cpu_millicores=5000, memory_mib=5632),
        label="k8s",
        lives_at_most=timedelta(hours=1),
        grace=timedelta(seconds=10),
    )
    cluster(template=template_with(SIDECAR), transport=transport).create(act, promise)
    body: Any = transport.requests[0].body
    asked = [container["resources"]["requests"] for container in body["spec"]["containers"]]
    assert asked == [{"cpu": "4000m", "memory": "5120Mi"}, {"cpu": "1", "memory": "512Mi"}]
