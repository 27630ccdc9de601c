"""Leases (coordination.k8s.io/v1): one object that says who leads; a write goes only over what was read.

What a Lease means, and when it has run out, is for whoever reads it: the times in it are its writer's.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from k8s_pool.errors import Conflict, KubeUnavailable
from k8s_pool.replies import call, call_unless
from k8s_pool.transport import JsonObject, Request, Transport

_NOT_FOUND = 404


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseView:
    """A Lease as it was read."""

    name: str
    uid: str
    """It is another one once the Lease was deleted and made anew."""
    version: str
    """The resourceVersion: it changes with every write."""
    holder: str
    """Who has it; empty: nobody."""
    lease_s: float | None
    """For how long each renewal holds, as its writer means it; None: it doesn't say."""
    transitions: int
    """How often it has changed hands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseOrder:
    """What is to stand in a Lease."""

    holder: str
    lease_s: int
    at: datetime
    """The writer's time, for people to read."""
    transitions: int = 0


class KubeLeases:
    """The Leases of one namespace. Raises as `KubePool` does.

    A renewal that comes late is worth nothing: *transport* is one with short timeouts.
    """

    def __init__(self, transport: Transport, namespace: str) -> None:
        self._transport = transport
        self._path = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"
        self._namespace = namespace

    def get(self, name: str) -> LeaseView | None:
        """Return the Lease *name*, or None when there is none."""
        request = Request(method="GET", path=f"{self._path}/{name}")
        raw = call_unless(self._transport, request, (_NOT_FOUND,))
        return None if raw is None else parse_lease(raw)

    def create(self, name: str, order: LeaseOrder) -> LeaseView:
        """Make the Lease *name*. Raises AlreadyExists when there is one."""
        return parse_lease(call(self._transport, Request(method="POST", path=self._path, body=self._body(name, order))))

    def replace(self, name: str, order: LeaseOrder, *, uid: str, version: str) -> LeaseView:
        """Put *order* in the place of what was read so. Raises Conflict when it is another now, or gone.

        The uid matters: without it the API server makes a Lease that is gone anew, whatever the version.
        """
        body = self._body(name, order)
        body["metadata"] |= {"uid": uid, "resourceVersion": version}
        request = Request(method="PUT", path=f"{self._path}/{name}", body=body)
        raw = call_unless(self._transport, request, (_NOT_FOUND,))
        if raw is None:
            raise Conflict(f"the Lease {name} is gone", status=_NOT_FOUND, reason="NotFound")
        return parse_lease(raw)

    def _body(self, name: str, order: LeaseOrder) -> JsonObject:
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": name, "namespace": self._namespace},
            "spec": {
                "holderIdentity": order.holder,
                "leaseDurationSeconds": order.lease_s,
                "renewTime": order.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
                "leaseTransitions": order.transitions,
            },
        }


def parse_lease(raw: JsonObject) -> LeaseView:
    """Return the view of a raw Lease. Raises KubeUnavailable for what isn't one."""
    try:
        meta, spec = raw["metadata"], raw.get("spec") or {}
        lease_s = spec.get("leaseDurationSeconds")
        return LeaseView(
            name=meta["name"],
            uid=meta["uid"],
            version=meta["resourceVersion"],
            holder=spec.get("holderIdentity") or "",
            lease_s=None if lease_s is None else float(lease_s),
            transitions=int(spec.get("leaseTransitions") or 0),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise KubeUnavailable(f"the answer isn't a Lease: {error!r} in {str(raw)[:200]}") from error
