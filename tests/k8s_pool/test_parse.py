from datetime import UTC, datetime
from typing import Any

import pytest

from k8s_pool import ZERO, KubeAmount, NodeView, PodPhase, Taint, parse_node, parse_pod
from tests.k8s_pool.stubs import HOME, raw_elastic, raw_node, raw_pod


def test_room_is_rounded_down() -> None:
    allocatable = {
        "cpu": "7.9999",
        "memory": "1048577",
        "pods": "110",
        "ephemeral-storage": "1Gi",
        "nvidia.com/gpu": "2",
    }
    assert parse_node(raw_node(allocatable=allocatable, labels={})) == NodeView(
        name="node-1",
        allocatable=KubeAmount(cpu_millicores=7999, memory_mib=1, ephemeral_mib=1024, extended={"nvidia.com/gpu": 2}),
        pod_slots=110,
        is_ready=True,
        labels={},
    )


@pytest.mark.parametrize(
    ("published", "expected"),
    [
        pytest.param({}, None, id="no koordinator"),
        pytest.param(
            {"kubernetes.io/batch-cpu": "2500", "kubernetes.io/batch-memory": "3221225473"},
            KubeAmount(cpu_millicores=2500, memory_mib=3072),
            id="millicores and bytes",
        ),
        pytest.param({"kubernetes.io/batch-cpu": "0", "kubernetes.io/batch-memory": "0"}, ZERO, id="zero is an answer"),
        pytest.param({"kubernetes.io/batch-memory": "1Gi"}, KubeAmount(memory_mib=1024), id="half an answer"),
    ],
)
def test_reads_what_koordinator_lets_batch_work_take(published: dict[str, str], expected: KubeAmount | None) -> None:
    assert parse_node(raw_node(allocatable={"cpu": "8", "memory": "16Gi"} | published)).batch == expected


def test_a_node_that_says_nothing_is_not_ready_and_has_nothing() -> None:
    node = parse_node({"metadata": {"name": "node-1"}})
    assert (node.is_ready, node.allocatable, node.pod_slots) == (False, KubeAmount(), 0)


@pytest.mark.parametrize("ready", ["False", "Unknown"])
def test_only_a_true_ready_condition_is_ready(ready: str) -> None:
    assert not parse_node(raw_node(conditions={"Ready": ready})).is_ready


def test_reads_pressures_taints_and_cordon() -> None:
    conditions = {"Ready": "True", "DiskPressure": "True", "PIDPressure": "False"}
    taints = [{"key": "lend", "effect": "NoSchedule"}]
    node = parse_node(raw_node(conditions=conditions, taints=taints, unschedulable=True))
    assert node.pressures == {"DiskPressure"}
    assert node.taints == (Taint(key="lend", value="", effect="NoSchedule"),)
    assert node.is_unschedulable


def test_deletion_was_asked_the_grace_period_before_the_deletion_timestamp() -> None:
    meta = {"deletionTimestamp": "2026-01-01T06:30:10Z", "deletionGracePeriodSeconds": 10}
    assert parse_pod(raw_pod(meta=meta), home=HOME).deleting_since == datetime(2026, 1, 1, 6, 30, tzinfo=UTC)


def test_a_grace_period_beyond_the_calendar_leaves_a_pod_on_its_way_out() -> None:
    meta = {"deletionTimestamp": "2026-01-01T06:30:10Z", "deletionGracePeriodSeconds": 100_000_000_000}
    assert parse_pod(raw_pod(meta=meta), home=HOME).deleting_since is not None


def test_an_unknown_phase_is_unknown_and_counts() -> None:
    pod = parse_pod(raw_pod(phase="Dreaming"), home=HOME)
    assert pod.phase is PodPhase.UNKNOWN
    assert not pod.phase.is_terminal


def state(**kind: Any) -> dict[str, Any]:
    return {"containerStatuses": [{"name": "main", "state": kind, "restartCount": 1}]}


@pytest.mark.parametrize(
    ("status", "spec", "field", "expected"),
    [
        (state(waiting={"reason": "ImagePullBackOff"}), {}, "waiting_reason", "ImagePullBackOff"),
        (state(terminated={"reason": "OOMKilled", "exitCode": 137}), {}, "ended_reason", "OOMKilled"),
        (state(terminated={"exitCode": 3}), {}, "ended_reason", "exit code 3"),
        ({"reason": "DeadlineExceeded"}, {}, "ended_reason", "DeadlineExceeded"),
        (state(running={}), {}, "restarts", 1),
        (
            {"conditions": [{"type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler"}]},
            {},
            "disruption_reason",
            "PreemptionByScheduler",
        ),
        (
            {"conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3"}]},
            {"nodeName": None},
            "unschedulable_reason",
            "Unschedulable: 0/3",
        ),
        ({"conditions": [{"type": "Ready", "status": "True"}]}, {}, "is_ready", True),
    ],
)
def test_says_why_a_pod_waits_or_ended(
    status: dict[str, Any], spec: dict[str, Any], field: str, expected: object
) -> None:
    assert getattr(parse_pod(raw_pod(status=status, **spec), home=HOME), field) == expected


def test_keeps_our_annotations_and_no_others() -> None:
    annotations = {"tidebridge.dev/deadline": "2026-01-01T06:30:00Z", "checksum/config": "abc"}
    pod = parse_pod(raw_elastic(annotations=annotations), home=HOME)
    assert pod.annotations == {"tidebridge.dev/deadline": "2026-01-01T06:30:00Z"}
    assert pod.deadline_at == datetime(2026, 1, 1, 6, 30, tzinfo=UTC)


@pytest.mark.parametrize("text", ["tomorrow", "2026-01-01T06:30:00", ""])
def test_an_unreadable_deadline_is_none(text: str) -> None:
    assert parse_pod(raw_elastic(annotations={"tidebridge.dev/deadline": text}), home=HOME).deadline_at is None
