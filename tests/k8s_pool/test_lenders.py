from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from k8s_pool import (
    FleetState,
    FleetView,
    Freshness,
    KubeAmount,
    LenderRefusal,
    LenderRoom,
    Toleration,
    lenders,
    parse_node,
    parse_pod,
    waiting_for,
)
from tests.k8s_pool.stubs import HOME, raw_container, raw_elastic, raw_node, raw_pod

FRESH = Freshness(synced_at=datetime(2026, 1, 1, tzinfo=UTC))
LEND = {"lend": "true"}


def view_of(*raw: dict[str, Any]) -> FleetView:
    state = FleetState()
    for each in raw:
        if "containers" in each["spec"]:
            state.put_pod(parse_pod(each, home=HOME))
        else:
            state.put_node(parse_node(each))
    return state.view(FRESH)


def only_room(*raw: dict[str, Any], **how: Any) -> LenderRoom:
    (room,) = lenders(view_of(*raw), **({"node_selector": LEND} | how))
    return room


def cores(count: int) -> dict[str, Any]:
    return {"containers": [raw_container(cpu=str(count))]}


def test_online_is_what_pods_ask_for_that_are_neither_elastic_nor_a_tenants() -> None:
    room = only_room(
        raw_node(),
        raw_pod("web", **cores(1)),
        raw_pod("spark", "etl", **cores(2)),
        raw_elastic("p1", **cores(4)),
        raw_elastic("p2", name="copy", **cores(1)),
        raw_pod("done", phase="Succeeded", **cores(8)),
        tenant_namespaces={"etl"},
    )
    assert room.online == KubeAmount(cpu_millicores=2000)
    assert room.tenants == KubeAmount(cpu_millicores=2000)
    assert room.elastic == KubeAmount(cpu_millicores=4000)
    assert room.room == KubeAmount(cpu_millicores=6000, memory_mib=16384)
    assert room.pod_slots_left == 106
    assert room.refusal is None


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, None),
        ({"unschedulable": True}, LenderRefusal.CORDONED),
        ({"conditions": {"Ready": "False"}}, LenderRefusal.NOT_READY),
        ({"conditions": {}}, LenderRefusal.NOT_READY),
        ({"conditions": {"Ready": "True", "MemoryPressure": "True"}}, LenderRefusal.PRESSURE),
        ({"taints": [{"key": "gpu", "effect": "NoSchedule"}]}, LenderRefusal.TAINT),
        ({"taints": [{"key": "gpu", "effect": "NoExecute"}]}, LenderRefusal.TAINT),
        ({"taints": [{"key": "gpu", "effect": "PreferNoSchedule"}]}, None),
        ({"taints": [{"key": "lend", "value": "night", "effect": "NoSchedule"}]}, None),
        ({"allocatable": {"cpu": "8", "memory": "16Gi", "pods": "0"}}, LenderRefusal.NO_POD_SLOTS),
        ({"allocatable": {}}, LenderRefusal.UNKNOWN_ROLE),
        ({"allocatable": {"memory": "16Gi", "pods": "10"}}, LenderRefusal.UNKNOWN_ROLE),
        ({"allocatable": {"cpu": "8", "pods": "10"}}, LenderRefusal.UNKNOWN_ROLE),
    ],
)
def test_a_node_that_may_not_lend_says_why(changes: dict[str, Any], expected: LenderRefusal | None) -> None:
    tolerations = (Toleration(key="lend", value="night"),)
    assert only_room(raw_node(**changes), tolerations=tolerations).refusal is expected


def test_a_full_disk_lends_nothing() -> None:
    allocatable = {"cpu": "8", "memory": "16Gi", "pods": "110", "ephemeral-storage": "1Gi"}
    hog = raw_pod("hog", containers=[raw_container(ephemeral_storage="1Gi")])
    assert only_room(raw_node(allocatable=allocatable), hog).refusal is LenderRefusal.NO_EPHEMERAL_STORAGE


def test_a_node_of_unknown_role_lends_nothing() -> None:
    assert only_room(raw_node(), node_selector={}).refusal is LenderRefusal.UNKNOWN_ROLE


def test_nodes_outside_the_selector_are_not_lenders() -> None:
    assert lenders(view_of(raw_node(labels={"lend": "false"}), raw_node("node-2", labels={})), node_selector=LEND) == ()


@pytest.mark.parametrize(
    ("toleration", "expected"),
    [
        (Toleration(operator="Exists"), True),
        (Toleration(key="a", operator="Exists"), True),
        (Toleration(key="a", operator="Exists", effect="NoExecute"), False),
        (Toleration(key="a", value="1", effect="NoSchedule"), True),
        (Toleration(key="a", value="2"), False),
        (Toleration(key="b", operator="Exists"), False),
    ],
)
def test_tolerations_mean_what_kubernetes_means(toleration: Toleration, expected: bool) -> None:
    (taint,) = parse_node(raw_node(taints=[{"key": "a", "value": "1", "effect": "NoSchedule"}])).taints
    assert toleration.tolerates(taint) is expected


