"""What a round means for the systems: what another hand has changed, and what a system made of a value."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bridge.core.ledger import Side
from bridge.core.resources import NO_ROOM, Room
from bridge.core.tenants.facts import Told
from bridge.core.tenants.round import decide_round
from bridge.core.tenants.writes import InForce, Mismatch, Settings, ceilings, foreign, mismatches, wanted
from tests.core.tenants.build import AT, make_facts, make_policy, make_queue, namespace_leaf, room

LEAF = namespace_leaf("etl")
OURS, NEXT, THEIRS = {"requests.cpu": "4000m"}, {"requests.cpu": "6000m"}, {"requests.cpu": "1m"}


def written(confirmed: Settings, intended: Settings) -> Told:
    return Told(leaf=LEAF, room=room(4), confirmed=confirmed, intended=intended, at=AT)


@pytest.mark.parametrize(
    ("entry", "there", "is_foreign"),
    [
        pytest.param(written(OURS, OURS), OURS, False, id="as we left it"),
        pytest.param(written(OURS, NEXT), OURS, False, id="killed before the write"),
        pytest.param(written(OURS, NEXT), NEXT, False, id="killed after the write"),
        pytest.param(written(OURS, OURS), THEIRS, True, id="changed"),
        pytest.param(written(OURS, OURS), {}, True, id="removed"),
        pytest.param(written({}, OURS), THEIRS, False, id="never confirmed: nothing of ours is there yet"),
    ],
)
def test_only_what_is_neither_confirmed_nor_intended_is_another_hands(
    entry: Told, there: Settings, is_foreign: bool
) -> None:
    found = foreign({LEAF: entry}, InForce(settings={LEAF: there}, amounts={}))
    assert bool(found) is is_foreign


def test_a_store_that_began_anew_was_changed_by_nobody() -> None:
    in_force = InForce(settings={LEAF: THEIRS}, amounts={}, is_pristine=True)
    assert foreign({LEAF: written(OURS, OURS)}, in_force) == ()


def test_what_a_system_makes_of_a_value_may_differ_by_one_minimum_allocation() -> None:
    least = Room(cpu_millicores=250, memory_mib=128)
    in_force = InForce(settings={}, amounts={LEAF: room(4) - least})
    assert mismatches({LEAF: room(4)}, in_force, least) == ()
    assert mismatches({LEAF: room(4)}, in_force, NO_ROOM) == (
        Mismatch(leaf=LEAF, wanted=room(4), effective=room(4) - least),
    )


def test_a_leaf_that_isnt_there_matches_nothing() -> None:
    assert mismatches({LEAF: room(4)}, InForce(settings={}, amounts={}), NO_ROOM) == ()


def test_without_a_label_queues_capacities_divide_the_elastic_nodes_that_are_there_too() -> None:
    busy = (make_queue("root.ads", waiting=100), make_queue("root.etl", waiting=100))
    facts = make_facts(policy=replace(make_policy(), is_plain=True), queues=busy, namespaces=(), elastic=8)
    plan = decide_round(facts)
    amounts = [entry.amount for entry in wanted(facts, plan, ceilings(facts, plan), Side.YARN)]
    assert amounts == [room(9), room(9)]
    assert set(ceilings(facts, plan).values()) == {room(18)}
