"""What the scheduler counts for a pod: the rule of Kubernetes 1.28 to 1.34, in one place.

The larger of (all containers and sidecars together) and (each init container with the sidecars started before it);
pod-level requests replace the sum for the resources they name; the runtime's overhead comes on top. While a resize in
place is under way, a container counts with the largest of what is asked, allocated and in force.
Source: k8s.io/component-helpers/resource/helpers.go, PodRequests.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from k8s_pool import quantity
from k8s_pool.amounts import NO_EXTENDED, ZERO, KubeAmount

Units = dict[str, int]
"""Millicores of CPU, bytes of memory and storage, pieces of the rest, rounded up a container at a time."""

_POD_LEVEL = ("cpu", "memory", "hugepages-")
_BASIC = frozenset({"cpu", "memory", "ephemeral-storage"})


def pod_requests(pod: Mapping[str, Any]) -> KubeAmount:
    """Return what the scheduler counts for the raw *pod*, rounded up to millicores and MiB for the pod as a whole."""
    spec = pod["spec"]
    status = pod.get("status") or {}
    running = _container_requests(spec.get("containers") or (), status, "containerStatuses")
    if init_containers := spec.get("initContainers"):
        inits = _container_requests(init_containers, status, "initContainerStatuses")
        running = _with_inits(running, init_containers, inits)
    total = _sum(running)
    if pod_level := (spec.get("resources") or {}).get("requests"):
        total |= {name: n for name, n in _units(pod_level).items() if name.startswith(_POD_LEVEL)}
    if overhead := spec.get("overhead"):
        total = _sum((total, _units(overhead)))
    return _amount(tuple(total.items()))


def unset_requests(spec: Mapping[str, Any]) -> tuple[str, ...]:
    """Return which of cpu and memory some container of *spec* doesn't request, unless the pod as a whole does.

    The rule by which a ResourceQuota refuses pods. Source: k8s.io/kubernetes, pkg/quota/v1/evaluator/core/pods.go.
    """
    containers = (*(spec.get("containers") or ()), *(spec.get("initContainers") or ()))
    asked = [(container.get("resources") or {}).get("requests") or {} for container in containers]
    as_a_whole = (spec.get("resources") or {}).get("requests") or {}
    return tuple(
        name for name in ("cpu", "memory") if name not in as_a_whole and any(name not in each for each in asked)
    )


def _with_inits(running: list[Units], containers: Sequence[Mapping[str, Any]], inits: list[Units]) -> list[Units]:
    """Return one amount: the peak of start-up, or of running, whichever is larger, resource by resource."""
    sidecars: Units = {}
    peak: Units = {}
    for container, amount in zip(containers, inits, strict=True):
        started = _sum((sidecars, amount))
        if container.get("restartPolicy") == "Always":
            sidecars = started
        peak = _max((peak, started))
    return [_max((_sum((*running, sidecars)), peak))]


def _container_requests(
    containers: Sequence[Mapping[str, Any]], status: Mapping[str, Any], statuses_key: str
) -> list[Units]:
    statuses = {entry["name"]: entry for entry in status.get(statuses_key) or ()}
    return [_in_force(container, statuses.get(container["name"]), status) for container in containers]


def _in_force(container: Mapping[str, Any], entry: Mapping[str, Any] | None, status: Mapping[str, Any]) -> Units:
    """Return what one container counts with, a resize in place included."""
    asked = (container.get("resources") or {}).get("requests") or {}
    if entry is None:
        return _units(asked)
    allocated = entry.get("allocatedResources") or {}
    actual = (entry.get("resources") or {}).get("requests") or {}
    if allocated in (asked, {}) and actual in (asked, {}):
        return _units(asked)
    held = (_units(allocated), _units(actual))
    return _max(held) if _is_infeasible(status) else _max((_units(asked), *held))


def _is_infeasible(status: Mapping[str, Any]) -> bool:
    """Say whether the kubelet has refused the resize for good: then what was asked isn't counted."""
    return any(
        condition.get("type") == "PodResizePending" and condition.get("reason") == "Infeasible"
        for condition in status.get("conditions") or ()
    )


def _units(requests: Mapping[str, str]) -> Units:
    return {name: _unit(name, text) for name, text in requests.items()}


@lru_cache(maxsize=65_536)
def _unit(name: str, text: str) -> int:
    return quantity.cpu_millicores_up(text) if name == "cpu" else quantity.units_up(text)


def _sum(amounts: Sequence[Units]) -> Units:
    if len(amounts) == 1:
        return dict(amounts[0])
    total: Units = {}
    for amount in amounts:
        for name, count in amount.items():
            total[name] = total.get(name, 0) + count
    return total


def _max(amounts: Sequence[Units]) -> Units:
    largest: Units = {}
    for amount in amounts:
        for name, count in amount.items():
            largest[name] = max(largest.get(name, 0), count)
    return largest


@lru_cache(maxsize=16_384)
def _amount(units: tuple[tuple[str, int], ...]) -> KubeAmount:
    """Return the amount of *units*; equal ones are one object, as most pods ask for the same few sizes."""
    if not units:
        return ZERO
    by_name = dict(units)
    extended = {name: count for name, count in by_name.items() if name not in _BASIC and count}
    return KubeAmount(
        cpu_millicores=by_name.get("cpu", 0),
        memory_mib=-(-by_name.get("memory", 0) // quantity.MIB),
        ephemeral_mib=-(-by_name.get("ephemeral-storage", 0) // quantity.MIB),
        extended=MappingProxyType(extended) if extended else NO_EXTENDED,
    )
