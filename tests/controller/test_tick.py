"""One tick on fake ports: what is written before what, what a fault leaves behind, and what each mode may do."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime

import pytest

from bridge.controller.act import Result
from bridge.controller.loop import Loop
from bridge.controller.pool import Mode, Pool
from bridge.controller.record import advice
from bridge.controller.tick import make_plan
from bridge.core.lifecycle import State
from bridge.core.reasons import Gap
from bridge.core.snapshot import Promise, YarnNode
from bridge.ports import Denied, JournalUnavailable, NotUnderstood, PortError, Rejected, Stale, Unavailable
from tests.build import AT, BACK_BY, MINIMUM, make_elastic, make_snapshot, minutes, seconds
from tests.controller.scenes import SCENES, WORK, needed, opening, over
from tests.controller.world import Crash, World

MORE = replace(MINIMUM, memory_mib=MINIMUM.memory_mib + 1)
scenes = pytest.mark.parametrize("scene", list(SCENES))


def world_of(scene: str) -> World:
    return World.of(SCENES[scene]())


def run(world: World, ticks: int = 12) -> None:
    """Tick until there is nothing left to do."""
    for _ in range(ticks):
        if not world.tick().planned.plan.steps:
            return
    pytest.fail("still planning")


def promises(world: World) -> dict[str, Promise]:
    return {promise.id: promise for promise in world.model.promises if promise.state is not State.GONE}


def outcome_of(world: World) -> tuple[Counter[tuple[str, State, datetime | None]], Counter[str]]:
    """What there is in the end, whatever it is called: promises with pods, their deadlines, and how open nodes are."""
    known = promises(world)
    pods = Counter(
        (pod.lender, known[pod.promise_id].state, known[pod.promise_id].deadline) for pod in world.model.kube.pods
    )
    return pods, Counter(
        "open" if MORE.fits_in(node.total) and node.total != MORE else "closed" for node in nodes(world)
    )


def nodes(world: World) -> tuple[YarnNode, ...]:
    return world.model.yarn.nodes


# The journal comes first -------------------------------------------------------------------------------------------


@scenes
def test_the_journal_is_written_before_each_side_effect(scene: str) -> None:
    world = world_of(scene)
    written: dict[str, str] = {}
    node_ids = {f"{pod.ip}:8041": pod.promise_id for pod in world.model.kube.pods}

    def look(_count: int, call: tuple[str, ...]) -> None:
        match call:
            case ("save", *entries):
                written.update({id: state for id, state in map(str.split, entries)})
            case ("create", id):
                assert written[id] == "requested"
            case ("delete", id):
                assert written.get(id, promises(world)[id].state) == "deleting"
            case ("resize", node_id, purpose):
                expected = {
                    "cordon": {"cordoned", "draining"},
                    "recommission": {"serving"},
                    "reassert": {"serving"},
                    "force": {"forced"},
                    "empty": {"empty"},
                }
                assert written[node_ids[node_id]] in expected[purpose]

    world.before = look
    world.tick()
    assert world.effects
    assert world.calls[-1] == ("record",)


@scenes
def test_the_systems_are_read_before_anything_is_done(scene: str) -> None:
    world = world_of(scene)
    world.tick()
    names = [call[0] for call in world.calls]
    first = next(index for index, name in enumerate(names) if name not in {"observe", "promises", "memory", "pause"})
    assert names[:first] == ["observe", "observe", "promises", "memory", "pause"]
    assert not {"observe", "promises"} & set(names[first:])


# Crashes -----------------------------------------------------------------------------------------------------------


def calls_of(scene: str) -> int:
    world = world_of(scene)
    world.tick()
    return len(world.calls)


@scenes
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_crash_at_any_call_costs_nothing_but_time(scene: str, when: str) -> None:
    """No second pod, no orphan, the same deadlines: a fresh controller ends where an undisturbed one does."""
    calm = world_of(scene)
    run(calm)
    for point in range(calls_of(scene)):
        world = world_of(scene)

        def die(count: int, _call: tuple[str, ...], point: int = point) -> None:
            if count == point:
                raise Crash

        setattr(world, when, die)
        with pytest.raises(Crash):
            world.tick()
        run(world)
        known = promises(world)
        pods = [pod.promise_id for pod in world.model.kube.pods]
        assert len(pods) == len(set(pods)), "a second pod"
        assert set(pods) <= set(known), "an orphan"
        assert outcome_of(world) == outcome_of(calm), f"crash {when} {world.calls[point]}"


@scenes
def test_two_crashes_in_a_row_are_no_worse_than_one(scene: str) -> None:
    calm = world_of(scene)
    run(calm)
    world = world_of(scene)
    for point in (9, 7, 6):
        start = len(world.calls)

        def die(count: int, _call: tuple[str, ...], at: int = start + point) -> None:
            if count == at:
                raise Crash

        world.after = die
        try:
            world.tick()
        except Crash:
            continue
    world.after = lambda _count, _call: None
    run(world)
    assert outcome_of(world) == outcome_of(calm)


def test_a_deadline_survives_a_crash_between_promise_and_pod() -> None:
    world = World.of(make_snapshot(waiting=WORK))

    def die(_count: int, call: tuple[str, ...]) -> None:
        if call[0] == "create":
            raise Crash

    world.before = die
    with pytest.raises(Crash):
        world.tick()
    (promised,) = promises(world).values()
    world.before = lambda _count, _call: None
    world.pass_time(seconds(30))
    run(world)
    pod = next(pod for pod in world.model.kube.pods if pod.promise_id == promised.id)
    assert (pod.deadline, promises(world)[promised.id].deadline) == (BACK_BY, BACK_BY)
    assert len(world.model.kube.pods) == 2


# Faults ------------------------------------------------------------------------------------------------------------


def failing(error: PortError, *names: str) -> object:
    def fail(_count: int, call: tuple[str, ...]) -> None:
        if call[0] in names or call in {(name,) for name in names} or " ".join(call) in names:
            raise error

    return fail


def broken(scene: str, error: PortError, *names: str) -> World:
    world = world_of(scene)
    setattr(world, "before", failing(error, *names))  # noqa: B010
    return world


DOWN = ("promises", "save", "memory", "pause", "record")
NO_JOURNAL = JournalUnavailable("the database is locked")


@pytest.mark.parametrize(
    ("error", "gap"),
    [
        (Unavailable("no route to host"), Gap.UNREACHABLE),
        (Stale("last seen 40 s ago"), Gap.STALE),
        (Denied("not allowed to list nodes"), Gap.FORBIDDEN),
        (NotUnderstood("HTML where JSON was due"), Gap.NOT_UNDERSTOOD),
        (Rejected("no"), Gap.UNREACHABLE),
    ],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.parametrize("part", ["kubernetes", "yarn"])
def test_an_unread_part_is_a_gap_with_words(part: str, error: PortError, gap: Gap) -> None:
    world = broken("opening", error, f"observe {part}")
    ticked = world.tick()
    snapshot = ticked.planned.snapshot
    assert (snapshot.kube if part == "kubernetes" else snapshot.yarn) is gap
    assert ticked.planned.gaps == {part: str(error)}
    assert world.records[-1].sections["seen"]["gaps"] == {part: str(error)}
    assert world.records[-1].sections["seen"][part] == str(gap)
    assert not [call for call in world.effects if call[0] in {"create", "delete", "resize"}]


def test_what_is_decided_counts_from_when_all_has_been_read() -> None:
    """A ResourceManager that answers slowly doesn't make what is due later."""
    world = World.of(opening())
    began = world.model.truth.at

    def before(_count: int, call: tuple[str, ...]) -> None:
        if call == ("observe", "yarn"):
            world.pass_time(seconds(8))

    world.before = before
    assert world.tick().planned.snapshot.at == began + seconds(8)


