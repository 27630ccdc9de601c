"""The offer by measured use and forecast: what may be made, what may stay, and what goes back ahead of a peak."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bridge.core.check import check
from bridge.core.decide import decide
from bridge.core.drain import Return
from bridge.core.forecast.values import STEP
from bridge.core.lifecycle import State
from bridge.core.load import Belief, SignalReason, SignalState
from bridge.core.offer import Bound, Offer
from bridge.core.plan import plan
from bridge.core.reasons import CheckFailure, Gap, LenderRefusal, Limit, Reason
from bridge.core.snapshot import Basis, Memory, Snapshot
from bridge.core.waiting import WaitingContainers
from bridge.core.window import LoadRule
from tests.build import (
    AT,
    BACK_BY,
    Elastic,
    make_belief,
    make_bounds,
    make_elastic,
    make_forecast,
    make_lender,
    make_policy,
    make_snapshot,
    make_window,
    minutes,
    room,
)

WORK = (WaitingContainers(vcores=4, memory_mib=8192, label="", count=50),)
POLICY = make_policy(basis=Basis.USAGE, cap_ratio=1.0, lend_for=minutes(60), give_back_ahead=minutes(30))
LENDERS = (make_lender("a", online=room(16, 0)), make_lender("b", online=room(16, 0)))
"""Each has room for four nodes, and pods that have asked for all of its cores."""


def world(*elastic: Elastic, used: dict[str, int] | None = None, **facts: Any) -> Snapshot:
    load = make_belief({"a": 0, "b": 0} if used is None else used)
    values = {"policy": POLICY, "lenders": LENDERS, "load": load, "waiting": WORK, **facts}
    return make_snapshot(*elastic, **values)


def serving(*ids: str, lender: str = "a") -> tuple[Elastic, ...]:
    return tuple(make_elastic(id, State.SERVING, lender=lender, containers=1) for id in ids)


def offered(snapshot: Snapshot) -> Offer:
    found = decide(snapshot).offer
    assert isinstance(found, Offer)
    return found


def bound(found: Offer, limit: Limit) -> Bound:
    (one,) = [entry for entry in (*found.chain, *found.growth) if entry.limit is limit]
    return one


def test_what_is_requested_and_not_used_is_lent() -> None:
    assert offered(world()).ceiling == 8
    assert offered(world(used={"a": 9000, "b": 16_000})).ceiling == 1


def test_the_forecast_bounds_what_is_made_and_takes_nothing_away_that_lasts_until_then() -> None:
    found = offered(world(forecast=make_forecast(make_bounds(0.0, 0.5, 0.5), a=make_bounds(0.0, 0.5, 0.5))))
    assert (found.nodes, found.staying, found.ceiling, found.bound_by) == (8, 8, 2, Limit.FORECAST)


def test_of_the_sum_of_lenders_and_all_together_the_smaller_offer_wins() -> None:
    apart = make_bounds(0.25)
    found = offered(world(forecast=make_forecast(make_bounds(0.75), a=apart, b=apart)))
    assert (bound(found, Limit.FORECAST).nodes, bound(found, Limit.FORECAST_TOTAL).nodes) == (6, 2)
    assert (found.ceiling, found.bound_by) == (2, Limit.FORECAST_TOTAL)


def test_every_limit_of_the_forecast_says_what_it_comes_from() -> None:
    found = offered(world(forecast=make_forecast(make_bounds(0.75), a=make_bounds(0.5), b=make_bounds(0.5))))
    assert bound(found, Limit.FORECAST_TOTAL).inputs == {
        "lend_for_s": 3600.0,
        "made_at": AT,
        "allocatable": room(32, 72),
        "usable": room(32, 72),
        "other_pools": room(0, 0),
        "online": room(32, 0),
        "bound_ratio": 0.75,
        "expected_ratio": 0.75,
        "margin_ratio": 0.0,
        "method": "rise",
        "history_days": 14.0,
    }
    assert bound(found, Limit.FORECAST_TOTAL).changes_at == AT + STEP


def test_a_history_that_cant_be_read_keeps_new_nodes_off_and_takes_none_back() -> None:
    there = serving("one", "two")
    decision = decide(world(*there, forecast=Gap.UNREACHABLE))
    found = decision.offer
    assert isinstance(found, Offer)
    assert (found.nodes, found.staying, found.ceiling, found.bound_by) == (8, 8, 0, Limit.HISTORY_UNKNOWN)
    assert decision.returns == ()


def test_no_pod_is_made_while_the_history_cant_be_read() -> None:
    seen, blind = world(), world(forecast=Gap.UNREACHABLE)
    planned = plan(seen, decide(seen))
    assert planned.acts
    checked = check(planned, blind)
    assert {refusal.failure for refusal in checked.refusals} == {CheckFailure.WORLD_UNKNOWN}
    assert not checked.acts


def test_a_forecast_without_history_keeps_new_nodes_off_and_takes_none_back() -> None:
    nothing = replace(make_bounds(1.0), history=minutes(0))
    decision = decide(world(*serving("one", "two"), forecast=make_forecast(nothing, a=nothing, b=nothing)))
    assert isinstance(decision.offer, Offer)
    assert (decision.offer.staying, decision.offer.ceiling) == (8, 0)
    assert decision.returns == ()


def test_an_offer_holds_as_long_as_the_forecast_reaches() -> None:
    calm = make_forecast(make_bounds(0.0), a=make_bounds(0.0), b=make_bounds(0.0))
    assert offered(world(forecast=calm)).holds_until == AT + POLICY.lend_for


def test_what_a_coming_peak_needs_goes_back_ahead_of_it_the_cheapest_first() -> None:
    busy, idle = make_elastic("busy", State.SERVING, containers=2), make_elastic("idle", State.SERVING)
    rising = make_forecast(make_bounds(0.75), a=make_bounds(0.75), b=make_bounds(0.75))
    decision = decide(world(busy, idle, forecast=rising))
    assert decision.returns == (
        Return(node_id="idle", deadline=AT + POLICY.give_back_ahead, reason=Reason.LOAD_WILL_RISE),
    )


def test_what_all_lenders_together_need_goes_back_as_well() -> None:
    there = (*serving("a1", "a2"), *serving("b1", "b2", lender="b"))
    rising = make_forecast(make_bounds(0.75), a=make_bounds(0.5), b=make_bounds(0.5))
    returns = decide(world(*there, forecast=rising)).returns
    assert [entry.reason for entry in returns] == [Reason.LOAD_WILL_RISE] * 2


def test_a_promise_given_ahead_of_a_peak_is_kept_when_the_forecast_changes_its_mind() -> None:
    draining = make_elastic("one", State.DRAINING, containers=1, reason=Reason.LOAD_WILL_RISE)
    calm = make_forecast(make_bounds(0.0), a=make_bounds(0.0), b=make_bounds(0.0))
    (kept,) = decide(world(draining, forecast=calm)).returns
    assert kept == Return(node_id="one", deadline=draining.promise.deadline or AT, reason=Reason.LOAD_WILL_RISE)


def test_load_that_is_there_takes_room_back_within_the_time_of_a_reaction() -> None:
    (back,) = decide(world(*serving("one"), used={"a": 14_000, "b": 0})).returns
    assert back == Return(node_id="one", deadline=AT + POLICY.reclaimed_within, reason=Reason.KUBERNETES_NEEDS_ROOM)


def lost(state: SignalState, **changes: Any) -> Belief:
    reason = SignalReason.TOO_OLD
    return make_belief({"a": 0, "b": 0}, state=state, reason=reason, changes_at=AT + minutes(5), **changes)


def test_a_frozen_signal_makes_nothing_and_takes_nothing_back() -> None:
    decision = decide(world(*serving("one", "two"), load=lost(SignalState.FROZEN)))
    assert decision.size.target == 2
    assert decision.size.bound_by is Limit.SIGNAL_FROZEN
    assert decision.returns == ()


@pytest.mark.parametrize(("keep_ratio", "back"), [(1.0, 0), (0.75, 1), (0.5, 2), (0.26, 3), (0.0, 4)])
def test_a_signal_long_lost_takes_back_step_by_step_of_what_was_lent(keep_ratio: float, back: int) -> None:
    memory = Memory(waiting=WORK, held_when_lost=4)
    shrinking = lost(SignalState.SHRINKING, keep_ratio=keep_ratio)
    decision = decide(world(*serving("1", "2", "3", "4"), load=shrinking, memory=memory))
    assert [entry.reason for entry in decision.returns] == [Reason.SIGNAL_IS_LOST] * back


def test_what_was_lent_is_counted_once_when_the_signal_is_lost_and_forgotten_when_it_is_back() -> None:
    there = serving("1", "2", "3")
    assert decide(world(*there)).memory.held_when_lost is None
    assert decide(world(*there, load=lost(SignalState.FROZEN))).memory.held_when_lost == 3
    remembered = Memory(waiting=WORK, held_when_lost=5)
    assert decide(world(*there, load=lost(SignalState.FROZEN), memory=remembered)).memory.held_when_lost == 5
    assert decide(world(*there, memory=remembered)).memory.held_when_lost is None


def test_a_lender_of_which_nothing_is_known_gets_nothing_new_and_keeps_what_it_has() -> None:
    decision = decide(world(*serving("one"), used={"b": 0}))
    assert decision.returns == ()
    steps = plan(world(*serving("one"), used={"b": 0}), decision).steps
    assert {step.promise.lender for step in steps if step.promise is not None and step.act is not None} == {"b"}


def test_nothing_is_made_on_a_lender_beyond_its_own_forecast() -> None:
    snapshot = world(forecast=make_forecast(make_bounds(0.0), a=make_bounds(1.0), b=make_bounds(0.5)))
    steps = plan(snapshot, decide(snapshot)).steps
    made = [step.promise.lender for step in steps if step.promise is not None]
    assert made == ["b", "b"]


def test_a_signal_long_lost_takes_back_at_once_in_a_windows_lead_too() -> None:
    there = serving("one", "two", "three")
    ending = (make_window(lead=minutes(360)),)
    memory = Memory(waiting=(), held_when_lost=3)
    shrinking = lost(SignalState.SHRINKING, keep_ratio=0.34)
    returns = decide(world(*there, load=shrinking, memory=memory, windows=ending)).returns
    soon = AT + POLICY.reclaimed_within
    assert sorted(entry.deadline for entry in returns) == [soon, soon, BACK_BY]
    assert [entry.reason for entry in returns].count(Reason.SIGNAL_IS_LOST) == 2


def test_what_a_window_still_allows_after_its_end_isnt_called_back_where_the_load_is_unknown() -> None:
    later = make_window(name="later", start=BACK_BY, back_by=BACK_BY + minutes(60), max_ratio=0.8)
    windows = (make_window(lead=minutes(360)), later)
    there = tuple(make_elastic(id, deadline=later.back_by + minutes(600), containers=1) for id in ("one", "two"))
    assert decide(world(*there, windows=windows)).returns == ()
    assert decide(world(*there, windows=windows, used={})).returns == ()


@pytest.mark.parametrize("refusal", [None, LenderRefusal.NOT_READY, LenderRefusal.NO_POD_SLOTS, LenderRefusal.TAINT])
def test_a_load_that_isnt_known_takes_nothing_back_whatever_else_a_lender_refuses(
    refusal: LenderRefusal | None,
) -> None:
    lenders = (make_lender("a", online=room(16, 0), refusal=refusal), LENDERS[1])
    decision = decide(world(*serving("one", "two"), lenders=lenders, used={"b": 0}))
    assert decision.returns == ()
    assert isinstance(decision.offer, Offer)
    assert decision.offer.by_lender["a"].nodes == 0


@pytest.mark.parametrize("used", [{"a": 0, "b": 0}, {"a": 16_000, "b": 16_000}, {}])
def test_without_the_journal_no_window_is_closed_by_load(used: dict[str, int]) -> None:
    ruled = make_window(load=LoadRule(end_above=0.5, open_below=0.4, confirm=minutes(10)))
    decision = decide(world(*serving("one"), windows=(ruled,), used=used, promises=Gap.UNREACHABLE, memory=Memory()))
    assert Reason.WINDOW_CLOSED not in {entry.reason for entry in decision.returns}
    assert decision.size.bound_by is Limit.WORLD_UNKNOWN
