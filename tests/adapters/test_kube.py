"""What the Kubernetes adapter makes of a fleet that it shares with other pools, and of an admin's template."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bridge.adapters.clock import SystemClock
from bridge.adapters.kube import KubeCluster, template_extra
from bridge.core.actions import CreatePod, ResizePod, StampPod
from bridge.core.resources import NO_ROOM, Resources, Room
from bridge.core.snapshot import CannotResize, KubeFacts, Promise, Resizing
from bridge.ports import Clock, Rejected
from k8s_pool import FleetState, Freshness, KubePool, KubeUnavailable, PodTemplate, parse_node, parse_pod
from k8s_pool.rights import patch_right, review_request
from k8s_pool.transport import Request
from tests.build import make_promise
from tests.k8s_pool.stubs import (
    HOME,
    StubReply,
    StubTransport,
    json_reply,
    raw_container,
    raw_elastic,
    raw_node,
    raw_pod,
    refusal_reply,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SIDECAR = raw_container("exporter", cpu="1", memory="512Mi")


def template_with(*containers: dict[str, Any]) -> PodTemplate:
    spec = {"containers": [{"name": "nodemanager", "image": "nm"}, *containers], "restartPolicy": "Never"}
    return PodTemplate(path=Path("pod.yaml"), body={"apiVersion": "v1", "kind": "Pod", "spec": spec})


THERE_ALREADY = StubReply(status=409, body=b'{"kind": "Status", "reason": "AlreadyExists", "message": "it exists"}')


def held_up(name: str, reason: str, message: str) -> dict[str, Any]:
    """Make an online pod that the scheduler has no place for."""
    condition = {"type": "PodScheduled", "status": "False", "reason": reason, "message": message}
    return raw_pod(name, nodeName=None, phase="Pending", status={"conditions": [condition]})


NOT_SERVED = json_reply({"resources": [{"name": "pods"}]})
SERVED = json_reply({"resources": [{"name": "pods"}, {"name": "pods/resize"}]})


def allowed(is_allowed: bool) -> StubReply:
    return json_reply({"status": {"allowed": is_allowed}}, 201)


@dataclass
class Stamping:
    """Answers by *replies* whether pods may be stamped; all else by *inner*."""

    inner: StubTransport
    replies: list[StubReply | KubeUnavailable]

    def send(self, request: Request) -> StubReply:
        is_asked = request.body == review_request(patch_right(HOME)).body
        return (StubTransport(self.replies) if is_asked else self.inner).send(request)


@dataclass
class SteppedClock:
    """Tells a time that a test moves."""

    at: datetime = NOW

    def now(self) -> datetime:
        return self.at


def cluster(
    *raw: dict[str, Any],
    template: PodTemplate | None = None,
    transport: StubTransport | None = None,
    requested: Room | None = None,
    clock: Clock | None = None,
    stamping: list[StubReply | KubeUnavailable] | None = None,
) -> KubeCluster:
    state = FleetState()
    for each in raw:
        if "containers" in each["spec"]:
            state.put_pod(parse_pod(each, home=HOME))
        else:
            state.put_node(parse_node(each))
    return KubeCluster(
        lambda: state.view(Freshness(synced_at=NOW)),
        KubePool(Stamping(transport or StubTransport([NOT_SERVED]), stamping or [allowed(True)]), HOME),
        clock or SystemClock(),
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


def test_what_all_pools_claim_of_a_lender_is_put_in_the_same_order_by_each() -> None:
    pods = [elastic("p1", "night", "10.0.0.1"), elastic("p2", "weekend", "10.0.0.2"), elastic("p3", "day", "10.0.0.3")]
    pods[2]["metadata"]["creationTimestamp"] = "2025-12-31T00:00:00Z"
    (lender,) = observed(raw_node(), *pods).lenders
    assert [(claim.pool, claim.is_own) for claim in lender.claims] == [
        ("day", False),
        ("night", True),
        ("weekend", False),
    ]
    assert {claim.takes for claim in lender.claims} == {Room(cpu_millicores=2000, memory_mib=4096)}


def test_what_cannot_wait_is_pods_without_room_and_nodes_under_pressure_that_hold_pods_of_ours() -> None:
    short, fine = ({"Ready": "True", "MemoryPressure": status} for status in ("True", "False"))
    nodes = [raw_node(f"node-{number}", conditions=short if number < 3 else fine) for number in range(4)]
    pods = [
        elastic(f"p{number}", pool, f"10.0.0.{number}")
        for number, pool in enumerate(("night", "night", "day", "night"))
    ]
    for number, pod in enumerate(pods):
        pod["spec"]["nodeName"] = f"node-{number}"
    pods[1]["metadata"]["deletionTimestamp"] = "2026-01-01T00:01:00Z"
    stuck = held_up("web-1", "Unschedulable", "0/4 nodes are available: 4 Insufficient cpu.")
    assert cluster(*nodes, *pods, stuck).urgent() == {"node node-0", f"{stuck['metadata']['namespace']}/web-1"}


@pytest.mark.parametrize(
    ("reason", "message"),
    [
        pytest.param("SchedulingGated", "Scheduling is blocked due to non-empty scheduling gates", id="a gate"),
        pytest.param(
            "Unschedulable",
            "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims.",
            id="a volume that isn't bound",
        ),
        pytest.param(
            "Unschedulable",
            "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.",
            id="a label that no node has",
        ),
    ],
)
def test_a_pod_that_waits_for_something_else_than_room_presses_nobody(reason: str, message: str) -> None:
    found = cluster(raw_node(), elastic("p1", "night", "10.0.0.1"), held_up("train-1", reason, message))
    assert found.observe().online_stuck == ()
    assert found.urgent() == frozenset()


def test_a_worth_of_thousands_of_digits_says_nothing() -> None:
    pod = elastic("p1", "night", "10.0.0.1")
    pod["metadata"]["annotations"]["koordinator.sh/eviction-priority"] = "1" * 5000
    (seen,) = observed(raw_node(), pod).pods
    assert seen.worth is None


def test_a_pool_that_is_alone_has_no_claims_to_compare() -> None:
    (lender,) = observed(raw_node(), elastic("p1", "night", "10.0.0.1")).lenders
    assert lender.claims == ()


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


def test_by_use_a_pod_requests_its_overhead_and_is_held_to_the_promised_room() -> None:
    body = created(requested=Room(cpu_millicores=250, memory_mib=1024))
    resources = [container["resources"] for container in body["spec"]["containers"]]
    assert resources == [
        {"requests": {"cpu": "250m", "memory": "1024Mi"}, "limits": {"cpu": "4000m", "memory": "5120Mi"}},
        SIDECAR["resources"],
    ]


def held_to(pod: dict[str, Any], *, cpu: str, memory: str) -> dict[str, Any]:
    """Name the pod's container NodeManager, with limits above its requests, as by use."""
    container = raw_container("nodemanager", cpu="250m", memory="1Gi")
    container["resources"]["limits"] = {"cpu": cpu, "memory": memory}
    pod["spec"]["containers"] = [container, SIDECAR]
    return pod


