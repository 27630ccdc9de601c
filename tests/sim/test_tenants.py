"""The two tenants of the demonstration: a stable deal of jobs, and work that is high at different hours."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from bridge.sim import TRACES, SimConfig, SimWorld, load_jobs
from bridge.sim.tenants import ADS_WAVE, ETL_WAVE, Wave, tenant_queue_of, tenant_queues, tenant_works

NOON = datetime(2021, 10, 11, 12, tzinfo=ZoneInfo("Asia/Shanghai"))


def test_jobs_are_dealt_by_their_ids_alone() -> None:
    jobs = load_jobs(TRACES / "fb2009.csv", queue_of=tenant_queue_of)
    assert [job.queue for job in jobs] == [tenant_queue_of(job.id) for job in jobs]
    ads = sum(job.queue == "ads" for job in jobs)
    assert {job.queue for job in jobs} == {"ads", "etl"}
    assert 0.57 < ads / len(jobs) < 0.63


def test_a_wave_goes_over_midnight_and_has_slopes() -> None:
    wave = Wave(low=2, high=10, from_hour=23, hours=2)
    assert [wave.at(hour) for hour in (21, 22, 23, 0, 1, 2)] == [2, 6, 10, 10, 6, 2]


def test_a_wave_is_counted_from_its_start() -> None:
    wave = Wave(low=0, high=4, from_hour=14, hours=1)
    assert wave.replicas(NOON + timedelta(minutes=30), 4) == ((0, 0), (1800, 2), (5400, 4), (9000, 2), (12600, 0))


def test_the_two_are_high_at_different_hours() -> None:
    both = [hour for hour in range(24) if ADS_WAVE.at(hour) == ADS_WAVE.high and ETL_WAVE.at(hour) == ETL_WAVE.high]
    assert both == []


def test_a_world_of_two_tenants_lives_through_its_night() -> None:
    config = SimConfig(start=NOON.astimezone(UTC), lenders=3, static_nodes=2, queues=tenant_queues(am_ratio=0.2))
    world = SimWorld(config)
    world.submit_all(load_jobs(TRACES / "fb2009.csv", keep_one_in=40, queue_of=tenant_queue_of), config.start)
    works = [world.start_work(work) for work in tenant_works(NOON, 24)]
    seen = []
    for hour in (9, 15):
        world.advance(config.start + timedelta(hours=hour, minutes=59))
        seen.append([work.wanted for work in works])
    totals = world.totals()
    assert seen == [[ADS_WAVE.high, ETL_WAVE.low], [ADS_WAVE.low, ETL_WAVE.high]]
    assert set(totals.used_core_s_by_queue) == {"root.ads", "root.etl"}
    assert all(totals.used_core_s_by_queue.values())
    assert all(account.used_core_s > 0 for account in totals.namespaces.values())
