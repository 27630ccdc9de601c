"""``tidebridge rebalance``, and what ``explain`` and ``status`` say of tenants."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.core.resources import Room
from bridge.sim import TenantWork
from tests.cli.stage import Said, Stage, staged

TENANTS = [
    {"name": "ads", "min": {"cpu_millicores": 8000}, "yarn_queues": ["root.default"], "namespaces": ["ads-batch"]},
    {"name": "etl", "namespaces": ["etl"], "evict": True},
]
QUOTA = "tidebridge"
REQUEST = Room(cpu_millicores=1000, memory_mib=1024)


@pytest.fixture
def shared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Stage]:
    """Two tenants, one of which wants much."""
    with staged(tmp_path) as stage:
        stage.capture = capsys
        stage.settings["tenants"] = TENANTS
        stage.settings["rebalance"] = {"adapters": ["yarn-capacity", "resource-quota"], "half_life": "0s"}
        stage.write()
        stage.prepare()
        with stage.served.lock:
            stage.world.start_work(
                TenantWork(namespace="etl", name="batch", replicas=((0, 30),), request=REQUEST, priority=0)
            )
        stage.served.pass_time(30)
        yield stage


def quotas(stage: Stage) -> dict[str, object]:
    with stage.served.lock:
        return {
            namespace: quota.order for (namespace, name), quota in stage.world.kube.quotas.all.items() if name == QUOTA
        }


def rounds(stage: Stage) -> Said:
    """Run rounds until both sides have heard of their numbers."""
    stage.say("rebalance", "--now")
    stage.tick()
    return stage.say("rebalance", "--now", "--json")


def test_without_tenants_it_says_where_to_add_them(stage: Stage) -> None:
    stage.prepare()
    said = stage.say("rebalance")
    assert said.code == 2
    assert "tenants" in said.err


def test_a_round_that_isnt_run_changes_nothing_and_says_what_it_would_write(shared: Stage) -> None:
    shared.say("status")
    before = shared.trace()
    said = shared.say("rebalance")
    assert said.code == 0
    assert "resource-quota would change" in said.out
    assert shared.trace() == before
    assert quotas(shared) == {}


def test_rounds_write_and_then_have_nothing_more_to_write(shared: Stage) -> None:
    found = rounds(shared)
    assert found.code == 0
    assert {entry["adapter"] for entry in found.json["done"]} <= {"yarn-capacity", "resource-quota"}
    assert set(quotas(shared)) == {"ads-batch", "etl"}
    again = shared.say("rebalance", "--json")
    assert [entry["drafts"] for entry in again.json["changes"]] == [[], []]


def test_every_told_amount_fits_into_what_lenders_can_give(shared: Stage) -> None:
    ledger = rounds(shared).json["ledger"]
    for resource, capacity in ledger["capacity"].items():
        assert sum(side["told"][resource] for side in ledger["sides"].values()) <= capacity


def test_explain_follows_a_namespace_from_the_root(shared: Stage) -> None:
    rounds(shared)
    said = shared.say("explain", "namespace", "etl", "--json")
    (found,) = said.json["explanations"]
    chain = found["explained"]["chain"]
    assert {link["queue"] for link in chain} == {"tenant:etl", "namespace:etl"}
    assert {link["resource"] for link in chain} == {"cpu_millicores", "memory_mib"}


def test_explain_names_what_there_is(shared: Stage) -> None:
    rounds(shared)
    said = shared.say("explain", "tenant", "nobody")
    assert said.code == 2
    assert "ads, etl" in said.err


def test_explain_before_any_round_says_how_to_run_one(shared: Stage) -> None:
    said = shared.say("explain", "ledger")
    assert said.code == 1
    assert "tidebridge rebalance --now" in said.err


def test_status_sums_up_the_tenants(shared: Stage) -> None:
    assert shared.say("status", "--json").json["tenants"] is None
    rounds(shared)
    tenants = shared.say("status", "--json").json["tenants"]
    assert [entry["name"] for entry in tenants["tenants"]] == ["ads", "etl"]
    assert "etl" in shared.say("status").out


def test_a_system_that_is_away_is_a_gap_and_the_status_of_the_world(shared: Stage) -> None:
    rounds(shared)
    with shared.served.lock:
        shared.world.break_yarn(600)
    said = shared.say("rebalance", "--now", "--json")
    assert said.code == 1
    assert "yarn" in said.json["seen"]["gaps"]
    assert "yarn is unknown" in said.err
