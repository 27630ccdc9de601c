"""What counts as a promise that was kept, and what the report looks like to programs and people."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from bridge.cli.demo import exit_status
from bridge.core.lifecycle import State
from bridge.core.reasons import Reason
from bridge.core.resources import Resources, Room, Shape
from bridge.core.snapshot import Promise
from bridge.demo import summary
from bridge.demo.report import Deadlines, count_deadlines
from tests.demo.stretch import Played

NIGHT = datetime(2021, 10, 11, 20, tzinfo=UTC)
DEADLINE = NIGHT + timedelta(hours=2)
TICK = timedelta(minutes=2)
GONE = Promise(
    id="a",
    pool="night",
    lender="lender-1",
    shape=Shape(
        yarn=Resources(vcores=2, memory_mib=8192),
        pod=Room(cpu_millicores=2250, memory_mib=9216),
    ),
    state=State.GONE,
    made_at=NIGHT,
    since=DEADLINE,
    deadline=DEADLINE,
    reason=Reason.VERIFIED_FREE,
    pod_uid="uid",
)


@pytest.mark.parametrize(
    ("promise", "held_until", "expected"),
    [
        pytest.param(GONE, DEADLINE - TICK, Deadlines(total=1, met=1), id="verified free at the deadline"),
        pytest.param(replace(GONE, since=DEADLINE + TICK), DEADLINE - TICK, Deadlines(total=1, met=0), id="seen late"),
        pytest.param(GONE, DEADLINE, Deadlines(total=1, met=0), id="the world disagrees with the journal"),
        pytest.param(replace(GONE, state=State.DRAINING), DEADLINE + TICK, Deadlines(total=1, met=0), id="still there"),
        pytest.param(
            replace(GONE, state=State.SERVING, deadline=DEADLINE + timedelta(hours=9)),
            DEADLINE,
            Deadlines(total=0, met=0),
            id="not due yet",
        ),
        pytest.param(replace(GONE, pod_uid=None), None, Deadlines(total=0, met=0), id="never had a pod"),
    ],
)
def test_a_promise_is_kept_if_journal_and_world_say_so(
    promise: Promise, held_until: datetime | None, expected: Deadlines
) -> None:
    held = {} if held_until is None else {promise.id: held_until}
    assert count_deadlines([promise], held, DEADLINE + timedelta(hours=1)) == expected


def test_a_missed_deadline_fails_the_command(played: Played) -> None:
    missed = replace(played.report, deadlines=Deadlines(total=2, met=1))
    assert (exit_status(played.report), exit_status(missed)) == (0, 1)


def test_the_keys_for_programs_are_stable(played: Played) -> None:
    plain = played.report.plain()
    assert sorted(plain) == [
        "aborted_containers",
        "ams_killed",
        "baselines",
        "day",
        "deadlines",
        "elastic_pods_preempted",
        "failed_acts",
        "idle_core_hours",
        "jobs",
        "killed_containers",
        "lent_core_hours",
        "lent_ratio",
        "lost_core_hours",
        "online_short_core_hours",
        "preempted_containers",
        "rounds",
        "tenants",
        "ticks",
        "ticks_with_gaps",
        "used_core_hours",
        "useful_core_hours",
    ]
    assert sorted(plain["jobs"]) == ["finished", "mean_slowdown", "mean_turnaround_s", "submitted"]
    assert plain["jobs"].keys() == plain["baselines"]["none"]["jobs"].keys()
    assert sorted(plain["baselines"]["none"]) == ["jobs", "online_short_core_hours", "tenants"]
    assert sorted(plain["deadlines"]) == ["met", "missed", "total"]


def test_the_keys_of_the_tenants_are_stable(played: Played) -> None:
    plain = played.report.plain()
    for tenant, without in zip(plain["tenants"], plain["baselines"]["none"]["tenants"], strict=True):
        assert sorted(tenant) == [
            "borrowed_core_hours",
            "entitled_core_hours",
            "guarantee",
            "held_back_core_hours",
            "lent_core_hours",
            "name",
            "pods_evicted",
            "pods_preempted",
            "used_core_hours",
        ]
        assert without.keys() == {"name", "used_core_hours"}
        assert tenant["entitled_core_hours"].keys() == tenant["used_core_hours"].keys() == {"yarn", "kubernetes"}
    assert [tenant["name"] for tenant in plain["tenants"]] == ["ads", "etl"]


def test_each_number_has_a_sentence(played: Played) -> None:
    for _, value, sentence in summary.rows(played.report):
        assert value
        assert sentence.endswith((".", ";"))


def test_the_report_says_when_deadlines_were_missed(played: Played) -> None:
    console = Console(width=120)
    with console.capture() as shown:
        console.print(summary.write(replace(played.report, deadlines=Deadlines(total=9, met=7))))
    assert "7 of 9 met" in shown.get()
    assert "2 elastic nodes still held room at their deadline." in shown.get()
