"""What a round tells whom: down at once, up as far as room is seen to be free, never more than there is."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.core.ledger import Ledger, Side
from bridge.core.reasons import Gap
from bridge.core.resources import Room
from bridge.core.shares import HistoryPolicy
from bridge.core.tenants.divide import added, at_least
from bridge.core.tenants.facts import NamespaceUse, RoundFacts, RoundMemory, Smoothed, Told
from bridge.core.tenants.policy import Tenant
from bridge.core.tenants.round import Hold, RoundPlan, decide_round
from tests.core.tenants.build import (
    AT,
    make_facts,
    make_namespace,
    make_pod,
    make_policy,
    make_queue,
    namespace_leaf,
    queue_leaf,
    room,
    told,
)

EVICTING = (
    Tenant(name="ads", queues=("root.ads",), namespaces=("ads-batch",), may_evict=True),
    Tenant(name="etl", queues=("root.etl",), namespaces=("etl",), may_evict=True),
)


def rooms(plan: RoundPlan) -> dict[str, Room]:
    return {str(entry.leaf): entry.room for entry in plan.leaves}


def after(facts: RoundFacts, plan: RoundPlan, **changes: object) -> RoundFacts:
    """Let everybody obey what a round told, and change the facts that are named."""
    assert plan.ledger is not None
    number = plan.ledger.told(Side.YARN)
    account = plan.ledger.account_by_side[Side.KUBERNETES]
    ledger = plan.ledger.seen(Side.KUBERNETES, account.used, account.told[-1].version)
    entries = tuple(Told(leaf=entry.leaf, room=entry.room, static=entry.static, at=facts.at) for entry in plan.leaves)
    obeyed = replace(facts, told=entries, ledger=ledger, obeyed_by_yarn=number.version, memory=plan.memory)
    return replace(obeyed, **changes)  # type: ignore[arg-type]


def test_the_first_round_waits_until_the_pool_has_heard_of_it() -> None:
    facts = make_facts(namespaces=(make_namespace("ads-batch", waiting=30), make_namespace("etl")))
    plan = decide_round(facts)
    assert rooms(plan)["namespace:ads-batch"] == room(0)
    assert {entry.hold for entry in plan.leaves if entry.leaf.name == "ads-batch"} == {Hold.NOT_RELEASED}
    second = decide_round(after(facts, plan))
    assert rooms(second)["namespace:ads-batch"] == room(20)


def test_a_side_gets_more_only_once_the_other_has_let_go() -> None:
    busy = (make_queue("root.ads", waiting=100), make_queue("root.etl", waiting=100))
    facts = make_facts(queues=busy)
    facts = after(facts, decide_round(facts), lendable=make_facts(elastic=20).lendable)
    wanting = replace(facts, namespaces=(make_namespace("ads-batch", waiting=10), make_namespace("etl")))
    first = decide_round(wanting)
    assert rooms(first)["namespace:ads-batch"] == room(0)
    assert first.waits_for_release
    still_there = decide_round(after(wanting, first))
    assert rooms(still_there)["namespace:ads-batch"] == room(0)
    gone = decide_round(after(wanting, first, lendable=make_facts(elastic=12).lendable))
    assert rooms(gone)["namespace:ads-batch"] == room(7.5)


def test_a_namespace_gets_what_another_has_let_go_of_and_no_more() -> None:
    policy = make_policy(EVICTING)
    pods = tuple(make_pod(f"p{number}") for number in range(20))
    borrower = make_namespace("etl", used=20, pods=pods)
    facts = make_facts(
        policy=policy, queues=(make_queue("root.ads"), make_queue("root.etl")), namespaces=(borrower,), window=0
    )
    facts = after(facts, decide_round(facts))
    facts = after(facts, decide_round(facts))
    assert rooms(decide_round(facts))["namespace:etl"] == room(20)
    back = replace(facts, namespaces=(make_namespace("ads-batch", held_back=6), borrower))
    first = decide_round(back)
    assert rooms(first)["namespace:etl"] == room(14)
    assert rooms(first)["namespace:ads-batch"] == room(0)
    assert len(first.evictions) == 6
    left = make_namespace("etl", used=14, pods=pods[:14])
    second = decide_round(after(back, first, namespaces=(make_namespace("ads-batch", held_back=6), left)))
    assert rooms(second)["namespace:ads-batch"] == room(6)
    assert second.evictions == ()


def test_one_round_takes_no_more_than_its_part_of_a_tenant() -> None:
    policy = replace(make_policy(), max_step_ratio=0.25)
    facts = make_facts(policy=policy, queues=(), namespaces=(make_namespace("ads-batch"), make_namespace("etl")))
    facts = replace(facts, told=(told(namespace_leaf("ads-batch"), 0), told(namespace_leaf("etl"), 20)))
    facts = replace(facts, namespaces=(make_namespace("ads-batch", waiting=20), make_namespace("etl")))
    plan = decide_round(facts)
    assert rooms(plan)["namespace:etl"] == room(15)


def test_a_guarantee_is_met_at_once_whatever_a_round_may_take() -> None:
    tenants = (
        Tenant(name="ads", guarantee={"cpu_millicores": 12_000, "memory_mib": 12 * 1024}, namespaces=("ads-batch",)),
        Tenant(name="etl", namespaces=("etl",)),
    )
    policy = replace(make_policy(tenants), max_step_ratio=0.1)
    facts = make_facts(
        policy=policy,
        queues=(),
        namespaces=(make_namespace("ads-batch", waiting=12), make_namespace("etl", waiting=30)),
        told=(told(namespace_leaf("ads-batch"), 0), told(namespace_leaf("etl"), 20)),
    )
    assert rooms(decide_round(facts))["namespace:etl"] == room(8)


def test_what_moves_within_the_dead_band_stays() -> None:
    facts = make_facts(
        policy=make_policy(
            (Tenant(name="ads", namespaces=("ads-batch",)), Tenant(name="etl", namespaces=("etl",))),
            dead_band_ratio=0.1,
        ),
        queues=(),
        namespaces=(make_namespace("ads-batch", waiting=11), make_namespace("etl", waiting=9)),
        told=(told(namespace_leaf("ads-batch"), 10), told(namespace_leaf("etl"), 10)),
    )
    plan = decide_round(facts)
    assert rooms(plan) == {"namespace:ads-batch": room(10), "namespace:etl": room(10)}


def test_unknown_lenders_change_nothing_that_was_told_of_them() -> None:
    entries = (told(queue_leaf("root.ads"), 5), told(namespace_leaf("etl"), 7))
    plan = decide_round(make_facts(lendable=Gap.STALE, told=entries))
    assert rooms(plan)["queue:root.ads"] == room(5)
    assert rooms(plan)["namespace:etl"] == room(7)
    assert {entry.hold for entry in plan.leaves} == {Hold.UNKNOWN}
    assert plan.ledger is None
    assert plan.evictions == ()


amount = st.integers(min_value=0, max_value=40)


@settings(max_examples=30)
@given(steps=st.lists(st.tuples(amount, amount, amount, amount, amount, amount, st.booleans()), min_size=1, max_size=8))
def test_no_unit_is_promised_twice_whatever_happens(steps: list[tuple[int, int, int, int, int, int, bool]]) -> None:
    facts = make_facts(lendable=24)
    for ads, etl, ads_namespace, etl_namespace, elastic, used, is_obeyed in steps:
        held = _held(facts)
        facts = replace(
            facts,
            queues=make_facts(queues=(make_queue("root.ads", waiting=ads), make_queue("root.etl", waiting=etl))).queues,
            namespaces=(
                _within(make_namespace("ads-batch", waiting=ads_namespace), facts, used),
                _within(make_namespace("etl", waiting=etl_namespace), facts, used // 2),
            ),
            lendable=make_facts(lendable=24, elastic=min(elastic, held)).lendable,
        )
        plan = decide_round(facts)
        assert plan.ledger is not None
        assert all(free >= 0 for free in plan.ledger.free().values())
        claims = [
            at_least(entry.room, entry.share.used_lendable)
            for entry in plan.leaves
            if entry.leaf.side is Side.KUBERNETES
        ]
        queues = added(entry.room for entry in plan.leaves if entry.leaf.side is Side.YARN)
        assert facts.lendable is not None
        assert not isinstance(facts.lendable, Gap)
        assert (added(claims) + at_least(queues, facts.lendable.elastic)).fits_in(facts.lendable.room)
        if is_obeyed:
            facts = after(facts, plan, at=facts.at + timedelta(minutes=1))
        else:
            facts = replace(facts, ledger=plan.ledger, told=_told(plan), memory=plan.memory)


def _told(plan: RoundPlan) -> tuple[Told, ...]:
    """Say what the journal holds of a round whose writes were never confirmed: of two amounts the larger."""
    return tuple(
        Told(
            leaf=entry.leaf,
            room=entry.room if entry.now is None else at_least(entry.room, entry.now.room),
            static=entry.static,
            at=AT,
        )
        for entry in plan.leaves
    )


def _held(facts: RoundFacts) -> int:
    """Say up to how many elastic cores the pool may have."""
    return 24 if facts.ledger is None else facts.ledger.held(Side.YARN)["cpu_millicores"] // 1000


def _within(namespace: NamespaceUse, facts: RoundFacts, used: int) -> NamespaceUse:
    """Let a namespace use what its quota allows, or what it used before: a smaller quota ends no pod."""
    entries = {entry.leaf: entry.room for entry in facts.told} if not isinstance(facts.told, Gap) else {}
    before = {entry.name: entry.used for entry in facts.namespaces} if not isinstance(facts.namespaces, Gap) else {}
    most = entries.get(namespace_leaf(namespace.name), room(0))
    now = room(min(used, most.cpu_millicores // 1000))
    has_pods_that_stay = used % 2 == 0
    return replace(namespace, used=at_least(now, before[namespace.name]) if has_pods_that_stay else now)


def test_memory_holds_the_demand_that_was_counted() -> None:
    facts = make_facts(queues=(make_queue("root.ads", waiting=3), make_queue("root.etl")))
    memory = decide_round(facts).memory
    assert isinstance(memory, RoundMemory)
    assert {str(entry.leaf): entry.demand for entry in memory.smoothed}["queue:root.ads"] == room(3)


def test_a_namespace_that_cant_be_read_whole_wants_no_less_than_before() -> None:
    memory = RoundMemory(at=AT, smoothed=(Smoothed(leaf=namespace_leaf("etl"), demand=room(9)),))
    broken = replace(make_namespace("etl", used=2), trouble="forbidden")
    facts = make_facts(namespaces=(make_namespace("ads-batch"), broken), memory=memory)
    (share,) = [entry.share for entry in decide_round(facts).leaves if entry.leaf.name == "etl"]
    assert share.demand == room(9)


def test_who_used_much_of_late_counts_for_less_where_that_is_wanted() -> None:
    policy = replace(make_policy(), history=HistoryPolicy(half_life=timedelta(hours=1)))
    greedy = (make_namespace("ads-batch", waiting=40), make_namespace("etl", used=20, waiting=40))
    facts = make_facts(policy=policy, queues=(), namespaces=greedy)
    memory = decide_round(facts).memory
    assert memory.past["etl"].ratio == 0
    later = replace(facts, memory=memory, at=AT + timedelta(hours=1))
    memory = decide_round(later).memory
    assert memory.past["etl"].ratio > memory.past["ads"].ratio == 0
    after_that = decide_round(replace(later, memory=memory, at=AT + timedelta(hours=2)))
    wanted = {str(entry.leaf): entry.share.lendable for entry in after_that.leaves}
    assert wanted["namespace:ads-batch"].cpu_millicores > 3 * wanted["namespace:etl"].cpu_millicores


def test_use_above_a_lowered_quota_is_held_as_well_as_what_others_were_told() -> None:
    facts = make_facts(
        queues=(make_queue("root.ads", waiting=100), make_queue("root.etl")),
        namespaces=(make_namespace("ads-batch", waiting=5), make_namespace("etl", used=14)),
        told=(told(namespace_leaf("ads-batch"), 5), told(namespace_leaf("etl"), 10)),
        ledger=Ledger.opened(_twenty(), {Side.YARN: {}, Side.KUBERNETES: {"cpu_millicores": 15_000}}),
    )
    plan = decide_round(facts)
    assert plan.ledger is not None
    assert plan.ledger.told(Side.YARN).amounts["cpu_millicores"] <= 1000


def test_elastic_use_counts_whatever_version_the_pool_says() -> None:
    ledger = Ledger.opened(_twenty(), {Side.YARN: {}, Side.KUBERNETES: {}})
    for version in (0, 99):
        facts = make_facts(elastic=18, ledger=ledger, obeyed=version, namespaces=(make_namespace("etl", waiting=20),))
        plan = decide_round(facts)
        assert plan.ledger is not None
        assert plan.ledger.told(Side.KUBERNETES).amounts["cpu_millicores"] <= 2000


def test_a_ceiling_is_over_both_capacities_also_of_what_nobody_wants() -> None:
    only = Tenant(name="ads", ceiling={"cpu_millicores": 8000}, queues=("root.ads",), namespaces=("ads-batch",))
    facts = make_facts(
        policy=make_policy((only,)), queues=(make_queue("root.ads"),), namespaces=(make_namespace("ads-batch"),)
    )
    shares = decide_round(facts).division.shares
    assert added(share.static_told + share.lendable_told for share in shares).cpu_millicores == 8000


def test_numbers_follow_a_capacity_that_shrinks_whatever_dead_band_and_step() -> None:
    policy = make_policy(dead_band_ratio=0.5, max_step_ratio=0.1)
    entries = (told(namespace_leaf("ads-batch"), 10), told(namespace_leaf("etl"), 10))
    plan = decide_round(make_facts(policy=policy, queues=(), lendable=15, told=entries))
    assert added(entry.room for entry in plan.leaves).fits_in(room(15))


def test_a_queue_nobody_configured_begins_with_a_minimum_allocation_whatever_others_were_promised() -> None:
    greedy = Tenant(name="ads", guarantee={"cpu_millicores": 99_000, "memory_mib": 99 * 1024}, queues=("root.ads",))
    facts = make_facts(
        policy=make_policy((greedy,)),
        queues=(make_queue("root.ads", waiting=99), make_queue("root.adhoc", waiting=5)),
        namespaces=(),
    )
    assert not isinstance(facts.queues, Gap)
    facts = replace(facts, queues=replace(facts.queues, minimum=room(1)))
    (stray,) = [entry.share for entry in decide_round(facts).leaves if entry.leaf.name == "root.adhoc"]
    assert room(0.1).fits_in(stray.static)


@given(st.lists(st.tuples(amount, amount), min_size=2, max_size=6), st.sampled_from([0.1, 0.25, 0.5]))
def test_steps_of_static_capacity_stay_within_the_limit_and_sum_up(pairs: list[tuple[int, int]], limit: float) -> None:
    tenants = tuple(Tenant(name=f"t{number}", queues=(f"root.t{number}",)) for number in range(len(pairs)))
    static = max(1, sum(before for before, _ in pairs))
    facts = make_facts(
        policy=make_policy(tenants, max_step_ratio=limit),
        queues=tuple(make_queue(f"root.t{number}", waiting=wanted) for number, (_, wanted) in enumerate(pairs)),
        namespaces=(),
        static=static,
        lendable=0,
        told=tuple(told(queue_leaf(f"root.t{number}"), 0, static=before) for number, (before, _) in enumerate(pairs)),
    )
    plan = decide_round(facts)
    assert added(entry.static for entry in plan.leaves) == added(entry.share.static_told for entry in plan.leaves)
    if sum(before for before, _ in pairs) != static:
        return
    for entry in plan.leaves:
        before = entry.now.static.cpu_millicores if entry.now is not None else 0
        assert entry.static.cpu_millicores >= before * (1 - limit) - len(pairs) - 1


def _twenty() -> dict[str, int]:
    return {"cpu_millicores": 20_000, "memory_mib": 20 * 1024}
