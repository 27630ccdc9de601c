from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from k8s_pool import EvictionCandidate, HeldBack, KubeAmount, KubeUnavailable, read_held_back, tenant_loads
from k8s_pool.workloads import held_back, template_requests
from tests.k8s_pool.stubs import HOME, StubTransport, page, raw_container, raw_elastic, raw_pod
from tests.k8s_pool.test_lenders import cores, view_of

OWNED = {"ownerReferences": [{"kind": "ReplicaSet", "name": "web", "controller": True}]}
LARGE = KubeAmount(cpu_millicores=2000)


def raw_workload(spec: Mapping[str, Any], status: Mapping[str, Any] | None = None) -> dict[str, Any]:
    template = {"spec": {"containers": [raw_container(cpu="2")]}}
    return {"metadata": {"name": "w", "namespace": "ads"}, "spec": {"template": template, **spec}, "status": status}


def test_each_namespace_has_its_books() -> None:
    view = view_of(
        raw_pod("a", "ads", **cores(1)),
        raw_pod("b", "ads", nodeName=None, phase="Pending", **cores(2)),
        raw_pod("c", "etl", **cores(4)),
        raw_pod("done", "ads", phase="Succeeded", **cores(8)),
    )
    missing = HeldBack(namespace="etl", kind="Job", name="j", pods=3, each=LARGE)
    ads, etl, empty = tenant_loads(view, ("ads", "etl", "nobody"), (missing,))
    assert (ads.namespace, ads.bound, ads.pending) == (
        "ads",
        KubeAmount(cpu_millicores=1000),
        KubeAmount(cpu_millicores=2000),
    )
    assert (etl.held_back, etl.held_back_requests) == ((missing,), KubeAmount(cpu_millicores=6000))
    assert (empty.bound, empty.candidates) == (KubeAmount(), ())


def test_a_candidate_says_what_decides() -> None:
    pod = raw_pod("a", "ads", meta=OWNED, status={"startTime": "2026-01-01T06:30:00Z"}, priority=5, **cores(1))
    (load,) = tenant_loads(view_of(pod), ("ads",))
    assert load.candidates == (
        EvictionCandidate(
            namespace="ads",
            name="a",
            uid="uid-a",
            node="node-1",
            requests=KubeAmount(cpu_millicores=1000),
            priority=5,
            started_at=datetime(2026, 1, 1, 6, 30, tzinfo=UTC),
            owner_kind="ReplicaSet",
            is_elastic=False,
        ),
    )


def test_what_waits_or_ends_is_no_candidate() -> None:
    ending = {"deletionTimestamp": "2026-01-01T06:30:00Z"}
    (load,) = tenant_loads(
        view_of(raw_pod("waits", "ads", nodeName=None, phase="Pending"), raw_pod("ends", "ads", meta=ending)), ("ads",)
    )
    assert load.candidates == ()


def test_elastic_pods_in_a_tenants_namespace_are_known_for_what_they_are() -> None:
    (load,) = tenant_loads(view_of(raw_elastic("p1", containers=[raw_container()])), (HOME,))
    assert [candidate.is_elastic for candidate in load.candidates] == [True]
    assert (load.bound, load.without_requests) == (KubeAmount(), ())


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        pytest.param({"containers": [raw_container(cpu="1", memory="1Gi")]}, False, id="both"),
        pytest.param({"containers": [raw_container(cpu="1")]}, True, id="no memory"),
        pytest.param({"containers": [raw_container(cpu="1", memory="1Gi"), raw_container("b")]}, True, id="one of two"),
        pytest.param(
            {"containers": [raw_container(cpu="1", memory="1Gi")], "initContainers": [raw_container("i")]},
            True,
            id="an init container",
        ),
        pytest.param(
            {"containers": [raw_container()], "resources": {"requests": {"cpu": "1", "memory": "1Gi"}}},
            False,
            id="the pod as a whole",
        ),
    ],
)
def test_pods_that_a_first_quota_would_refuse_are_named(spec: dict[str, Any], expected: bool) -> None:
    (load,) = tenant_loads(view_of(raw_pod("a", "ads", **spec)), ("ads",))
    assert load.without_requests == (("a",) if expected else ())


FAILED_CREATE = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "exceeded quota"}


@pytest.mark.parametrize(
    ("kind", "spec", "status", "expected"),
    [
        ("ReplicaSet", {"replicas": 3}, {"replicas": 1}, 2),
        ("ReplicaSet", {"replicas": 3}, None, 3),
        ("ReplicaSet", {"replicas": 0}, {"replicas": 1}, 0),
        ("ReplicaSet", {"replicas": 2}, {"replicas": 2}, 0),
        ("StatefulSet", {}, {}, 1),
        ("StatefulSet", {"replicas": 5}, {"replicas": 5}, 0),
        ("Job", {"parallelism": 4, "completions": 10}, {"active": 1, "succeeded": 2}, 3),
        ("Job", {"parallelism": 4, "completions": 10}, {"active": 1, "succeeded": 8}, 1),
        ("Job", {"parallelism": 4}, {"active": 1}, 3),
        ("Job", {"parallelism": 4}, {"active": 1, "succeeded": 1}, 0),
        ("Job", {"parallelism": 4, "suspend": True}, {}, 0),
        ("Job", {"completions": 1}, {"conditions": [{"type": "Failed", "status": "True"}]}, 0),
        ("Job", {"completions": 1}, {"conditions": [{"type": "Complete", "status": "False"}]}, 1),
    ],
)
def test_what_a_workload_misses(
    kind: str, spec: Mapping[str, Any], status: Mapping[str, Any] | None, expected: int
) -> None:
    found = held_back(kind, raw_workload(spec, status))
    assert (found.pods if found else 0) == expected


def test_a_replica_set_says_why() -> None:
    found = held_back("ReplicaSet", raw_workload({"replicas": 2}, {"replicas": 1, "conditions": [FAILED_CREATE]}))
    assert found == HeldBack(namespace="ads", kind="ReplicaSet", name="w", pods=1, each=LARGE, reason="exceeded quota")


def test_a_limit_alone_is_a_request_too() -> None:
    """The API server fills it in when it makes the pod, and leaves the template as it is."""
    limited = {"name": "a", "resources": {"limits": {"cpu": "3", "memory": "1Gi"}, "requests": {"cpu": "1"}}}
    assert template_requests({"spec": {"containers": [limited]}}) == KubeAmount(cpu_millicores=1000, memory_mib=1024)


def test_three_kinds_are_listed_in_each_namespace() -> None:
    transport = StubTransport([page(raw_workload({"replicas": 2})), page(), page(raw_workload({"parallelism": 1}))])
    assert [(found.kind, found.pods) for found in read_held_back(transport, ("ads",))] == [
        ("ReplicaSet", 2),
        ("Job", 1),
    ]
    assert [request.path for request in transport.requests] == [
        "/apis/apps/v1/namespaces/ads/replicasets",
        "/apis/apps/v1/namespaces/ads/statefulsets",
        "/apis/batch/v1/namespaces/ads/jobs",
    ]


def test_a_workload_that_is_not_understood_is_an_outage() -> None:
    with pytest.raises(KubeUnavailable, match="not understood"):
        read_held_back(StubTransport([page({"metadata": {"name": "w"}})]), ("ads",))
