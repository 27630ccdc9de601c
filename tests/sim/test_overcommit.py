"""Resizes and what they do to containers, as seen on Hadoop 3.4.2."""

import pytest

from bridge.core.resources import Resources
from bridge.ports import Rejected
from bridge.sim import SimConfig
from tests.sim.build import Pool, make_job


@pytest.fixture
def busy() -> tuple[Pool, str]:
    """A node of 4 vcores and 8192 MiB with 4 tasks of 1 vcore and 1024 MiB."""
    pool = Pool()
    node = pool.serve()
    pool.world.submit(make_job())
    pool.world.pass_time(10)
    assert pool.node(node.node_id).containers == 4
    return pool, node.node_id


def test_a_shrink_without_timeout_keeps_what_runs(busy: tuple[Pool, str]) -> None:
    pool, node_id = busy
    pool.resize(node_id, 1, 1024)
    pool.world.pass_time(60)
    node = pool.node(node_id)
    assert (node.containers, node.total.vcores, node.used.vcores) == (4, 1, 4)


def test_nothing_new_is_placed_on_a_shrunken_node(busy: tuple[Pool, str]) -> None:
    pool, node_id = busy
    pool.resize(node_id, 1, 1024)
    pool.world.pass_time(1200)
    assert pool.node(node_id).containers <= 1


def test_a_timeout_preempts_once_it_has_passed(busy: tuple[Pool, str]) -> None:
    pool, node_id = busy
    pool.resize(node_id, 2, 8192, timeout_s=8)
    pool.world.pass_time(8)
    assert pool.node(node_id).containers == 4
    pool.world.pass_time(1)
    assert pool.node(node_id).containers == 2
    assert pool.world.accounts.preempted_containers == 2


def test_a_timeout_of_nothing_preempts_on_the_next_heartbeat(busy: tuple[Pool, str]) -> None:
    pool, node_id = busy
    pool.resize(node_id, 0, 0, timeout_s=0)
    pool.world.pass_time(1)
    assert pool.node(node_id).containers == 0


def test_a_preempted_task_is_asked_for_again(busy: tuple[Pool, str]) -> None:
    pool, node_id = busy
    before = pool.yarn.observe().waiting[0].count
    pool.resize(node_id, 0, 0, timeout_s=0)
    pool.world.pass_time(1)
    assert pool.yarn.observe().waiting[0].count == before + 4


def test_the_newest_container_goes_first(busy: tuple[Pool, str]) -> None:
    pool, node_id = busy
    oldest, *_ = pool.world.yarn.node(node_id).containers
    pool.resize(node_id, 1, 8192, timeout_s=0)
    pool.world.pass_time(1)
    assert list(pool.world.yarn.node(node_id).containers) == [oldest]


def test_the_application_master_goes_last() -> None:
    pool = Pool(SimConfig(static_nodes=1))
    pool.world.submit(make_job(tasks=7))
    pool.world.pass_time(10)
    pool.resize("static-1:8041", 1, 1024, timeout_s=0)
    pool.world.pass_time(1)
    node = pool.node("static-1:8041")
    assert (node.containers, node.has_am, pool.world.accounts.ams_killed) == (1, True, 0)


def test_a_lost_application_master_comes_back_and_its_job_ends() -> None:
    pool = Pool(SimConfig(static_nodes=2))
    pool.world.submit(make_job(tasks=3, task_s=30))
    pool.world.pass_time(10)
    home = next(node.node_id for node in pool.yarn.observe().nodes if node.has_am)
    pool.resize(home, 0, 0, timeout_s=0)
    pool.world.pass_time(120)
    assert (pool.world.accounts.ams_killed, pool.world.accounts.jobs_finished) == (1, 1)


def test_a_timeout_sticks_and_a_later_shrink_without_one_preempts(busy: tuple[Pool, str]) -> None:
    pool, node_id = busy
    pool.resize(node_id, 5, 9216, timeout_s=1)
    pool.world.pass_time(30)
    pool.resize(node_id, 2, 8192)
    pool.world.pass_time(2)
    assert pool.node(node_id).containers == 2


def test_the_same_amount_is_ignored_and_its_timeout_with_it(busy: tuple[Pool, str]) -> None:
    pool, node_id = busy
    pool.resize(node_id, 2, 8192)
    pool.resize(node_id, 2, 8192, timeout_s=0)
    pool.world.pass_time(30)
    assert pool.node(node_id).containers == 4
    pool.resize(node_id, 1, 8192)
    pool.world.pass_time(30)
    assert pool.node(node_id).containers == 4


def test_one_mib_less_re_arms_a_shrunken_node(busy: tuple[Pool, str]) -> None:
    pool, node_id = busy
    pool.resize(node_id, 2, 8192)
    pool.resize(node_id, 2, 8191, timeout_s=2)
    pool.world.pass_time(5)
    assert pool.node(node_id).containers == 2


def test_a_node_made_large_again_before_the_timeout_loses_nothing(busy: tuple[Pool, str]) -> None:
    pool, node_id = busy
    pool.resize(node_id, 0, 0, timeout_s=20)
    pool.world.pass_time(5)
    pool.resize(node_id, 4, 8192)
    pool.world.pass_time(60)
    assert pool.node(node_id).containers == 4


def test_memory_alone_can_overcommit_a_node(busy: tuple[Pool, str]) -> None:
    pool, node_id = busy
    pool.resize(node_id, 4, 2048, timeout_s=0)
    pool.world.pass_time(1)
    assert pool.node(node_id).used == Resources(vcores=2, memory_mib=2048)


def test_a_node_that_is_gone_cannot_be_resized(busy: tuple[Pool, str]) -> None:
    pool, node_id = busy
    pool.delete()
    with pytest.raises(Rejected, match="Failed to update the node resource"):
        pool.resize(node_id, 1, 1024)
    with pytest.raises(Rejected, match="is not found"):
        pool.resize("10.9.9.9:8041", 1, 1024)


def test_a_resize_that_would_drop_custom_resources_is_refused(busy: tuple[Pool, str]) -> None:
    pool, node_id = busy
    pool.world.yarn.node(node_id).carry_gpu()
    assert pool.node(node_id).has_custom_resources
    with pytest.raises(Rejected):
        pool.resize(node_id, 1, 1024)
