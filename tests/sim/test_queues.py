"""Whose turn it is, and how much a queue may have: nested queues, labels, and what spills."""

from dataclasses import replace

import pytest

from bridge.core.resources import Resources
from bridge.sim import LabelShare, QueueConfig, SimConfig, SimWorld
from tests.sim.build import LABEL, TASK, Pool, make_job

HALVES = (QueueConfig(name="ads", capacity_ratio=0.5), QueueConfig(name="etl", capacity_ratio=0.5))
ORGANISATIONS = (
    QueueConfig(name="shop", capacity_ratio=0.5),
    QueueConfig(name="data", capacity_ratio=0.5),
    QueueConfig(name="ads", parent="root.shop", capacity_ratio=0.75),
    QueueConfig(name="web", parent="root.shop", capacity_ratio=0.25),
    QueueConfig(name="etl", parent="root.data"),
)


def used(world: SimWorld) -> dict[str, int]:
    return {name: queue.used_vcores for name, queue in world.yarn.work.queues.items()}


def crowded(*queues: QueueConfig) -> SimWorld:
    """A world in which every leaf asks for more than there is."""
    world = SimWorld(SimConfig(static_nodes=2, queues=queues))
    for name in world.yarn.work.queues:
        world.submit(replace(make_job(), queue=name))
    world.pass_time(10)
    return world


def test_capacities_below_a_parent_are_parts_of_the_parents() -> None:
    assert used(crowded(*ORGANISATIONS)) == {"ads": 6, "web": 2, "etl": 8}


def test_a_parents_children_share_what_a_sibling_leaves() -> None:
    world = SimWorld(SimConfig(static_nodes=2, queues=ORGANISATIONS))
    for name in ("ads", "etl"):
        world.submit(replace(make_job(), queue=name))
    world.pass_time(10)
    assert used(world) == {"ads": 8, "web": 0, "etl": 8}


def test_amounts_decide_the_order_as_percentages_do() -> None:
    queues = (
        QueueConfig(name="ads", capacity=Resources(vcores=12, memory_mib=36_864)),
        QueueConfig(name="etl", capacity=Resources(vcores=4, memory_mib=12_288)),
    )
    assert used(crowded(*queues)) == {"ads": 12, "etl": 4}


def test_weights_decide_the_order_as_percentages_do() -> None:
    assert used(crowded(QueueConfig(name="ads", weight=3), QueueConfig(name="etl", weight=1))) == {"ads": 12, "etl": 4}


def test_the_dominant_resource_is_what_counts() -> None:
    """A queue that is even in vcores and greedy in memory waits for the other."""
    world = SimWorld(SimConfig(static_nodes=1, static_size=Resources(vcores=16, memory_mib=16_384), queues=HALVES))
    world.submit(replace(make_job(size=Resources(vcores=1, memory_mib=3072)), queue="ads"))
    world.submit(replace(make_job(size=TASK), queue="etl"))
    world.pass_time(10)
    assert used(world) == {"ads": 3, "etl": 9}


def test_a_maximum_binds_at_every_level() -> None:
    shop, *others = ORGANISATIONS
    world = SimWorld(SimConfig(static_nodes=2, queues=(replace(shop, max_ratio=0.5), *others)))
    for name in ("ads", "web"):
        world.submit(replace(make_job(), queue=name))
    world.pass_time(10)
    assert used(world) == {"ads": 6, "web": 2, "etl": 0}


def test_a_maximum_may_be_an_amount() -> None:
    most = Resources(vcores=3, memory_mib=65_536)
    ads = QueueConfig(name="ads", capacity=Resources(vcores=2, memory_mib=2048), maximum=most)
    etl = QueueConfig(name="etl", capacity=Resources(vcores=2, memory_mib=2048))
    assert used(crowded(ads, etl)) == {"ads": 3, "etl": 13}


def _labelled(ads: LabelShare, etl: LabelShare) -> tuple[QueueConfig, ...]:
    return tuple(replace(queue, labels={LABEL: share}) for queue, share in zip(HALVES, (ads, etl), strict=True))


def _on_label(queues: tuple[QueueConfig, ...], label: str) -> dict[str, int]:
    """Let both queues ask for more than the one elastic node has."""
    pool = Pool(SimConfig(static_nodes=1, static_size=Resources(vcores=2, memory_mib=4096), queues=queues))
    pool.serve()
    for name in ("ads", "etl"):
        pool.world.submit(replace(make_job(label=label), queue=name))
    pool.world.pass_time(10)
    runs = pool.world.yarn.work.queues
    return {name: use.vcores for name, run in runs.items() if (use := run.uses.get(LABEL)) is not None}


def test_on_a_label_its_own_capacities_decide_about_work_that_names_it() -> None:
    queues = _labelled(LabelShare(capacity_ratio=0.75), LabelShare(capacity_ratio=0.25))
    assert _on_label(queues, LABEL) == {"ads": 3, "etl": 1}


def test_a_labels_maximum_binds_on_work_that_names_it() -> None:
    queues = _labelled(LabelShare(capacity_ratio=0.5, max_ratio=0.5), LabelShare(capacity_ratio=0.5, max_ratio=0.25))
    assert _on_label(queues, LABEL) == {"ads": 2, "etl": 1}


def test_without_capacity_on_a_label_what_names_it_waits_for_ever() -> None:
    assert _on_label(HALVES, LABEL) == {}


@pytest.mark.parametrize("share", [LabelShare(capacity_ratio=0.75), LabelShare(capacity_ratio=1.0)])
def test_labels_capacities_do_not_bind_what_spills(share: LabelShare) -> None:
    other = LabelShare(capacity_ratio=1 - share.capacity_ratio, max_ratio=0.0)
    found = _on_label(_labelled(share, other), "")
    assert sum(found.values()) == 4
    assert found["etl"] > 0


def test_what_spills_is_shared_alike_whatever_the_capacities() -> None:
    ads, etl = HALVES
    assert _on_label((replace(ads, capacity_ratio=0.9), replace(etl, capacity_ratio=0.1)), "") == {"ads": 2, "etl": 2}


def test_use_moves_with_a_nodes_label() -> None:
    pool = Pool(SimConfig(static_nodes=1, queues=HALVES))
    node = pool.serve()
    pool.world.submit(replace(make_job(tasks=12), queue="ads"))
    pool.world.pass_time(10)
    run = pool.world.yarn.work.queues["ads"]
    assert {label: use.vcores for label, use in run.uses.items()} == {"": 8, LABEL: 4}
    pool.yarn.map_label(node.host, None)
    assert {label: use.vcores for label, use in run.uses.items()} == {"": 12, LABEL: 0}


def test_core_seconds_are_counted_by_queue() -> None:
    world = SimWorld(SimConfig(queues=HALVES))
    world.submit(replace(make_job(tasks=4, task_s=50), queue="ads"))
    world.pass_time(31)
    half_way = world.totals().used_core_s_by_queue
    world.pass_time(1000)
    am_s = 53
    assert half_way == {"root.ads": 30 + 4 * 27, "root.etl": 0}
    assert world.totals().used_core_s_by_queue == {"root.ads": 4 * 50 + am_s, "root.etl": 0}
