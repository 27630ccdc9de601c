"""What is said of a deadline beforehand, whether it holds, and what that changes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bridge.core.actions import DeletePod, Purpose, ResizeNode
from bridge.core.check import check
from bridge.core.decide import Decision, decide
from bridge.core.lifecycle import State
from bridge.core.outlook import ENOUGH
from bridge.core.plan import plan
from bridge.core.reasons import Gap, Verdict
from bridge.core.snapshot import Snapshot
from bridge.core.statement import Statement
from bridge.core.tasks import NO_HISTORY, EndedTask, TaskHistory
from tests.build import (
    AT,
    BACK_BY,
    LEAD,
    Elastic,
    make_elastic,
    make_policy,
    make_snapshot,
    make_task,
    make_waiting,
    make_window,
    minutes,
    seconds,
)

TAIL = make_policy().tail
ENDING = BACK_BY - minutes(5)


def lasting(*lengths: timedelta, queue: str = "root.default") -> TaskHistory:
    ended = [EndedTask(node_id="n:1", app="x", queue=queue, kind=0, lasted=length) for length in lengths]
    return NO_HISTORY.learned(AT, ended * ENOUGH, frozenset())


def busy(id: str, *ages_s: float, state: State = State.SERVING, **promise: Any) -> Elastic:
    """Make a node that is busy with tasks of these ages at AT."""
    found = make_elastic(id, state, containers=len(ages_s), deadline=BACK_BY, **promise)
    return found.change(yarn={"tasks": tuple(make_task(age_s=age_s) for age_s in ages_s)})


def decided(*nodes: Elastic, **facts: Any) -> Decision:
    return decide(make_snapshot(*nodes, **facts))


def told(*nodes: Elastic, **facts: Any) -> Statement:
    (statement,) = decided(*nodes, **facts).foretold.statements
    return statement


def test_of_a_closed_node_its_own_tasks_are_told() -> None:
    at = BACK_BY - TAIL - seconds(60)
    gone_s = (at - AT).total_seconds()
    node = busy("p1", 10 - gone_s, 500 - gone_s, state=State.DRAINING)
    found = told(node, at=at, tasks=lasting(seconds(100), seconds(10_000)))
    assert (found.nodes, found.vcores, found.told_at, found.deadline) == (1, 4, BACK_BY - TAIL, BACK_BY)
    # Of tasks like the young one half end within the minute and a half; the old one has hours before it.
    assert found.preempted_tasks in {1, 2}
    assert found.free_vcores == 4 - found.preempted_tasks
    assert found.verdict is Verdict.BY_PREEMPTION


def test_what_ends_by_itself_costs_nothing() -> None:
    node = busy("p1", 10.0, 20.0)
    found = told(node, tasks=lasting(seconds(60)))
    assert (found.preempted_tasks, found.lost_vcore_s, found.free_vcores, found.free_now_vcores) == (0, 0, 4, 2)
    assert found.verdict is Verdict.BY_ITSELF


def test_of_an_open_node_the_tasks_are_told_that_will_be_met_there() -> None:
    """Of tasks that take three times the lead, two thirds still run when they would be preempted."""
    lead = LEAD - TAIL
    found = told(*(busy(f"p{number}", 10.0, 20.0, 30.0) for number in range(4)), tasks=lasting(3 * lead), policy=STILL)
    assert found.preempted_tasks == pytest.approx(8, abs=1)
    assert found.lost_vcore_s > 0


STILL = make_policy(max_lead=timedelta(0))
"""Its lead doesn't grow."""


def test_containers_that_nobody_has_read_count_as_well() -> None:
    found = told(make_elastic("p1", State.DRAINING, containers=3, deadline=BACK_BY), at=ENDING)
    assert (found.preempted_tasks, found.free_vcores, found.preempted_apps) == (3, 1, 1)


def test_each_deadline_is_told_nearest_first() -> None:
    near = make_elastic("p2", State.DRAINING, containers=1, deadline=AT + minutes(5))
    found = decided(make_elastic("p1", deadline=BACK_BY), near).foretold.statements
    assert [(entry.deadline, entry.nodes) for entry in found] == [(AT + minutes(5), 1), (BACK_BY, 1)]