@pytest.mark.parametrize("method", ["promises", "memory", "pause"])
def test_a_half_read_journal_is_an_unread_one(method: str) -> None:
    world = broken("opening", NO_JOURNAL, method)
    ticked = world.tick()
    assert ticked.planned.snapshot.promises is Gap.UNREACHABLE
    assert ticked.planned.gaps == {"journal": "the database is locked"}
    assert not [call for call in world.effects if call[0] == "create"]


@pytest.mark.parametrize("scene", ["opening", "returning", "half_made"])
def test_without_a_journal_growth_stops(scene: str) -> None:
    world = broken(scene, NO_JOURNAL, *DOWN)
    ticked = world.tick()
    assert not [call for call in world.effects if call[0] == "create" or "recommission" in call or "reassert" in call]
    assert ticked.planned.gaps == {"journal": "the database is locked"}


@pytest.mark.parametrize("names", [("save",), DOWN])
def test_without_a_journal_giving_back_goes_on(names: tuple[str, ...]) -> None:
    world = broken("over", NO_JOURNAL, *names)
    world.tick()
    assert {call[1] for call in world.effects if call[0] == "delete"} == {"p1", "p2"}
    assert world.model.kube.pods == ()


def test_without_a_journal_the_forced_step_comes_in_time() -> None:
    world = broken("forcing", NO_JOURNAL, *DOWN)
    world.tick()
    assert {call[2] for call in world.effects if call[0] == "resize"} == {"force"}
    for _ in range(3):
        world.pass_time(seconds(10))
        world.tick()
    assert world.model.kube.pods == ()


