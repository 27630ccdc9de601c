"""Each number of the status leads to its inputs: with what `explain` says, a reader can compute it again."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytest

from bridge.controller import views
from bridge.controller.record import sections
from bridge.controller.tick import Ticked
from bridge.core.snapshot import Memory
from bridge.ports import TickRecord
from bridge.replay.report import always_open, default_policy
from bridge.replay.run import play
from tests.replay.build import make_stage

STEADY = ("window", "mode", "leader", "last_tick", "pool", "gaps", "paused_until", "impostors")
"""Of the status: what is no number of a tick's own, or is explained by itself."""


def _record(ticked: Ticked) -> TickRecord:
    at = ticked.planned.snapshot.at
    kept = sections(ticked.planned, ticked.outcomes)
    return TickRecord(id=ticked.id, pool="replay", at=at, took_ms=1, mode="enforce", sections=kept)


@pytest.fixture(scope="module")
def records() -> list[TickRecord]:
    """Ticks of two hours by use, with a forecast, while work runs and waits."""
    found: list[TickRecord] = []
    stage = make_stage(2, keep_one_in=1)
    play(stage, default_policy(stage), always_open(), watch=lambda ticked, _: found.append(_record(ticked)))
    return found[20::25]


def _explained(record: TickRecord, topic: str, name: str | None = None) -> Any:
    return views.explain(record, topic, name)["explained"]


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield value
        for entry in value.values():
            yield from _leaves(entry)
    elif isinstance(value, list):
        for entry in value:
            yield from _leaves(entry)
    else:
        yield value


