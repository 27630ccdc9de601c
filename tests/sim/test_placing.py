"""Where containers go."""

import random
from collections import Counter
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.core.resources import Resources
from bridge.sim import Job, LabelShare, QueueConfig, SimConfig, SimWorld, Stage
from bridge.sim.apps import AM
from bridge.sim.work import Loss
from tests.sim.build import NM_SIZE, TASK, Pool, make_job


def test_plain_nodes_are_filled_first() -> None:
    pool = Pool(SimConfig(static_nodes=1))
    node = pool.serve()
    pool.world.submit(make_job(tasks=7))
    pool.world.pass_time(10)
    assert (pool.node("static-1:8041").containers, pool.node(node.node_id).containers) == (8, 0)


def test_unlabelled_tasks_spill_once_plain_nodes_are_full() -> None:
    pool = Pool(SimConfig(static_nodes=1))
    node = pool.serve()
    pool.world.submit(make_job(tasks=9))
    pool.world.pass_time(10)
    assert (pool.node("static-1:8041").containers, pool.node(node.node_id).containers) == (8, 2)


def test_spill_never_places_an_application_master() -> None:
    pool = Pool(SimConfig(static_nodes=1, static_size=Resources(vcores=1, memory_mib=1024)))
    node = pool.serve()
    for number in range(3):
        pool.world.submit(make_job(tasks=1, id=f"job{number}"))
    pool.world.pass_time(20)
    facts = pool.yarn.observe()
    assert (facts.ams_waiting, pool.node(node.node_id).has_am, pool.node(node.node_id).containers) == (2, False, 1)


def test_nothing_spills_onto_an_exclusive_label() -> None:
    pool = Pool(SimConfig(static_nodes=1), label=None)
    pool.world.yarn.add_label("own", is_exclusive=True)
    node = pool.serve()
    pool.yarn.map_label(node.host, "own")
    pool.world.submit(make_job(tasks=20))
    pool.world.pass_time(20)
    assert pool.node(node.node_id).containers == 0


def test_a_request_that_names_the_label_goes_there_alone() -> None:
    queue = QueueConfig(name="default", labels={"k8s": LabelShare(capacity_ratio=1.0)})
    pool = Pool(SimConfig(static_nodes=1, queues=(queue,)))
    node = pool.serve()
    pool.world.submit(make_job(tasks=6, label="k8s"))
    pool.world.pass_time(10)
    assert (pool.node("static-1:8041").containers, pool.node(node.node_id).containers) == (1, 4)
    assert [(wait.label, wait.count) for wait in pool.yarn.observe().waiting] == [("k8s", 2)]


def test_a_queue_is_held_to_its_maximum_on_plain_nodes_only() -> None:
    queues = (
        QueueConfig(name="default", capacity_ratio=0.5, max_ratio=0.5),
        QueueConfig(name="other", capacity_ratio=0.5),
    )
    pool = Pool(SimConfig(static_nodes=1, queues=queues))
    node = pool.serve()
    pool.world.submit(make_job(tasks=20))
    pool.world.pass_time(10)
    assert (pool.node("static-1:8041").containers, pool.node(node.node_id).containers) == (4, 4)


def test_queues_share_by_their_capacity() -> None:
    queues = (QueueConfig(name="a", capacity_ratio=0.75), QueueConfig(name="b", capacity_ratio=0.25))
    world = SimWorld(SimConfig(static_nodes=2, queues=queues))
    for queue in ("a", "b"):
        world.submit(replace(make_job(), queue=queue))
    world.pass_time(10)
    used = {name: queue.used_vcores for name, queue in world.yarn.work.queues.items()}
    assert used == {"a": 12, "b": 4}


def test_a_fair_queue_serves_the_application_that_holds_least() -> None:
    world = SimWorld(SimConfig(static_nodes=2, queues=(QueueConfig(name="default", ordering="fair"),)))
    for number in range(4):
        world.submit(make_job(task_s=20, id=f"job{number}"))
    world.pass_time(15)
    assert [len(app.containers) for app in world.yarn.work.apps.values()] == [4, 4, 4, 4]


def test_the_oldest_application_is_served_first_by_default() -> None:
    world = SimWorld(SimConfig(static_nodes=2))
    for number in range(2):
        world.submit(make_job(task_s=20, id=f"job{number}"))
    world.pass_time(15)
    assert [len(app.containers) for app in world.yarn.work.apps.values()] == [15, 1]


