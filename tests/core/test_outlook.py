"""What becomes of tasks: life tables, which group says it, and what is learned."""

from __future__ import annotations

import random

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from bridge.core.outlook import ENOUGH, LifeTable, Outlook
from bridge.core.tasks import ENDS, HALVED_EVERY, LENGTHS, NO_HISTORY, EndedTask, TaskHistory, step_of
from tests.build import AT, make_task, seconds
from tests.core.test_properties import many

APPS = frozenset({"app-1", "app-2"})
QUEUES = ("root.default", "root.fast")


def ended(*lengths_s: float, app: str = "app-1", queue: str = "root.default", kind: int = 0) -> list[EndedTask]:
    return [
        EndedTask(node_id="n:1", app=app, queue=queue, kind=kind, lasted=seconds(length_s)) for length_s in lengths_s
    ]


def outlook(history: TaskHistory, *running_s: float) -> Outlook:
    return Outlook(AT, history, [[make_task(age_s=age_s) for age_s in running_s]])


@given(st.floats(min_value=0, max_value=10**7))
@many(200)
def test_a_length_lies_in_its_step(length_s: float) -> None:
    step = step_of(seconds(length_s))
    assert length_s <= ENDS[step] + 1e-6 or step == LENGTHS - 1
    assert step == 0 or length_s >= ENDS[step - 1] - 1e-6


def test_of_equal_tasks_none_ends_before_its_time_and_all_at_it() -> None:
    table = outlook(NO_HISTORY.learned(AT, ended(*[60.0] * 20), APPS)).table()
    assert table.runs_longer(50) == 1.0
    assert table.still_runs(10, 30, 60) == (1.0, 0.0)


def test_a_task_that_has_outlived_all_others_runs_on() -> None:
    table = outlook(NO_HISTORY.learned(AT, ended(*[60.0] * 20), APPS)).table()
    assert table.still_runs(400, 3600) == (1.0,)


def test_where_nothing_is_known_everything_runs_on() -> None:
    table = outlook(NO_HISTORY).table()
    assert (*table.still_runs(5, 10**6), table.met_still_runs(10**6)) == (1.0, 1.0)


def test_long_tasks_that_still_run_are_not_taken_for_short_ones() -> None:
    short_only = NO_HISTORY.learned(AT, ended(*[30.0] * 10), APPS)
    task = make_task(age_s=10)
    assert outlook(short_only).still_runs(task, AT + seconds(60)) == 0.0
    assert outlook(short_only, *[200.0] * 10).still_runs(task, AT + seconds(60)) == pytest.approx(0.5, abs=0.01)


def test_a_task_met_at_a_chance_time_has_half_of_its_time_left() -> None:
    table = outlook(NO_HISTORY.learned(AT, ended(*[100.0] * 50), APPS)).table()
    assert table.met_still_runs(0) == pytest.approx(1.0)
    assert table.met_still_runs(50) == pytest.approx(0.5, abs=0.06)
    assert table.met_still_runs(130) == 0.0


@given(
    st.lists(st.floats(min_value=1, max_value=10**5), min_size=1, max_size=60), st.lists(st.integers(0, LENGTHS - 1))
)
@many(100)
def test_chances_are_chances_and_fall_with_time(lengths_s: list[float], ages: list[int]) -> None:
    table = LifeTable.of(NO_HISTORY.learned(AT, ended(*lengths_s), APPS).everywhere, ages)
    for age_s in (0.0, 7.0, 900.0):
        chances = list(table.still_runs(age_s, 0, 1, 10, 100, 10_000, 10**7))
        assert all(0.0 <= chance <= 1.0 for chance in chances)
        assert chances == sorted(chances, reverse=True)
        assert chances[0] == pytest.approx(1.0)
    met = [table.met_still_runs(left_s) for left_s in (0, 10, 1000, 10**6)]
    assert all(0.0 <= chance <= 1.0 + 1e-9 for chance in met)


