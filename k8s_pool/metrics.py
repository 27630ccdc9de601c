"""What nodes and pods use now, by the metrics API (metrics.k8s.io/v1beta1, as metrics-server serves it)."""

from dataclasses import dataclass
from datetime import datetime

from k8s_pool.quantity import cpu_millicores_up
from k8s_pool.replies import list_objects
from k8s_pool.transport import JsonObject, Transport

_API = "/apis/metrics.k8s.io/v1beta1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a node or a pod used, on average over some seconds that ended at an instant."""

    name: str
    at: datetime
    cpu_millicores: int


def node_usage(transport: Transport) -> tuple[Usage, ...]:
    """Read what every node uses, all its pods and the system included.

    Raises KubeUnavailable, and Refused where nobody serves the API (404) or the right is missing.
    """
    return tuple(list_objects(transport, f"{_API}/nodes", _node))


def pod_usage(transport: Transport, namespace: str) -> tuple[Usage, ...]:
    """Read what every pod of a namespace uses. Raises as ``node_usage``."""
    return tuple(list_objects(transport, f"{_API}/namespaces/{namespace}/pods", _pod))


def _node(raw: JsonObject) -> Usage:
    return Usage(
        name=raw["metadata"]["name"],
        at=datetime.fromisoformat(raw["timestamp"]),
        cpu_millicores=cpu_millicores_up(raw["usage"]["cpu"]),
    )


def _pod(raw: JsonObject) -> Usage:
    return Usage(
        name=raw["metadata"]["name"],
        at=datetime.fromisoformat(raw["timestamp"]),
        cpu_millicores=sum(cpu_millicores_up(container["usage"]["cpu"]) for container in raw["containers"]),
    )
