"""What holds in any world: budgets, gaps, transitions, fixed points, and that every drain ends."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from fractions import Fraction
from random import Random
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, assume, event, given, settings, target
from hypothesis import strategies as st

from bridge.core.actions import CreatePod, DeletePod, Plan, Purpose, ResizeNode, Step
from bridge.core.lifecycle import TRANSITIONS, State
from bridge.core.reasons import Gap
from bridge.core.resources import NO_ROOM, Room
from bridge.core.snapshot import Promise, Snapshot, YarnFacts
from bridge.core.window import WindowSpan
from tests.build import (
    AT,
    Elastic,
    elastics,
    make_lender,
    make_policy,
    make_snapshot,
    make_waiting,
    minutes,
    room,
    seconds,
    with_gap,
    worlds,
)
from tests.core.model import Model, Round, elapsed, restarted, think, turn

T = TypeVar("T")

GROWTH = {Purpose.RECOMMISSION, Purpose.REASSERT}
SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]


def many(examples: int) -> settings:
    return settings(max_examples=examples, deadline=None, suppress_health_check=SLOW)


# Counted independently of the code under test ----------------------------------------------------------------------


def ratio_at(windows: tuple[WindowSpan, ...], at: datetime) -> Fraction:
    """The smallest limit of the windows that are open, its end exclusive; nothing where none is."""
    open_now = [Fraction(str(window.max_ratio)) for window in windows if window.start <= at < window.back_by]
    return min(open_now, default=Fraction(0))


def next_edge(windows: tuple[WindowSpan, ...], at: datetime) -> datetime | None:
    """The next instant at which less may be lent than now."""
    edges = sorted({edge for window in windows for edge in (window.start, window.back_by) if edge > at})
    return next((edge for edge in edges if ratio_at(windows, edge) < ratio_at(windows, at)), None)


def creates(plan: Plan) -> tuple[CreatePod, ...]:
    return tuple(step.act for step in plan.steps if isinstance(step.act, CreatePod))


def resizes(plan: Plan) -> Iterator[tuple[Step, ResizeNode]]:
    for step in plan.steps:
        if isinstance(step.act, ResizeNode):
            yield step, step.act


def recorded(world: Snapshot) -> dict[str, Promise]:
    return {} if isinstance(world.promises, Gap) else {promise.id: promise for promise in world.promises}


def holders(world: Snapshot) -> dict[str, tuple[str, Room]]:
    """Each pod, and each promise whose pod may still come, with its lender and its amount."""
    assert not isinstance(world.kube, Gap)
    pods = {pod.promise_id: (pod.node or pod.lender, pod.requests) for pod in world.kube.pods}
    coming = {
        promise.id: (promise.lender, promise.shape.pod)
        for promise in recorded(world).values()
        if promise.state is State.REQUESTED
    }
    return coming | pods


def total(amounts: list[Room]) -> Room:
    return sum(amounts, start=NO_ROOM)


def describe(plan: Plan) -> None:
    """Tell hypothesis what a world led to, so that it can be seen whether all cases occur."""
    for step in plan.steps:
        match step.act:
            case ResizeNode(purpose=purpose):
                event(f"act {purpose}")
            case None:
                event("move")
            case act:
                event(f"act {type(act).__name__}")
    for refusal in plan.refusals:
        event(f"refused {refusal.failure}")


# Budgets -----------------------------------------------------------------------------------------------------------


@given(worlds())
@many(70)
def test_a_plan_never_oversells_a_lender(world: Snapshot) -> None:
    plan = think(world).plan
    made = creates(plan)
    describe(plan)
    target(float(len(made)), label="creates")
    assert not isinstance(world.kube, Gap)
    held: dict[str, list[Room]] = defaultdict(list)
    for name, amount in holders(world).values():
        held[name].append(amount)
    for act in made:
        if act.promise_id not in recorded(world):
            held[act.lender].append(act.requests)
    for lender in world.kube.lenders:
        if not any(act.lender == lender.name for act in made):
            continue
        assert lender.refusal is None
        keep = 1 - Fraction(str(world.policy.margin_ratio))
        taken = total(held[lender.name]) + lender.online
        assert taken.cpu_millicores <= lender.allocatable.cpu_millicores * keep
        assert taken.memory_mib <= lender.allocatable.memory_mib * keep
    assert {act.lender for act in made} <= {lender.name for lender in world.kube.lenders}


@given(worlds())
@many(70)
def test_creates_keep_within_every_limit_with_what_is_lent_included(world: Snapshot) -> None:
    plan = think(world).plan
    fresh = [act for act in creates(plan) if act.promise_id not in recorded(world)]
    assert len(fresh) <= world.policy.grow_per_tick
    if not fresh:
        return
    event("creates")
    assert not isinstance(world.kube, Gap)
    assert world.pause is None
    lent = [amount for _, amount in holders(world).values()] + [act.requests for act in fresh]
    assert len(lent) <= world.policy.max_nodes
    whole = total([lender.allocatable for lender in world.kube.lenders])
    ratio = ratio_at(world.windows, world.at)
    assert total(lent).cpu_millicores <= whole.cpu_millicores * ratio
    assert total(lent).memory_mib <= whole.memory_mib * ratio


@given(worlds())
@many(70)
def test_every_new_promise_has_a_deadline_that_leaves_time_for_its_end(world: Snapshot) -> None:
    for step in think(world).plan.steps:
        if isinstance(step.act, CreatePod):
            event("creates")
            assert step.promise is not None
            assert step.promise.deadline is not None
            assert step.promise.deadline - world.policy.tail > world.at
            assert step.act.lives_at_most >= step.promise.deadline - world.at


@given(worlds())
@many(70)
def test_the_plan_asks_for_nothing_new_that_the_check_must_refuse(world: Snapshot) -> None:
    """The check is the second lock, not the first; only larger nodes of an earlier configuration surprise the plan."""
    assume(all(shape == world.policy.shape.pod for _, shape in holders(world).values()))
    refused = [entry for entry in think(world).plan.refusals if isinstance(entry.step.act, CreatePod)]
    assert {entry.step.promise.id for entry in refused if entry.step.promise} <= set(recorded(world))


# Transitions and kills ---------------------------------------------------------------------------------------------


def arrows(before: State, after: State) -> bool:
    """Allowed by the table, after what facts alone may have moved within the tick: seen, registered, came back."""
    seen = {State.REQUESTED: State.STARTING, State.STARTING: State.SERVING, State.LOST: State.SERVING}
    return before is after or after in TRANSITIONS[before] or (before in seen and arrows(seen[before], after))


@given(worlds(has_gaps=True))
@many(70)
def test_every_transition_is_one_of_the_table(world: Snapshot) -> None:
    round_ = think(world)
    before = recorded(world)
    for step in round_.plan.steps:
        if step.promise is not None and step.promise.id in before:
            assert arrows(before[step.promise.id].state, step.promise.state)
            if before[step.promise.id].state is not step.promise.state:
                event(f"{before[step.promise.id].state} to {step.promise.state}")
    assert not [refusal for refusal in round_.plan.refusals if refusal.failure == "transition_not_allowed"]


@given(worlds(has_gaps=True))
@many(70)
def test_a_step_kills_only_in_the_tail_of_a_deadline(world: Snapshot) -> None:
    plan = think(world).plan
    before = recorded(world)
    for step, act in resizes(plan):
        if act.purpose is not Purpose.FORCE:
            assert act.overcommit_timeout is None
            continue
        event("force")
        assert act.overcommit_timeout is not None
        assert act.overcommit_timeout >= timedelta(0)
        if step.promise is not None:
            was = before.get(step.promise.id)
            deadline = step.promise.deadline
            assert deadline is not None
            assert world.at >= deadline - world.policy.tail or (was is not None and was.state is State.FORCED)
        assert isinstance(world.yarn, YarnFacts)
        totals = [node.total for node in world.yarn.nodes if node.node_id == act.node_id]
        assert act.total not in totals, "a resize to the amount that a node has is ignored"


@given(worlds(has_gaps=True))
@many(70)
def test_a_busy_pod_is_deleted_only_near_a_deadline_or_when_yarn_is_done_with_it(world: Snapshot) -> None:
    plan = think(world).plan
    busy = {
        node.host
        for node in ([] if isinstance(world.yarn, Gap) else world.yarn.nodes)
        if node.containers > 0 and node.state == "RUNNING" and not node.total.is_empty
    }
    pods = {} if isinstance(world.kube, Gap) else {pod.uid: pod for pod in world.kube.pods}
    before = recorded(world)
    for step in plan.steps:
        if not isinstance(step.act, DeletePod) or step.act.uid not in pods:
            continue
        pod = pods[step.act.uid]
        was = before.get(pod.promise_id)
        if pod.ip not in busy or pod.phase.is_over or (was is not None and was.state is State.DELETING):
            continue
        deadlines = [next_edge(world.windows, world.at), pod.deadline, None if was is None else was.deadline]
        event("deletes a busy pod")
        assert any(world.at >= deadline - world.policy.tail for deadline in deadlines if deadline is not None)


# Deadlines ---------------------------------------------------------------------------------------------------------


@given(worlds(has_gaps=True))
@many(70)
def test_a_deadline_is_never_moved_back(world: Snapshot) -> None:
    before = recorded(world)
    for step in think(world).plan.steps:
        was = before.get(step.promise.id) if step.promise is not None else None
        if step.promise is None or was is None or was.deadline is None:
            continue
        assert step.promise.deadline is not None
        assert step.promise.deadline <= was.deadline
        if step.promise.deadline < was.deadline:
            event("deadline moved forward")


# Gaps --------------------------------------------------------------------------------------------------------------


def leaving(done: Round) -> int:
    """How many nodes a round calls back or deletes."""
    deleted = {step.act.promise_id for step in done.plan.steps if isinstance(step.act, DeletePod)}
    return len(deleted | {entry.node_id for entry in done.decision.returns})


@st.composite
def calm_worlds(draw: st.DrawFn) -> Snapshot:
    """Worlds in which time calls nothing back: an open window far from its end, nothing promised yet."""
    world = draw(worlds())
    assert isinstance(world.promises, tuple)
    assert not isinstance(world.kube, Gap)
    far = AT + minutes(300)
    calm = {
        promise.id: replace(promise, deadline=far)
        for promise in world.promises
        if promise.state in {State.REQUESTED, State.STARTING, State.SERVING, State.CORDONED, State.LOST}
    }
    pods = tuple(
        replace(pod, deadline=far, deleting_since=None)
        for pod in world.kube.pods
        if pod.promise_id in calm and not pod.phase.is_over
    )
    window = WindowSpan(name="w", start=AT - minutes(60), back_by=far, lead=minutes(45), max_ratio=1.0)
    return replace(world, promises=tuple(calm.values()), kube=replace(world.kube, pods=pods), windows=(window,))


@given(calm_worlds(), st.sets(st.sampled_from(["kube", "yarn", "promises"]), min_size=1))
@many(70)
def test_a_gap_drains_deletes_and_creates_nothing_by_itself(world: Snapshot, parts: set[str]) -> None:
    blind = world
    for part in parts:
        blind = with_gap(blind, part)
    event(f"gaps {sorted(parts)}")
    done, full = think(blind), think(world)
    assert not creates(done.plan)
    assert not [step for step, act in resizes(done.plan) if act.purpose in GROWTH | {Purpose.FORCE}]
    assert isinstance(world.yarn, YarnFacts)
    # What the ResourceManager holds at nothing and runs nothing was emptied, whatever the journal would say.
    emptied = sum(node.total.is_empty and node.containers == 0 for node in world.yarn.nodes)
    if "kube" in parts:
        assert done.decision.returns == ()
    # What could only be made smaller with a view of what runs there goes back as a whole.
    whole = len(full.decision.fits) if "yarn" in parts else 0
    assert leaving(done) <= leaving(full) + whole + (emptied if "promises" in parts else 0)
    if leaving(done):
        event("still gives back what is seen")


@given(worlds())
@many(70)
def test_without_a_view_of_either_system_only_time_calls_back(world: Snapshot) -> None:
    blind = with_gap(with_gap(world, "kube"), "yarn")
    by_id = recorded(world)
    edge = next_edge(world.windows, world.at)
    for step in think(blind).plan.steps:
        assert not isinstance(step.act, CreatePod | ResizeNode)
        if not isinstance(step.act, DeletePod):
            continue
        event("deletes blindly")
        was = by_id[step.act.promise_id]
        limits = [limit for limit in (was.deadline, edge) if limit is not None]
        is_due = any(world.at >= limit - 2 * world.policy.tail for limit in limits)
        is_over = ratio_at(world.windows, world.at) == 0
        is_ending = edge is not None and any(
            world.at >= edge - window.lead for window in world.windows if window.start <= world.at < window.back_by
        )
        assert was.state is State.DELETING or is_due or is_over or is_ending


# Determinism -------------------------------------------------------------------------------------------------------


def as_set(plan: Plan) -> Counter[str]:
    return Counter(repr(step) for step in plan.steps)


@given(worlds(has_gaps=True), st.randoms(use_true_random=False))
@many(70)
def test_the_order_in_which_facts_arrive_decides_nothing(world: Snapshot, random: Random) -> None:
    def shuffled(items: tuple[T, ...]) -> tuple[T, ...]:
        return tuple(random.sample(items, len(items)))

    mixed = replace(
        world,
        windows=shuffled(world.windows),
        promises=world.promises if isinstance(world.promises, Gap) else shuffled(world.promises),
        kube=world.kube
        if isinstance(world.kube, Gap)
        else replace(world.kube, lenders=shuffled(world.kube.lenders), pods=shuffled(world.kube.pods)),
        yarn=world.yarn
        if isinstance(world.yarn, Gap)
        else replace(world.yarn, nodes=shuffled(world.yarn.nodes), waiting=shuffled(world.yarn.waiting)),
    )
    first, again, other = think(world).plan, think(world).plan, think(mixed).plan
    assert first == again
    assert as_set(first) == as_set(other)


# Fixed points ------------------------------------------------------------------------------------------------------


@given(worlds())
@many(70)
def test_planning_again_on_an_unchanged_world_plans_nothing(world: Snapshot) -> None:
    model = Model(truth=world)
    trace = []
    for _ in range(45):  # thirty nodes fit at the most, and some grow by one a round
        model, done = turn(model, is_instant=True)
        trace.append(done.plan.steps)
        if not done.plan.steps:
            event(f"rounds {min(model.rounds, 8)}")
            return
    pytest.fail(f"still planning: {trace[-2:]}")


# Every drain ends --------------------------------------------------------------------------------------------------


def due_by(end: datetime, node: Elastic) -> Elastic:
    """Let a node's deadline be what the window promised."""
    deadline = min(node.promise.deadline or end, end)
    return replace(node.change(pod={"deadline": deadline}), promise=replace(node.promise, deadline=deadline))