@pytest.mark.parametrize(
    ("facts", "verdict"),
    [
        pytest.param({}, Verdict.BY_PREEMPTION, id="the ResourceManager preempts"),
        pytest.param({"kube": Gap.UNREACHABLE}, Verdict.UNKNOWN, id="nobody can ask Kubernetes"),
    ],
)
def test_whether_it_holds(facts: dict[str, Any], verdict: Verdict) -> None:
    found = told(busy("p1", 10.0, state=State.DRAINING), at=ENDING, **facts)
    assert found.verdict is verdict
    assert verdict.is_bad == (found.ready_at != BACK_BY)


def test_without_a_resourcemanager_pods_are_deleted() -> None:
    node = replace(busy("p1", 10.0, state=State.DRAINING), yarn=None)
    found = told(node, at=ENDING, yarn=Gap.UNREACHABLE)
    assert found.verdict is Verdict.BY_DELETION
    assert found.free_vcores == 0
    assert found.deadline == BACK_BY


def test_a_deadline_too_near_is_said_to_be_late_before_it_is() -> None:
    at = BACK_BY - seconds(3)
    found = told(busy("p1", 10.0, state=State.FORCED), at=at)
    assert (found.verdict, found.ready_at) == (Verdict.LATE, at + seconds(15))
    assert decided(busy("p1", 10.0, state=State.FORCED), at=at).memory.announced == {BACK_BY: Verdict.LATE}


def test_a_pod_that_does_not_end_makes_it_late() -> None:
    stuck = make_elastic("p1", State.DELETING, deadline=AT - seconds(5)).change(
        pod={"deleting_since": AT - seconds(60)}
    )
    assert told(stuck).verdict is Verdict.LATE


def test_a_pod_that_outlives_its_grace_makes_it_late_before_it_is() -> None:
    def verdict(deleting_for_s: float) -> Verdict:
        at = BACK_BY - seconds(12)
        node = make_elastic("p1", State.DELETING, deadline=BACK_BY)
        return told(node.change(pod={"deleting_since": at - seconds(deleting_for_s)}), at=at).verdict

    assert [verdict(deleting_for_s) for deleting_for_s in (14, 15, 16)] == [
        Verdict.BY_ITSELF,
        Verdict.BY_ITSELF,
        Verdict.LATE,
    ]


# --- The lead


def lead_of(tasks: TaskHistory, **policy: Any) -> timedelta:
    return decided(
        *(busy(f"p{number}", 10.0, 20.0) for number in range(4)), tasks=tasks, policy=make_policy(**policy)
    ).lead


def test_the_lead_is_the_windows_where_tasks_are_short() -> None:
    assert lead_of(lasting(seconds(30))) == LEAD


def test_the_lead_grows_until_few_enough_still_run() -> None:
    lead = lead_of(lasting(LEAD * 1.5), max_lead=LEAD * 4)
    assert LEAD * 1.2 < lead < LEAD * 2.2


def test_the_lead_grows_no_further_than_it_may() -> None:
    assert LEAD * 1.9 < lead_of(lasting(LEAD * 10), max_lead=LEAD * 2) <= LEAD * 2


def test_what_runs_on_at_any_rate_makes_no_lead_longer() -> None:
    assert lead_of(lasting(timedelta(days=9)), max_lead=LEAD * 2) == LEAD
    assert lead_of(NO_HISTORY, max_lead=LEAD * 2) == LEAD


def test_a_grown_lead_closes_nodes_earlier() -> None:
    at = BACK_BY - LEAD - minutes(5)
    young_s = 10 - (at - AT).total_seconds()
    nodes = tuple(busy(f"p{number}", young_s, young_s) for number in range(4))
    assert decided(*nodes, at=at).returns == ()
    assert len(decided(*nodes, at=at, tasks=lasting(LEAD * 1.5), policy=make_policy(max_lead=LEAD * 4)).returns) == 4


# --- What can't end in time isn't taken on


