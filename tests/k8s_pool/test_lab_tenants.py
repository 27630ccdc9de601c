"""Quotas, workloads and evictions against a real API server; needs the lab's environment (`lab/enter`)."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path
from time import monotonic, sleep
from typing import Any, TypeVar

import pytest
import yaml

from k8s_pool import (
    Conflict,
    EvictionBlocked,
    Forbidden,
    HeldBack,
    KubeAmount,
    KubeApi,
    KubePool,
    KubeQuotas,
    MissingRight,
    QuotaView,
    Refused,
    Request,
    TenantLoad,
    connect,
    evict,
    read_fleet,
    read_held_back,
    tenant_loads,
)
from k8s_pool.replies import call, call_unless
from k8s_pool.rights import tenant_rights
from tests.k8s_pool.lab import RBAC, connect_as, put

pytestmark = pytest.mark.lab

PLACE = "k8s-pool-tenant"
"""A namespace of this file's own, in which everything happens."""
APPS = f"/apis/apps/v1/namespaces/{PLACE}"
BUDGETS = f"/apis/policy/v1/namespaces/{PLACE}/poddisruptionbudgets"
SMALL = KubeAmount(cpu_millicores=10, memory_mib=8)
RESOURCES = {"requests": {"cpu": "10m", "memory": "8Mi"}}

T = TypeVar("T")


def until(look: Callable[[], T], is_so: Callable[[T], object]) -> T:
    """Look until it is so, for 15 s at the most; return what was seen last."""
    deadline = monotonic() + 15
    while not is_so(seen := look()) and monotonic() < deadline:
        sleep(0.1)
    return seen


def make(admin: KubeApi, path: str, body: dict[str, Any]) -> None:
    call(admin, Request(method="POST", path=path, body=body))


def drop(admin: KubeApi, path: str) -> None:
    options = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background"}
    with suppress(Refused):
        call(admin, Request(method="DELETE", path=path, body=options))


def namespace(api: KubeApi) -> dict[str, Any] | None:
    return call_unless(api, Request(method="GET", path=f"/api/v1/namespaces/{PLACE}"), (404,))


@pytest.fixture(scope="module")
def admin() -> Iterator[KubeApi]:
    if "TIDEBRIDGE_LAB" not in os.environ:
        pytest.fail("start the lab with 'make lab-up', and run this by lab/enter")
    with closing(connect()) as api:
        # An earlier run's may still be on its way out.
        until(lambda: namespace(api), lambda seen: seen is None or seen["status"]["phase"] == "Active")
        put(api, "/api/v1/namespaces", {"metadata": {"name": PLACE}})
        put(api, f"/api/v1/namespaces/{PLACE}/serviceaccounts", {"metadata": {"name": "divider"}})
        yield api
        for path in (f"{RBAC}/clusterroles/{PLACE}", f"/api/v1/namespaces/{PLACE}"):
            drop(api, path)


@pytest.fixture(scope="module")
def divider(admin: KubeApi, tmp_path_factory: pytest.TempPathFactory) -> KubeApi:
    """The API server as an account sees it that has what config/rbac-tenants.yaml gives."""
    for document in yaml.safe_load_all(Path("config/rbac-tenants.yaml").read_text(encoding="utf-8")):
        document["metadata"]["name"] = PLACE
        if document["kind"] == "ClusterRole":
            put(admin, f"{RBAC}/clusterroles", document)
        else:
            document["metadata"]["namespace"] = PLACE
            document["roleRef"]["name"] = PLACE
            document["subjects"] = [{"kind": "ServiceAccount", "name": "divider", "namespace": PLACE}]
            put(admin, f"{RBAC}/namespaces/{PLACE}/rolebindings", document)
    api = connect_as(admin, PLACE, "divider", tmp_path_factory.mktemp("divider"))
    assert until_missing(api, ()) == ()
    return api


def until_missing(api: KubeApi, expected: Sequence[MissingRight]) -> tuple[MissingRight, ...]:
    """The authorizer hears of a changed role a moment later."""
    return until(lambda: missing_of(api), lambda missing: missing == tuple(expected))


def missing_of(api: KubeApi) -> tuple[MissingRight, ...]:
    return tuple(right for right in KubePool(api, PLACE).missing_rights((PLACE,)) if right in tenant_rights((PLACE,)))


