"""The simulated Kubernetes cluster, seen through its port."""

from datetime import timedelta

import pytest

from bridge.core.actions import DeletePod
from bridge.core.reasons import LenderRefusal
from bridge.core.resources import NO_ROOM, Room
from bridge.core.snapshot import PodPhase
from bridge.sim import SimConfig, SimKube
from bridge.sim.pods import PodOrder, elastic_labels
from tests.sim.build import NM_SIZE, POD_SIZE, Pool, make_service


def test_a_pod_is_bound_and_runs_a_second_later() -> None:
    pool = Pool()
    pool.create()
    assert (pool.pod().phase, pool.pod().node) == (PodPhase.PENDING, None)
    pool.world.pass_time(1)
    pod = pool.pod()
    assert (pod.phase, pod.node, pod.ip, pod.lender) == (PodPhase.RUNNING, "lender-1", "10.244.1.1", "lender-1")
    assert (pod.shape, pod.requests, pod.deadline) == (NM_SIZE, POD_SIZE, pod.created_at + timedelta(hours=8))


def test_making_a_pod_twice_makes_one() -> None:
    pool = Pool()
    pool.create()
    pool.create()
    assert len(pool.kube.observe().pods) == 1


def test_deleting_by_another_uid_leaves_the_pod_alone() -> None:
    pool = Pool()
    pool.serve()
    pool.kube.delete(DeletePod(promise_id="p1", uid="another", grace=timedelta(seconds=1)))
    assert pool.pod().deleting_since is None


def test_a_pod_on_its_way_out_says_since_when() -> None:
    pool = Pool()
    pool.serve()
    pool.delete()
    assert pool.pod().deleting_since == pool.world.now


def test_a_pod_stays_on_the_node_it_was_made_for() -> None:
    pool = Pool(SimConfig(lender_size=Room(cpu_millicores=6000, memory_mib=16_384)))
    pool.create("p1")
    pool.create("p2")
    pool.world.pass_time(5)
    assert (pool.pod("p1").phase, pool.pod("p2").phase) == (PodPhase.RUNNING, PodPhase.PENDING)
    assert (pool.pod("p2").trouble or "").startswith("Unschedulable: 0/3 nodes are available")


@pytest.mark.parametrize("what", ["cordon", "not_ready"])
def test_a_closed_node_refuses_to_lend_and_takes_no_pod(what: str) -> None:
    pool = Pool()
    if what == "cordon":
        pool.world.cordon("lender-1")
    else:
        pool.world.set_ready("lender-1", False)
    pool.create()
    pool.world.pass_time(5)
    refusals = [lender.refusal for lender in pool.kube.observe().lenders]
    expected = LenderRefusal.CORDONED if what == "cordon" else LenderRefusal.NOT_READY
    assert refusals == [expected, None, None]
    assert pool.pod().phase is PodPhase.PENDING


def test_a_missing_image_is_said_and_ends_when_it_is_there() -> None:
    pool = Pool()
    pool.world.lose_images("lender-1")
    pool.create()
    pool.world.pass_time(60)
    assert (pool.pod().phase, pool.pod().trouble) == (PodPhase.PENDING, "ImagePullBackOff")
    pool.world.lose_images("lender-1", False)
    pool.world.pass_time(2)
    assert pool.pod().phase is PodPhase.RUNNING


def test_an_online_service_follows_its_load_on_every_node() -> None:
    pool = Pool()
    pool.world.start_service(make_service(0.25, 0.5, None, 0.125))
    seen = []
    for _ in range(4):
        pool.world.pass_time(10)
        seen.append([lender.online.cpu_millicores for lender in pool.kube.observe().lenders])
        pool.world.pass_time(290)
    assert seen == [[4000] * 3, [8000] * 3, [8000] * 3, [2000] * 3]


def test_an_online_pod_takes_the_room_of_an_elastic_one() -> None:
    pool = Pool()
    for number in range(3):
        pool.serve(f"p{number}")
    pool.world.start_service(make_service(0.5))
    pool.world.pass_time(1)
    assert pool.world.accounts.elastic_pods_preempted == 1
    pool.world.pass_time(5)
    assert pool.kube.observe().online_waiting == NO_ROOM
    assert [pod.promise_id for pod in pool.kube.observe().pods] == ["p0", "p1"]
    assert pool.world.totals().online_short_core_s == 4


def test_elastic_pods_never_preempt() -> None:
    pool = Pool()
    pool.world.start_service(make_service(1.0))
    pool.create()
    pool.world.pass_time(30)
    assert pool.pod().phase is PodPhase.PENDING
    assert pool.world.totals().online_short_core_s == 0


def test_online_pods_that_fit_nowhere_are_seen_and_counted() -> None:
    pool = Pool()
    pool.world.start_service(make_service(1.25))
    pool.world.pass_time(100)
    assert pool.kube.observe().online_waiting == Room(cpu_millicores=12_000, memory_mib=12 * 1024)
    assert pool.world.totals().online_short_core_s == 1200


def test_a_copy_that_nobody_promised_is_an_impostor_and_counts_as_online() -> None:
    pool = Pool()
    order = PodOrder(
        name="copy",
        namespace="tidebridge",
        requests=POD_SIZE,
        labels=elastic_labels("night", "p1"),
        nodemanager=NM_SIZE,
        pinned_to="lender-1",
    )
    pool.world.kube.create(order)
    pool.world.pass_time(2)
    facts = pool.kube.observe()
    assert (facts.pods, facts.impostors, facts.lenders[0].online) == ((), ("copy",), POD_SIZE)


def test_pools_see_their_own_pods_only() -> None:
    pool = Pool()
    pool.serve()
    other = SimKube(pool.world, "day").observe()
    assert (other.pods, other.impostors, other.lenders[0].online) == ((), (), NO_ROOM)


def test_a_pod_may_ask_for_less_than_it_takes() -> None:
    pool = Pool()
    asked = Room(cpu_millicores=100, memory_mib=256)
    pool.kube = SimKube(pool.world, "night", requested=asked)
    pool.create()
    assert pool.pod().requests == POD_SIZE
    (pod,) = pool.world.kube.elastic.values()
    assert pod.order.requests == asked