def test_a_step_that_can_not_be_written_and_would_lend_more_is_left() -> None:
    world = broken("returning", NO_JOURNAL, "save")
    results = {outcome.result for outcome in world.tick().outcomes if outcome.step.grows}
    assert results == {Result.NOT_WRITTEN}
    assert world.effects == []


@scenes
def test_a_journal_that_can_be_written_but_not_read_is_left_as_it_is(scene: str) -> None:
    world = broken(scene, NO_JOURNAL, "promises")
    before = world.model.promises
    world.tick()
    assert world.model.promises == before


@pytest.mark.parametrize("scene", ["needed", "ending", "over"])
def test_one_refused_act_stops_no_other(scene: str) -> None:
    calm = world_of(scene)
    calm.tick()
    world = world_of(scene)
    first = calm.effects[0]

    def refuse(_count: int, call: tuple[str, ...]) -> None:
        if call == first:
            raise Rejected("not this one")

    world.before = refuse
    outcomes = world.tick().outcomes
    assert world.effects == calm.effects
    failed = [outcome for outcome in outcomes if outcome.result is Result.FAILED]
    assert [outcome.error for outcome in failed] == ["not this one"]
    done = world.records[-1].sections["done"]
    assert [entry["error"] for entry in done if entry["result"] == "failed"] == ["not this one"]


@scenes
def test_what_failed_is_done_by_the_next_tick(scene: str) -> None:
    calm = world_of(scene)
    run(calm)
    world = broken(scene, Unavailable("timeout"), "create", "delete", "resize", "add_label", "map_label")
    world.tick()
    world.before = lambda _count, _call: None
    run(world)
    assert outcome_of(world) == outcome_of(calm)


SYSTEMS = {"kubernetes": {"create", "delete"}, "yarn": {"resize", "add_label", "map_label"}}


@scenes
@pytest.mark.parametrize("part", list(SYSTEMS))
def test_who_does_not_answer_is_not_asked_again_in_this_tick(scene: str, part: str) -> None:
    calm = world_of(scene)
    calm.tick()
    world = broken(scene, Unavailable("timeout"), *SYSTEMS[part])
    fail = world.before

    def hang(count: int, call: tuple[str, ...]) -> None:
        if call[0] in SYSTEMS[part]:
            world.pass_time(seconds(10))
        fail(count, call)

    world.before = hang
    outcomes = world.tick().outcomes
    asked, others = [[call for call in world.effects if (call[0] in SYSTEMS[part]) is mine] for mine in (True, False)]
    assert len(asked) == min(1, len([call for call in calm.effects if call[0] in SYSTEMS[part]]))
    assert others == [call for call in calm.effects if call[0] not in SYSTEMS[part]]
    errors = [str(outcome.error) for outcome in outcomes if outcome.result is Result.FAILED]
    assert errors[:1] == ["timeout"] * len(asked)
    assert {error.partition(":")[0] for error in errors[1:]} <= {"not tried"}
    assert len(errors) == len([call for call in calm.effects if call[0] in SYSTEMS[part]])


@scenes
@pytest.mark.parametrize("part", list(SYSTEMS))
def test_an_error_that_comes_at_once_stops_no_other_step(scene: str, part: str) -> None:
    calm = world_of(scene)
    calm.tick()
    world = broken(scene, Unavailable("503 at once"), *SYSTEMS[part])
    world.tick()
    assert world.effects == calm.effects


