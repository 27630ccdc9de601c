"""The scheduler's rule for what a pod asks for, as a table."""

from typing import Any

import pytest

from k8s_pool import KubeAmount, parse_pod
from tests.k8s_pool.stubs import raw_container, raw_pod


def sidecar(**requests: str) -> dict[str, Any]:
    return raw_container("sidecar", **requests) | {"restartPolicy": "Always"}


def amount(cpu: int = 0, memory: int = 0, ephemeral: int = 0, **extended: int) -> KubeAmount:
    return KubeAmount(cpu_millicores=cpu, memory_mib=memory, ephemeral_mib=ephemeral, extended=extended)


def held(allocated: dict[str, str], actual: dict[str, str], **more: Any) -> dict[str, Any]:
    entry = {"name": "main", "allocatedResources": allocated, "resources": {"requests": actual}}
    return {"containerStatuses": [entry], **more}


INFEASIBLE = [{"type": "PodResizePending", "status": "True", "reason": "Infeasible"}]

TABLE: list[Any] = [
    pytest.param({"containers": [raw_container()]}, {}, amount(), id="no requests ask for nothing"),
    pytest.param(
        {"containers": [raw_container("a", cpu="1"), raw_container("b", cpu="250m", memory="1Gi")]},
        {},
        amount(1250, 1024),
        id="containers add up",
    ),
    pytest.param(
        {"containers": [raw_container("a", memory="600Ki"), raw_container("b", memory="600Ki")]},
        {},
        amount(0, 2),
        id="memory is rounded up once for the pod",
    ),
    pytest.param(
        {"containers": [raw_container(cpu="1", memory="1Gi")], "initContainers": [raw_container("i", cpu="3")]},
        {},
        amount(3000, 1024),
        id="a larger init container counts, resource by resource",
    ),
    pytest.param(
        {"containers": [raw_container(cpu="1")], "initContainers": [raw_container("i", cpu="500m")]},
        {},
        amount(1000),
        id="a smaller init container doesn't count",
    ),
    pytest.param(
        {"containers": [raw_container(cpu="1")], "initContainers": [sidecar(cpu="200m")]},
        {},
        amount(1200),
        id="a sidecar runs beside the containers",
    ),
    pytest.param(
        {"containers": [raw_container(cpu="1")], "initContainers": [sidecar(cpu="200m"), raw_container("i", cpu="2")]},
        {},
        amount(2200),
        id="an init container runs beside the sidecars before it",
    ),
    pytest.param(
        {"containers": [raw_container(cpu="1")], "initContainers": [raw_container("i", cpu="2"), sidecar(cpu="200m")]},
        {},
        amount(2000),
        id="and not beside those after it",
    ),
    pytest.param(
        {"containers": [raw_container(cpu="1", memory="1Gi")], "overhead": {"cpu": "50m", "memory": "64Mi"}},
        {},
        amount(1050, 1088),
        id="the runtime's overhead comes on top",
    ),
    pytest.param(
        {
            "containers": [raw_container(cpu="1", gpu="1")],
            "resources": {"requests": {"cpu": "4", "nvidia.com/gpu": "9"}},
        },
        {},
        amount(4000, **{"nvidia.com/gpu": 1}),
        id="pod-level requests replace CPU and memory, no devices",
    ),
    pytest.param(
        {"containers": [raw_container(cpu="1", ephemeral_storage="1Gi", gpu="2")]},
        {},
        amount(1000, 0, 1024, **{"nvidia.com/gpu": 2}),
        id="storage and devices count",
    ),
    pytest.param(
        {"containers": [raw_container(cpu="1")]},
        held({"cpu": "4"}, {"cpu": "3"}),
        amount(4000),
        id="a shrink under way still holds what is allocated",
    ),
    pytest.param(
        {"containers": [raw_container(cpu="9")]},
        held({"cpu": "4"}, {"cpu": "4"}),
        amount(9000),
        id="a growth under way counts at once",
    ),
    pytest.param(
        {"containers": [raw_container(cpu="9")]},
        held({"cpu": "4"}, {"cpu": "4"}, conditions=INFEASIBLE),
        amount(4000),
        id="a growth that the kubelet has refused doesn't count",
    ),
]


@pytest.mark.parametrize(("spec", "status", "expected"), TABLE)
def test_counts_what_the_scheduler_counts(spec: dict[str, Any], status: dict[str, Any], expected: KubeAmount) -> None:
    assert parse_pod(raw_pod(status=status, **spec), home="tidebridge").requests == expected
