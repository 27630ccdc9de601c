"""What is drafted for CapacityScheduler's queues in each form of capacities, and what a refusal says."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.adapters.capacity_queues import CapacityQueues
from bridge.core.ledger import Side
from bridge.core.resources import NO_ROOM, Room
from bridge.core.tenants.facts import Leaf
from bridge.core.tenants.writes import Axis, Draft, Wanted
from bridge.ports import Denied, Rejected
from tests.yarn_client.stub import StubTransport, client_of, recorded, says
from yarn_client import Reply

PREFIX = "yarn.scheduler.capacity."
FLAT = {"root.queues": "ads,etl"}
NESTED = {"root.queues": "org,etl", "root.org.queues": "ads, web"}
CORES = Room(cpu_millicores=1000, memory_mib=1024)


def conf_of(values: Mapping[str, str]) -> Reply:
    return says({"property": [{"name": f"{PREFIX}{key}", "value": value} for key, value in values.items()]})


def enforcer(
    values: Mapping[str, str], *, label: str | None = None, replies: Mapping[str, Reply] = MappingProxyType({})
) -> tuple[CapacityQueues, StubTransport]:
    """Give the adapter of a cluster with this configuration; four vcores are a core there."""
    client, stub = client_of(
        **{
            "scheduler-conf": conf_of(values),
            "scheduler-conf/version": recorded("3.4.2", "scheduler_conf_version"),
            "scheduler": recorded("3.4.2", "scheduler_labelled"),
            **replies,
        }
    )
    return CapacityQueues(client, vcores_per_core=4.0, label=label), stub


def wanted(
    path: str, amount: Room, *, elastic: Room = NO_ROOM, ceiling: Room | None = None, dominant: Axis = Axis.MEMORY
) -> Wanted:
    leaf = Leaf(side=Side.YARN, name=path)
    return Wanted(leaf=leaf, amount=amount, elastic=elastic, ceiling=ceiling, dominant=dominant)


def drafts(values: Mapping[str, str], *leaves: Wanted, label: str | None = None) -> tuple[Draft, ...]:
    queues, _ = enforcer(values, label=label)
    return queues.drafts(leaves, queues.read(leaves))


def drafted(values: Mapping[str, str], *leaves: Wanted, label: str | None = None) -> Draft:
    (draft,) = drafts(values, *leaves, label=label)
    return draft


def written(draft: Draft) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for change in draft.changes:
        found.setdefault(change.leaf.name, {})[change.key] = change.after
    return found


def both(capacity: str, **more: str) -> dict[str, str]:
    return {**FLAT, "root.ads.capacity": capacity, "root.etl.capacity": capacity, **more}


# --- Forms


def test_amounts_carry_both_resources() -> None:
    draft = drafted(
        both("[memory=4096,vcores=8]"),
        wanted("root.ads", Room(cpu_millicores=1000, memory_mib=6000), ceiling=CORES * 8),
        wanted("root.etl", Room(cpu_millicores=3000, memory_mib=2192)),
    )
    assert written(draft) == {
        "root.ads": {"capacity": "[memory=6000,vcores=4]", "maximum-capacity": "[memory=8192,vcores=32]"},
        "root.etl": {"capacity": "[memory=2192,vcores=12]"},
    }
    assert (draft.notes, draft.problems, draft.token) == ((), (), "2")


def test_amounts_have_whole_vcores_and_lose_none_of_their_sum() -> None:
    """1.32 and 1.68 vcores are 3: the larger remainder is rounded up."""
    leaves = (
        wanted("root.ads", Room(cpu_millicores=330, memory_mib=1)),
        wanted("root.etl", Room(cpu_millicores=420, memory_mib=1)),
    )
    draft = drafted(both("[memory=9,vcores=9]"), *leaves)
    assert [values["capacity"] for values in written(draft).values()] == ["[memory=1,vcores=1]", "[memory=1,vcores=2]"]


def test_percentages_carry_the_scarcer_resource_and_say_what_they_leave_out() -> None:
    leaves = [("root.ads", Room(cpu_millicores=1000, memory_mib=6144)), ("root.etl", CORES * 2)]
    by_memory = drafted(both("50"), *(wanted(path, amount) for path, amount in leaves))
    assert [values["capacity"] for values in written(by_memory).values()] == ["75", "25"]
    by_cpu = drafted(both("50"), *(wanted(path, amount, dominant=Axis.CPU) for path, amount in leaves))
    assert [values["capacity"] for values in written(by_cpu).values()] == ["33.333", "66.667"]
    assert by_cpu.notes == (
        "the children of root are in percentage mode: one number carries the target of cpu_millicores, and memory_mib "
        "follows in the same ratio; absolute mode would carry both",
    )


def test_weights_stay_weights() -> None:
    draft = drafted(both("3w"), wanted("root.ads", CORES), wanted("root.etl", CORES * 2))
    assert [values["capacity"] for values in written(draft).values()] == ["33.333w", "66.667w"]
    assert "in weight mode: one number carries the target of memory_mib" in draft.notes[0]


def test_a_form_that_isnt_known_is_a_problem_of_its_own_and_the_other_queues_go_on() -> None:
    values = {**NESTED, "root.org.capacity": "50", "root.etl.capacity": "50", "root.org.ads.capacity": "[memory=1g]"}
    leaves = (wanted("root.org.ads", CORES), wanted("root.org.web", CORES), wanted("root.etl", CORES * 6))
    first, second = drafts(values, *leaves)
    assert {path: values["capacity"] for path, values in written(first).items()} == {"root.org": "25", "root.etl": "75"}
    assert (first.problems, second.changes) == ((), ())
    assert "the children of root.org have capacities in a form that isn't written here" in second.problems[0]


@given(st.lists(st.integers(min_value=0, max_value=10**7), min_size=2, max_size=9).filter(any))
def test_percentages_total_exactly_100_and_are_as_near_as_three_decimals_go(parts: list[int]) -> None:
    paths = [f"root.q{number}" for number in range(len(parts))]
    values = {"root.queues": ",".join(path.removeprefix("root.") for path in paths)}
    leaves = (wanted(path, Room(cpu_millicores=1, memory_mib=part)) for path, part in zip(paths, parts, strict=True))
    found = [Decimal(values["capacity"]) for values in written(drafted(values, *leaves)).values()]
    assert sum(found) == 100
    exact = [Fraction(part * 100, sum(parts)) for part in parts]
    assert all(abs(Fraction(one) - other) < Fraction(1, 1000) for one, other in zip(found, exact, strict=True))


# --- Trees


def test_nested_queues_sum_to_their_parents() -> None:
    values = {**NESTED, **{f"root.{path}.capacity": "50" for path in ("org", "etl", "org.ads", "org.web")}}
    draft = drafted(
        values, wanted("root.org.ads", CORES), wanted("root.org.web", CORES * 3), wanted("root.etl", CORES * 12)
    )
    assert {path: values["capacity"] for path, values in written(draft).items()} == {
        "root.org": "25",
        "root.etl": "75",
        "root.org.ads": "25",
        "root.org.web": "75",
    }


def test_each_set_of_siblings_keeps_its_form() -> None:
    inner = {f"root.org.{name}.capacity": "[memory=512,vcores=2]" for name in ("ads", "web")}
    values = {**NESTED, "root.org.capacity": "[memory=1024,vcores=4]", "root.etl.capacity": "[memory=1024,vcores=4]"}
    draft = drafted(
        {**values, **inner},
        wanted("root.org.ads", CORES),
        wanted("root.org.web", CORES * 3),
        wanted("root.etl", CORES * 4),
    )
    assert written(draft)["root.org"]["capacity"] == "[memory=4096,vcores=16]"
    assert written(draft)["root.org.ads"]["capacity"] == "[memory=1024,vcores=4]"
    assert draft.problems == ()


# --- Maxima


def test_a_maximum_in_percent_is_a_part_of_the_whole() -> None:
    draft = drafted(
        both("50"),
        wanted("root.ads", CORES, ceiling=CORES * 2),
        wanted("root.etl", CORES * 3, ceiling=CORES * 4),
    )
    assert [values["maximum-capacity"] for values in written(draft).values()] == ["50", "100"]


def test_what_is_known_to_be_wrong_is_a_problem_of_the_draft() -> None:
    values = both("50", **{"root.ads.maximum-capacity": "60"})
    draft = drafted(values, wanted("root.ads", CORES * 3), wanted("root.etl", CORES))
    assert draft.problems == ("root.ads: maximum-capacity 60 is below capacity 75",)


def test_a_nested_queues_maximum_is_never_below_its_part_of_its_parent() -> None:
    nested = {
        "root.queues": "org,etl",
        "root.org.queues": "ads,video",
        **{f"root.{path}.capacity": "50" for path in ("org", "etl", "org.ads", "org.video")},
    }
    leaves = (
        wanted("root.org.ads", CORES * 3, ceiling=CORES * 4),
        wanted("root.org.video", CORES),
        wanted("root.etl", CORES * 12),
    )
    draft = drafted(nested, *leaves)
    assert written(draft)["root.org.ads"] == {"capacity": "75", "maximum-capacity": "75"}
    assert draft.problems == ()


def test_other_resources_of_an_amount_are_the_administrators() -> None:
    values = both("[memory=1024,vcores=4,yarn.io/gpu=2]")
    draft = drafted(values, wanted("root.ads", CORES * 3), wanted("root.etl", CORES))
    assert written(draft)["root.ads"]["capacity"] == "[memory=3072,vcores=12,yarn.io/gpu=2]"


# --- Placement "entitled": a label's capacities too


def test_a_labels_capacities_are_divided_by_what_each_queue_has_of_elastic_nodes() -> None:
    leaves = (
        wanted("root.ads", CORES, elastic=CORES * 3),
        wanted("root.etl", CORES, elastic=CORES),
    )
    found = written(drafted(both("50"), *leaves, label="k8s"))
    key = "accessible-node-labels.k8s.capacity"
    assert {path: values[key] for path, values in found.items()} == {"root": "100", "root.ads": "75", "root.etl": "25"}
    assert drafts(both("50"), *leaves) == ()


def test_while_nothing_is_lent_a_labels_capacities_stay_as_they_are() -> None:
    assert drafts(both("50"), wanted("root.ads", CORES), wanted("root.etl", CORES), label="k8s") == ()


def test_only_our_keys_are_read_a_labels_where_it_is_divided() -> None:
    (leaf,) = leaves = (wanted("root.ads", CORES),)
    recorded_conf = {"scheduler-conf": recorded("3.4.2", "scheduler_conf")}
    plain, _ = enforcer({}, replies=recorded_conf)
    assert dict(plain.read(leaves).settings[leaf.leaf]) == {"capacity": "50", "maximum-capacity": "100"}
    entitled, _ = enforcer({}, label="k8s", replies=recorded_conf)
    assert entitled.read(leaves).settings[leaf.leaf]["accessible-node-labels.k8s.capacity"] == "25"
    assert dict(entitled.read(leaves).amounts) == {leaf.leaf: Room(cpu_millicores=250, memory_mib=829)}


# --- Refusals


@pytest.mark.parametrize("reply", ["error_400_not_mutable", "error_400_fair"])
def test_a_scheduler_whose_configuration_cant_be_changed_says_what_to_do(reply: str) -> None:
    refusal = recorded("3.4.2", reply)
    queues, _ = enforcer({}, replies={"scheduler-conf": refusal, "scheduler-conf/version": refusal})
    with pytest.raises(
        Rejected, match=r"set yarn\.scheduler\.configuration\.store\.class to zk, leveldb, fs or memory"
    ):
        queues.read((wanted("root.ads", CORES),))


def test_a_user_who_may_not_is_told_which_right_is_missing() -> None:
    queues, _ = enforcer({}, replies={"scheduler-conf": recorded("3.4.2", "error_403_scheduler_conf")})
    with pytest.raises(Denied, match=r"add the bridge's user to yarn\.admin\.acl"):
        queues.read((wanted("root.ads", CORES),))


def test_a_version_that_has_moved_on_is_rejected_before_anything_is_sent() -> None:
    queues, stub = enforcer(both("50"))
    leaves = (wanted("root.ads", CORES), wanted("root.etl", CORES * 3))
    (draft,) = queues.drafts(leaves, queues.read(leaves))
    stub.on("http://rm1:8088", "/ws/v1/cluster/scheduler-conf/version", says({"versionID": "3"}))
    with pytest.raises(Rejected, match="from version 2 to 3 in between; the next round looks again"):
        queues.write(draft)
    assert stub.changes == []