def test_what_koordinator_leaves_is_less_what_others_ask_of_it() -> None:
    node = raw_node(allocatable={"kubernetes.io/batch-cpu": "3000", "kubernetes.io/batch-memory": "4294967296"})
    batch = {"kubernetes.io/batch-cpu": "1000", "kubernetes.io/batch-memory": "1073741825"}
    other = raw_pod("batch", containers=[raw_container(**batch)])
    assert only_room(node, other).batch_room == KubeAmount(cpu_millicores=2000, memory_mib=3071)
    assert only_room(raw_node()).batch_room is None


def test_pending_online_pods_are_counted_in_total_and_elastic_ones_are_not() -> None:
    waiting: dict[str, Any] = {"nodeName": None, "phase": "Pending"}
    view = view_of(
        raw_pod("a", **waiting, **cores(3)), raw_pod("b", **waiting, **cores(2)), raw_elastic("p", **waiting)
    )
    assert view.pending_requests == KubeAmount(cpu_millicores=5000)
    assert {pod.name for pod in view.pending} == {"a", "b"}


@pytest.mark.parametrize(
    ("pod", "is_waiting"),
    [
        pytest.param(raw_pod("web", nodeName=None, **cores(2)), True, id="it would fit"),
        pytest.param(raw_pod("giant", nodeName=None, **cores(64)), False, id="larger than any lender"),
    ],
)
def test_a_pod_waits_for_a_lender_only_if_one_could_hold_it(pod: dict[str, Any], is_waiting: bool) -> None:
    view = view_of(raw_node(), pod)
    rooms = lenders(view, node_selector=LEND)
    assert waiting_for(rooms, view.pending) == (view.pending_requests if is_waiting else KubeAmount())


def required(*terms: Sequence[tuple[str, str, Sequence[str]]]) -> dict[str, Any]:
    """Make a required node affinity of terms, each of expressions: key, operator, values."""
    listed = [
        {
            "matchExpressions": [
                {"key": key, "operator": operator, "values": list(values)} for key, operator, values in term
            ]
        }
        for term in terms
    ]
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": listed}}
    return {"affinity": {"nodeAffinity": required}}


@pytest.mark.parametrize(
    ("terms", "is_waiting"),
    [
        ([[("disk", "In", ["ssd", "nvme"])]], True),
        ([[("disk", "In", ["hdd"])]], False),
        ([[("disk", "NotIn", ["hdd"])]], True),
        ([[("disk", "NotIn", ["ssd"])]], False),
        ([[("gpu", "NotIn", ["old"])]], True),
        ([[("disk", "Exists", [])]], True),
        ([[("gpu", "Exists", [])]], False),
        ([[("gpu", "DoesNotExist", [])]], True),
        ([[("disk", "DoesNotExist", [])]], False),
        ([[("rank", "Gt", ["3"])]], True),
        ([[("rank", "Gt", ["4"])]], False),
        ([[("rank", "Lt", ["5"])]], True),
        ([[("disk", "Lt", ["5"])]], False),
        ([[("disk", "Resembles", ["ssd"])]], False),
        ([[("disk", "In", ["ssd"]), ("gpu", "Exists", [])]], False),
        ([[("gpu", "Exists", [])], [("disk", "In", ["ssd"])]], True),
    ],
)
def test_a_pod_waits_for_lenders_that_its_affinity_takes(
    terms: list[list[tuple[str, str, list[str]]]], is_waiting: bool
) -> None:
    pod = raw_pod("web", nodeName=None, **cores(1))
    pod["spec"] |= required(*terms)
    view = view_of(raw_node(labels={**LEND, "disk": "ssd", "rank": "4"}), pod)
    rooms = lenders(view, node_selector=LEND)
    assert len(rooms) == 1
    assert waiting_for(rooms, view.pending) == (view.pending_requests if is_waiting else KubeAmount())


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param({"nodeSelector": {"disk": "ssd"}}, id="for other nodes"),
        pytest.param(
            {
                "affinity": {
                    "nodeAffinity": {
                        "requiredDuringSchedulingIgnoredDuringExecution": {
                            "nodeSelectorTerms": [
                                {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["dead"]}]}
                            ]
                        }
                    }
                }
            },
            id="a DaemonSet's pod for a node that is gone",
        ),
    ],
)
def test_a_pod_for_another_node_waits_for_no_lender(spec: dict[str, Any]) -> None:
    pod = raw_pod("web", nodeName=None, **cores(1))
    pod["spec"] |= spec
    view = view_of(raw_node(), pod)
    assert len(view.pending) == 1
    assert waiting_for(lenders(view, node_selector=LEND), view.pending) == KubeAmount()
