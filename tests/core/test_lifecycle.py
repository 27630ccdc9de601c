"""The life of an elastic node as the one table that allows its transitions."""

from __future__ import annotations

import pytest

from bridge.core.lifecycle import (
    GROWING,
    OPEN,
    RETURNING,
    SEEN_AS,
    TRANSITIONS,
    State,
    is_allowed,
    is_allowed_in_a_tick,
)

R, T, S, C, D, F, E, X, L, G = (
    State.REQUESTED,
    State.STARTING,
    State.SERVING,
    State.CORDONED,
    State.DRAINING,
    State.FORCED,
    State.EMPTY,
    State.DELETING,
    State.LOST,
    State.GONE,
)

TABLE = """
          R T S C D F E X L G
requested . x . . . . . x . x
starting  . . x . . . . x x x
serving   . . . x x x . x x x
cordoned  . . x . x x x x x x
draining  . . . . . x x x x x
forced    . . . . . . . x x x
empty     . . x x x x . x x x
deleting  . . . . . . . . . x
lost      . . x . x . . x . x
gone      . . . . . . . . . .
"""


def drawn() -> dict[State, frozenset[State]]:
    _, _, *rows = TABLE.splitlines()
    columns = (R, T, S, C, D, F, E, X, L, G)
    return {
        State(name): frozenset(state for state, mark in zip(columns, marks, strict=True) if mark == "x")
        for name, *marks in (row.split() for row in rows)
    }


def test_the_table_is_the_one_that_is_drawn() -> None:
    assert drawn() == TRANSITIONS


def test_every_state_leads_to_gone() -> None:
    for state in State:
        reached = {state}
        while more := {after for before in reached for after in TRANSITIONS[before]} - reached:
            reached |= more
        assert G in reached


@pytest.mark.parametrize("state", list(State))
def test_staying_is_always_allowed(state: State) -> None:
    assert is_allowed(state, state)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param(R, S, True, id="made, seen and registered while the controller was away"),
        pytest.param(T, D, True, id="registered and called back in one tick"),
        pytest.param(R, F, True, id="registered, and its deadline is near"),
        pytest.param(L, C, True, id="came back and isn't needed"),
        pytest.param(F, S, False, id="a forced node never serves again"),
        pytest.param(F, D, False, id="a forced node can't be drained gently any more"),
        pytest.param(D, S, False, id="a promise to give back isn't taken back"),
        pytest.param(X, S, False, id="what is being deleted stays so"),
        pytest.param(G, T, False, id="gone is gone"),
    ],
)
def test_one_tick_takes_what_was_seen_and_then_one_decision(before: State, after: State, expected: bool) -> None:
    assert is_allowed_in_a_tick(before, after) is expected


def test_what_is_seen_is_in_the_table_as_well() -> None:
    assert all(after in TRANSITIONS[before] for before, after in SEEN_AS.items())


def test_no_state_is_open_and_returning() -> None:
    assert GROWING < OPEN
    assert not OPEN & RETURNING
