"""A restart of the ResourceManager, as seen on Hadoop 3.4.2."""

import pytest

from bridge.core.resources import Resources
from bridge.core.snapshot import PodPhase
from bridge.ports import Unavailable
from tests.sim.build import LABEL, Pool, make_job


@pytest.fixture
def two() -> tuple[Pool, str, str]:
    """Two busy elastic nodes."""
    pool = Pool()
    first, second = pool.serve("p1", "lender-1").node_id, pool.serve("p2", "lender-2").node_id
    pool.world.submit(make_job())
    pool.world.pass_time(10)
    return pool, first, second


def test_it_does_not_answer_while_it_is_down(two: tuple[Pool, str, str]) -> None:
    pool, *_ = two
    pool.world.restart_rm(5)
    with pytest.raises(Unavailable):
        pool.yarn.observe()


def test_its_lists_are_empty_at_first_and_it_says_that_it_settles(two: tuple[Pool, str, str]) -> None:
    pool, *_ = two
    before = pool.yarn.observe().started_at
    pool.world.restart_rm(5)
    pool.world.pass_time(6)
    facts = pool.yarn.observe()
    assert (facts.nodes, facts.waiting, facts.is_settling) == ((), (), True)
    assert facts.started_at > before


def test_amounts_labels_and_containers_come_back(two: tuple[Pool, str, str]) -> None:
    pool, first, second = two
    pool.resize(first, 1, 1024)
    pool.resize(second, 3, 8192)
    pool.world.restart_rm(5)
    pool.world.pass_time(10)
    totals = {node.node_id: (node.total, node.containers, node.label) for node in pool.yarn.observe().nodes}
    assert totals[first] == (Resources(vcores=1, memory_mib=1024), 4, LABEL)
    assert totals[second] == (Resources(vcores=3, memory_mib=8192), 4, LABEL)


def test_a_node_that_comes_back_is_listed_empty_for_a_moment(two: tuple[Pool, str, str]) -> None:
    pool, first, _ = two
    pool.world.restart_rm(5)
    seen = []
    for _ in range(12):
        pool.world.pass_time(1)
        if pool.world.yarn.is_up:
            seen += [(node.is_settled, node.containers) for node in pool.yarn.observe().nodes if node.node_id == first]
    assert seen[0] == (False, 0)
    assert set(seen[1:]) == {(True, 4)}


def test_a_node_at_nothing_is_shut_down_and_its_containers_die(two: tuple[Pool, str, str]) -> None:
    pool, first, _ = two
    pool.resize(first, 0, 0)
    pool.world.restart_rm(5)
    pool.world.pass_time(20)
    assert first not in {node.node_id for node in pool.yarn.observe().nodes}
    assert pool.world.accounts.aborted_containers == 4
    assert pool.pod("p1").phase is PodPhase.FAILED


def test_a_node_at_the_minimum_survives(two: tuple[Pool, str, str]) -> None:
    pool, first, _ = two
    pool.resize(first, 1, 1024)
    pool.world.restart_rm(5)
    pool.world.pass_time(20)
    assert pool.node(first).containers == 4
    assert pool.world.accounts.aborted_containers == 0


def test_a_running_timeout_is_forgotten(two: tuple[Pool, str, str]) -> None:
    pool, first, _ = two
    pool.resize(first, 1, 1024, timeout_s=30)
    pool.world.restart_rm(5)
    pool.world.pass_time(60)
    assert pool.node(first).containers == 4


def test_a_sticky_timeout_is_forgotten(two: tuple[Pool, str, str]) -> None:
    pool, first, _ = two
    pool.resize(first, 5, 9216, timeout_s=1)
    pool.world.restart_rm(5)
    pool.world.pass_time(20)
    pool.resize(first, 1, 1024)
    pool.world.pass_time(20)
    assert pool.world.accounts.preempted_containers == 0


def test_nothing_new_is_placed_until_the_recovery_wait_is_over(two: tuple[Pool, str, str]) -> None:
    pool, first, _ = two
    pool.world.restart_rm(5)
    pool.world.pass_time(10)
    pool.resize(first, 8, 16384)
    pool.world.pass_time(4)
    assert pool.node(first).containers == 4
    pool.world.pass_time(4)
    assert pool.node(first).containers == 8


def test_nodes_that_had_ended_are_forgotten(two: tuple[Pool, str, str]) -> None:
    pool, first, _ = two
    pool.delete("p1")
    assert pool.state(first) == "SHUTDOWN"
    pool.world.restart_rm(5)
    pool.world.pass_time(15)
    assert first not in {node.node_id for node in pool.yarn.observe().nodes}


def test_a_second_restart_during_the_first_loses_nobody(two: tuple[Pool, str, str]) -> None:
    pool, *_ = two
    pool.world.restart_rm(5)
    pool.world.pass_time(6)
    pool.world.restart_rm(5)
    pool.world.pass_time(20)
    assert len(pool.yarn.observe().nodes) == 3


def test_work_goes_on_while_it_is_down(two: tuple[Pool, str, str]) -> None:
    pool, *_ = two
    pool.world.restart_rm(20)
    pool.world.pass_time(3000)
    assert pool.world.totals().lost_lent_core_s == 0
    pool.world.pass_time(20_000)
    assert pool.world.accounts.jobs_finished == 1
