"""How NodeManagers come and go."""

from datetime import timedelta

import pytest

from bridge.core.resources import Resources
from bridge.core.snapshot import PodPhase
from bridge.ports import Rejected
from bridge.sim import SimConfig
from tests.sim.build import LABEL, Pool, make_job


def test_a_nodemanager_waits_for_its_label() -> None:
    pool = Pool()
    pool.create()
    pool.world.pass_time(60)
    host = pool.pod().ip
    assert host is not None
    assert len(pool.yarn.observe().nodes) == 1
    pool.yarn.map_label(host, LABEL)
    pool.world.pass_time(1)
    assert pool.node(f"{host}:8041").label == LABEL


def test_a_nodemanager_registers_some_seconds_after_its_pod_runs() -> None:
    pool = Pool(label=None)
    pool.create()
    pool.world.pass_time(6)
    assert len(pool.yarn.observe().nodes) == 1
    pool.world.pass_time(1)
    assert len(pool.yarn.observe().nodes) == 2


def test_a_label_nobody_knows_is_refused() -> None:
    pool = Pool()
    with pytest.raises(Rejected, match="known label collections"):
        pool.yarn.map_label("10.0.0.9", "unknown")


def test_a_deleted_pod_is_shut_down_at_once_and_its_work_asked_for_again() -> None:
    pool = Pool()
    node = pool.serve()
    pool.world.submit(make_job())
    pool.world.pass_time(10)
    before = pool.yarn.observe().waiting[0].count
    pool.delete()
    assert (pool.state(node.node_id), pool.yarn.observe().waiting[0].count) == ("SHUTDOWN", before + 4)
    assert pool.world.accounts.aborted_containers == 4
    pool.world.pass_time(1)
    assert pool.kube.observe().pods == ()


def test_a_killed_nodemanager_seems_to_run_until_its_time_is_up() -> None:
    pool = Pool(SimConfig(expiry_s=60, static_nodes=1, static_size=Resources(vcores=2, memory_mib=4096)))
    node = pool.serve()
    pool.world.submit(make_job(task_s=20))
    pool.world.pass_time(10)
    pool.world.kill_nodemanager("nm-night-p1")
    assert pool.pod().phase is PodPhase.FAILED
    pool.world.pass_time(59)
    assert (pool.state(node.node_id), pool.node(node.node_id).containers) == ("RUNNING", 4)
    pool.world.pass_time(1)
    assert (pool.state(node.node_id), pool.yarn.observe().nodes[1:]) == ("LOST", ())


def test_a_used_address_takes_the_place_of_the_ghost_on_it() -> None:
    pool = Pool(SimConfig(pod_ips=1, static_nodes=1))
    ghost = pool.serve()
    pool.world.kill_nodemanager("nm-night-p1")
    fresh = pool.serve("p2", "lender-2")
    assert fresh.node_id == ghost.node_id
    assert [node.state for node in pool.yarn.observe().nodes] == ["RUNNING", "RUNNING"]
    assert fresh.health_at is not None
    assert fresh.health_at >= pool.pod("p2").created_at


def test_addresses_are_used_again_oldest_first() -> None:
    pool = Pool(SimConfig(pod_ips=2))
    hosts = []
    for number in range(4):
        hosts.append(pool.serve(f"p{number}").host)
        pool.delete(f"p{number}")
        pool.world.pass_time(2)
    assert hosts == ["10.244.1.1", "10.244.1.2"] * 2


def test_a_registered_node_follows_its_label_at_once() -> None:
    pool = Pool(label=None)
    node = pool.serve()
    pool.yarn.add_label(LABEL)
    pool.yarn.map_label(node.host, LABEL)
    assert pool.node(node.node_id).label == LABEL
    pool.yarn.map_label(node.host, None)
    assert pool.node(node.node_id).label is None


def test_the_kubelet_ends_a_pod_that_has_lived_long_enough() -> None:
    pool = Pool(label=None)
    pool.create(lives=timedelta(seconds=100))
    pool.world.pass_time(110)
    assert (pool.pod().phase, pool.pod().trouble) == (PodPhase.FAILED, "DeadlineExceeded")
    assert [node.state for node in pool.world.yarn.nodes.values()] == ["RUNNING", "SHUTDOWN"]


def test_lent_time_counts_from_a_pods_place_to_its_end() -> None:
    pool = Pool(label=None)
    pool.create()
    pool.world.pass_time(100)
    assert pool.world.totals().lent_core_s == 400
    pool.delete()
    pool.world.pass_time(50)
    assert pool.world.totals().lent_core_s == 404


def test_work_is_counted_as_useful_or_lost() -> None:
    pool = Pool()
    node = pool.serve()
    pool.world.submit(make_job(tasks=5, task_s=50))
    pool.world.pass_time(30)
    running_s = [
        pool.world.timeline.now - task.began for task in pool.world.yarn.node(node.node_id).containers.values()
    ]
    pool.delete()
    assert pool.world.accounts.lost_lent_core_s == sum(running_s) > 0
    pool.world.pass_time(1000)
    totals = pool.world.totals()
    assert (totals.jobs_finished, totals.useful_static_core_s + totals.useful_lent_core_s) == (1, 250)
