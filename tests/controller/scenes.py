"""Worlds in each phase of a night, for the controller to be broken in."""

from __future__ import annotations

from bridge.core.lifecycle import State
from bridge.core.snapshot import Memory, Snapshot
from tests.build import (
    AT,
    Elastic,
    ip_of,
    make_elastic,
    make_lender,
    make_snapshot,
    make_waiting,
    make_window,
    minutes,
    room,
    seconds,
)

WORK = (make_waiting(8),)


def opening() -> Snapshot:
    """Work waits, and nothing is there yet, not even the label."""
    return make_snapshot(waiting=WORK, yarn={"labels": frozenset[str]()})


def half_made() -> Snapshot:
    """One promise has no pod yet, one pod no promise, one is starting."""
    known = make_elastic("p1", State.REQUESTED)
    unknown = make_elastic("p2", State.STARTING, label_host=None).without("journal")
    starting = make_elastic("p3", State.STARTING, label_host=None)
    return make_snapshot(known, unknown, starting, waiting=WORK, yarn={"label_by_host": {}})


def returning() -> Snapshot:
    """A closed node is wanted again, and so is a new one."""
    return make_snapshot(make_elastic("p1", State.CORDONED), waiting=WORK)


def ending() -> Snapshot:
    """The window ends soon: one node is busy, one idle, one starting."""
    window = make_window(back_by=AT + minutes(30))
    deadline = window.back_by
    return make_snapshot(
        make_elastic("p1", containers=2, deadline=deadline),
        make_elastic("p2", deadline=deadline),
        make_elastic("p3", State.STARTING, deadline=deadline),
        windows=(window,),
    )


def forcing() -> Snapshot:
    """The tail of the window: one node is draining, one serves still, for nobody was there to close it."""
    window = make_window(back_by=AT + seconds(45))
    return make_snapshot(
        make_elastic("p1", State.DRAINING, containers=2, deadline=window.back_by),
        make_elastic("p2", containers=3, deadline=window.back_by),
        windows=(window,),
    )


def over() -> Snapshot:
    """The end: what is left is deleted, addresses are cleared."""
    window = make_window(back_by=AT + seconds(20))
    return make_snapshot(
        make_elastic("p1", State.FORCED, containers=1, deadline=window.back_by),
        make_elastic("p2", containers=1, deadline=window.back_by),
        make_elastic("p3", State.GONE, label_host=ip_of("p3")),
        windows=(window,),
    )


def needed() -> Snapshot:
    """Kubernetes needs room back in the middle of the night."""
    nodes: tuple[Elastic, ...] = tuple(make_elastic(f"p{number}", containers=number) for number in range(4))
    return make_snapshot(*nodes, lenders=(make_lender(online=room(7, 0)),))


def idle() -> Snapshot:
    """Nobody has needed two of three nodes for a while."""
    return make_snapshot(
        make_elastic("p1", containers=1),
        make_elastic("p2"),
        make_elastic("p3", State.EMPTY),
        memory=Memory(waiting=(), surplus_since=AT - minutes(10)),
    )


SCENES = {scene.__name__: scene for scene in (opening, half_made, returning, ending, forcing, over, needed, idle)}
