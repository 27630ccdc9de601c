"""The offer: each limit can bind, and the one that does is named."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.forecast.values import SeriesForecast
from bridge.core.offer import Offer, lender_offer, offer
from bridge.core.reasons import Gap, LenderRefusal, Limit
from bridge.core.resources import Room
from bridge.core.snapshot import Basis, Lender, Pause, Snapshot
from bridge.core.window import allowance
from tests.build import (
    AT,
    BACK_BY,
    make_belief,
    make_bounds,
    make_forecast,
    make_lender,
    make_policy,
    make_snapshot,
    make_window,
    minutes,
    room,
)

TWO = (make_lender("a"), make_lender("b"))
"""Room for four nodes of the default shape each."""


def offered(world: Snapshot) -> Offer:
    found = offer(world, allowance(world.windows, world.at))
    assert isinstance(found, Offer)
    return found


def narrow(**facts: Any) -> Snapshot:
    return make_snapshot(**{"lenders": TWO, **facts})


@pytest.mark.parametrize(
    ("world", "nodes", "ceiling", "limit"),
    [
        pytest.param(narrow(windows=()), 0, 0, Limit.NO_WINDOW_OPEN, id="no window"),
        pytest.param(
            narrow(windows=(make_window(max_ratio=0.6),)), 4, 4, Limit.WINDOW_RATIO, id="a share of all lenders"
        ),
        pytest.param(
            narrow(lenders=(make_lender("a", online=room(9, 0)), make_lender("b"))), 5, 5, Limit.LENDERS_ROOM, id="room"
        ),
        pytest.param(
            narrow(lenders=(make_lender("a", pod_slots=1), make_lender("b"))), 5, 5, Limit.LENDERS_ROOM, id="pod slots"
        ),
        pytest.param(narrow(policy=make_policy(keep_free=room(5, 0))), 6, 6, Limit.KEEP_FREE, id="kept free"),
        pytest.param(narrow(policy=make_policy(max_nodes=3)), 3, 3, Limit.MAX_NODES, id="the pool's limit"),
        pytest.param(
            narrow(kube={"online_waiting": room(6, 1)}), 8, 6, Limit.ONLINE_PODS_WAIT, id="pods that wait hold growth"
        ),
        pytest.param(narrow(at=BACK_BY - minutes(45)), 8, 0, Limit.WINDOW_IS_ENDING, id="nothing new from the lead on"),
        pytest.param(narrow(pause=Pause(until=BACK_BY, why="")), 8, 0, Limit.PAUSED, id="a pause holds growth"),
        pytest.param(
            narrow(lenders=(make_lender("a", refusal=LenderRefusal.NOT_READY), make_lender("b"))),
            8,
            4,
            Limit.WINDOW_RATIO,
            id="a lender that isn't ready gets nothing new, but keeps what it has",
        ),
    ],
)
def test_each_limit_can_bind_and_is_named(world: Snapshot, nodes: int, ceiling: int, limit: Limit) -> None:
    found = offered(world)
    assert (found.nodes, found.ceiling, found.bound_by) == (nodes, ceiling, limit)


def test_the_chain_shows_every_limit_with_what_it_would_allow_by_itself() -> None:
    found = offered(
        narrow(windows=(make_window(max_ratio=0.6),), policy=make_policy(keep_free=room(5, 0), max_nodes=5))
    )
    assert [(bound.limit, bound.nodes) for bound in found.chain] == [
        (Limit.WINDOW_RATIO, 4),
        (Limit.LENDERS_ROOM, 8),
        (Limit.KEEP_FREE, 6),
        (Limit.MAX_NODES, 5),
    ]


def test_what_may_last_is_what_the_next_limit_allows() -> None:
    later = make_window(name="late", start=BACK_BY, back_by=BACK_BY + minutes(60), max_ratio=0.3)
    found = offered(narrow(windows=(make_window(), later), at=BACK_BY - minutes(10)))
    assert (found.nodes, found.lasting, found.ceiling) == (8, 2, 2)


@pytest.mark.parametrize("refusal", [LenderRefusal.CORDONED, LenderRefusal.DELETING])
def test_a_cordoned_lender_offers_nothing_and_must_empty(refusal: LenderRefusal) -> None:
    found = offered(narrow(lenders=(make_lender("a", refusal=refusal), make_lender("b"))))
    assert found.nodes == 4
    assert found.by_lender["a"].must_empty


@pytest.mark.parametrize("refusal", [None, *LenderRefusal])
def test_only_a_cordoned_or_vanishing_lender_must_empty(refusal: LenderRefusal | None) -> None:
    entry = lender_offer(make_lender(refusal=refusal), make_snapshot())
    assert entry.must_empty is (refusal in {LenderRefusal.CORDONED, LenderRefusal.DELETING})
    assert entry.refusal is refusal


def test_a_lenders_room_rounds_down_and_never_below_nothing() -> None:
    lender = make_lender(allocatable=Room(cpu_millicores=1001, memory_mib=999), online=room(0, 2))
    assert lender_offer(lender, make_snapshot(policy=make_policy(margin_ratio=0.1))).room == Room(
        cpu_millicores=900, memory_mib=0
    )


def test_an_oversold_lender_takes_nothing_from_the_others() -> None:
    found = offered(narrow(lenders=(make_lender("a", online=room(40, 80)), make_lender("b"))))
    assert found.nodes == 4


def test_unread_lenders_are_a_gap_and_not_an_empty_offer() -> None:
    world = make_snapshot(kube=Gap.FORBIDDEN)
    assert offer(world, allowance(world.windows, AT)) is Gap.FORBIDDEN


def test_no_lenders_offer_nothing() -> None:
    assert offered(make_snapshot(lenders=())).nodes == 0


LENDERS = st.builds(
    make_lender,
    st.sampled_from("abcdefgh"),
    allocatable=st.sampled_from((room(8, 32), room(16, 64))),
    online=st.sampled_from((room(2, 4), room(2, 8))),
    elsewhere=st.sampled_from((room(0, 0), room(1, 1))),
    pod_slots=st.sampled_from((1, 110)),
    refusal=st.sampled_from((None, LenderRefusal.CORDONED)),
)


@given(
    lenders=st.lists(LENDERS, unique_by=lambda lender: lender.name).map(tuple),
    used=st.dictionaries(st.sampled_from("abcdefgh"), st.sampled_from((1000, 5000))),
    bounds=st.dictionaries(st.sampled_from("abcdefgh"), st.sampled_from((make_bounds(0.2), make_bounds(0.6)))),
    stale=st.frozensets(st.sampled_from("abcdefgh")),
)
def test_what_is_computed_once_for_lenders_of_a_kind_is_what_each_of_them_gives(
    lenders: tuple[Lender, ...], used: dict[str, int], bounds: dict[str, SeriesForecast], stale: frozenset[str]
) -> None:
    world = make_snapshot(
        policy=make_policy(basis=Basis.USAGE),
        lenders=lenders,
        load=make_belief(used, stale=stale),
        forecast=make_forecast(make_bounds(0.5), **bounds),
    )
    assert offered(world).by_lender == {lender.name: lender_offer(lender, world) for lender in lenders}