@pytest.mark.parametrize(
    ("length", "created"),
    [pytest.param(minutes(2), True, id="it ends in time"), pytest.param(minutes(900), False, id="it doesn't")],
)
def test_no_node_is_made_for_work_that_would_run_on(length: timedelta, created: bool) -> None:
    snapshot = make_snapshot(waiting=(make_waiting(4),), tasks=lasting(length))
    found = decide(snapshot).demand
    assert not isinstance(found, Gap)
    assert (found.new_nodes > 0, found.waiting_too_long) == (created, 0 if created else 4)


# --- Where a pool prefers work

EXTENDING = make_window(max_extend=minutes(30))


def due(*, tasks: TaskHistory, left: timedelta = TAIL, prefers_work: bool = True, **node: Any) -> Snapshot:
    """Make a world whose forced step is due, with one task that has run for a minute."""
    at = BACK_BY - left
    draining = busy("p1", 60 - (at - AT).total_seconds(), state=State.DRAINING, **node)
    policy = make_policy(prefers_work=prefers_work)
    return make_snapshot(draining, at=at, tasks=tasks, windows=(EXTENDING,), policy=policy)


def act_of(snapshot: Snapshot) -> Any:
    steps = [step for step in check(plan(snapshot, decide(snapshot)), snapshot).steps if step.act is not None]
    return steps[0].act if steps else None


def test_a_deadline_is_extended_for_work_that_will_end() -> None:
    snapshot = due(tasks=lasting(minutes(10)))
    (entry,) = decide(snapshot).returns
    assert (entry.deadline, entry.extended_until) == (BACK_BY, BACK_BY + minutes(30))
    steps = plan(snapshot, decide(snapshot)).steps
    assert [step.promise.extended_until for step in steps if step.promise is not None] == [BACK_BY + minutes(30)]
    assert act_of(snapshot) is None
    (statement,) = decide(snapshot).foretold.statements
    assert (statement.verdict, statement.ready_at) == (Verdict.EXTENDED, BACK_BY + minutes(30))


@pytest.mark.parametrize(
    ("tasks", "prefers_work"),
    [
        pytest.param(lasting(minutes(10)), False, id="the pool prefers online services"),
        pytest.param(lasting(minutes(600)), True, id="it wouldn't end in the time added"),
        pytest.param(NO_HISTORY, True, id="nobody knows"),
    ],
)
def test_else_it_is_forced(tasks: TaskHistory, prefers_work: bool) -> None:
    act = act_of(due(tasks=tasks, prefers_work=prefers_work))
    assert isinstance(act, ResizeNode)
    assert act.purpose is Purpose.FORCE


def test_an_extension_is_kept_and_ends() -> None:
    until = BACK_BY + minutes(30)
    over = due(tasks=NO_HISTORY, left=-minutes(10), extended_until=until)
    assert act_of(over) is None
    assert isinstance(act_of(due(tasks=NO_HISTORY, left=TAIL - minutes(30), extended_until=until)), ResizeNode)
    assert isinstance(act_of(due(tasks=NO_HISTORY, left=-minutes(30), extended_until=until)), DeletePod)


def test_no_extension_is_said_where_what_runs_on_a_closed_node_will_not_end_by_then() -> None:
    policy = make_policy(prefers_work=True, max_lead=timedelta(0))
    node = busy("p1", 60.0, state=State.DRAINING)
    long, short = (
        told(node, at=ENDING, tasks=lasting(minutes(length)), windows=(EXTENDING,), policy=policy).verdict
        for length in (600, 305)
    )
    assert (long, short) == (Verdict.BY_PREEMPTION, Verdict.EXTENDED)
    forced = busy("p1", 60.0, state=State.FORCED)
    at = BACK_BY - seconds(20)
    assert (
        told(forced, at=at, tasks=lasting(minutes(305)), windows=(EXTENDING,), policy=policy).verdict
        is not Verdict.EXTENDED
    )


def test_an_extension_is_said_hours_before() -> None:
    policy = make_policy(prefers_work=True, max_lead=timedelta(0))
    found = told(busy("p1", 60.0), tasks=lasting(minutes(600)), windows=(EXTENDING,), policy=policy)
    assert (found.verdict, found.ready_at) == (Verdict.EXTENDED, BACK_BY + minutes(30))
