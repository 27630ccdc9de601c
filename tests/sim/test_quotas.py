"""A ResourceQuota refuses new pods, and leaves alone what runs."""

import pytest

from bridge.core.resources import NO_ROOM, Room
from bridge.sim import SimWorld
from bridge.sim.errors import ApiRefusal
from bridge.sim.pods import PodOrder
from bridge.sim.quotas import QuotaOrder
from tests.sim.build import make_quota, make_work

CPU = "requests.cpu"


def _pod(name: str = "web", cpu_millicores: int = 1000, memory_mib: int = 1024, namespace: str = "etl") -> PodOrder:
    requests = Room(cpu_millicores=cpu_millicores, memory_mib=memory_mib)
    return PodOrder(name=name, namespace=namespace, requests=requests)


def _limited(**hard: str) -> SimWorld:
    world = SimWorld()
    world.kube.quotas.create(make_quota(**hard))
    world.pass_time(1)
    return world


def _refusal(world: SimWorld, order: PodOrder) -> str:
    with pytest.raises(ApiRefusal) as caught:
        world.kube.create(order)
    assert (caught.value.status, caught.value.reason) == (403, "Forbidden")
    return str(caught.value)


def test_a_pod_above_the_quota_is_refused_in_the_api_servers_words() -> None:
    world = _limited(cpu="1500m", memory="1Gi")
    world.kube.create(_pod("first", 1000, 512))
    expected = (
        'pods "second" is forbidden: exceeded quota: tidebridge, requested: requests.cpu=1,requests.memory=1Gi, '
        "used: requests.cpu=1,requests.memory=512Mi, limited: requests.cpu=1500m,requests.memory=1Gi"
    )
    assert _refusal(world, _pod("second", 1000, 1024)) == expected


def test_a_pod_that_just_fits_is_taken() -> None:
    world = _limited(cpu="2")
    world.kube.create(_pod("first"))
    world.kube.create(_pod("second"))
    assert world.kube.quotas.requested("etl") == Room(cpu_millicores=2000, memory_mib=2048)


def test_other_namespaces_are_not_bound() -> None:
    world = _limited(cpu="0")
    world.kube.create(_pod(namespace="online"))


def test_the_number_of_pods_is_bound_as_well() -> None:
    world = _limited(pods="1")
    world.kube.create(_pod("first"))
    assert "requested: pods=1, used: pods=1, limited: pods=1" in _refusal(world, _pod("second"))


def test_a_pod_that_names_no_request_is_refused() -> None:
    world = _limited(cpu="4", memory="4Gi")
    assert "failed quota: tidebridge: must specify requests.memory" in _refusal(world, _pod(memory_mib=0))


def test_a_quota_below_what_is_used_evicts_nobody() -> None:
    world = SimWorld()
    world.start_work(make_work(3))
    world.pass_time(5)
    world.kube.quotas.create(make_quota(cpu="1"))
    world.pass_time(60)
    assert world.kube.quotas.requested("etl").cpu_millicores == 6000
    quota = world.kube.quotas.get("etl", "tidebridge")
    assert (quota.bound, world.kube.quotas.used(quota)) == ({CPU: "1"}, {CPU: 6000})


def test_a_new_quota_lets_no_pod_in_until_its_status_is_known() -> None:
    world = SimWorld()
    world.kube.quotas.create(make_quota(cpu="4"))
    assert "status unknown for quota: tidebridge" in _refusal(world, _pod())
    world.pass_time(1)
    world.kube.create(_pod())


def test_a_changed_quota_binds_a_second_later() -> None:
    world = _limited(cpu="1")
    world.kube.create(_pod("first"))
    world.kube.quotas.replace(make_quota(cpu="2"))
    assert "limited: requests.cpu=1" in _refusal(world, _pod("second"))
    world.pass_time(1)
    world.kube.create(_pod("second"))


def test_what_a_pod_requested_is_free_when_it_is_gone_or_over() -> None:
    world = SimWorld()
    world.kube.create(_pod("first"))
    world.kube.create(_pod("second"))
    world.pass_time(5)
    world.kube.end(world.kube.pod("etl", "first"), "Error")
    world.kube.delete("etl", "first")
    world.kube.delete("etl", "second")
    assert world.kube.quotas.requested("etl").cpu_millicores == 1000
    world.pass_time(5)
    assert world.kube.quotas.requested("etl") == NO_ROOM


def test_a_change_from_an_old_version_is_a_conflict() -> None:
    world = _limited(cpu="4")
    version = str(world.kube.quotas.get("etl", "tidebridge").version)
    world.kube.create(_pod())
    with pytest.raises(ApiRefusal, match="the object has been modified") as caught:
        world.kube.quotas.replace(make_quota(cpu="2"), version=version)
    assert caught.value.status == 409
    version = str(world.kube.quotas.get("etl", "tidebridge").version)
    world.kube.quotas.replace(make_quota(cpu="2"), version=version)


@pytest.mark.parametrize(("hard", "status"), [("many", 400), ("-1", 422)])
def test_what_is_no_amount_is_refused(hard: str, status: int) -> None:
    with pytest.raises(ApiRefusal) as caught:
        SimWorld().kube.quotas.create(make_quota(cpu=hard))
    assert caught.value.status == status


def test_amounts_are_kept_in_the_api_servers_form() -> None:
    hard = {CPU: "2000m", "requests.memory": "1024Mi", "cpu": "1.5"}
    quota = SimWorld().kube.quotas.create(QuotaOrder(namespace="etl", name="q", hard=hard))
    assert quota.order.hard == {CPU: "2", "requests.memory": "1Gi", "cpu": "1500m"}