def test_expected_numbers_are_borne_out() -> None:
    """Tasks of mixed lengths, some cut off by now: of those that run, as many are left later as was expected."""
    chance = random.Random(11)
    lengths = [chance.lognormvariate(4, 0.8) for _ in range(20_000)]
    starts = [chance.uniform(0, 1200) for _ in lengths]
    over = [length for start, length in zip(starts, lengths, strict=True) if start + length <= 1200]
    running = [(1200 - start, length) for start, length in zip(starts, lengths, strict=True) if start + length > 1200]
    seen = outlook(NO_HISTORY.learned(AT, ended(*over), APPS), *(age for age, _ in running))
    for left_s in (15, 45, 120):
        expected = sum(seen.still_runs(make_task(age_s=age), AT + seconds(left_s)) for age, _ in running)
        assert expected == pytest.approx(sum(1 for age, length in running if length > age + left_s), rel=0.08)


@given(
    st.lists(st.tuples(st.floats(min_value=1, max_value=400), st.sampled_from(QUEUES)), max_size=40),
    st.lists(st.floats(min_value=1, max_value=1000), max_size=40),
    st.sampled_from(QUEUES),
    st.floats(min_value=0, max_value=2000),
)
@many(300)
def test_whether_most_run_longer_is_what_the_table_says(
    over: list[tuple[float, str]], running: list[float], queue: str, length_s: float
) -> None:
    tasks = [task for taken_s, where in over for task in ended(taken_s, queue=where)]
    found = outlook(NO_HISTORY.learned(AT, tasks, APPS), *running)
    event(f"half of them or more: {found.mostly_longer(queue, length_s)}, known: {found.is_known}")
    assert found.mostly_longer(queue, length_s) == (found.table(queue).runs_longer(length_s) > 0.5)


def test_the_narrowest_group_that_knows_enough_says_it() -> None:
    history = NO_HISTORY.learned(
        AT, [*ended(*[10.0] * ENOUGH, app="app-2", queue="root.fast"), *ended(*[1000.0] * (ENOUGH - 1))], APPS
    )
    found = Outlook(AT, history, ())
    everywhere, fast, slow = (found.table(queue).runs_longer(20) for queue in (None, "root.fast", "root.default"))
    assert everywhere == pytest.approx(7 / 15)
    assert fast < 0.1
    assert slow > 0.8
    assert found.table("root.fast", ("app-2", 0)).runs_longer(20) < fast
    assert found.table("root.fast", ("app-9", 0)).runs_longer(20) == fast


def test_maps_and_reduces_of_an_application_are_told_apart() -> None:
    maps, reduces = ended(*[10.0] * ENOUGH, kind=20), ended(*[600.0] * ENOUGH, kind=10)
    found = Outlook(AT, NO_HISTORY.learned(AT, [*maps, *reduces], APPS), ())
    late = AT + seconds(60)
    assert found.still_runs(make_task(age_s=5, kind=20), late) < 0.15
    assert found.still_runs(make_task(age_s=5, kind=10), late) > 0.85


def test_what_an_application_took_is_forgotten_with_it_and_its_queue_remembers() -> None:
    history = NO_HISTORY.learned(AT, ended(5.0), APPS).learned(AT, [], frozenset())
    assert (dict(history.by_app), sum(history.by_queue["root.default"]), sum(history.everywhere)) == ({}, 1.0, 1.0)


def test_what_ran_lately_counts_more() -> None:
    history = NO_HISTORY.learned(AT, ended(*[10.0] * 100), APPS)
    same_day = history.learned(AT + HALVED_EVERY - seconds(1), ended(*[1000.0] * 100), APPS)
    next_day = history.learned(AT + HALVED_EVERY, ended(*[1000.0] * 100), APPS)
    assert Outlook(AT, same_day, ()).table().runs_longer(100) == pytest.approx(1 / 2)
    assert Outlook(AT, next_day, ()).table().runs_longer(100) == pytest.approx(2 / 3)
    for day in range(2, 30):
        next_day = next_day.learned(AT + day * HALVED_EVERY, [], frozenset())
    assert dict(next_day.by_queue) == {}