def test_a_container_needs_room_on_both_axes() -> None:
    world = SimWorld(SimConfig(static_nodes=1, static_size=Resources(vcores=8, memory_mib=4096)))
    world.submit(make_job())
    world.pass_time(10)
    assert world.yarn.node("static-1:8041").used == Resources(vcores=4, memory_mib=4096)


def test_a_stage_starts_when_the_one_before_is_done() -> None:
    world = SimWorld()
    world.submit(Job(id="job", stages=(Stage(tasks=2, task_s=50, size=TASK), Stage(tasks=3, task_s=10, size=TASK))))
    world.pass_time(40)
    assert [run.running for run in world.yarn.work.apps[1].stages] == [2, 0]
    world.pass_time(19)
    assert [(run.done, run.running) for run in world.yarn.work.apps[1].stages] == [(2, 0), (0, 3)]
    world.pass_time(20)
    assert world.accounts.jobs_finished == 1


def test_stages_out_of_order_start_at_their_own_times() -> None:
    stages = (Stage(tasks=1, task_s=100, size=TASK), Stage(tasks=1, task_s=100, size=TASK, release_s=60))
    world = SimWorld()
    world.submit(Job(id="job", stages=stages, in_order=False))
    world.pass_time(30)
    assert [run.running for run in world.yarn.work.apps[1].stages] == [1, 0]
    world.pass_time(40)
    assert [run.running for run in world.yarn.work.apps[1].stages] == [1, 1]
    world.pass_time(120)
    assert world.accounts.jobs_finished == 1


SIZES = st.builds(Resources, vcores=st.integers(0, 6), memory_mib=st.integers(0, 12_288))


@given(
    tasks=st.lists(st.tuples(st.integers(1, 40), st.integers(1, 90), st.integers(1, 4)), min_size=1, max_size=4),
    resizes=st.lists(st.tuples(SIZES, st.sampled_from([None, 0, 5])), max_size=6),
)
def test_a_placement_never_oversells_a_node(
    tasks: list[tuple[int, int, int]], resizes: list[tuple[Resources, float | None]]
) -> None:
    pool = Pool()
    node = pool.serve()
    for count, task_s, vcores in tasks:
        pool.world.submit(make_job(count, task_s, size=Resources(vcores=vcores, memory_mib=vcores * 1500)))
    before = pool.node(node.node_id)
    for total, timeout_s in [(NM_SIZE, None), *resizes]:
        pool.resize(node.node_id, total.vcores, total.memory_mib, timeout_s)
        for _ in range(12):
            pool.world.pass_time(1)
            after = pool.node(node.node_id)
            grew = after.used.vcores > before.used.vcores or after.used.memory_mib > before.used.memory_mib
            assert after.used.fits_in(after.total) or not grew
            before = after


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10_000))
def test_what_is_asked_for_is_counted_through_starts_losses_and_ends(seed: int) -> None:
    rng = random.Random(seed)
    world = SimWorld(SimConfig(seed=seed, static_nodes=3, static_size=Resources(vcores=4, memory_mib=8192)))
    for number in range(12):
        stages = tuple(
            Stage(tasks=rng.randint(1, 9), task_s=rng.randint(1, 90), size=Resources(vcores=1, memory_mib=mib))
            for mib in rng.choices((512, 1024, 2048), k=rng.randint(1, 3))
        )
        world.submit(Job(id=f"job-{number}", stages=stages, in_order=rng.random() < 0.5))
    for _ in range(30):
        world.pass_time(rng.randint(1, 40))
        work = world.yarn.work
        running = [one for node in world.yarn.nodes.values() for one in node.containers.values()]
        if running:
            work.lose(rng.choice(running), Loss.KILLED)
        apps = [app for app in work.apps.values() if app.queue is work.queues["default"]]
        expected = Counter[tuple[Resources, str, str]]()
        for app in apps:
            expected.update({(size, label, "root.default"): 0 for size, label, _ in app.asks()})
            for size, label, count in app.asks() if app.am is not None else ():
                expected[size, label, "root.default"] += count
        assert work.waiting() == {ask: count for ask, count in expected.items() if count}
        assert work.queues["default"].asked[AM] == sum(app.waits_for_am for app in apps)
        asking = {seq for listed in work.queues["default"].asking.values() for seq in listed}
        assert asking == work.queues["default"].waiting
        assert all(listed == sorted(set(listed)) for listed in work.queues["default"].asking.values())
