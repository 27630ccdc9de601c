"""A transport that plays prepared replies, and builders of raw objects with legal defaults."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from k8s_pool import KubeUnavailable, Request
from k8s_pool.identity import identity_labels, pod_name

HOME = "tidebridge"


@dataclass
class StubReply:
    """One reply. `broken`: reading ends with KubeUnavailable, as for silence or a connection that is cut."""

    status: int = 200
    body: bytes = b"{}"
    events: Iterable[bytes] = ()
    broken: bool = False
    retry_after_s: float = 0.0
    closed: bool = False

    def read(self) -> bytes:
        if self.broken:
            raise KubeUnavailable("the reply broke off")
        return self.body

    def lines(self) -> Iterator[bytes]:
        yield from self.events
        if self.broken:
            raise KubeUnavailable("the watch broke off")

    def abort(self) -> None:
        self.events = ()

    def close(self) -> None:
        self.closed = True


@dataclass
class StubTransport:
    """Plays *replies* in order; an exception in their place is raised. Keeps what was asked."""

    replies: list[StubReply | KubeUnavailable]
    requests: list[Request] = field(default_factory=list)
    played: list[StubReply] = field(default_factory=list)

    def send(self, request: Request) -> StubReply:
        self.requests.append(request)
        reply = self.replies.pop(0)
        if isinstance(reply, KubeUnavailable):
            raise reply
        self.played.append(reply)
        return reply

    @property
    def only_request(self) -> Request:
        (request,) = self.requests
        return request


def json_reply(value: Mapping[str, Any], status: int = 200) -> StubReply:
    return StubReply(status=status, body=orjson.dumps(value))


def refusal_reply(status: int, reason: str, message: str = "no") -> StubReply:
    return json_reply({"kind": "Status", "status": "Failure", "reason": reason, "message": message}, status)


def page(*items: Mapping[str, Any], version: str = "10", token: str = "") -> StubReply:
    meta = {"resourceVersion": version} | ({"continue": token} if token else {})
    return json_reply({"kind": "List", "metadata": meta, "items": list(items)})


def event(kind: str, raw: Mapping[str, Any]) -> bytes:
    return orjson.dumps({"type": kind, "object": raw})


def bookmark(version: str) -> bytes:
    return event("BOOKMARK", {"kind": "Pod", "metadata": {"resourceVersion": version}})


def watching(*events: bytes, broken: bool = False) -> StubReply:
    return StubReply(events=events, broken=broken)


def raw_node(name: str = "node-1", *, version: str = "1", **changes: Any) -> dict[str, Any]:
    allocatable = changes.pop("allocatable", {"cpu": "8", "memory": "16Gi", "pods": "110"})
    conditions = changes.pop("conditions", {"Ready": "True", "MemoryPressure": "False"})
    return {
        "metadata": {"name": name, "resourceVersion": version, "labels": changes.pop("labels", {"lend": "true"})},
        "spec": changes,
        "status": {
            "allocatable": allocatable,
            "conditions": [{"type": kind, "status": status} for kind, status in conditions.items()],
        },
    }


def raw_container(name: str = "main", **requests: str) -> dict[str, Any]:
    names = {"ephemeral_storage": "ephemeral-storage", "gpu": "nvidia.com/gpu"}
    return {"name": name, "resources": {"requests": {names.get(k, k): v for k, v in requests.items()}}}


def raw_pod(
    name: str = "web-1",
    namespace: str = "shop",
    *,
    version: str = "1",
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
    phase: str = "Running",
    status: Mapping[str, Any] | None = None,
    meta: Mapping[str, Any] | None = None,
    **spec: Any,
) -> dict[str, Any]:
    return {
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": f"uid-{name}",
            "resourceVersion": version,
            "labels": dict(labels or {}),
            "annotations": dict(annotations or {}),
            **(meta or {}),
        },
        "spec": {"containers": [raw_container(cpu="500m", memory="1Gi")], "nodeName": "node-1", **spec},
        "status": {"phase": phase, **(status or {})},
    }


def raw_elastic(promise: str = "p1", *, pool: str = "night", namespace: str = HOME, **changes: Any) -> dict[str, Any]:
    name = changes.pop("name", pod_name(pool, promise))
    return raw_pod(name, namespace, labels=identity_labels(pool, promise), **changes)
