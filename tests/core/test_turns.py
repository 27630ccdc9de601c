"""Who goes first: a table of worlds and the order that is expected."""

from __future__ import annotations

import pytest

from bridge.core.lifecycle import State
from bridge.core.nodes import elastic_nodes
from bridge.core.outlook import ENOUGH, Outlook
from bridge.core.tasks import NO_HISTORY, EndedTask, Task, TaskHistory
from bridge.core.turns import Turns
from tests.build import AT, Elastic, make_elastic, make_policy, make_snapshot, make_task, seconds

BY = AT + seconds(120)


def holding(id: str, *tasks: Task, containers: int | None = None, **yarn: object) -> Elastic:
    """Make a serving node with these tasks."""
    count = len(tasks) if containers is None else containers
    return make_elastic(id, containers=count).change(yarn={"tasks": tasks, **yarn})


def lasting(seconds_each: float) -> TaskHistory:
    """Make the history of tasks that all took so long."""
    ended = EndedTask(node_id="n:1", app="x", queue="root.default", kind=0, lasted=seconds(seconds_each))
    return NO_HISTORY.learned(AT, [ended] * ENOUGH, frozenset())


def turns(*nodes: Elastic, history: TaskHistory = NO_HISTORY, app_loss_ratio: float = 1.0) -> list[str]:
    snapshot = make_snapshot(*nodes, tasks=history, policy=make_policy(app_loss_ratio=app_loss_ratio))
    found = Turns(snapshot.policy, Outlook.of(snapshot))
    return [node.id for node in found.order(elastic_nodes(snapshot), BY, ())]


YOUNG, OLD = make_task(age_s=30), make_task(age_s=900)
MASTER = {"has_am": True}


@pytest.mark.parametrize(
    ("nodes", "history", "order"),
    [
        pytest.param((holding("a", OLD), holding("b")), NO_HISTORY, "b a", id="an idle one before a busy one"),
        pytest.param(
            (holding("a", YOUNG), make_elastic("b", State.STARTING)), NO_HISTORY, "b a", id="one that starts before it"
        ),
        pytest.param((holding("a", OLD), holding("b", YOUNG)), NO_HISTORY, "b a", id="a tenth done before nine tenths"),
        pytest.param(
            (holding("a", OLD), holding("b", YOUNG, YOUNG, YOUNG)), NO_HISTORY, "b a", id="three young before one old"
        ),
        pytest.param(
            (holding("a", containers=1, **MASTER), holding("b", OLD, OLD)), NO_HISTORY, "b a", id="masters last"
        ),
        pytest.param(
            (holding("a", OLD), holding("b", make_task(age_s=500))), lasting(920), "a b", id="one that ends by itself"
        ),
        pytest.param(
            (holding("a", YOUNG), holding("b", make_task("app-2", age_s=15), make_task("app-1", age_s=15))),
            NO_HISTORY,
            "a b",
            id="one application hurt before two",
        ),
        pytest.param(
            (holding("a", YOUNG, held_vcore_s=600), holding("b", make_task(age_s=300))),
            NO_HISTORY,
            "b a",
            id="output that others need counts",
        ),
        pytest.param(
            (holding("a", make_task(age_s=100, vcores=4)), holding("b", make_task(age_s=300))),
            NO_HISTORY,
            "b a",
            id="vcores count",
        ),
        pytest.param((holding("b"), holding("a")), NO_HISTORY, "a b", id="by id where all is equal"),
    ],
)
def test_who_goes_first(nodes: tuple[Elastic, ...], history: TaskHistory, order: str) -> None:
    assert turns(*nodes, history=history) == order.split()
    assert turns(*reversed(nodes), history=history) == order.split()


def test_no_application_loses_more_than_its_part_before_others_do() -> None:
    small = [holding(f"s{number}", make_task("small", age_s=10)) for number in range(4)]
    large = [holding(f"t{number}", make_task("other", age_s=500)) for number in range(4)]
    assert turns(*small, *large) == ["s0", "s1", "s2", "s3", "t0", "t1", "t2", "t3"]
    assert turns(*small, *large, app_loss_ratio=0.5) == ["s0", "s1", "t0", "t1", "s2", "s3", "t2", "t3"]


def test_the_part_of_a_small_application_is_a_task_and_masters_stay_last() -> None:
    one = holding("a", make_task("tiny", age_s=10))
    two = [holding(f"b{number}", make_task("pair", age_s=20)) for number in range(2)]
    master = holding("m", containers=1, **MASTER)
    assert turns(master, one, *two, app_loss_ratio=0.5) == ["a", "b0", "b1", "m"]