def test_a_pod_takes_what_it_is_held_to_whatever_little_it_requests() -> None:
    ours, theirs = (
        held_to(elastic(*words), cpu="4", memory="5Gi")
        for words in (("p1", "night", "10.0.0.1"), ("p2", "weekend", "10.0.0.2"))
    )
    facts = observed(raw_node(), ours, theirs)
    whole = Room(cpu_millicores=5000, memory_mib=5632)
    assert [(pod.requests, pod.requested) for pod in facts.pods] == [(whole, whole)]
    assert [lender.elsewhere for lender in facts.lenders] == [whole]


@pytest.mark.parametrize(
    ("cpu", "in_force", "expected"),
    [pytest.param("4", "2", 5000, id="grows"), pytest.param("2", "4", 5000, id="shrinks")],
)
def test_a_pod_that_is_resized_takes_the_greater_of_both_sizes(cpu: str, in_force: str, expected: int) -> None:
    raw = held_to(elastic("p1", "night", "10.0.0.1"), cpu=cpu, memory="5Gi")
    held = {"requests": {"cpu": "250m", "memory": "1Gi"}, "limits": {"cpu": in_force, "memory": "5Gi"}}
    raw["status"]["containerStatuses"] = [{"name": "nodemanager", "resources": held}]
    (pod,) = observed(raw_node(), raw).pods
    assert pod.resizing is Resizing.IN_PROGRESS
    assert pod.requests == Room(cpu_millicores=expected, memory_mib=5632)
    assert pod.requested == Room(cpu_millicores=int(cpu) * 1000 + 1000, memory_mib=5632)
    assert pod.allocated == Room(cpu_millicores=int(in_force) * 1000 + 1000, memory_mib=5632)


