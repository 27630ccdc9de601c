"""What each command prints and leaves behind, in good weather."""

from __future__ import annotations

import re
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest

from bridge.controller.pool import Pool
from bridge.controller.record import Planned
from bridge.controller.tick import make_plan
from bridge.core.actions import StampPod, Step
from bridge.core.reasons import Reason
from tests.cli.stage import Stage

SNAKE = re.compile(r"[a-z][a-z0-9_]*")
COMMANDS = {
    "db upgrade": "db upgrade",
    "plan": "plan",
    "status": "status",
    "explain window": "explain window",
    "explain offer": "explain offer",
    "explain demand": "explain demand",
    "explain size": "explain size",
    "explain plan": "explain plan",
    "explain lender": "explain lender lender-1",
    "pause": "pause --for 10m --why maintenance",
    "resume": "resume",
}


def keys_of(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, entry in value.items():
            yield key
            yield from keys_of(entry)
    elif isinstance(value, list):
        for entry in value:
            yield from keys_of(entry)


def test_the_database_is_made_once_and_then_left_as_it_is(stage: Stage) -> None:
    first, second = stage.say("db", "upgrade", "--json"), stage.say("db", "upgrade", "--json")
    assert (first.code, first.json) == (0, {"from": "empty", "to": "0004"})
    assert (second.code, second.json) == (0, {"from": "0004", "to": "0004"})
    assert first.err == second.err == ""


def test_a_relative_database_is_beside_its_settings(stage: Stage) -> None:
    stage.prepare()
    assert stage.database.is_file()


def test_a_plan_before_any_tick_changes_nothing_and_says_why(stage: Stage) -> None:
    stage.prepare()
    stage.submit()
    stage.say("status")
    before = stage.trace()
    said = stage.say("plan")
    assert said.code == 0
    assert said.err == ""
    assert "target 6\n  bound by the window's max_ratio of the lenders' allocatable\n" in said.out
    assert said.out.count("create a pod on lender-") == 6
    assert "because containers wait that it could run:" in " ".join(said.out.split())
    assert stage.trace() == before


def test_two_plans_of_an_unchanged_world_are_the_same_text(stage: Stage) -> None:
    stage.prepare()
    stage.submit()
    first, second = stage.say("plan", "--json"), stage.say("plan", "--json")
    assert first.code == second.code == 0
    assert [step["do"] for step in first.json["pools"][0]["plan"]] == ["create_pod"] * 6
    assert first.out == second.out


def test_a_plan_leaves_stamps_to_the_controller_which_has_seen_what_ended(
    seen_night: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stamp = Step(promise=None, act=StampPod(promise_id="p", uid="u", worth=4), reason=Reason.WORTH_HAS_CHANGED)

    def with_stamp(pool: Pool) -> Planned:
        planned = make_plan(pool)
        return replace(planned, plan=replace(planned.plan, steps=(*planned.plan.steps, stamp)))

    monkeypatch.setattr(sys.modules["bridge.cli.main"], "make_plan", with_stamp)
    assert seen_night.say("plan", "--json").json["pools"][0]["plan"] == []


def test_a_plan_is_empty_once_it_has_been_done(seen_night: Stage) -> None:
    said = seen_night.say("plan", "--json")
    (pool,) = said.json["pools"]
    assert (said.code, pool["plan"], pool["moves"], pool["refused"]) == (0, [], [], [])
    assert seen_night.say("plan").out.endswith("  nothing to do\n")


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_json_is_one_document_with_snake_case_keys_and_nothing_beside_it(seen_night: Stage, command: str) -> None:
    said = seen_night.say(*command.split(), "--json")
    assert (said.code, said.err) == (0, "")
    assert [key for key in keys_of(said.json) if not SNAKE.fullmatch(key)] == []


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_people_get_lines_that_fit(seen_night: Stage, command: str) -> None:
    said = seen_night.say(*command.split())
    assert (said.code, said.err) == (0, "")
    assert [line for line in said.out.splitlines() if len(line) > 80] == []


def test_status_says_what_is_lent_to_whom_until_when(seen_night: Stage) -> None:
    (pool,) = seen_night.say("status", "--json").json["pools"]
    assert pool["pool"] == "night"
    assert pool["window"]["windows"] == ["weeknights"]
    assert pool["offered_nodes"] == pool["target_nodes"] == 6
    assert pool["lent"] == {"vcores": 24, "memory_mib": 6 * 8192}
    assert pool["containers"] == 24
    assert pool["nodes_by_state"] == {"serving": 6}
    assert {node["deadline"] for node in pool["nodes"]} == {pool["window"]["back_by"]}
    assert pool["failed"] == pool["impostors"] == []


def test_ids_states_and_times_stand_whole_in_a_row_each(seen_night: Stage) -> None:
    (pool,) = seen_night.say("status", "--json").json["pools"]
    out = seen_night.say("status").out
    for node in pool["nodes"]:
        row = rf"^{node['id']} +{node['lender']} +serving +\d\d:\d\d +\d\d:\d\d +its NodeManager has registered *$"
        assert re.search(row, out, re.MULTILINE), out


def test_status_before_the_first_tick_says_how_to_start(stage: Stage) -> None:
    stage.prepare()
    assert stage.say("status").out == "night: no tick yet; start the controller with: tidebridge run\n"
    assert stage.say("status", "--json").json == {"pools": [{"pool": "night", "last_tick": None}], "tenants": None}


def test_explaining_before_the_first_tick_says_how_to_start(stage: Stage) -> None:
    stage.prepare()
    said = stage.say("explain", "offer")
    assert (said.code, said.out) == (1, "")
    assert "start the controller with: tidebridge run" in said.err


def test_an_offer_is_explained_by_its_limits_and_lenders(seen_night: Stage) -> None:
    (found,) = seen_night.say("explain", "offer", "--json").json["explanations"]
    assert (found["pool"], found["topic"]) == ("night", "offer")
    explained = found["explained"]
    assert explained["offer"]["bound_by"] == "window_ratio"
    assert explained["offer"]["chain"][0]["limit"] == "window_ratio"
    assert [lender["name"] for lender in explained["lenders"]] == ["lender-1", "lender-2", "lender-3"]


def test_a_node_is_explained_by_its_id(seen_night: Stage) -> None:
    (pool,) = seen_night.say("status", "--json").json["pools"]
    (found,) = seen_night.say("explain", "node", pool["nodes"][0]["id"], "--json").json["explanations"]
    running = found["explained"].pop("running")
    assert found["explained"] == pool["nodes"][0]
    assert (running["id"], running["containers"]) == (pool["nodes"][0]["id"], running["used"]["vcores"])


@pytest.mark.parametrize(
    ("words", "there"),
    [
        (["tide"], "ask for one of: window, offer, load, demand, size, lent, give-back, plan, lender NAME, node ID"),
        (["lender", "lender-9"], "no lender is called 'lender-9'; there are: lender-1, lender-2, lender-3"),
        (["lender"], "say which lender; there are: lender-1, lender-2, lender-3"),
        (["node", "x"], "no elastic node is called 'x'; there are: "),
        (["offer", "--pool", "day"], "no pool is called 'day'; there are: night"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_there_is_not_is_answered_with_what_there_is(seen_night: Stage, words: list[str], there: str) -> None:
    said = seen_night.say("explain", *words)
    assert (said.code, said.out) == (2, "")
    assert there in said.err


def test_a_pause_changes_the_next_plan_and_resuming_changes_it_back(stage: Stage) -> None:
    stage.prepare()
    stage.submit()
    before = stage.say("plan", "--json")
    paused = stage.say("pause", "--for", "45m", "--why", "maintenance")
    assert (paused.code, paused.out.partition(" until ")[0]) == (0, "night: nothing more is lent")
    during = stage.say("plan", "--json").json["pools"][0]
    size = during["decided"]["size"]
    assert (size["open_nodes"], size["target"], size["bound_by"]) == (0, 0, "paused")
    assert [step["do"] for step in during["plan"]] == []
    assert stage.say("resume").out == "night: lending goes on with the next tick\n"
    assert stage.say("plan", "--json").out == before.out


def test_a_pause_is_in_the_status_of_the_next_tick(night: Stage) -> None:
    until = night.say("pause", "--json").json["paused_until"]
    night.tick()
    (pool,) = night.say("status", "--json").json["pools"]
    assert pool["paused_until"] == until
    assert pool["nodes_by_state"] == {"serving": 6}
    assert "  paused  until " in night.say("status").out


@pytest.mark.parametrize("length", ["soon", "0m", "-5m", "5"])
def test_a_pause_wants_a_duration(stage: Stage, length: str) -> None:
    said = stage.say("pause", "--for", length)
    assert said.code == 2
    assert "write one such as 90s, 45m, 1h30m or 2d" in said.err


@pytest.mark.parametrize("length", ["99999999d", "999999999999d999999999999h", "367d", "366d1s"])
def test_a_pause_lasts_a_year_at_most(stage: Stage, length: str) -> None:
    said = stage.say("pause", "--for", length)
    assert said.code == 2
    assert "is longer than 366 days; write 366d or less" in said.err


def test_a_missed_deadline_is_in_the_status(night: Stage) -> None:
    assert night.say("status", "--json").json["pools"][0]["overdue"] == []
    night.world.break_kube(for_s=24 * 3600)
    night.served.pass_time(4 * 3600)
    night.tick()
    (pool,) = night.say("status", "--json").json["pools"]
    assert {entry["id"] for entry in pool["overdue"]} == {node["id"] for node in pool["nodes"]}
    assert set(pool["overdue"][0]) == {"id", "lender", "deadline", "state"}
    assert len(pool["overdue"]) == 6
    out = " ".join(night.say("status").out.split())
    first = pool["overdue"][0]
    assert f"overdue {first['id']} on {first['lender']} was due back by " in out


def test_what_a_tick_changes_is_in_the_database_before_the_next_look(seen_night: Stage) -> None:
    with closing(sqlite3.connect(seen_night.database)) as database:
        states = database.execute("SELECT DISTINCT state FROM promise").fetchall()
    assert states == [("serving",)]


def test_a_command_without_a_meaning_is_bad_input(stage: Stage) -> None:
    assert stage.say("lend").code == 2