@st.composite
def draining_worlds(draw: st.DrawFn) -> Snapshot:
    """Consistent worlds with busy nodes, in which a window ends or is closed soon."""
    lender = draw(st.sampled_from([40, 16]))
    nodes: list[Elastic] = [
        draw(elastics(f"p{number}", "a", is_consistent=True)) for number in range(draw(st.integers(1, 5)))
    ]
    end = AT + draw(st.sampled_from([minutes(3), minutes(6), minutes(12)]))
    windows = draw(
        st.sampled_from(
            [
                (),
                (WindowSpan(name="w", start=AT - minutes(60), back_by=end, lead=minutes(45), max_ratio=1.0),),
                (WindowSpan(name="w", start=AT - minutes(60), back_by=end, lead=timedelta(0), max_ratio=1.0),),
                (
                    WindowSpan(name="w", start=AT - minutes(60), back_by=end, lead=minutes(1), max_ratio=1.0),
                    WindowSpan(name="v", start=end, back_by=end + minutes(20), lead=minutes(5), max_ratio=0.3),
                ),
            ]
        )
    )
    if windows:
        nodes = [due_by(end, node) for node in nodes]
    world = make_snapshot(
        *nodes,
        windows=windows,
        policy=make_policy(reclaim_within=draw(st.sampled_from([seconds(60), minutes(4)])), grow_per_tick=2),
        lenders=(make_lender("a", allocatable=room(lender, 80), online=draw(st.sampled_from([NO_ROOM, room(30, 9)]))),),
        waiting=draw(st.sampled_from([(), (make_waiting(30),)])),
    )
    assume(isinstance(world.promises, tuple))
    return world


