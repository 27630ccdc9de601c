"""A NodeManager's container keeps running while its pod is resized, and the kernel holds it to the new size."""

import os
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest

from k8s_pool import ContainerSize, KubeApi, KubePool, PodOrder, PodView, Request, Resizing, connect, load, render
from k8s_pool.replies import call
from tests.lab.cgroup import held_to

pytestmark = pytest.mark.lab

HOME = "tidebridge"
BY_REQUESTS = (
    ContainerSize(cpu_request_millicores=2000, memory_request_mib=3072),
    ContainerSize(cpu_request_millicores=1333, memory_request_mib=1500),
    ContainerSize(cpu_request_millicores=2000, memory_request_mib=3072),
)
BY_USE = tuple(
    ContainerSize(
        cpu_request_millicores=250, memory_request_mib=512, cpu_limit_millicores=cpu, memory_limit_mib=memory_mib
    )
    for cpu, memory_mib in ((2000, 3072), (500, 1024), (2000, 3072))
)


@pytest.fixture
def api() -> Iterator[KubeApi]:
    if "TIDEBRIDGE_LAB_KUBECONFIG" not in os.environ:
        pytest.fail("start the lab with 'make lab-up', and run this by lab/enter")
    with closing(connect(kubeconfig=Path(os.environ["TIDEBRIDGE_LAB_KUBECONFIG"]))) as api:
        yield api


def order(size: ContainerSize) -> PodOrder:
    return PodOrder(
        pool="resized",
        promise="p1",
        node="node-1",
        vcores=2,
        nm_memory_mib=1024,
        size=size,
        node_label="none",
        deadline_at=datetime.now(UTC) + timedelta(minutes=5),
        active_deadline_s=300,
        grace_s=1,
    )


def raw(api: KubeApi, pod: PodView) -> dict[str, Any]:
    return call(api, Request(method="GET", path=f"/api/v1/namespaces/{HOME}/pods/{pod.name}"))


def until_settled(pool: KubePool, name: str) -> PodView:
    """Wait until the container runs and nothing of a resize is left to do."""
    until = monotonic() + 60
    while monotonic() < until:
        pod = pool.get_pod(name)
        assert pod is not None
        if pod.sizes is not None and pod.sizes.in_force is not None and pod.sizes.resizing is Resizing.NONE:
            return pod
        sleep(0.1)
    raise AssertionError(f"not settled: {pod}")


def expected(size: ContainerSize) -> tuple[int, int, int]:
    memory_mib = size.memory_request_mib if size.memory_limit_mib is None else size.memory_limit_mib
    return size.cpu_request_millicores * 1024 // 1000, size.cpu_limit_millicores or -1, memory_mib


@pytest.mark.parametrize("sizes", [BY_REQUESTS, BY_USE], ids=["requests", "usage"])
def test_a_container_shrinks_and_grows_without_a_restart(api: KubeApi, sizes: tuple[ContainerSize, ...]) -> None:
    pool, template = KubePool(api, HOME), load(Path(os.environ["TIDEBRIDGE_LAB_POD_TEMPLATE"]))
    pod = pool.create_pod(render(template, order(sizes[0])))
    try:
        until_settled(pool, pod.name)
        (first,) = raw(api, pod)["status"]["containerStatuses"]
        container_id = first["containerID"].rpartition("/")[2]
        assert held_to(container_id) == expected(sizes[0])
        for size in sizes[1:]:
            pool.resize_pod(pod.name, uid=pod.uid, size=size)
            until_settled(pool, pod.name)
            (now,) = raw(api, pod)["status"]["containerStatuses"]
            assert (now["containerID"], now["restartCount"]) == (first["containerID"], 0)
            assert held_to(container_id) == expected(size)
    finally:
        pool.delete_pod(pod.name, uid=pod.uid, grace_s=1)
        until = monotonic() + 30
        while pool.get_pod(pod.name) is not None and monotonic() < until:
            sleep(0.1)