RESIZE = ResizePod(promise_id="p1", uid="uid-1", requests=Room(cpu_millicores=3000, memory_mib=3584), grows=False)


@pytest.mark.parametrize("requested", [None, Room(cpu_millicores=250, memory_mib=1024)], ids=["requests", "usage"])
def test_a_pod_is_resized_to_what_a_pod_of_that_size_would_be_made_with(requested: Room | None) -> None:
    made, resized = StubTransport([THERE_ALREADY]), StubTransport([json_reply(elastic("p1", "night", "10.0.0.1"))])
    act = replace(ACT, requests=RESIZE.requests)
    cluster(template=template_with(SIDECAR), transport=made, requested=requested).create(act, PROMISE)
    cluster(template=template_with(SIDECAR), transport=resized, requested=requested).resize_pod(RESIZE)
    created_body: Any = made.requests[0].body
    request = resized.only_request
    assert (request.method, request.path) == ("PATCH", "/api/v1/namespaces/tidebridge/pods/nm-night-p1/resize")
    assert request.body == {
        "metadata": {"uid": "uid-1"},
        "spec": {
            "containers": [
                {"name": "nodemanager", "resources": created_body["spec"]["containers"][0]["resources"]},
            ]
        },
    }


@pytest.mark.parametrize(
    ("status", "reason", "expected"),
    [(404, "NotFound", Rejected), (422, "Invalid", Rejected), (409, "Conflict", Rejected)],
)
def test_a_resize_that_meets_no_such_pod_is_rejected(status: int, reason: str, expected: type[Exception]) -> None:
    with pytest.raises(expected):
        cluster(transport=StubTransport([refusal_reply(status, reason)])).resize_pod(RESIZE)


@pytest.mark.parametrize(
    ("replies", "expected"),
    [
        pytest.param([SERVED, allowed(True)], None, id="served and permitted"),
        pytest.param([SERVED, allowed(False)], CannotResize.NOT_PERMITTED, id="no right"),
        pytest.param([NOT_SERVED], CannotResize.NOT_SERVED, id="an older API server"),
        pytest.param([KubeUnavailable("no answer")], CannotResize.UNKNOWN, id="no answer"),
    ],
)
def test_whether_pods_can_be_resized_is_asked_once(
    replies: list[StubReply | KubeUnavailable], expected: CannotResize | None
) -> None:
    transport = StubTransport(list(replies))
    asked = cluster(raw_node(), transport=transport)
    assert [asked.observe().cannot_resize, asked.observe().cannot_resize] == [expected, expected]


def test_that_pods_cannot_be_resized_is_asked_again_after_a_while() -> None:
    clock = SteppedClock()
    asked = cluster(raw_node(), transport=StubTransport([NOT_SERVED, SERVED, allowed(True)]), clock=clock)
    assert asked.observe().cannot_resize is CannotResize.NOT_SERVED
    clock.at += timedelta(minutes=2)
    assert asked.observe().cannot_resize is None


def test_whether_pods_can_be_stamped_is_asked_until_they_can() -> None:
    clock = SteppedClock()
    stamping: list[StubReply | KubeUnavailable] = [KubeUnavailable("no answer"), allowed(False), allowed(True)]
    asked = cluster(raw_node(), transport=StubTransport([NOT_SERVED] * 4), clock=clock, stamping=stamping)
    for may_stamp in (False, False, True, True):
        assert asked.observe().may_stamp is may_stamp
        assert asked.observe().may_stamp is may_stamp, "asked once in a while"
        clock.at += timedelta(minutes=2)


def test_a_stamp_means_one_pod_and_nothing_else_of_it() -> None:
    transport = StubTransport([json_reply(raw_elastic("p1", pool="night"))])
    cluster(transport=transport).stamp(StampPod(promise_id="p1", uid="uid-1", worth=64))
    asked = transport.only_request
    assert (asked.method, asked.path) == ("PATCH", f"/api/v1/namespaces/{HOME}/pods/nm-night-p1")
    assert asked.body == {"metadata": {"uid": "uid-1", "annotations": {"koordinator.sh/eviction-priority": "64"}}}


@pytest.mark.parametrize("said", ["", "a lot", "-", "1.5"])
def test_a_stamp_that_is_no_number_says_nothing(said: str) -> None:
    pod = elastic("p1", "night", "10.0.0.1")
    pod["metadata"].setdefault("annotations", {})["koordinator.sh/eviction-priority"] = said
    (seen,) = observed(raw_node(), pod).pods
    assert seen.worth is None


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