def test_a_resourcemanager_that_refuses_one_act_is_asked_for_the_next() -> None:
    world = broken("ending", Rejected("no"), "resize")
    world.tick()
    assert len([call for call in world.effects if call[0] == "resize"]) == 3


@scenes
def test_a_journal_that_can_not_be_written_is_tried_once(scene: str) -> None:
    world = broken(scene, NO_JOURNAL, "save")
    outcomes = world.tick().outcomes
    assert [call[0] for call in world.calls].count("save") <= 1
    given_back = [outcome for outcome in outcomes if outcome.step.act is not None and not outcome.step.grows]
    assert {outcome.result for outcome in given_back} <= {Result.DONE}
    assert {outcome.result for outcome in outcomes if outcome.step.grows} <= {Result.NOT_WRITTEN}


@pytest.mark.parametrize("scene", ["needed", "ending", "forcing", "over"])
def test_what_gives_back_is_written_in_one_go(scene: str) -> None:
    world = world_of(scene)
    world.tick()
    names = [call[0] for call in world.calls]
    first = next(index for index, name in enumerate(names) if name in {"delete", "resize"})
    assert names[:first].count("save") == 1
    ahead = {entry.partition(" ")[0] for call in world.calls[:first] if call[0] == "save" for entry in call[1:]}
    after = {entry.partition(" ")[0] for call in world.calls[first:] if call[0] == "save" for entry in call[1:]}
    assert after <= ahead


def test_a_missed_deadline_is_in_the_log_once_a_tick(caplog: pytest.LogCaptureFixture) -> None:
    late = make_elastic("p1", State.FORCED, containers=1, deadline=AT - seconds(90))
    world = World.of(make_snapshot(late, make_elastic("p2", deadline=AT + minutes(90))))
    world.tick()
    (line,) = [record.getMessage() for record in caplog.records if "deadline.missed" in record.getMessage()]
    assert line.startswith("deadline.missed tick_id=")
    assert "promise=p1 " in line
    assert line.endswith("late_s=90")


def test_that_a_deadline_will_not_hold_is_said_before_anything_is_done(caplog: pytest.LogCaptureFixture) -> None:
    """A call that hangs may last past the deadline."""
    caplog.set_level(logging.INFO)
    World.of(make_snapshot(make_elastic("p1", State.FORCED, containers=1, deadline=AT + seconds(3)))).tick()
    events = [record.getMessage().split()[0] for record in caplog.records]
    assert events.index("deadline.stated") < events.index("act")


def test_a_record_that_can_not_be_kept_stops_nothing() -> None:
    world = broken("over", NO_JOURNAL, "record")
    world.tick()
    assert world.model.kube.pods == ()


# Modes -------------------------------------------------------------------------------------------------------------


@scenes
@pytest.mark.parametrize("mode", [Mode.OBSERVE, Mode.ADVISE])
def test_only_enforce_acts(scene: str, mode: Mode) -> None:
    world = world_of(scene)
    before = world.model
    ticked = world.tick(mode)
    assert world.effects == []
    assert not [call for call in world.calls if call[0] == "save"]
    assert ticked.outcomes == ()
    assert ticked.planned.plan.steps
    assert world.records[-1].mode == mode
    assert world.records[-1].sections["plan"]
    assert (world.model.kube, world.model.yarn) == (before.kube, before.yarn)
    assert bool(world.told) is (mode is Mode.ADVISE)


@scenes
def test_a_plan_without_a_tick_changes_nothing(scene: str) -> None:
    world = world_of(scene)
    before = world.model
    assert make_plan(world.pool()).plan.steps
    assert world.model == before
    assert {call[0] for call in world.calls} == {"observe", "promises", "memory", "pause"}


def test_advise_tells_once_for_each_change() -> None:
    world = World.of(needed())
    words: str | None = None
    for _ in range(3):
        words = advice(world.tick(Mode.ADVISE, words).planned.plan)
    assert world.told == [("TidebridgeWouldAct", "would resize_node 2 (kubernetes_needs_room)")]
    world.model = World.of(over()).model
    words = advice(world.tick(Mode.ADVISE, words).planned.plan)
    assert len(world.told) == 2
    world.model = World.of(make_snapshot()).model
    assert advice(world.tick(Mode.ADVISE, words).planned.plan) is None
    assert len(world.told) == 2


