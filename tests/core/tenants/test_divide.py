"""Who gets how much of the static capacity and of what lenders can give."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from bridge.core.reasons import Gap
from bridge.core.resources import NO_ROOM, Room
from bridge.core.tenants.divide import Division, Share, added, divide, has_moved, missing_queues, smooth
from bridge.core.tenants.facts import Leaf, RoundMemory
from bridge.core.tenants.policy import Tenant
from tests.core.tenants.build import (
    AT,
    make_facts,
    make_namespace,
    make_policy,
    make_queue,
    namespace_leaf,
    queue_leaf,
    room,
    told,
)

BUSY_QUEUES = (make_queue("root.ads", waiting=100), make_queue("root.etl", waiting=100))
BUSY_NAMESPACES = (make_namespace("ads-batch", waiting=100), make_namespace("etl", waiting=100))


def share(division: Division, leaf: Leaf) -> Share:
    found = division.of(leaf)
    assert found is not None
    return found


def test_static_capacity_goes_to_queues_and_lendable_to_both() -> None:
    division = divide(make_facts(queues=BUSY_QUEUES, namespaces=BUSY_NAMESPACES))
    assert share(division, queue_leaf("root.ads")).static == room(5)
    assert share(division, namespace_leaf("etl")).static == NO_ROOM
    # 30 in all, 15 a tenant; within one, queue and namespace are equals: 7.5 each, of which the queue has 5 static.
    assert [entry.lendable for entry in division.shares] == [room(7.5), room(7.5), room(2.5), room(2.5)]


def test_an_idle_tenant_leaves_everything_to_the_other() -> None:
    division = divide(make_facts(queues=(BUSY_QUEUES[0], make_queue("root.etl")), namespaces=(BUSY_NAMESPACES[0],)))
    assert share(division, queue_leaf("root.ads")).granted + share(division, namespace_leaf("ads-batch")).granted == (
        room(30)
    )


def test_a_guarantee_is_met_over_both_systems_together() -> None:
    ads = Tenant(name="ads", guarantee={"cpu_millicores": 24_000}, queues=("root.ads",), namespaces=("ads-batch",))
    etl = Tenant(name="etl", queues=("root.etl",), namespaces=("etl",))
    division = divide(make_facts(policy=make_policy((ads, etl)), queues=BUSY_QUEUES, namespaces=BUSY_NAMESPACES))
    got = added(entry.granted for entry in division.shares if entry.tenant == "ads")
    assert got == Room(cpu_millicores=24_000, memory_mib=15 * 1024)


def test_what_nobody_wants_is_handed_out_by_weight() -> None:
    ads = Tenant(name="ads", weight=3, queues=("root.ads",), namespaces=("ads-batch",))
    etl = Tenant(name="etl", queues=("root.etl",), namespaces=("etl",))
    division = divide(make_facts(policy=make_policy((ads, etl))))
    assert added(entry.lendable_told for entry in division.shares) == room(20)
    assert added(entry.static_told for entry in division.shares) == room(10)
    assert share(division, queue_leaf("root.ads")).static_told == room(7.5)


def test_the_window_bounds_queues_and_not_namespaces() -> None:
    division = divide(make_facts(queues=BUSY_QUEUES, namespaces=BUSY_NAMESPACES, window=2))
    queues = added(share(division, queue_leaf(path)).lendable_told for path in ("root.ads", "root.etl"))
    assert queues == room(2)
    assert added(entry.lendable_told for entry in division.shares) == room(20)


def test_what_lies_beyond_static_capacity_costs_the_nodemanagers_overhead() -> None:
    policy = make_policy(overhead=room(1))
    division = divide(make_facts(policy=policy, queues=(make_queue("root.ads", waiting=18), make_queue("root.etl"))))
    assert share(division, queue_leaf("root.ads")).static == room(10)
    assert share(division, queue_leaf("root.ads")).lendable == room(10)


def test_a_queue_that_nobody_configured_is_the_default_tenants_and_never_starves() -> None:
    queues = (*BUSY_QUEUES, make_queue("root.stray", waiting=4))
    division = divide(make_facts(queues=queues, namespaces=BUSY_NAMESPACES))
    stray = share(division, queue_leaf("root.stray"))
    assert (stray.tenant, stray.granted) == ("default", room(4))


def test_queues_below_a_configured_one_are_summed() -> None:
    queues = (make_queue("root.ads.a", waiting=1), make_queue("root.ads.b", static=2), make_queue("root.etl"))
    assert share(divide(make_facts(queues=queues)), queue_leaf("root.ads")).demand == room(3)


def test_a_configured_queue_that_isnt_there_gets_nothing_and_is_named() -> None:
    facts = make_facts(queues=(make_queue("root.ads"),))
    assert missing_queues(facts) == ("root.etl",)
    assert divide(facts).of(queue_leaf("root.etl")) is None


def test_an_organisation_shares_among_its_tenants_what_it_gets() -> None:
    tenants = (
        Tenant(name="media", weight=1),
        Tenant(name="ads", parent="media", queues=("root.ads",)),
        Tenant(name="video", parent="media", queues=("root.video",)),
        Tenant(name="etl", weight=1, queues=("root.etl",)),
    )
    queues = tuple(make_queue(f"root.{name}", waiting=100) for name in ("ads", "video", "etl"))
    division = divide(make_facts(policy=make_policy(tenants), queues=queues, namespaces=(), lendable=0, static=8))
    assert [entry.granted for entry in division.shares] == [room(2), room(4), room(2)]


def test_unreadable_queues_keep_what_they_were_told_and_namespaces_share_the_rest() -> None:
    facts = make_facts(queues=Gap.UNREACHABLE, namespaces=BUSY_NAMESPACES, told=(told(queue_leaf("root.ads"), 8),))
    division = divide(facts)
    assert division.lendable == room(12)
    assert [str(entry.leaf) for entry in division.shares] == ["namespace:ads-batch", "namespace:etl"]
    assert added(entry.lendable_told for entry in division.shares) == room(12)


@pytest.mark.parametrize(
    ("now", "before", "age_min", "expected"),
    [(8, 4, 10, 8), (4, 8, 10, 6), (4, 8, 20, 5), (4, 8, 10_000, 4), (4, 4, 0, 4)],
    ids=["up at once", "half the way", "three quarters", "at last", "level"],
)
def test_demand_is_followed_up_at_once_and_down_slowly(now: int, before: int, age_min: int, expected: int) -> None:
    age = timedelta(minutes=age_min)
    assert smooth(room(now), room(before), age, timedelta(minutes=10)) == room(expected)


def test_demand_moves_when_it_leaves_the_dead_band() -> None:
    policy = make_policy(dead_band_ratio=0.1)
    first = make_facts(policy=policy, queues=(make_queue("root.ads", waiting=10), make_queue("root.etl")))
    memory = RoundMemory(at=AT, smoothed=divide(first).smoothed)
    for waiting, expected in ((10.5, False), (12, True)):
        facts = replace(
            make_facts(policy=policy, queues=(make_queue("root.ads", waiting=waiting), make_queue("root.etl"))),
            memory=memory,
        )
        assert has_moved(facts, divide(facts)) is expected
