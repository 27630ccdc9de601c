"""Tenants' workloads in Kubernetes: they want pods over time, wait, are refused, preempt and are evicted."""

import pytest

from bridge.core.resources import Room
from bridge.sim import SimConfig, SimWorld, TenantWork
from bridge.sim.errors import ApiRefusal
from tests.sim.build import Pool, make_quota, make_service, make_work

ONE_NODE = SimConfig(lenders=1, lender_size=Room(cpu_millicores=4000, memory_mib=16_384))


def _running(world: SimWorld) -> int:
    return sum(len(work.ready) for work in world.works)


def test_a_workload_follows_its_schedule() -> None:
    world = SimWorld()
    work = world.start_work(make_work(1, 4, 2, 0))
    seen = []
    for _ in range(4):
        world.pass_time(50)
        seen.append(len(work.ready))
        world.pass_time(50)
    assert seen == [1, 4, 2, 0]


def test_its_pods_are_placed_like_any_others() -> None:
    world = SimWorld(SimConfig(lenders=2))
    work = world.start_work(make_work(4))
    world.pass_time(5)
    assert sorted(pod.node.name for pod in work.pods if pod.node) == ["lender-1", "lender-1", "lender-2", "lender-2"]


def test_a_pod_that_fits_nowhere_waits_and_that_is_counted() -> None:
    world = SimWorld(ONE_NODE)
    world.start_work(make_work(3))
    world.pass_time(100)
    account = world.totals().namespaces["etl"]
    assert (_running(world), account.waited_core_s, account.used_core_s) == (2, 200.0, 400.0)
    assert world.totals().online_short_core_s == 0


def test_a_quota_holds_a_workload_back_and_it_goes_on_wanting() -> None:
    world = SimWorld()
    world.kube.quotas.create(make_quota(cpu="4"))
    world.pass_time(1)
    work = world.start_work(make_work(3))
    world.pass_time(10)
    assert (len(work.ready), work.held_back) == (2, 1)
    assert (work.refusal or "").startswith('pods "load-')
    assert world.totals().namespaces["etl"].held_back_core_s == 20.0
    world.kube.quotas.replace(make_quota(cpu="6"))
    world.pass_time(10)
    assert (len(work.ready), work.held_back, work.refusal) == (3, 0, None)


def test_a_workload_that_was_refused_for_long_comes_back_late() -> None:
    """Attempts after 1, 3, 7, 15, 31 … seconds."""
    world = SimWorld()
    world.kube.quotas.create(make_quota(cpu="0"))
    world.pass_time(1)
    work = world.start_work(make_work(1))
    world.pass_time(32)
    world.kube.quotas.delete("etl", "tidebridge")
    world.pass_time(30)
    assert work.pods == []
    world.pass_time(1)
    assert len(work.pods) == 1


def test_a_workload_tries_again_at_once_when_one_of_its_pods_goes() -> None:
    world = SimWorld()
    world.kube.quotas.create(make_quota(cpu="2"))
    world.pass_time(1)
    work = world.start_work(make_work(2))
    world.pass_time(40)
    world.kube.quotas.replace(make_quota(cpu="4"))
    world.pass_time(1)
    (pod,) = work.pods
    world.kube.delete(*pod.key, grace_s=0)
    world.pass_time(2)
    assert len(work.ready) == 2


def test_pods_of_a_job_end_and_others_take_their_place() -> None:
    world = SimWorld()
    work = world.start_work(make_work(2, run_s=30))
    world.pass_time(100)
    assert (work.finished, len(work.ready)) == (6, 2)
    account = world.totals().namespaces["etl"]
    assert (account.pods_finished, account.used_core_s, account.held_back_core_s) == (6, 400.0, 0.0)


def test_a_deleted_pod_is_made_anew_while_it_ends() -> None:
    world = SimWorld()
    work = world.start_work(make_work(1))
    world.pass_time(5)
    first = work.pods[0]
    world.kube.delete(*first.key)
    world.pass_time(0)
    assert [pod is first for pod in work.pods] == [False]
    world.pass_time(5)
    assert (first.is_gone, len(work.ready)) == (True, 1)


def test_what_waits_goes_first_when_fewer_are_wanted() -> None:
    world = SimWorld(ONE_NODE)
    work = world.start_work(make_work(3, 2))
    world.pass_time(90)
    running = work.ready
    world.pass_time(20)
    assert work.pods == running


def test_a_tenants_pod_takes_the_room_of_an_elastic_one() -> None:
    pool = Pool(SimConfig(lenders=1, lender_size=Room(cpu_millicores=5000, memory_mib=16_384)))
    pool.serve()
    pool.world.start_work(make_work(1))
    pool.world.pass_time(5)
    assert (pool.world.accounts.elastic_pods_preempted, _running(pool.world)) == (1, 1)
    assert pool.kube.observe().pods == ()


def test_an_evicted_pod_is_made_anew() -> None:
    world = SimWorld()
    work = world.start_work(make_work(2, run_s=60))
    world.pass_time(30)
    first = work.pods[0]
    world.kube.evict(*first.key, uid=first.uid)
    world.pass_time(10)
    assert (first.is_gone, first.disruption, len(work.ready)) == (True, "EvictionByEvictionAPI", 2)
    assert world.totals().namespaces["etl"].pods_evicted == 1


def test_a_disruption_budget_forbids_an_eviction() -> None:
    world = SimWorld()
    work = world.start_work(make_work(2, min_available=1))
    world.pass_time(10)
    first, second = work.pods
    world.kube.evict(*first.key)
    with pytest.raises(ApiRefusal, match="would violate the pod's disruption budget") as caught:
        world.kube.evict(*second.key)
    message = "The disruption budget load needs 1 healthy pods and has 1 currently"
    assert caught.value.status == 429
    assert caught.value.details == {"causes": [{"reason": "DisruptionBudget", "message": message}]}
    world.pass_time(10)
    world.kube.evict(*second.key)


def test_another_pod_of_the_same_name_is_not_evicted() -> None:
    world = SimWorld()
    work = world.start_work(make_work(1))
    world.pass_time(5)
    with pytest.raises(ApiRefusal, match="the UID in the precondition") as caught:
        world.kube.evict(*work.pods[0].key, uid="another")
    assert caught.value.status == 409
    assert not work.pods[0].is_leaving


def test_small_steps_and_one_large_step_lead_to_the_same() -> None:
    worlds = SimWorld(ONE_NODE), SimWorld(ONE_NODE)
    for world in worlds:
        world.kube.quotas.create(make_quota(cpu="6"))
        world.pass_time(1)
        world.start_work(make_work(1, 4, 2, run_s=33))
    for _ in range(400):
        worlds[0].pass_time(1)
    worlds[1].pass_time(400)
    assert worlds[0].totals() == worlds[1].totals()


def test_looking_at_the_totals_changes_nothing() -> None:
    worlds = SimWorld(ONE_NODE), SimWorld(ONE_NODE)
    work: TenantWork = make_work(3)
    for world in worlds:
        world.start_work(work)
        world.pass_time(50)
        if world is worlds[0]:
            world.totals()
        world.pass_time(50)
    assert worlds[0].totals() == worlds[1].totals()


def test_an_online_pod_takes_the_room_of_a_cheaper_tenants_pod() -> None:
    world = SimWorld(ONE_NODE)
    world.start_work(make_work(2, priority=-5))
    world.pass_time(5)
    world.start_service(make_service(0.5))
    world.pass_time(5)
    account = world.totals().namespaces["etl"]
    assert (account.pods_preempted, account.pods_evicted, _running(world)) == (1, 0, 1)
