"""What is read of a resize in place, and what is asked."""

from typing import Any

import pytest

from k8s_pool import CannotResize, ContainerSize, KubeAmount, KubePool, Refused, Resizing, parse_pod
from k8s_pool.resize import pod_sizes, resize_request
from tests.k8s_pool.stubs import HOME, StubReply, StubTransport, json_reply, raw_elastic, raw_pod, refusal_reply

SMALL = {"requests": {"cpu": "1", "memory": "2Gi"}, "limits": {"memory": "2Gi"}}
LARGE = {"requests": {"cpu": "4", "memory": "8Gi"}, "limits": {"memory": "8Gi"}}
SMALL_AMOUNT = KubeAmount(cpu_millicores=1000, memory_mib=2048)
LARGE_AMOUNT = KubeAmount(cpu_millicores=4000, memory_mib=8192)


def resized(
    asked: dict[str, Any], in_force: dict[str, Any] | None, *conditions: dict[str, Any], generation: int = 2
) -> dict[str, Any]:
    held = {} if in_force is None else {"resources": in_force}
    return raw_elastic(
        containers=[{"name": "nodemanager", "resources": asked}],
        status={"containerStatuses": [{"name": "nodemanager", **held}], "conditions": list(conditions)},
        meta={"generation": generation},
    )


def pending(reason: str, observed: int = 2) -> dict[str, Any]:
    return {"type": "PodResizePending", "status": "True", "reason": reason, "observedGeneration": observed}


@pytest.mark.parametrize(
    ("pod", "expected", "counted"),
    [
        pytest.param(resized(SMALL, SMALL), Resizing.NONE, SMALL_AMOUNT, id="in force"),
        pytest.param(resized(LARGE, SMALL), Resizing.IN_PROGRESS, LARGE_AMOUNT, id="grows"),
        pytest.param(resized(SMALL, LARGE), Resizing.IN_PROGRESS, LARGE_AMOUNT, id="shrinks"),
        pytest.param(resized(LARGE, SMALL, pending("Deferred")), Resizing.DEFERRED, LARGE_AMOUNT, id="no room now"),
        pytest.param(resized(LARGE, SMALL, pending("Infeasible")), Resizing.INFEASIBLE, SMALL_AMOUNT, id="never"),
        pytest.param(resized(LARGE, SMALL, pending("News")), Resizing.IN_PROGRESS, LARGE_AMOUNT, id="unknown word"),
        pytest.param(
            resized(LARGE, SMALL, pending("Deferred", observed=1)), Resizing.IN_PROGRESS, LARGE_AMOUNT, id="stale word"
        ),
        pytest.param(resized(SMALL, None), Resizing.NONE, SMALL_AMOUNT, id="a kubelet that does not say"),
    ],
)
def test_how_far_a_resize_is_and_what_it_counts_with(
    pod: dict[str, Any], expected: Resizing, counted: KubeAmount
) -> None:
    sizes = pod_sizes(pod)
    assert (sizes.resizing, sizes.counted) == (expected, counted)


def test_limits_count_in_place_of_smaller_requests_but_not_for_the_scheduler() -> None:
    by_use = {"requests": {"cpu": "250m", "memory": "1Gi"}, "limits": {"cpu": "4", "memory": "8Gi"}}
    pod = parse_pod(resized(by_use, by_use), home=HOME)
    assert pod.requests == KubeAmount(cpu_millicores=250, memory_mib=1024)
    assert pod.sizes is not None
    assert (pod.sizes.asked, pod.sizes.in_force, pod.sizes.counted) == (LARGE_AMOUNT, LARGE_AMOUNT, LARGE_AMOUNT)


def test_pods_that_are_nobodys_nodemanager_are_read_no_further() -> None:
    assert parse_pod(raw_pod(), home=HOME).sizes is None


def test_a_request_names_the_uid_and_the_container() -> None:
    size = ContainerSize(cpu_request_millicores=2000, memory_request_mib=3072)
    request = resize_request(HOME, "nm-night-p1", uid="u1", size=size)
    assert (request.method, request.content_type) == ("PATCH", "application/strategic-merge-patch+json")
    assert request.path == "/api/v1/namespaces/tidebridge/pods/nm-night-p1/resize"
    resources = {"requests": {"cpu": "2000m", "memory": "3072Mi"}, "limits": {"memory": "3072Mi"}}
    containers = [{"name": "nodemanager", "resources": resources}]
    assert request.body == {"metadata": {"uid": "u1"}, "spec": {"containers": containers}}


def test_another_pod_of_that_name_is_refused() -> None:
    message = 'Pod "nm-night-p1" is invalid: metadata.uid: Invalid value: "u2": field is immutable'
    pool = KubePool(StubTransport([refusal_reply(422, "Invalid", message)]), HOME)
    with pytest.raises(Refused, match=r"metadata\.uid"):
        pool.resize_pod("nm-night-p1", uid="u2", size=ContainerSize(cpu_request_millicores=1, memory_request_mib=1))


@pytest.mark.parametrize(
    ("names", "is_allowed", "expected"),
    [
        (["pods", "pods/resize"], True, None),
        (["pods", "pods/resize"], False, CannotResize.NOT_PERMITTED),
        (["pods", "pods/status"], True, CannotResize.NOT_SERVED),
    ],
)
def test_why_pods_cannot_be_resized(names: list[str], is_allowed: bool, expected: CannotResize | None) -> None:
    replies: list[StubReply] = [
        json_reply({"resources": [{"name": name} for name in names]}),
        json_reply({"status": {"allowed": is_allowed}}, 201),
    ]
    assert KubePool(StubTransport([*replies]), HOME).cannot_resize() is expected
