"""What a configured capacity comes to, as real ResourceManagers have reckoned it."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.resources import NOTHING, Resources
from bridge.sim import LabelShare, QueueConfig
from bridge.sim.capacity import Capacity, Mode, QueueError, read_capacity, write_capacity
from bridge.sim.queue_tree import bounds_by_path, read_tree, write_queues

REPLIES = Path(__file__).parents[1] / "yarn_client" / "replies" / "3.4.2"

K8S = Resources(vcores=8, memory_mib=4096)
"""What the nodes of the label had when the replies were recorded."""


def amount(found: Any) -> Resources:
    return Resources(vcores=found["vCores"], memory_mib=found["memory"])


def recorded(name: str, label: str) -> dict[str, tuple[Resources, Resources]]:
    """The effective minimum and maximum of every queue in a recorded reply."""
    reply = json.loads((REPLIES / f"{name}.json").read_text())
    found = {}
    waiting = [reply["json"]["scheduler"]["schedulerInfo"]]
    for queue in waiting:
        waiting += (queue.get("queues") or {}).get("queue", [])
        for one in queue["capacities"]["queueCapacitiesByPartition"]:
            if one["partitionName"] == label:
                found[queue["queuePath"]] = amount(one["effectiveMinResource"]), amount(one["effectiveMaxResource"])
    return found


def reckoned(total: Resources, *queues: QueueConfig, label: str = "") -> dict[str, tuple[Resources, Resources]]:
    bounds = bounds_by_path(read_tree(write_queues(queues)), label, total)
    return {path: (one.guaranteed, one.maximum) for path, one in bounds.items()}


NESTED = (
    QueueConfig(name="default", capacity_ratio=0.7),
    QueueConfig(name="team", capacity_ratio=0.3),
    QueueConfig(name="ads", parent="root.team", capacity_ratio=0.6),
    QueueConfig(name="etl", parent="root.team", capacity_ratio=0.4),
)
LABELLED = (
    QueueConfig(name="ads", capacity_ratio=0.405, labels={"k8s": LabelShare(capacity_ratio=0.25)}),
    QueueConfig(name="default", capacity_ratio=0.595, labels={"k8s": LabelShare(capacity_ratio=0.75)}),
)
WEIGHTED = (QueueConfig(name="ads", weight=3), QueueConfig(name="default", weight=1))
WHOLE = Resources(vcores=4, memory_mib=2048)
ABSOLUTE = (
    QueueConfig(name="ads", capacity=Resources(vcores=2, memory_mib=1024), maximum=WHOLE),
    QueueConfig(name="default", capacity=Resources(vcores=1, memory_mib=512), maximum=WHOLE),
)


@pytest.mark.parametrize(
    ("name", "queues", "label", "total"),
    [
        pytest.param("scheduler_capacity", NESTED, "", Resources(vcores=16, memory_mib=4096), id="nested"),
        pytest.param("scheduler_capacity", NESTED, "k8s", Resources(vcores=8, memory_mib=2048), id="no-label"),
        pytest.param("scheduler_labelled", LABELLED, "", WHOLE, id="percentages"),
        pytest.param("scheduler_labelled", LABELLED, "k8s", K8S, id="label"),
        pytest.param("scheduler_weight", WEIGHTED, "", WHOLE, id="weights"),
        pytest.param("scheduler_absolute", ABSOLUTE, "", WHOLE, id="amounts"),
    ],
)
def test_amounts_are_those_of_the_real_one(
    name: str, queues: tuple[QueueConfig, ...], label: str, total: Resources
) -> None:
    expected = recorded(name, label)
    found = reckoned(total, *queues, label=label)
    assert {path: found[path] for path in expected} == expected


def test_amounts_above_the_cluster_are_scaled_down() -> None:
    """As seen live: 8192 and 1024 on 4096 give 3276 and 819."""
    queues = [
        QueueConfig(name=name, capacity=Resources(vcores=1, memory_mib=mib)) for name, mib in (("a", 8192), ("b", 1024))
    ]
    found = reckoned(Resources(vcores=8, memory_mib=4096), *queues)
    assert [found[path][0].memory_mib for path in ("root.a", "root.b")] == [3276, 819]


SIZES = st.builds(Resources, vcores=st.integers(1, 500), memory_mib=st.integers(1, 10**6))


@given(total=SIZES, amounts=st.lists(SIZES, min_size=1, max_size=5))
def test_amounts_of_siblings_never_exceed_the_parents(total: Resources, amounts: list[Resources]) -> None:
    queues = [QueueConfig(name=f"q{number}", capacity=amount_) for number, amount_ in enumerate(amounts)]
    found = reckoned(total, *queues)
    assert sum((found[f"root.q{number}"][0] for number in range(len(amounts))), NOTHING).fits_in(total)


@given(total=SIZES, weights=st.lists(st.integers(1, 100), min_size=1, max_size=5))
def test_weights_divide_what_there_is(total: Resources, weights: list[int]) -> None:
    found = reckoned(total, *(QueueConfig(name=f"q{number}", weight=weight) for number, weight in enumerate(weights)))
    divided = sum((found[f"root.q{number}"][0] for number in range(len(weights))), NOTHING)
    assert divided.fits_in(total)
    rounded = Resources(vcores=len(weights), memory_mib=len(weights))
    assert total.fits_in(divided + rounded)


def test_a_negative_weight_is_taken_and_spoils_the_others() -> None:
    queues = [QueueConfig(name=name, weight=weight) for name, weight in (("a", 5), ("b", 2), ("c", -1))]
    bounds = bounds_by_path(read_tree(write_queues(queues)), "", Resources(vcores=12, memory_mib=1200))
    assert bounds["root.c"].normalized_weight == pytest.approx(-0.167, abs=0.001)
    assert sum(bounds[path].absolute_ratio for path in ("root.a", "root.b")) == pytest.approx(1.167, abs=0.001)


@pytest.mark.parametrize(
    ("text", "capacity"),
    [
        ("40.5", Capacity(ratio=0.405)),
        ("2w", Capacity(mode=Mode.WEIGHT, weight=2)),
        ("[memory=10240,vcores=12]", Capacity(mode=Mode.ABSOLUTE, amount=Resources(vcores=12, memory_mib=10240))),
        ("[memory=512]", Capacity(mode=Mode.ABSOLUTE, amount=Resources(vcores=0, memory_mib=512))),
        ("[memory=1g]", Capacity(mode=Mode.ABSOLUTE, amount=Resources(vcores=0, memory_mib=1))),
    ],
)
def test_a_capacity_is_read_as_the_scheduler_reads_it(text: str, capacity: Capacity) -> None:
    assert read_capacity(text) == capacity


def test_what_is_no_capacity_is_refused() -> None:
    with pytest.raises(QueueError, match='For input string: "abc"'):
        read_capacity("abc")
    with pytest.raises(QueueError, match="empty String"):
        read_capacity("[memory=abc]")


def test_a_capacity_is_written_as_it_is_read() -> None:
    assert read_capacity(write_capacity(ratio=0.405)) == Capacity(ratio=0.405)
    amount_ = Resources(vcores=3, memory_mib=4096)
    assert read_capacity(write_capacity(amount=amount_)).amount == amount_
    assert read_capacity(write_capacity(weight=2.5)).weight == 2.5


def _refusal(*queues: QueueConfig) -> str:
    with pytest.raises(QueueError) as caught:
        read_tree(write_queues(queues))
    return str(caught.value)


def test_percentages_of_siblings_total_100() -> None:
    text = "Illegal capacity sum of 1.1 for children of queue root for label=. It should be either 0 or 1.0"
    assert _refusal(QueueConfig(name="a", capacity_ratio=0.7), QueueConfig(name="b", capacity_ratio=0.4)) == text


def test_percentages_on_a_label_total_100_or_nothing() -> None:
    half = LabelShare(capacity_ratio=0.5)
    text = "Illegal capacity sum of 0.5 for children of queue root for label=k8s. It should be either 0 or 1.0"
    queues = [QueueConfig(name=name, capacity_ratio=0.5) for name in "ab"]
    read_tree(write_queues(queues))
    assert _refusal(queues[0], QueueConfig(name="b", capacity_ratio=0.5, labels={"k8s": half})) == text


def test_modes_of_siblings_are_not_mixed() -> None:
    text = _refusal(QueueConfig(name="a", weight=1), QueueConfig(name="b", capacity_ratio=1.0))
    assert text.startswith(
        "Parent queue 'root' have children queue used mixed of  weight mode, percentage and absolute"
    )


def test_a_parent_holds_what_its_children_are_promised() -> None:
    parent = QueueConfig(name="org", capacity=Resources(vcores=4, memory_mib=4096))
    child = QueueConfig(name="ads", parent="root.org", capacity=Resources(vcores=5, memory_mib=4096))
    expected = (
        "Parent Queues capacity: <memory:4096, vCores:4> is less than to its children:<memory:4096, vCores:5> "
        "for queue:org"
    )
    assert _refusal(parent, child) == expected


def test_amounts_below_percentages_are_refused() -> None:
    child = QueueConfig(name="ads", parent="root.org", capacity=Resources(vcores=1, memory_mib=1024))
    assert "When absolute minResource is used" in _refusal(QueueConfig(name="org"), child)


def test_leaves_have_names_of_their_own() -> None:
    queues = (
        QueueConfig(name="org", capacity_ratio=0.5),
        QueueConfig(name="ads", capacity_ratio=0.5),
        QueueConfig(name="ads", parent="root.org"),
    )
    assert "leaf queues of one name" in _refusal(*queues)
