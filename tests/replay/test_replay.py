"""A replay: the real tick on recorded days, what it counts, and what stands beside it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bridge.core.resources import Resources
from bridge.core.snapshot import Basis
from bridge.replay import picture
from bridge.replay.report import Replayed, always_open, default_policy, replay
from bridge.replay.run import Played, play
from bridge.replay.stage import WARM_UP
from tests.replay.build import make_stage

STAGE = make_stage(4)


@pytest.fixture(scope="module")
def played() -> Played:
    return play(STAGE, default_policy(STAGE), always_open())


@pytest.fixture(scope="module")
def replayed() -> Replayed:
    stage = make_stage(7)
    return replay(stage, default_policy(stage), always_open())


def test_it_begins_at_the_first_midnight_after_the_warm_up() -> None:
    assert STAGE.start - STAGE.recorded_from >= WARM_UP
    assert (STAGE.start.hour, STAGE.start.minute) == (0, 0)
    assert STAGE.start - STAGE.recorded_from < WARM_UP + timedelta(days=1)
    assert all(at < STAGE.start for at, _ in STAGE.warm_up())


def test_every_minute_has_a_tick_and_its_numbers(played: Played) -> None:
    assert played.ticks == len(played.minutes) == 4 * 60
    assert all(minute.lent >= minute.used >= 0 for minute in played.minutes)
    assert all(minute.load == STAGE.load_at(minute.at) for minute in played.minutes)
    assert max(minute.used for minute in played.minutes) > 0


def test_the_forecast_knows_the_warm_up_and_bounds_from_the_first_minute(played: Played) -> None:
    first = played.minutes[0]
    assert first.bound is not None
    assert first.load < first.bound < 1


def test_each_minute_above_the_cap_is_explained(played: Played) -> None:
    over = [minute.at for minute in played.minutes if minute.used > 0 and minute.highest > STAGE.cap + 1e-9]
    assert [one.at for one in played.over_cap] == over


def test_a_cap_that_is_crossed_is_counted() -> None:
    """Whoever lends by the clock alone, and all of it, is above the cap whenever tasks run."""
    stage = make_stage(2)
    blind = replace(default_policy(stage), basis=Basis.REQUESTS, margin_ratio=0.0)
    found = play(stage, blind, always_open())
    assert found.over_cap
    assert {one.why for one in found.over_cap} == {"nothing_was_expected"}


def test_a_spike_that_no_forecast_saw_is_told_with_the_bound_it_is_above_and_when_room_is_back() -> None:
    stage = make_stage(2, keep_one_in=1)
    calm = stage.series.load[:-4]
    spiked = replace(stage, series=replace(stage.series, load=(*calm, 0.8, 0.8, 0.8, 0.8)))
    found = play(spiked, default_policy(spiked), always_open())
    assert found.over_cap
    for one in found.over_cap:
        assert one.why == "load_above_a_bound"
        assert one.bound is not None
        assert one.bound_at is not None
        assert one.back_by is not None
        assert one.bound < one.load
        assert one.bound_at <= one.at < one.back_by
    assert found.deadlines_met == found.deadlines_total > 0


def test_the_same_days_give_the_same_numbers(played: Played) -> None:
    again = play(STAGE, default_policy(STAGE), always_open())
    assert again.minutes == played.minutes
    assert again.world.totals() == played.world.totals()


def test_no_application_master_runs_on_what_is_lent(played: Played) -> None:
    assert played.world.totals().ams_killed == 0


def test_baselines_are_of_the_same_days(replayed: Replayed) -> None:
    found = replayed.plain()
    assert set(found) == {
        "idle_core_hours",
        "lent_core_hours",
        "useful_core_hours",
        "lost_core_hours",
        "over_cap_minutes",
        "over_cap",
        "deadlines",
        "ams_killed",
        "jobs",
        "ticks",
        "baselines",
        "wall_s",
    }
    none, fixed, oracle = (found["baselines"][name] for name in ("none", "fixed_window", "oracle"))
    assert none["useful_core_hours"] == 0
    assert none["jobs"]["submitted"] == found["jobs"]["submitted"] == oracle["jobs"]["submitted"]
    assert len({one["idle_core_hours"] for one in (found, none, fixed, oracle)}) == 1
    assert 0 < fixed["useful_core_hours"] < found["useful_core_hours"] <= oracle["useful_core_hours"] * 1.02


def test_give_backs_have_a_time_and_are_counted(replayed: Replayed) -> None:
    fixed = replayed.baselines["fixed_window"]
    assert fixed.deadlines["total"] > 0
    assert fixed.deadlines["met"] == fixed.deadlines["total"]


def test_a_node_is_large_enough_for_the_largest_task() -> None:
    (job, *others) = STAGE.jobs
    large = replace(job, stages=(replace(job.stages[0], size=Resources(vcores=5, memory_mib=2048)),))
    policy = default_policy(replace(STAGE, jobs=(large, *others)))
    assert policy.shape.yarn.vcores == 5
    assert default_policy(STAGE).shape.yarn.vcores == 1


@pytest.mark.parametrize("kind", picture.KINDS)
def test_a_picture_of_the_same_minutes_has_the_same_bytes(played: Played, tmp_path: Path, kind: str) -> None:
    files = [tmp_path / f"{name}{kind}" for name in ("one", "two")]
    for file in files:
        picture.draw(played.minutes, file, title="crane14", cap=STAGE.cap)
    assert files[0].read_bytes() == files[1].read_bytes()
    assert len(files[0].read_bytes()) > 10_000


@pytest.mark.parametrize(
    ("last_s", "days"),
    [
        pytest.param(40_000, 1, id="half a day"),
        pytest.param(86_410, 1, id="some seconds more than a day"),
        pytest.param(2.9 * 86_400, 3, id="three days"),
    ],
)
def test_jobs_come_again_each_day_or_after_the_length_of_their_file(last_s: float, days: int) -> None:
    stage = make_stage(24 * 7)
    first, last = (replace(stage.jobs[0], id=name, submit_s=at) for name, at in (("first", 60), ("last", int(last_s))))
    found = list(replace(stage, jobs=(first, last)).submissions())
    at = [at for at, job in found if job.id.startswith("first")]
    assert at == [stage.start + timedelta(days=day, seconds=60) for day in range(0, 7, days)]
    assert all(at <= stage.end for at, _ in found)
    assert len({job.id for _, job in found}) == len(found)