def test_advice_that_can_not_be_told_stops_nothing() -> None:
    world = broken("needed", Denied("not allowed to create events"), "tell")
    world.tick(Mode.ADVISE)
    assert len(world.records) == 1


# Several pools -----------------------------------------------------------------------------------------------------


no_wall_clock = pytest.mark.usefixtures("_wall_clock_is_set_back")


@contextmanager
def looping(*pools: Pool) -> Iterator[None]:
    """Let the pools tick every few milliseconds."""
    loop = Loop(pools, period=seconds(0.005), keep=seconds(99))
    thread = threading.Thread(target=loop.run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        loop.stop()
        thread.join(30)
    assert not thread.is_alive()


def named(name: str, pool: Pool) -> Pool:
    """Give a pool another name: two of one name are no settings."""
    return replace(pool, policy=replace(pool.policy, name=name))


def wait_until(is_so: Callable[[], bool]) -> None:
    """Wait for what another thread does."""
    until = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.005)


@no_wall_clock
def test_rule_18_one_broken_pool_never_stops_the_others() -> None:
    bad, good = World.of(opening()), World.of(over())

    def bug(_count: int, _call: tuple[str, ...]) -> None:
        raise ZeroDivisionError

    bad.before = bug
    with looping(bad.pool(), named("day", good.pool())):
        wait_until(lambda: len(good.records) >= 2)
    assert [call[0] for call in good.effects][:2] == ["delete", "delete"]
    assert bad.records == []


@no_wall_clock
def test_a_pool_that_waits_for_an_answer_never_stops_the_others() -> None:
    hung, good = World.of(opening()), World.of(over())
    answer = threading.Event()

    def hang(_count: int, call: tuple[str, ...]) -> None:
        if call == ("observe", "yarn"):
            answer.wait(60)

    hung.before = hang
    with looping(hung.pool(), named("day", good.pool())):
        wait_until(lambda: len(good.records) >= 3)
        assert hung.calls.count(("observe", "yarn")) == 1, "a second tick of the pool that waits"
        answer.set()
        wait_until(lambda: bool(hung.records))


@no_wall_clock
def test_the_loop_ends_after_the_ticks_under_way_and_does_not_wait_for_the_next() -> None:
    world = World.of(make_snapshot())
    loop = Loop([world.pool()], period=seconds(600), keep=seconds(99))
    world.before = lambda _count, call: loop.stop() if call == ("observe", "yarn") else None
    thread = threading.Thread(target=loop.run, daemon=True)
    thread.start()
    thread.join(30)
    assert not thread.is_alive()
    assert len(world.records) == 1


@no_wall_clock
def test_ticks_come_though_the_wall_clock_wakes_nobody() -> None:
    world = World.of(make_snapshot())
    with looping(world.pool()):
        wait_until(lambda: len(world.records) >= 3)


@no_wall_clock
def test_the_loop_tells_advice_once() -> None:
    world = World.of(needed())
    with looping(world.pool(Mode.ADVISE)):
        wait_until(lambda: len(world.records) >= 3)
    assert len(world.told) == 1


# A night -----------------------------------------------------------------------------------------------------------


def test_a_night_from_its_opening_to_its_end() -> None:
    """Opened for waiting work, closed in time, every pod gone before the end, the label cleared."""
    world = World.of(opening())
    run(world)
    assert len(world.model.kube.pods) == 2
    assert {promise.state for promise in promises(world).values()} == {State.SERVING}
    assert len(world.model.yarn.label_by_host) == 2
    world.model = replace(world.model, truth=replace(world.model.truth, at=BACK_BY - seconds(60 * 45)))
    world.model = replace(world.model, truth=replace(world.model.truth, yarn=replace(world.model.yarn, waiting=())))
    run(world)
    assert world.model.kube.pods == ()
    assert promises(world) == {}
    assert world.model.yarn.label_by_host == {}


def test_every_scene_is_what_it_says() -> None:
    """The scenes reach every kind of act, so that breaking at every call breaks at every kind."""
    kinds: set[str] = set()
    for scene in SCENES:
        world = world_of(scene)
        run(world)
        kinds |= {" ".join((call[0], *call[2:])) for call in world.effects}
    assert kinds >= {"create", "delete", "add_label", "map_label", "resize cordon", "resize empty", "resize force"}
    assert "resize recommission" in kinds
