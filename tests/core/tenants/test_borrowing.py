"""A tenant's part, and who uses whose."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from bridge.core.tenants.borrowing import borrowed, parts
from bridge.core.tenants.divide import divide
from bridge.core.tenants.policy import Tenant
from tests.core.tenants.build import make_facts, make_namespace, make_policy, make_queue, room

TENANTS = (
    Tenant(name="ads", weight=3, queues=("root.ads",), namespaces=("ads-batch",)),
    Tenant(name="etl", weight=1, queues=("root.etl",), namespaces=("etl",)),
)


def test_a_part_goes_by_weights_and_guarantees_whatever_is_wanted() -> None:
    facts = make_facts(
        policy=make_policy(TENANTS),
        static=40,
        lendable=40,
        queues=(make_queue("root.ads"), make_queue("root.etl", static=40, waiting=90)),
        namespaces=(make_namespace("ads-batch"), make_namespace("etl", used=10)),
    )
    assert parts(divide(facts)) == {"ads": room(60), "etl": room(20)}


@pytest.mark.parametrize(
    ("part", "used", "expected"),
    [
        pytest.param({"a": 6, "b": 4}, {"a": 6, "b": 4}, {}, id="everybody has its own"),
        pytest.param({"a": 6, "b": 4}, {"a": 1, "b": 8}, {"b": {"a": 4}}, id="one lends, the other borrows"),
        pytest.param(
            {"a": 6, "b": 6, "c": 3},
            {"a": 4, "b": 5, "c": 6},
            {"c": {"a": 2, "b": 1}},
            id="two lend in proportion to what they leave",
        ),
        pytest.param({"a": 6, "b": 4}, {"a": 5, "b": 7}, {"b": {"a": 1}}, id="nobody lends more than it leaves"),
        pytest.param({"a": 6, "b": 4}, {"a": 0, "b": 4}, {}, id="what nobody uses is lent to nobody"),
    ],
)
def test_what_is_used_beyond_a_part_comes_from_those_who_leave_some(
    part: Mapping[str, float], used: Mapping[str, float], expected: Mapping[str, Mapping[str, float]]
) -> None:
    assert borrowed(part, used) == expected
