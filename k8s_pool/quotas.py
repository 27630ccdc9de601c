"""ResourceQuotas: all of a namespace's are read; one of our own bounds what its pods request.

Ours carries the name `tidebridge` and our label; nobody else's is ever written. The quota controller counts what is
used a moment after a quota was made, and until then the quota isn't in force.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from k8s_pool import quantity
from k8s_pool.amounts import KubeAmount
from k8s_pool.errors import Conflict
from k8s_pool.identity import MANAGED_BY, MANAGER
from k8s_pool.replies import call, call_unless, list_objects
from k8s_pool.transport import JsonObject, Request, Transport

QUOTA_NAME = "tidebridge"

_NOT_FOUND = 404
_REQUESTS = "requests."
_IN_MILLICORES = frozenset({"cpu", "requests.cpu", "limits.cpu"})
_IN_MIB = ("memory", "storage")


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaView:
    """A ResourceQuota. Amounts by its own names ("requests.cpu", "pods"): millicores, MiB, or pieces."""

    namespace: str
    name: str
    uid: str
    version: str
    """The resourceVersion: it changes with every change, of the status too."""
    hard: Mapping[str, int] = field(hash=False)
    """As specified, rounded down."""
    enforced: Mapping[str, int] = field(hash=False)
    """As in force: equal to `hard` once the quota controller has seen it."""
    used: Mapping[str, int] = field(hash=False)
    """As counted, rounded up; empty until the quota controller has counted."""
    is_scoped: bool = False
    """It counts some pods only."""
    labels: Mapping[str, str] = field(default_factory=dict, hash=False)
    annotations: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def is_ours(self) -> bool:
        """Say whether it is the one that Tidebridge writes."""
        return self.name == QUOTA_NAME and self.labels.get(MANAGED_BY) == MANAGER

    @property
    def is_in_force(self) -> bool:
        """Say whether the quota controller has taken up what is specified."""
        return self.hard == self.enforced and self.hard.keys() == self.used.keys()


class KubeQuotas:
    """The ResourceQuotas of tenants' namespaces. Raises as `KubePool` does."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self, namespace: str) -> tuple[QuotaView, ...]:
        """Read all quotas of *namespace*; none, too, when there is no such namespace."""
        return tuple(list_objects(self._transport, _path(namespace), parse_quota))

    def write(self, namespace: str, hard: KubeAmount, *, over: QuotaView | None) -> QuotaView:
        """Make ours, or change it from what *over* has, which was read before; return it as it is then.

        CPU, memory and extended resources are bounded, as requests. Raises AlreadyExists when it was to be made and
        there is one of that name, Conflict when it is *over* no more, ValueError when *over* isn't ours.
        """
        if over is None:
            return parse_quota(call(self._transport, create_request(namespace, hard)))
        request = replace_request(over, hard)
        raw = call_unless(self._transport, request, (_NOT_FOUND,))
        if raw is None:
            raise Conflict(f"the quota of {namespace} is gone", status=_NOT_FOUND, reason="NotFound")
        return parse_quota(raw)

    def delete(self, quota: QuotaView) -> bool:
        """Delete *quota*, which must be ours and unchanged; say whether it was there. Raises Conflict."""
        return call_unless(self._transport, delete_request(quota), (_NOT_FOUND,)) is not None


def create_request(namespace: str, hard: KubeAmount) -> Request:
    """Build the request that makes our quota."""
    metadata = {"name": QUOTA_NAME, "namespace": namespace, "labels": {MANAGED_BY: MANAGER}}
    return Request(method="POST", path=_path(namespace), query=_STRICT, body=_body(metadata, hard))


def replace_request(quota: QuotaView, hard: KubeAmount) -> Request:
    """Build the request that puts *hard* in the place of what *quota* has, if nobody changed it since."""
    _refuse_others(quota)
    metadata = {
        "name": quota.name,
        "namespace": quota.namespace,
        "uid": quota.uid,
        "resourceVersion": quota.version,
        "labels": dict(quota.labels),
        "annotations": dict(quota.annotations),
    }
    path = f"{_path(quota.namespace)}/{quota.name}"
    return Request(method="PUT", path=path, query=_STRICT, body=_body(metadata, hard))


def delete_request(quota: QuotaView) -> Request:
    """Build the request that deletes *quota*, if nobody changed what it specifies since."""
    _refuse_others(quota)
    preconditions = {"uid": quota.uid, "resourceVersion": quota.version}
    options = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": preconditions}
    return Request(method="DELETE", path=f"{_path(quota.namespace)}/{quota.name}", body=options)


def parse_quota(raw: Mapping[str, Any]) -> QuotaView:
    """Return the view of a raw quota."""
    meta, spec, status = raw["metadata"], raw.get("spec") or {}, raw.get("status") or {}
    return QuotaView(
        namespace=meta["namespace"],
        name=meta["name"],
        uid=meta["uid"],
        version=meta["resourceVersion"],
        hard=_amounts(spec.get("hard"), is_room=True),
        enforced=_amounts(status.get("hard"), is_room=True),
        used=_amounts(status.get("used"), is_room=False),
        is_scoped=bool(spec.get("scopes") or spec.get("scopeSelector")),
        labels=MappingProxyType(meta.get("labels") or {}),
        annotations=MappingProxyType(meta.get("annotations") or {}),
    )


_STRICT = (("fieldValidation", "Strict"),)


def _path(namespace: str) -> str:
    return f"/api/v1/namespaces/{namespace}/resourcequotas"


def _refuse_others(quota: QuotaView) -> None:
    if not quota.is_ours:
        raise ValueError(f"quota {quota.namespace}/{quota.name} isn't ours")


def _body(metadata: JsonObject, hard: KubeAmount) -> JsonObject:
    amounts = {
        f"{_REQUESTS}cpu": f"{hard.cpu_millicores}m",
        f"{_REQUESTS}memory": f"{hard.memory_mib}Mi",
        **{f"{_REQUESTS}{name}": str(count) for name, count in hard.extended.items()},
    }
    return {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": metadata, "spec": {"hard": amounts}}


def _amounts(raw: Mapping[str, str] | None, *, is_room: bool) -> Mapping[str, int]:
    return MappingProxyType({name: _amount(name, text, is_room=is_room) for name, text in (raw or {}).items()})


def _amount(name: str, text: str, *, is_room: bool) -> int:
    if name in _IN_MILLICORES:
        return quantity.cpu_millicores_down(text) if is_room else quantity.cpu_millicores_up(text)
    if name.endswith(_IN_MIB):
        return quantity.mib_down(text) if is_room else quantity.mib_up(text)
    return quantity.units_down(text) if is_room else quantity.units_up(text)
