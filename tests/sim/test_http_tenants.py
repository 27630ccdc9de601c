"""Tenants' namespaces over HTTP: the real clients read, bound and evict what is simulated."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

import k8s_pool
from bridge.core.resources import Room
from bridge.ports import Denied, Unavailable
from bridge.sim import RunningWork, Served, SimConfig, SimWorld, serve
from k8s_pool import HeldBack, KubeAmount, KubeQuotas, TenantLoad
from tests.sim.build import make_work

FOUR_CORES = KubeAmount(cpu_millicores=4000, memory_mib=65_536)


class Wire:
    """A served world and the real clients on it."""

    def __init__(self, served: Served, api: k8s_pool.KubeApi) -> None:
        self.served = served
        self.world = served.world
        self.api = api
        self.quotas = KubeQuotas(api)

    def load(self, namespace: str = "etl") -> TenantLoad:
        fleet = k8s_pool.read_fleet(self.api, namespace="tidebridge")
        held_back = k8s_pool.read_held_back(self.api, [namespace])
        return k8s_pool.tenant_loads(fleet, [namespace], held_back)[0]

    def start(self, *wanted: int, **changes: Any) -> RunningWork:
        work = self.world.start_work(make_work(*wanted, **changes))
        self.served.pass_time(5)
        return work


@pytest.fixture
def wire(tmp_path: Path) -> Iterator[Wire]:
    world = SimWorld(SimConfig(lenders=2, lender_size=Room(cpu_millicores=4000, memory_mib=65_536)))
    with serve(world) as served:
        (tmp_path / "kubeconfig").write_text(served.kubeconfig)
        api = k8s_pool.connect(kubeconfig=tmp_path / "kubeconfig", in_cluster=False)
        yield Wire(served, api)
        api.close()


def test_a_quota_is_made_and_comes_into_force(wire: Wire) -> None:
    wire.start(1)
    made = wire.quotas.write("etl", FOUR_CORES, over=None)
    assert (made.is_ours, made.is_in_force) == (True, False)
    wire.served.pass_time(1)
    (found,) = wire.quotas.list("etl")
    assert found.is_in_force
    assert dict(found.used) == {"requests.cpu": 2000, "requests.memory": 4096}
    assert wire.quotas.list("ads-batch") == ()


def test_a_second_quota_of_the_name_is_not_made(wire: Wire) -> None:
    wire.quotas.write("etl", FOUR_CORES, over=None)
    with pytest.raises(k8s_pool.AlreadyExists):
        wire.quotas.write("etl", FOUR_CORES, over=None)


def test_what_was_read_before_a_pod_came_is_old(wire: Wire) -> None:
    wire.quotas.write("etl", FOUR_CORES, over=None)
    wire.served.pass_time(1)
    (before,) = wire.quotas.list("etl")
    wire.start(1)
    with pytest.raises(k8s_pool.Conflict):
        wire.quotas.write("etl", FOUR_CORES, over=before)
    (now,) = wire.quotas.list("etl")
    changed = wire.quotas.write("etl", KubeAmount(cpu_millicores=1500, memory_mib=2048), over=now)
    assert dict(changed.hard) == {"requests.cpu": 1500, "requests.memory": 2048}


def test_a_quota_is_deleted_if_it_is_the_one_that_was_read(wire: Wire) -> None:
    old = wire.quotas.write("etl", FOUR_CORES, over=None)
    wire.served.pass_time(1)
    with pytest.raises(k8s_pool.Conflict):
        wire.quotas.delete(old)
    (now,) = wire.quotas.list("etl")
    assert wire.quotas.delete(now)
    assert not wire.quotas.delete(now)
    with pytest.raises(k8s_pool.Conflict):
        wire.quotas.write("etl", FOUR_CORES, over=now)


def test_use_and_want_of_a_namespace_are_read(wire: Wire) -> None:
    wire.start(5)
    load = wire.load()
    assert (load.bound, load.pending) == (
        KubeAmount(cpu_millicores=8000, memory_mib=16_384),
        KubeAmount(cpu_millicores=2000, memory_mib=4096),
    )
    assert {(one.owner_kind, one.is_elastic, one.priority) for one in load.candidates} == {("ReplicaSet", False, 0)}
    assert (len(load.candidates), load.without_requests) == (4, ())


@pytest.mark.parametrize(("run_s", "kind"), [(None, "ReplicaSet"), (1000, "Job")])
def test_what_a_quota_holds_back_is_read_from_the_workload(wire: Wire, run_s: int | None, kind: str) -> None:
    wire.quotas.write("etl", FOUR_CORES, over=None)
    wire.served.pass_time(1)
    wire.start(3, run_s=run_s)
    load = wire.load()
    each = KubeAmount(cpu_millicores=2000, memory_mib=4096)
    (held,) = load.held_back
    assert held == HeldBack(namespace="etl", kind=kind, name="load", pods=1, each=each, reason=held.reason)
    assert ("exceeded quota: tidebridge, requested: requests.cpu=2" in held.reason) == (kind == "ReplicaSet")


def test_a_job_that_has_done_something_still_wants_more(wire: Wire) -> None:
    wire.start(2, run_s=30)
    wire.served.pass_time(100)
    wire.quotas.write("etl", KubeAmount(cpu_millicores=2000, memory_mib=65_536), over=None)
    wire.served.pass_time(30)
    assert [(held.kind, held.pods) for held in wire.load().held_back] == [("Job", 1)]


def test_a_pod_is_evicted_and_made_anew(wire: Wire) -> None:
    work = wire.start(1)
    (candidate,) = wire.load().candidates
    assert k8s_pool.evict(wire.api, "etl", candidate.name, uid="another") is None
    assert not work.pods[0].is_leaving
    assert k8s_pool.evict(wire.api, "etl", candidate.name, uid=candidate.uid, grace_s=5) is None
    wire.served.pass_time(5)
    (successor,) = wire.load().candidates
    assert successor.name != candidate.name
    assert k8s_pool.evict(wire.api, "etl", candidate.name, uid=candidate.uid) is None


def test_a_budget_blocks_an_eviction(wire: Wire) -> None:
    wire.start(1, min_available=1)
    (candidate,) = wire.load().candidates
    blocked = k8s_pool.evict(wire.api, "etl", candidate.name, uid=candidate.uid)
    assert blocked is not None
    assert "needs 1 healthy pods and has 1 currently" in blocked.message


def test_calls_fail_as_told(wire: Wire) -> None:
    wire.world.fail_next("kube.quota", Unavailable("lost"), took_effect=True)
    with pytest.raises(k8s_pool.KubeUnavailable):
        wire.quotas.write("etl", FOUR_CORES, over=None)
    assert len(wire.quotas.list("etl")) == 1
    wire.start(1)
    (candidate,) = wire.load().candidates
    text = 'pods "load-1" is forbidden: User "sim" cannot create resource "pods/eviction" in API group ""'
    wire.world.fail_next("kube.evict", Denied(text))
    with pytest.raises(k8s_pool.Forbidden):
        k8s_pool.evict(wire.api, "etl", candidate.name, uid=candidate.uid)


def test_lists_have_the_shape_of_the_real_ones(wire: Wire) -> None:
    wire.start(1)
    url = f"{wire.served.kube_url}/apis/apps/v1"
    found = requests.get(f"{url}/replicasets", timeout=10).json()
    assert (found["kind"], found["apiVersion"], len(found["items"])) == ("ReplicaSetList", "apps/v1", 1)
    assert requests.get(f"{url}/namespaces/etl/statefulsets", timeout=10).json()["items"] == []
    assert requests.get(f"{url}/namespaces/etl/widgets", timeout=10).status_code == 404
    everywhere = requests.get(f"{wire.served.kube_url}/api/v1/resourcequotas", timeout=10).json()
    assert (everywhere["kind"], everywhere["items"]) == ("ResourceQuotaList", [])


def test_a_quota_of_the_admins_is_kept_with_all_its_keys(wire: Wire) -> None:
    url = f"{wire.served.kube_url}/api/v1/namespaces/etl/resourcequotas"
    hard = {"requests.cpu": "8000m", "limits.memory": "1Ti", "requests.nvidia.com/gpu": "2"}
    body = {"metadata": {"name": "admins", "labels": {"team": "data"}}, "spec": {"hard": hard}}
    assert requests.post(url, json=body, timeout=10).status_code == 201
    wire.served.pass_time(1)
    found = requests.get(f"{url}/admins", timeout=10).json()
    assert found["spec"]["hard"] == {**hard, "requests.cpu": "8"} == found["status"]["hard"]
    assert found["status"]["used"] == dict.fromkeys(hard, "0")
    assert len(requests.get(url, params={"labelSelector": "team=data"}, timeout=10).json()["items"]) == 1
    assert requests.get(url, params={"labelSelector": "team=web"}, timeout=10).json()["items"] == []
    assert requests.patch(f"{url}/admins", json={}, timeout=10).status_code == 405
