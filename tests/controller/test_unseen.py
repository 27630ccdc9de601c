"""A pod that was asked for and that no view has shown: it is taken back by its name, until there surely is none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from bridge.controller.pool import Pool
from bridge.core.lifecycle import State
from bridge.core.reasons import Gap, Reason, Verdict
from bridge.core.snapshot import KubeFacts, Snapshot
from bridge.ports import JournalUnavailable, Unavailable
from tests.build import AT, make_elastic, make_pod, make_promise, make_snapshot, make_window, make_yarn_node, minutes
from tests.controller.world import Crash, FakeKube, World
from tests.core.model import think

JOURNAL = ("promises", "memory", "pause", "save", "record")
MADE = make_pod(make_promise("p1", State.STARTING))


class LaggingKube(FakeKube):
    """A view that doesn't show the pods yet."""

    def observe(self) -> KubeFacts:
        return replace(super().observe(), pods=())


def made_unseen() -> tuple[World, Pool]:
    """Promise a pod that is there, though the view doesn't say so, and close all windows."""
    world = World.of(make_snapshot(make_elastic("p1", State.REQUESTED), windows=()))
    world.model = replace(world.model, truth=replace(world.model.truth, kube=replace(world.model.kube, pods=(MADE,))))
    return world, replace(world.pool(), kube=LaggingKube(world))


def left(world: World) -> list[tuple[State, Reason]]:
    return [(promise.state, promise.reason) for promise in world.model.promises]


@pytest.mark.parametrize("lag", [1, 2, 4])
def test_it_is_deleted_by_its_name_and_gone_once_there_is_none(lag: int, monkeypatch: pytest.MonkeyPatch) -> None:
    world, lagging = made_unseen()
    monkeypatch.setattr(World, "settle", lambda _world: None)
    for _ in range(lag):
        world.tick(pool=lagging)
        assert left(world) == [(State.DELETING, Reason.WINDOW_CLOSED)]
    (pod,) = world.model.kube.pods
    assert pod.deleting_since is not None
    planned = world.tick(pool=world.pool()).planned
    assert [node.promise.reason for node in planned.decision.nodes] == [Reason.WINDOW_CLOSED]
    assert planned.decision.memory.left_alone == ()
    world.model = replace(world.model, truth=replace(world.model.truth, kube=replace(world.model.kube, pods=())))
    world.tick(pool=world.pool())
    assert not [state for state, _ in left(world) if state is not State.GONE]


def test_one_that_was_never_made_is_gone_at_once() -> None:
    world = World.of(make_snapshot(make_elastic("p1", State.REQUESTED), windows=()))
    world.tick()
    assert left(world) == [(State.GONE, Reason.VERIFIED_FREE)]


def times_out(call: tuple[str, ...]) -> None:
    if call[0] == "delete":
        raise Unavailable("no answer in time")


def dies(call: tuple[str, ...]) -> None:
    if call[0] == "delete":
        raise Crash


@pytest.mark.parametrize("fault", [times_out, dies])
def test_a_deletion_whose_answer_is_lost_is_still_ours(
    fault: Callable[[tuple[str, ...]], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    world, lagging = made_unseen()
    monkeypatch.setattr(World, "settle", lambda _world: None)
    world.after = lambda _count, call: fault(call)
    try:
        world.tick(pool=lagging)
    except Crash:
        assert fault is dies
    world.after = lambda _count, _call: None
    planned = world.tick(pool=world.pool()).planned
    assert [node.promise.reason for node in planned.decision.nodes] == [Reason.WINDOW_CLOSED]
    assert planned.decision.memory.left_alone == ()


def test_while_deletions_fail_it_is_neither_given_up_nor_made_again() -> None:
    world = World.of(make_snapshot(make_elastic("p1", State.REQUESTED), windows=()))
    world.before = lambda _count, call: times_out(call)
    pool = world.pool()
    for _ in range(5):
        verdicts = {one.verdict for one in world.tick(pool=pool).planned.decision.foretold.statements}
        world.pass_time(minutes(1))
    assert left(world) == [(State.DELETING, Reason.WINDOW_CLOSED)]
    assert verdicts == {Verdict.LATE}
    assert "create" not in {call[0] for call in world.calls}


SOON = AT + minutes(44)


@pytest.mark.parametrize("state", [State.REQUESTED, State.STARTING])
@pytest.mark.parametrize("is_read", [True, False], ids=["journal read", "journal away"])
def test_without_a_view_one_that_may_serve_by_now_is_left_until_its_time(state: State, is_read: bool) -> None:
    promise = make_promise("p1", state, deadline=SOON)
    snapshot = make_snapshot(
        kube=Gap.UNREACHABLE,
        yarn={"nodes": (make_yarn_node(make_promise("p1"), containers=4),)},
        promises=(promise,) if is_read else Gap.UNREACHABLE,
        recalled={} if is_read else {"p1": promise},
        windows=(make_window(back_by=SOON),),
    )
    assert _deletes(snapshot) == 0
    assert _deletes(replace(snapshot, at=SOON - snapshot.policy.pod_tail)) == 1


def _deletes(snapshot: Snapshot) -> int:
    return len(think(snapshot).plan.acts)


def test_it_is_remembered_while_the_journal_is_away() -> None:
    world, lagging = made_unseen()
    lagging.known.amended(world.model.promises)

    def before(_count: int, call: tuple[str, ...]) -> None:
        if call[0] in JOURNAL:
            raise JournalUnavailable("the disk is full")

    world.before = before
    world.tick(pool=lagging)
    assert [call for call in world.calls if call[0] == "delete"] == [("delete", "p1")]


@pytest.mark.parametrize("is_kube_read", [True, False])
def test_a_node_that_runs_out_is_left_to_it_while_the_journal_is_away(is_kube_read: bool) -> None:
    busy = make_elastic("p1", containers=2, deadline=AT + minutes(30))
    windows = (make_window(back_by=AT + minutes(30)),)
    world = World.of(make_snapshot(busy, windows=windows, yarn={"cannot_decommission": None}))
    pool = world.pool()
    world.tick(pool=pool)
    world.tick(pool=pool)
    assert [node.state for node in world.model.yarn.nodes] == ["DECOMMISSIONING"]

    def before(_count: int, call: tuple[str, ...]) -> None:
        if call[0] in JOURNAL:
            raise JournalUnavailable("the disk is full")
        if call == ("observe", "kubernetes") and not is_kube_read:
            raise Unavailable("nobody answers")

    world.before = before
    assert world.tick(pool=pool).planned.plan.acts == ()
    # A process that has never read the journal leaves it, too.
    assert [type(step.act).__name__ for step in world.tick().planned.plan.acts] == []