def _nodes(room: dict[str, int], record: TickRecord) -> int:
    """Count the pool's elastic nodes that fit in an amount."""
    pod = _explained(record, "offer")["shape"]["pod"]
    return int(min(room["cpu_millicores"] // pod["cpu_millicores"], room["memory_mib"] // pod["memory_mib"]))


def test_there_is_something_to_explain(records: list[TickRecord]) -> None:
    seen = [views.status(record, Memory(), "replay", record.at) for record in records]
    assert sum(1 for status in seen if status["used"]["vcores"] > 0 and status["wanted_nodes"] > 0) >= 3


def test_every_number_of_the_status_stands_in_what_explains_it(records: list[TickRecord]) -> None:
    for record in records:
        status = views.status(record, Memory(), "replay", record.at)
        assert set(status) - set(STEADY) <= set(views.EXPLAINED_BY)
        for field, topic in views.EXPLAINED_BY.items():
            if topic == "node ID":
                for node in status[field]:
                    assert node.items() <= _explained(record, "node", node["id"]).items()
            elif field == "gives_back":
                assert status[field] == _explained(record, topic)[field]
            elif field != "failed":
                assert status[field] in list(_leaves(_explained(record, topic))), field


def test_the_offer_follows_from_its_chains(records: list[TickRecord]) -> None:
    for record in records:
        offer = _explained(record, "offer")["offer"]
        chain = [bound["nodes"] for bound in offer["chain"]]
        assert offer["nodes"] == min(chain)
        assert offer["ceiling"] == min(chain + [bound["nodes"] for bound in offer["growth"]])


def test_each_limit_follows_from_its_inputs(records: list[TickRecord]) -> None:
    for record in records:
        found = _explained(record, "offer")
        lenders = found["lenders"]
        by_limit = {bound["limit"]: bound for bound in found["offer"]["chain"] + found["offer"]["growth"]}
        assert by_limit["lenders_room"]["nodes"] == sum(lender["nodes_fit"] for lender in lenders)
        assert by_limit["forecast"]["nodes"] == sum(lender["lasting_nodes"] for lender in lenders)
        assert by_limit["max_nodes"]["nodes"] == by_limit["max_nodes"]["inputs"]["max_nodes"]
        assert by_limit["keep_free"]["nodes"] == _nodes(by_limit["keep_free"]["room"], record)
        inputs = by_limit["forecast_total"]["inputs"]
        assert inputs["bound_ratio"] == pytest.approx(inputs["expected_ratio"] + inputs["margin_ratio"])
        taken = math.ceil(round(inputs["bound_ratio"] * inputs["allocatable"]["cpu_millicores"], 6))
        left = {
            "cpu_millicores": inputs["usable"]["cpu_millicores"] - taken,
            "memory_mib": inputs["usable"]["memory_mib"] - inputs["online"]["memory_mib"],
        }
        assert by_limit["forecast_total"]["nodes"] == _nodes(left, record)


def test_a_lenders_room_follows_from_its_inputs(records: list[TickRecord]) -> None:
    for record in records:
        load = _explained(record, "load")["load"]
        lenders = _explained(record, "offer")["lenders"]
        whole = sum(lender["allocatable"]["cpu_millicores"] for lender in lenders)
        for lender in lenders:
            size = lender["allocatable"]["cpu_millicores"]
            assert lender["used_millicores"] == math.ceil(load["total_millicores"] * size / whole)
            assert lender["room"]["cpu_millicores"] == int(size * lender["cap_ratio"]) - lender["used_millicores"]
            bound = next(entry for entry in lender["forecast"]["bounds"] if entry["horizon_s"] >= lender["lend_for_s"])
            lasting = int(size * lender["cap_ratio"]) - math.ceil(round(bound["ratio"] * size, 6))
            assert lender["lasting_room"]["cpu_millicores"] == max(0, min(lasting, lender["room"]["cpu_millicores"]))
            assert lender["nodes_fit"] == min(_nodes(lender["room"], record), lender["pod_slots"])


def test_what_is_said_of_a_deadline_is_the_sum_of_what_is_expected_of_its_nodes(records: list[TickRecord]) -> None:
    told = [(entry, _explained(record, "give-back")) for record in records for entry in _gives_back(record)]
    for entry, found in told:
        nodes = [node for node in found["nodes"] if node["deadline"] == entry["deadline"]]
        busy, tasks, lost = (
            sum(node["expected"][key] for node in nodes) for key in ("busy_vcores", "tasks", "lost_vcore_s")
        )
        assert len(nodes) <= entry["nodes"]
        assert entry["free_vcores"] == pytest.approx(entry["vcores"] - busy, abs=0.6)
        assert entry["preempted_tasks"] == pytest.approx(tasks, abs=0.6)
        assert entry["lost_vcore_s"] == pytest.approx(lost, abs=len(nodes))
    assert sum(1 for entry, _ in told if entry["preempted_tasks"] > 0) >= 3


def test_the_ways_to_give_back_are_named_and_why_there_are_no_others(records: list[TickRecord]) -> None:
    ways = {"cannot_resize": None, "cannot_decommission": "not_configured", "may_stamp": False}
    assert all(_explained(record, "give-back")["ways"] == ways for record in records)


def _gives_back(record: TickRecord) -> Any:
    return views.status(record, Memory(), "replay", record.at)["gives_back"]


def test_size_and_demand_follow_from_their_inputs(records: list[TickRecord]) -> None:
    for record in records:
        found = _explained(record, "size")
        size, demand, offer = found["size"], found["demand"], found["offer"]
        assert demand["nodes"] == demand["busy_nodes"] + demand["filled_nodes"] + demand["new_nodes"]
        assert size["bound_formula"]
        if demand["nodes"] > size["open_nodes"] and size["inputs"]["failed_start_at"] is None:
            most = min(demand["nodes"], offer["ceiling"], size["open_nodes"] + size["inputs"]["grow_per_tick"])
            assert size["target"] == max(most, size["open_nodes"])


def test_what_is_lent_and_used_is_the_sum_of_the_nodes(records: list[TickRecord]) -> None:
    for record in records:
        lent = _explained(record, "lent")
        for axis in ("vcores", "memory_mib"):
            assert lent["lent"][axis] == sum(node["lent"][axis] for node in lent["nodes"])
            assert lent["used"][axis] == sum(node["used"][axis] for node in lent["nodes"] if node["used"])
        assert lent["containers"] == sum(node["containers"] or 0 for node in lent["nodes"])