@given(
    draining_worlds(),
    st.lists(st.sampled_from([seconds(10), seconds(10), seconds(7), seconds(1)]), min_size=4, max_size=4),
    st.sampled_from([None, "restart", "yarn", "kube", "blind"]),
)
@many(80)
def test_every_drain_ends_by_its_deadline(world: Snapshot, steps: list[timedelta], weather: str | None) -> None:
    """Containers never end by themselves, and yet each promised room is free in time."""
    event(f"weather {weather}")
    model = Model(truth=world)
    promised: dict[str, datetime] = {}
    notice = world.policy.pod_tail + world.policy.tick
    for count in range(110):
        gaps = ("yarn",) if weather == "blind" else ()
        if weather in {"yarn", "kube"} and count % 5 in {1, 2}:
            gaps = (weather,)
        model, done = turn(model, gaps=gaps)
        for entry in done.decision.returns:
            if entry.node_id in promised:
                assert entry.deadline <= promised[entry.node_id]
            if entry.deadline - model.truth.at >= notice or entry.node_id in promised:
                promised[entry.node_id] = entry.deadline
        model = elapsed(model, steps[count % len(steps)])
        if weather == "restart" and count % 9 == 4:
            model = restarted(model)
        alive = {pod.promise_id for pod in model.kube.pods}
        late = {id for id, deadline in promised.items() if id in alive and model.truth.at > deadline}
        assert late == set()
        if world.windows and ratio_at(world.windows, model.truth.at) == 0:
            assert not alive, "a window is over, and its nodes are not"
    event(f"promised {min(len(promised), 4)}")


# The strategies are worth something --------------------------------------------------------------------------------


def test_random_worlds_contain_every_kind_of_step() -> None:
    found: Counter[str] = Counter()

    @given(worlds())
    @settings(max_examples=500, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    def look(world: Snapshot) -> None:
        round_ = think(world)
        for step in round_.plan.steps:
            name = step.act.purpose if isinstance(step.act, ResizeNode) else type(step.act).__name__
            found[str(name)] += 1
        found.update(str(node.state) for node in round_.decision.nodes)

    look()
    kinds = {str(purpose) for purpose in Purpose} | {str(state) for state in State}
    kinds |= {"CreatePod", "DeletePod", "MapLabel", "UnmapLabel", "AddLabel", "NoneType"}
    assert {kind for kind in kinds if found[kind] == 0} == set()
