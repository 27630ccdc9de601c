"""The preemption monitor: off by default; who is above its guarantee pays to who is below and waits."""

from dataclasses import replace

from bridge.core.resources import Resources
from bridge.sim import Job, LabelShare, Preemption, QueueConfig, SimConfig, SimWorld, Stage
from tests.sim.build import LABEL, TASK, Pool, make_job

HALVES = (QueueConfig(name="ads", capacity_ratio=0.5), QueueConfig(name="etl", capacity_ratio=0.5))
QUICK = Preemption(every_s=1, max_wait_s=5, round_ratio=1.0)


def _late_comer(policy: Preemption | None, *, size: Resources = TASK) -> SimWorld:
    """One queue has taken all when the other comes."""
    world = SimWorld(SimConfig(static_nodes=2, queues=HALVES, preemption=policy))
    world.submit(replace(make_job(task_s=10_000, size=size), queue="ads"))
    world.pass_time(20)
    world.submit(replace(make_job(task_s=10_000, size=size), queue="etl"))
    return world


def _used(world: SimWorld) -> list[int]:
    return [queue.used_vcores for queue in world.yarn.work.queues.values()]


def test_without_the_monitor_nobody_pays() -> None:
    world = _late_comer(None)
    world.pass_time(600)
    assert _used(world) == [16, 0]


def test_who_waits_below_its_guarantee_gets_it_back() -> None:
    world = _late_comer(QUICK)
    world.pass_time(120)
    assert _used(world) == [8, 8]
    assert (world.accounts.preempted_containers, world.accounts.ams_killed) == (8, 0)


def test_nobody_pays_before_the_wait_is_over() -> None:
    world = _late_comer(QUICK)
    world.pass_time(5)
    assert world.accounts.preempted_containers == 0
    world.pass_time(3)
    assert world.accounts.preempted_containers == 1


def test_the_newest_containers_pay_and_their_tasks_run_again() -> None:
    world = _late_comer(QUICK)
    before = sorted(world.yarn.work.apps[1].containers)
    world.pass_time(120)
    assert sorted(world.yarn.work.apps[1].containers) == before[:8]
    assert world.yarn.work.apps[1].preempted == 8


def test_nobody_pays_to_a_queue_that_has_its_guarantee() -> None:
    queues = (QueueConfig(name="ads", capacity_ratio=0.9), QueueConfig(name="etl", capacity_ratio=0.1))
    world = SimWorld(SimConfig(static_nodes=2, queues=queues, preemption=QUICK))
    for name in ("etl", "ads"):
        world.submit(replace(make_job(task_s=10_000), queue=name))
        world.pass_time(200)
    assert _used(world) == [14, 2]
    preempted = world.accounts.preempted_containers
    world.pass_time(300)
    assert world.accounts.preempted_containers == preempted


def test_one_look_takes_no_more_than_its_part() -> None:
    size = Resources(vcores=1, memory_mib=3072)
    world = _late_comer(replace(QUICK, round_ratio=0.125, max_wait_s=30), size=size)
    world.pass_time(33)
    assert world.accounts.preempted_containers == 1
    world.pass_time(40)
    assert world.accounts.preempted_containers == 3


def test_on_a_label_what_has_spilled_pays_to_what_names_it() -> None:
    shares = (LabelShare(capacity_ratio=0.75), LabelShare(capacity_ratio=0.25))
    queues = tuple(replace(queue, labels={LABEL: share}) for queue, share in zip(HALVES, shares, strict=True))
    size = Resources(vcores=2, memory_mib=4096)
    pool = Pool(SimConfig(static_nodes=1, static_size=size, queues=queues, preemption=QUICK))
    node = pool.serve()
    late = Stage(tasks=6, task_s=10_000, size=TASK, label=LABEL, release_s=60)
    pool.world.submit(Job(id="labelled", stages=(late,), queue="ads", in_order=False))
    pool.world.submit(replace(make_job(tasks=6, task_s=10_000), queue="etl"))
    pool.world.pass_time(59)
    labelled, spilled = pool.world.yarn.work.apps.values()
    assert (pool.node(node.node_id).containers, len(spilled.containers)) == (4, 5)
    pool.world.pass_time(60)
    assert (len(labelled.containers), len(spilled.containers), spilled.preempted) == (4, 2, 3)
