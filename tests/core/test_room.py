"""What a lender has room for, now and for a while: by requests, by measured use, and by the forecast."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.forecast.values import HORIZONS
from bridge.core.load import SignalState
from bridge.core.resources import NO_ROOM, Room
from bridge.core.room import coming_room, lender_room, smallest, sum_of, taken, taken_ratios, total_room, whole_of
from bridge.core.snapshot import Basis, Claim, Lender, Snapshot
from tests.build import (
    AT,
    make_belief,
    make_bounds,
    make_forecast,
    make_kube,
    make_lender,
    make_policy,
    make_snapshot,
    room,
)


def usage(**facts: Any) -> Snapshot:
    return make_snapshot(**{"policy": make_policy(basis=Basis.USAGE, cap_ratio=0.75, margin_ratio=0.25), **facts})


BUSY = make_lender("a", allocatable=room(16, 64), online=room(16, 32))
"""Its online pods have asked for every core."""


def test_of_all_together_is_taken_what_those_take_that_are_known() -> None:
    lenders = (make_lender("a"), make_lender("dark"), make_lender("none", allocatable=room(0, 0)))
    load = make_belief({"a": 14_400}, total_millicores=None)
    assert taken_ratios(make_kube((), lenders=lenders), Basis.USAGE, load) == {"a": 0.9, "": 0.9}


def test_by_requests_a_lender_whose_cores_are_asked_for_has_no_room() -> None:
    assert lender_room(BUSY, make_snapshot()) == room(0, 32)


def test_by_usage_it_lends_what_is_not_used_up_to_the_cap_and_memory_by_requests() -> None:
    assert lender_room(BUSY, usage(load=make_belief({"a": 2000}))) == room(10, 16)


def test_a_lender_of_which_nothing_is_believed_has_no_room() -> None:
    assert taken(BUSY, usage(load=make_belief({}))) is None
    assert lender_room(BUSY, usage(load=make_belief({}))) == NO_ROOM
    assert lender_room(BUSY, usage()) == NO_ROOM


def test_another_systems_bound_on_batch_work_is_kept() -> None:
    bounded = replace(BUSY, batch_room=room(3, 8))
    assert lender_room(bounded, usage(load=make_belief({"a": 2000}))) == room(3, 8)


def test_the_forecast_takes_what_is_to_come() -> None:
    world = usage(
        load=make_belief({"a": 2000}),
        forecast=make_forecast(make_bounds(0.25, 0.5, 0.7), a=make_bounds(0.25, 0.5, 0.7)),
    )
    assert [coming_room(BUSY, world, horizon).cpu_millicores for horizon in HORIZONS] == [8000, 4000, 800]


def test_the_forecast_never_makes_room_that_is_not_there_now() -> None:
    world = usage(load=make_belief({"a": 11_000}), forecast=make_forecast(make_bounds(0), a=make_bounds(0)))
    assert coming_room(BUSY, world, HORIZONS[0]) == lender_room(BUSY, world) == room(1, 16)


def test_a_lender_that_the_forecast_does_not_know_has_no_room_to_come() -> None:
    assert (
        coming_room(BUSY, usage(load=make_belief({"a": 0}), forecast=make_forecast(make_bounds(0))), HORIZONS[0])
        == NO_ROOM
    )


def test_by_requests_memory_grows_with_the_cores_that_are_expected() -> None:
    lender = make_lender("a", allocatable=room(16, 64), online=room(4, 16))
    world = make_snapshot(lenders=(lender,), forecast=make_forecast(make_bounds(0.5), a=make_bounds(0.5)))
    assert coming_room(lender, world, HORIZONS[1]) == room(8, 32)


def test_all_lenders_together_are_bounded_by_their_joint_peak() -> None:
    lenders = (BUSY, replace(BUSY, name="b"))
    world = usage(
        lenders=lenders, load=make_belief({"a": 0, "b": 0}), forecast=make_forecast(make_bounds(0.25, 0.5, 0.75))
    )
    together = [total_room(whole_of(lenders, world.policy), world, horizon) for horizon in HORIZONS]
    assert [found.cpu_millicores for found in together if found is not None] == [16_000, 8_000, 0]


@pytest.mark.parametrize("state", [SignalState.FROZEN, SignalState.SHRINKING])
def test_what_is_not_trusted_makes_no_history(state: SignalState) -> None:
    kube = usage(lenders=(BUSY,)).kube
    assert not isinstance(kube, str)
    assert taken_ratios(kube, Basis.USAGE, make_belief({"a": 4000}, state=state)) == {}
    assert taken_ratios(kube, Basis.USAGE, make_belief({"a": 4000})) == {"a": 0.25, "": 0.25}
    assert taken_ratios(kube, Basis.REQUESTS, None) == {"a": 1.0, "": 1.0}


def test_what_a_silent_lender_counts_as_makes_no_history() -> None:
    kube = usage(lenders=(BUSY, make_lender("b", allocatable=room(16, 64)))).kube
    assert not isinstance(kube, str)
    load = make_belief({"a": 16000, "b": 4000}, total_millicores=8000, stale=frozenset({"a"}))
    assert taken_ratios(kube, Basis.USAGE, load) == {"b": 0.25, "": 0.25}


@given(used=st.integers(0, 20_000), bound=st.floats(0, 1), cap=st.floats(0, 1), margin=st.floats(0, 1))
def test_no_lender_is_ever_lent_above_its_cap(used: int, bound: float, cap: float, margin: float) -> None:
    policy = make_policy(basis=Basis.USAGE, cap_ratio=cap, margin_ratio=margin)
    world = usage(
        policy=policy, load=make_belief({"a": used}), forecast=make_forecast(make_bounds(0), a=make_bounds(bound))
    )
    for found, most in (
        (lender_room(BUSY, world), 16_000 * cap - used),
        (coming_room(BUSY, world, HORIZONS[0]), 16_000 * cap - 16_000 * bound),
    ):
        assert found == Room(cpu_millicores=0, memory_mib=found.memory_mib) or found.cpu_millicores <= most + 1e-3


CLAIMS = st.lists(
    st.tuples(st.integers(0, 4), st.sampled_from("abc"), st.integers(1, 6), st.integers(1, 6)), max_size=8
)


def as_seen_by(pool: str, made: Iterable[tuple[int, str, int, int]], lender: Lender) -> Lender:
    """Put what pools have made on a lender as one of them sees it; made: age, pool, cores, GiB."""
    claims = sorted(
        Claim(AT + timedelta(seconds=age), owner, f"pod-{number}", owner == pool, room(cores, gib))
        for number, (age, owner, cores, gib) in enumerate(made)
    )
    return replace(lender, claims=tuple(claims), elsewhere=sum_of(claim.takes for claim in claims if not claim.is_own))


@given(made=CLAIMS, cores=st.integers(0, 20), gib=st.integers(0, 20))
def test_of_what_pools_have_made_together_no_more_stays_than_fits_and_all_that_fits(
    made: list[tuple[int, str, int, int]], cores: int, gib: int
) -> None:
    """What no pool may keep, by its own look, is exactly what the pools together have too much."""
    lender = make_lender(allocatable=room(cores, gib))
    own = {pool: sum_of(room(*takes) for _, owner, *takes in made if owner == pool) for pool in "abc"}
    found = {pool: lender_room(as_seen_by(pool, made, lender), make_snapshot()) for pool in "abc"}
    whole = lender_room(lender, make_snapshot())
    held = sum_of(own.values())
    if held.fits_in(whole):
        assert all(found[pool] == own[pool] + (whole - held) for pool in "abc")
    else:
        kept = sum_of(smallest((found[pool], own[pool])) for pool in "abc")
        assert kept.fits_in(whole)


def test_pools_that_made_nodes_at_the_same_moment_give_back_only_what_is_too_much() -> None:
    made = [(0, "c", 4, 4), (1, "a", 4, 4), (1, "b", 4, 4)]
    lender = make_lender(allocatable=room(9, 9))
    found = {pool: lender_room(as_seen_by(pool, made, lender), make_snapshot()) for pool in "abc"}
    assert found["c"] == room(4, 4), "it was there before the others"
    assert found["a"] == room(4, 4)
    assert found["b"] == room(1, 1)


def test_of_what_all_lenders_leave_together_pools_that_were_first_keep_theirs() -> None:
    made = [(0, "a", 4, 4), (1, "b", 4, 4)]
    for pool, left in (("a", room(4, 12)), ("b", room(2, 12))):
        lender = as_seen_by(pool, made, make_lender(allocatable=room(16, 16)))
        world = make_snapshot(lenders=(lender,), forecast=make_forecast(make_bounds(0.625)))
        assert total_room(whole_of((lender,), world.policy), world, HORIZONS[0]) == left
