"""Time, failures on demand, recorded load and jobs, and that the same world happens twice."""

import csv
from datetime import timedelta
from pathlib import Path
from zlib import crc32

import pytest

from bridge.core.resources import Resources
from bridge.core.snapshot import KubeFacts, YarnFacts
from bridge.ports import Denied, PortError, Unavailable
from bridge.sim import TRACES, Accounts, Job, SimConfig, SimWorld, Stage, load_jobs, load_series
from tests.sim.build import Pool, make_job, make_service


def _run(seed: int) -> tuple[list[tuple[YarnFacts, KubeFacts]], Accounts]:
    pool = Pool(SimConfig(seed=seed))
    pool.world.start_service(make_service(0.25, 0.9, 0.3))
    pool.world.submit_all(load_jobs(TRACES / "fb2009.csv", keep_one_in=20), pool.world.now)
    for number in range(1, 4):
        pool.serve(f"p{number}", f"lender-{number}")
    pool.world.plan(pool.world.now + timedelta(seconds=400), lambda: pool.world.restart_rm(5))
    seen = []
    for _ in range(100):
        pool.world.pass_time(30)
        if pool.world.yarn.is_up:
            seen.append((pool.yarn.observe(), pool.kube.observe()))
    return seen, pool.world.totals()


def test_the_same_seed_gives_the_same_world() -> None:
    assert _run(1) == _run(1)


def test_another_seed_gives_another_world() -> None:
    assert _run(1) != _run(2)


def test_small_steps_and_one_large_step_lead_to_the_same() -> None:
    worlds = SimWorld(), SimWorld()
    for world in worlds:
        world.submit_all([make_job(id=f"job{number}", task_s=7.5) for number in range(5)], world.now)
    for _ in range(600):
        worlds[0].pass_time(1)
    worlds[1].advance(worlds[1].now + timedelta(seconds=600))
    assert worlds[0].totals() == worlds[1].totals()


def test_time_moves_only_when_told() -> None:
    world = SimWorld()
    assert world.clock.now() == world.now == SimConfig().start
    world.advance(world.now + timedelta(hours=1))
    assert world.now == SimConfig().start + timedelta(hours=1)


def test_a_call_can_fail_once() -> None:
    pool = Pool()
    pool.world.fail_next("kube.create", Denied("no"))
    with pytest.raises(Denied):
        pool.create()
    assert pool.kube.observe().pods == ()
    pool.create()
    assert len(pool.kube.observe().pods) == 1


def test_an_answer_can_be_lost_after_the_effect() -> None:
    pool = Pool()
    pool.world.fail_next("kube.create", Unavailable("lost"), took_effect=True)
    with pytest.raises(Unavailable):
        pool.create()
    assert len(pool.kube.observe().pods) == 1


@pytest.mark.parametrize("system", ["kube", "yarn"])
def test_an_outage_ends_by_itself(system: str) -> None:
    pool = Pool()
    observe = {"kube": pool.kube.observe, "yarn": pool.yarn.observe}[system]
    {"kube": pool.world.break_kube, "yarn": pool.world.break_yarn}[system](30)
    with pytest.raises(PortError):
        observe()
    pool.world.pass_time(30)
    observe()


def test_a_crashed_lender_leaves_a_silent_nodemanager() -> None:
    pool = Pool(SimConfig(expiry_s=60))
    node = pool.serve()
    pool.world.crash_node("lender-1")
    pool.world.pass_time(59)
    assert pool.state(node.node_id) == "RUNNING"
    pool.world.pass_time(1)
    assert pool.state(node.node_id) == "LOST"


def test_the_recorded_load_is_read_whole() -> None:
    series = load_series(TRACES / "crane14.csv")
    assert (series.step_s, series.length_s, series.after(0)) == (300, 16 * 86400, 0.6103)
    assert series.after(10**9) == series.load[-1]


def test_an_empty_sample_is_no_zero(tmp_path: Path) -> None:
    path = tmp_path / "load.csv"
    path.write_text("timestamp_s,load,load_max,raw\n0,0.5,0.5,1\n300,,,\n600,0,0,0\n")
    assert load_series(path).load == (0.5, None, 0.0)


def test_recorded_jobs_are_read_whole() -> None:
    jobs = load_jobs(TRACES / "fb2009.csv")
    assert (len(jobs), sum(stage.tasks for job in jobs for stage in job.stages)) == (5894, 227_608)
    assert [job.submit_s for job in jobs] == sorted(job.submit_s for job in jobs)


def test_jobs_are_thinned_as_a_whole() -> None:
    with (TRACES / "fb2009.csv").open(newline="") as lines:
        expected = {row["job_id"] for row in csv.DictReader(lines) if crc32(row["job_id"].encode()) % 16 == 0}
    assert {job.id for job in load_jobs(TRACES / "fb2009.csv", keep_one_in=16)} == expected


def test_fractional_vcores_round_up(tmp_path: Path) -> None:
    path = tmp_path / "jobs.csv"
    path.write_text("job_id,stage,submit_s,n_tasks,task_s,vcores,mem_mb\nj,1,5,2,10,0.5,100.5\nj,0,3,1,4,1,64\n")
    size = Resources(vcores=1, memory_mib=101)
    assert load_jobs(path, task_scale=0.5) == (
        Job(
            id="j",
            submit_s=3,
            in_order=False,
            stages=(
                Stage(tasks=1, task_s=2.0, size=Resources(vcores=1, memory_mib=64)),
                Stage(tasks=2, task_s=5.0, size=size, release_s=2),
            ),
        ),
    )


def test_stages_follow_each_other_unless_the_file_gives_any_job_different_times(tmp_path: Path) -> None:
    path, head = tmp_path / "jobs.csv", "job_id,stage,submit_s,n_tasks,task_s,vcores,mem_mb\n"
    equal = "a,0,0,1,1,1,1\na,1,0,1,1,1,1\nb,0,9,1,1,1,1\n"
    path.write_text(head + equal)
    assert [job.in_order for job in load_jobs(path)] == [True, True]
    path.write_text(head + equal + "b,1,20,1,1,1,1\n")
    assert [job.in_order for job in load_jobs(path)] == [False, False]
    assert [job.in_order for job in load_jobs(path, in_order=True)] == [True, True]