@pytest.fixture
def quotas(admin: KubeApi, divider: KubeApi) -> Iterator[KubeQuotas]:
    yield KubeQuotas(divider)
    drop(admin, f"/api/v1/namespaces/{PLACE}/resourcequotas/tidebridge")


def in_force(quotas: KubeQuotas) -> QuotaView:
    (quota,) = until(lambda: quotas.list(PLACE), lambda found: all(quota.is_in_force for quota in found))
    assert quota.is_in_force
    return quota


def load_of(admin: KubeApi, held_back: Sequence[HeldBack] = ()) -> TenantLoad:
    (load,) = tenant_loads(read_fleet(admin, namespace="tidebridge"), (PLACE,), held_back)
    return load


def pod_template(app: str, resources: dict[str, Any]) -> dict[str, Any]:
    container = {"name": "pause", "image": "tidebridge-lab/pause:1", "imagePullPolicy": "Never", "resources": resources}
    spec = {"terminationGracePeriodSeconds": 1, "containers": [container]}
    return {"metadata": {"labels": {"app": app}}, "spec": spec}


@pytest.fixture
def workload(admin: KubeApi) -> Iterator[Callable[..., None]]:
    """Makes a workload, which is gone after the test."""
    made: list[str] = []

    def run(path: str, name: str, *, resources: dict[str, Any] = RESOURCES, **spec: Any) -> None:
        template = pod_template(name, resources)
        if "/jobs" in path:
            template["spec"]["restartPolicy"] = "Never"
        else:
            spec["selector"] = {"matchLabels": {"app": name}}
        made.append(f"{path}/{name}")
        make(admin, path, {"metadata": {"name": name}, "spec": {"template": template, **spec}})

    yield run
    for path in made:
        drop(admin, path)
    until(lambda: load_of(admin), lambda load: load.bound == KubeAmount())


def test_a_quota_is_written_counted_changed_and_removed(
    admin: KubeApi, divider: KubeApi, quotas: KubeQuotas, workload: Callable[..., None]
) -> None:
    quotas.write(PLACE, KubeAmount(cpu_millicores=25, memory_mib=64), over=None)
    first = in_force(quotas)
    assert (first.is_ours, dict(first.used)) == (True, {"requests.cpu": 0, "requests.memory": 0})

    workload(f"{APPS}/deployments", "web", replicas=3)
    (held,) = until(lambda: read_held_back(divider, (PLACE,)), lambda found: [each.pods for each in found] == [1])
    assert (held.kind, held.pods, held.each) == ("ReplicaSet", 1, SMALL)
    assert "exceeded quota: tidebridge" in held.reason
    counted = until(lambda: in_force(quotas), lambda quota: quota.used["requests.cpu"] == 20)
    assert dict(counted.used) == {"requests.cpu": 20, "requests.memory": 16}
    load = until(lambda: load_of(admin, (held,)), lambda load: load.pending == KubeAmount())
    assert (load.bound, load.held_back_requests) == (SMALL + SMALL, SMALL)

    with pytest.raises(Conflict):
        quotas.write(PLACE, KubeAmount(cpu_millicores=15, memory_mib=64), over=first)
    lowered = quotas.write(PLACE, KubeAmount(cpu_millicores=15, memory_mib=64), over=counted)
    assert dict(lowered.hard) == {"requests.cpu": 15, "requests.memory": 64}
    assert in_force(quotas).used["requests.cpu"] == 20, "a quota below what is used ends nothing"

    assert quotas.delete(in_force(quotas))
    assert quotas.list(PLACE) == ()


def test_stateful_sets_and_jobs_are_held_back_too(
    divider: KubeApi, quotas: KubeQuotas, workload: Callable[..., None]
) -> None:
    quotas.write(PLACE, KubeAmount(), over=None)
    in_force(quotas)
    workload(f"{APPS}/statefulsets", "db", replicas=2, serviceName="db")
    workload(f"/apis/batch/v1/namespaces/{PLACE}/jobs", "batch", parallelism=2, completions=5)
    expected = {("StatefulSet", "db", 2), ("Job", "batch", 2)}
    found = until(lambda: read_held_back(divider, (PLACE,)), lambda found: len(found) == len(expected))
    assert {(each.kind, each.name, each.pods) for each in found} == expected


