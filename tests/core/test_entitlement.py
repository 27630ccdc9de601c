"""What YARN's part of the lendable capacity does to a pool: a limit of the offer, and of whose work makes nodes."""

from __future__ import annotations

from dataclasses import replace

from bridge.core.decide import decide
from bridge.core.demand import Demand
from bridge.core.entitlement import Entitlement, entitled
from bridge.core.offer import Offer
from bridge.core.reasons import Limit
from bridge.core.resources import Resources, Room
from bridge.core.snapshot import Snapshot
from bridge.core.waiting import WaitingContainers
from tests.build import SHAPE, make_lender, make_snapshot


def waiting(queue: str, count: int) -> WaitingContainers:
    return WaitingContainers(vcores=1, memory_mib=1024, label="", count=count, queue=queue)


def parts(nodes: int, **by_queue: int) -> Entitlement:
    """Entitle YARN to so many nodes of the pool's shape, and queues to so many of them."""
    queues = {f"root.{name}": SHAPE.pod * count for name, count in by_queue.items()}
    return Entitlement(version=7, room=SHAPE.pod * nodes, by_queue=queues)


def snapshot(entitlement: Entitlement | None, *entries: WaitingContainers) -> Snapshot:
    roomy = make_lender(allocatable=SHAPE.pod * 10, online=Room(cpu_millicores=0, memory_mib=0))
    return replace(make_snapshot(lenders=(roomy,), waiting=entries), entitlement=entitlement)


def test_the_offer_is_no_more_than_yarns_part() -> None:
    offer = decide(snapshot(parts(2, a=2), waiting("root.a", 400))).offer
    assert isinstance(offer, Offer)
    assert (offer.nodes, offer.bound_by) == (2, Limit.ENTITLEMENT)


def test_without_tenants_there_is_no_such_limit() -> None:
    offer = decide(snapshot(None, waiting("", 400))).offer
    assert isinstance(offer, Offer)
    assert Limit.ENTITLEMENT not in {bound.limit for bound in offer.chain}


def test_only_work_within_its_queues_part_makes_nodes() -> None:
    of_node = SHAPE.yarn.vcores
    demand = decide(snapshot(parts(9, a=1, b=8), waiting("root.a", 400), waiting("root.b", of_node))).demand
    assert isinstance(demand, Demand)
    assert (demand.new_nodes, demand.waiting_unentitled) == (2, 400 - of_node)


def test_a_tick_says_which_version_it_acted_by() -> None:
    assert decide(snapshot(parts(1))).memory.obeyed_version == 7
    assert decide(snapshot(None)).memory.obeyed_version == 0


def test_what_a_queue_uses_of_elastic_nodes_counts_against_its_part() -> None:
    kept = entitled([waiting("root.a.x", 9)], parts(2, a=2), SHAPE, {"root.a.y": SHAPE.yarn})
    assert sum(entry.count for entry in kept) == min(9, waiting("", 1).size.times_in(SHAPE.yarn))


def test_a_queue_that_came_after_the_last_round_is_held_by_nothing() -> None:
    assert entitled([waiting("root.new", 9)], parts(1, a=1), SHAPE, {}) == [waiting("root.new", 9)]


def test_a_part_is_rounded_down_in_yarns_units() -> None:
    entitlement = Entitlement(
        version=1, room=SHAPE.pod, by_queue={"root.a": SHAPE.pod - Room(cpu_millicores=1, memory_mib=1)}
    )
    assert entitlement.in_yarn("root.a", SHAPE) == SHAPE.yarn - Resources(vcores=1, memory_mib=1)
