"""Changes that make no sense, most of which the RM takes with 200."""

from collections.abc import Mapping

import pytest

from yarn_client import ConfChanges, YarnResource, problems

PREFIX = "yarn.scheduler.capacity."
CONF = {
    f"{PREFIX}root.queues": "a, b",
    f"{PREFIX}root.a.capacity": "40",
    f"{PREFIX}root.b.capacity": "60",
    f"{PREFIX}root.b.queues": "x,y",
    f"{PREFIX}root.b.x.capacity": "1w",
    f"{PREFIX}root.b.y.capacity": "2w",
}
AMOUNTS = CONF | {
    f"{PREFIX}root.a.capacity": "[memory=1024,vcores=2]",
    f"{PREFIX}root.b.capacity": "[memory=1024,vcores=2]",
    f"{PREFIX}root.b.x.capacity": "[memory=512,vcores=1]",
    f"{PREFIX}root.b.y.capacity": "[memory=512,vcores=1]",
}
TOTAL = {"": YarnResource(memory_mib=2048, vcores=4)}


def found(values_by_queue: Mapping[str, Mapping[str, str]], conf: Mapping[str, str] = CONF) -> tuple[str, ...]:
    return problems(ConfChanges(values_by_queue=values_by_queue), conf, total_by_partition=TOTAL)


def capacities(**text_by_queue: str) -> dict[str, dict[str, str]]:
    return {f"root.{name.replace('_', '.')}": {"capacity": text} for name, text in text_by_queue.items()}


@pytest.mark.parametrize(
    ("values_by_queue", "conf"),
    [
        pytest.param(capacities(a="30", b="70"), CONF, id="percentages"),
        pytest.param(capacities(a="33.333", b="66.667"), CONF, id="with decimals"),
        pytest.param(capacities(a="40.04", b="60"), CONF, id="within the RM's tolerance"),
        pytest.param(capacities(b_x="5w"), CONF, id="one weight alone"),
        pytest.param(capacities(a="[memory=512,vcores=2]", b="[memory=1536,vcores=2]"), AMOUNTS, id="amounts"),
        pytest.param({"root.a": {"user-limit-factor": "3"}}, CONF, id="another key"),
        pytest.param({"root.a": {"maximum-capacity": "40"}}, CONF, id="a maximum at the capacity"),
        pytest.param({"root.a": {"accessible-node-labels": "k8s"}}, CONF, id="a label without capacity"),
    ],
)
def test_a_sound_change_has_no_problems(
    values_by_queue: Mapping[str, Mapping[str, str]], conf: Mapping[str, str]
) -> None:
    assert found(values_by_queue, conf) == ()


@pytest.mark.parametrize(
    ("values_by_queue", "conf", "expected"),
    [
        pytest.param(capacities(c="10"), CONF, ("root.c: no such queue",), id="an unknown queue"),
        pytest.param(
            capacities(a="40.051"),
            CONF,
            ("root: its children's capacities total 100.051, not 100",),
            id="above the tolerance",
        ),
        pytest.param(
            capacities(a="50", b="40"), CONF, ("root: its children's capacities total 90, not 100",), id="below 100"
        ),
        pytest.param(capacities(a="-10", b="110"), CONF, ("root.a: capacity -10 is negative",), id="negative"),
        pytest.param(capacities(b_x="-1w"), CONF, ("root.b.x: capacity -1w is negative",), id="a negative weight"),
        pytest.param(capacities(b_x="NaNw"), CONF, ("root.b.x: capacity NaNw is no finite number",), id="not a number"),
        pytest.param(capacities(a="NaN"), CONF, ("root.a: capacity NaN is no finite number",), id="a NaN percentage"),
        pytest.param(
            capacities(a="[memory=1024,vcores=-2]"),
            AMOUNTS,
            ("root.a: capacity [memory=1024,vcores=-2] is negative",),
            id="a negative amount",
        ),
        pytest.param(
            capacities(a="[memory=1g,vcores=2]"),
            AMOUNTS,
            ("root.a: capacity is not whole amounts by name, such as [memory=1024,vcores=3]: '[memory=1g,vcores=2]'",),
            id="an amount with a unit",
        ),
        pytest.param(
            capacities(b_x="50", b_y="50"),
            CONF,
            (
                "root.b.x: from weight to percentage; a queue can keep its old size when the mode changes",
                "root.b.y: from weight to percentage; a queue can keep its old size when the mode changes",
            ),
            id="a change of mode",
        ),
        pytest.param(
            capacities(a="3w"),
            CONF,
            (
                "root.a: from percentage to weight; a queue can keep its old size when the mode changes",
                "root: its children mix percentage and weight",
            ),
            id="mixed modes",
        ),
        pytest.param(
            {"root.a": {"maximum-capacity": "30"}},
            CONF,
            ("root.a: maximum-capacity 30 is below capacity 40",),
            id="a maximum below the capacity",
        ),
        pytest.param(
            {"root.a": {"maximum-capacity": "[memory=512,vcores=4]"}},
            AMOUNTS,
            ("root.a: maximum-capacity [memory=512,vcores=4] is below capacity [memory=1024,vcores=2]",),
            id="an amount below the capacity on one axis",
        ),
        pytest.param(
            capacities(a="[memory=1025,vcores=2]"),
            AMOUNTS,
            ("root: its children have 2049 MiB and 4 vcores together, above 2048 MiB and 4 vcores",),
            id="amounts above the total",
        ),
        pytest.param(
            capacities(b="[memory=1000,vcores=2]"),
            AMOUNTS,
            ("root.b: its children have 1024 MiB and 2 vcores together, above 1000 MiB and 2 vcores",),
            id="a parent below its children",
        ),
    ],
)
def test_nonsense_is_named(
    values_by_queue: Mapping[str, Mapping[str, str]], conf: Mapping[str, str], expected: tuple[str, ...]
) -> None:
    assert found(values_by_queue, conf) == expected


def test_each_label_totals_by_itself() -> None:
    key = "accessible-node-labels.k8s.capacity"
    assert found({"root.a": {key: "25"}, "root.b": {key: "75"}}) == ()
    assert found({"root.a": {key: "25"}, "root.b": {key: "70"}}) == (
        "root in k8s: its children's capacities total 95, not 100",
    )


def test_a_label_may_be_taken_from_all() -> None:
    key = "accessible-node-labels.k8s.capacity"
    assert found({"root.a": {key: "0"}, "root.b": {key: "0"}}) == ()


def test_amounts_are_not_held_against_a_total_that_is_not_known() -> None:
    changes = ConfChanges(values_by_queue=capacities(a="[memory=99999,vcores=99]"))
    assert problems(changes, AMOUNTS) == ()