def test_a_pod_without_requests_is_known_before_a_quota_refuses_its_like(
    admin: KubeApi, divider: KubeApi, quotas: KubeQuotas, workload: Callable[..., None]
) -> None:
    workload(f"{APPS}/replicasets", "bare", resources={}, replicas=1)
    (name,) = until(lambda: load_of(admin).without_requests, len)
    assert name.startswith("bare-")
    quotas.write(PLACE, KubeAmount(cpu_millicores=1000, memory_mib=1024), over=None)
    in_force(quotas)
    workload(f"{APPS}/replicasets", "late", resources={}, replicas=1)
    (held,) = until(lambda: read_held_back(divider, (PLACE,)), lambda found: any(each.reason for each in found))
    assert "must specify requests.cpu" in held.reason


def budget(admin: KubeApi, name: str) -> str:
    spec = {"minAvailable": 1, "selector": {"matchLabels": {"app": "kept"}}}
    make(admin, BUDGETS, {"metadata": {"name": name}, "spec": spec})
    return f"{BUDGETS}/{name}"


def test_an_eviction_heeds_a_budget_and_the_uid(
    admin: KubeApi, divider: KubeApi, workload: Callable[..., None]
) -> None:
    workload(f"{APPS}/replicasets", "kept", replicas=1)
    (pod,) = until(lambda: load_of(admin).candidates, lambda found: any(one.started_at for one in found))
    assert (pod.owner_kind, pod.requests, pod.is_elastic) == ("ReplicaSet", SMALL, False)
    # A pod that isn't ready yet may go despite its budget.
    until(lambda: KubePool(admin, PLACE).get_pod(pod.name), lambda view: view is not None and view.is_ready)
    first = budget(admin, "first")

    def attempt() -> EvictionBlocked | None:
        return evict(divider, PLACE, pod.name, uid=pod.uid)

    blocked = until(attempt, lambda found: found is None or "needs 1 healthy pods" in found.message)
    assert blocked is not None
    assert "The disruption budget first needs 1 healthy pods" in blocked.message
    second = budget(admin, "second")
    blocked = until(attempt, lambda found: found is None or "more than one" in found.message)
    assert blocked is not None
    assert "more than one PodDisruptionBudget" in blocked.message
    drop(admin, second)
    drop(admin, first)
    until(lambda: call(admin, Request(method="GET", path=BUDGETS))["items"], lambda items: items == [])

    assert evict(divider, PLACE, pod.name, uid="00000000-0000-0000-0000-000000000000") is None
    assert [one.name for one in load_of(admin).candidates] == [pod.name], "it had another uid"
    assert attempt() is None
    until(lambda: load_of(admin).candidates, lambda found: pod.name not in {one.name for one in found})
    assert attempt() is None, "gone is as good"


@pytest.mark.parametrize("right", tenant_rights((PLACE,)), ids=str)
def test_each_right_is_needed_and_named_when_it_is_missing(
    admin: KubeApi, divider: KubeApi, right: MissingRight
) -> None:
    others = [each for each in tenant_rights((PLACE,)) if each != right]
    rules = [{"apiGroups": [each.group], "resources": [each.resource], "verbs": [each.verb]} for each in others]
    whole = call(admin, Request(method="GET", path=f"{RBAC}/clusterroles/{PLACE}"))
    put(admin, f"{RBAC}/clusterroles", {"metadata": {"name": PLACE}, "rules": rules})
    try:
        assert until_missing(divider, (right,)) == (right,)
        with pytest.raises(Forbidden) as caught:
            use_all(divider)
        named = (caught.value.verb, caught.value.resource, caught.value.namespace)
        assert named == (right.verb, right.resource, right.namespace)
    finally:
        put(admin, f"{RBAC}/clusterroles", {"metadata": {"name": PLACE}, "rules": whole["rules"]})
        drop(admin, f"/api/v1/namespaces/{PLACE}/resourcequotas/tidebridge")
        assert until_missing(divider, ()) == ()


def use_all(api: KubeApi) -> None:
    """Make each call once."""
    quotas = KubeQuotas(api)
    read_held_back(api, (PLACE,))
    quotas.write(PLACE, KubeAmount(), over=None)
    (quota,) = until(lambda: quotas.list(PLACE), lambda found: found[0].is_in_force)
    assert quotas.delete(quotas.write(PLACE, quota_amount(quota), over=quota))
    evict(api, PLACE, "nobody", uid="00000000-0000-0000-0000-000000000000")


def quota_amount(quota: QuotaView) -> KubeAmount:
    """The same again, so that the quota controller has nothing to note in between."""
    return KubeAmount(cpu_millicores=quota.hard["requests.cpu"], memory_mib=quota.hard["requests.memory"])
