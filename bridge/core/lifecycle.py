"""The life of an elastic node: one table of allowed transitions, and nothing else moves a node.

``requested → starting → serving ⇄ cordoned → draining → forced → empty → deleting → gone``; ``lost`` from any state.
"""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """Where an elastic node is in its life."""

    REQUESTED = "requested"
    """Promised in the journal; the pod may not exist yet."""
    STARTING = "starting"
    """The pod exists; its NodeManager has not registered yet."""
    SERVING = "serving"
    """Open to new containers."""
    CORDONED = "cordoned"
    """Closed to new containers, nothing promised; may return to serving."""
    DRAINING = "draining"
    """Closed, and a deadline is in the journal."""
    FORCED = "forced"
    """The ResourceManager has been told to preempt; no way back but deletion."""
    EMPTY = "empty"
    """Closed to the last vcore, to be looked at once more before it is deleted."""
    DELETING = "deleting"
    """The pod has been, or is about to be, deleted."""
    LOST = "lost"
    """The ResourceManager no longer sees a node whose pod is there."""
    GONE = "gone"
    """The pod is gone; its room is verified free."""


TRANSITIONS: dict[State, frozenset[State]] = {
    State.REQUESTED: frozenset({State.STARTING, State.DELETING, State.GONE}),
    State.STARTING: frozenset({State.SERVING, State.DELETING, State.GONE, State.LOST}),
    State.SERVING: frozenset({State.CORDONED, State.DRAINING, State.FORCED, State.DELETING, State.GONE, State.LOST}),
    State.CORDONED: frozenset(
        {State.SERVING, State.DRAINING, State.FORCED, State.EMPTY, State.DELETING, State.GONE, State.LOST}
    ),
    State.DRAINING: frozenset({State.FORCED, State.EMPTY, State.DELETING, State.GONE, State.LOST}),
    State.FORCED: frozenset({State.DELETING, State.GONE, State.LOST}),
    State.EMPTY: frozenset(
        {State.SERVING, State.CORDONED, State.DRAINING, State.FORCED, State.DELETING, State.GONE, State.LOST}
    ),
    State.DELETING: frozenset({State.GONE}),
    State.LOST: frozenset({State.SERVING, State.DRAINING, State.DELETING, State.GONE}),
    State.GONE: frozenset(),
}

SEEN_AS: dict[State, State] = {
    State.REQUESTED: State.STARTING,
    State.STARTING: State.SERVING,
    State.LOST: State.SERVING,
}
"""What the facts alone can make of a node before a tick decides: its pod is there, it registered, it came back."""

GROWING = frozenset({State.REQUESTED, State.STARTING})
OPEN = frozenset({State.REQUESTED, State.STARTING, State.SERVING})
RETURNING = frozenset({State.DRAINING, State.FORCED, State.EMPTY, State.DELETING})


def is_allowed(before: State, after: State) -> bool:
    """Say whether a node may go from *before* to *after*; staying is always allowed."""
    return before == after or after in TRANSITIONS[before]


def is_allowed_in_a_tick(before: State, after: State) -> bool:
    """Say whether one tick may take a node from *before* to *after*: what was seen first, then one decision."""
    return is_allowed(before, after) or (before in SEEN_AS and is_allowed_in_a_tick(SEEN_AS[before], after))
