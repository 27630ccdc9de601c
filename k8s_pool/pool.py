"""What Tidebridge does to a cluster: create, resize and delete its pods, read one, leave an Event, ask for its rights.

Each action may be repeated: a second create meets AlreadyExists, a second delete finds nothing.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from k8s_pool.errors import AlreadyExists, KubeUnavailable
from k8s_pool.identity import EVICTION_PRIORITY
from k8s_pool.parse import parse_pod
from k8s_pool.replies import call, call_unless
from k8s_pool.resize import CannotResize, ContainerSize, is_served, resize_request
from k8s_pool.rights import (
    MissingRight,
    is_allowed,
    needed_rights,
    patch_right,
    resize_right,
    review_request,
    tenant_rights,
)
from k8s_pool.transport import EVENT_S, WRITE_S, JsonObject, Request, Transport
from k8s_pool.views import PodView

_NOT_FOUND = 404
_CONFLICT = 409
_MESSAGE_LIMIT = 1024
"""Characters the API server takes in an Event's message."""


class EventType(StrEnum):
    """How much an Event matters, in Kubernetes' words."""

    NORMAL = "Normal"
    WARNING = "Warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerVersion:
    """What the API server says it is, such as 1, 34, "v1.34.4"."""

    major: int
    minor: int
    git_version: str


class KubePool:
    """Acts on one namespace through *transport*, usually a `KubeApi`.

    Every method raises KubeUnavailable when there's no usable answer, Forbidden when a right is missing, and Refused
    when the API server says no for another reason.
    """

    def __init__(self, transport: Transport, namespace: str) -> None:
        self._transport = transport
        self.namespace = namespace

    def create_pod(self, body: Mapping[str, object]) -> PodView:
        """Create the pod *body* describes and return it. Raises AlreadyExists and QuotaRefused too.

        Unknown fields in *body* are refused by the server rather than ignored.
        """
        raw = call(self._transport, create_request(self.namespace, body))
        return parse_pod(raw, home=self.namespace)

    def delete_pod(self, name: str, *, uid: str | None, grace_s: int) -> bool:
        """Delete the pod *name* if it still is the one with *uid*, where one is given; say whether it was there.

        It has *grace_s* seconds after SIGTERM. A pod that is on its way out already is there; the shorter grace wins.
        """
        request = delete_request(self.namespace, name, uid=uid, grace_s=grace_s)
        return call_unless(self._transport, request, (_NOT_FOUND, _CONFLICT)) is not None

    def resize_pod(self, name: str, *, uid: str, size: ContainerSize) -> PodView:
        """Ask for another *size* of the NodeManager in the pod *name*, and return the pod; its containers stay.

        Refused when there is no such pod any more, or another one than that with *uid*. What the kubelet makes of it
        shows in the pod's `sizes` later.
        """
        raw = call(self._transport, resize_request(self.namespace, name, uid=uid, size=size))
        return parse_pod(raw, home=self.namespace)

    def stamp_pod(self, name: str, *, uid: str, priority: int) -> None:
        """Write on the pod *name* in which order it is best evicted: the least first. 32 bits, with a sign.

        Refused when there is no such pod any more, or another one than that with *uid*.
        """
        call(self._transport, stamp_request(self.namespace, name, uid=uid, priority=priority))

    def may_stamp(self) -> bool:
        """Say whether we have the right to stamp pods."""
        return is_allowed(call(self._transport, review_request(patch_right(self.namespace))))

    def cannot_resize(self) -> CannotResize | None:
        """Return why pods can't be resized here, None when they can. Two calls; what they say changes rarely."""
        if not is_served(call(self._transport, Request(method="GET", path="/api/v1"))):
            return CannotResize.NOT_SERVED
        review = call(self._transport, review_request(resize_right(self.namespace)))
        return None if is_allowed(review) else CannotResize.NOT_PERMITTED

    def get_pod(self, name: str) -> PodView | None:
        """Return the pod *name*, or None when there is none."""
        request = Request(method="GET", path=f"{_pods(self.namespace)}/{name}")
        raw = call_unless(self._transport, request, (_NOT_FOUND,))
        return None if raw is None else parse_pod(raw, home=self.namespace)

    def emit_event(
        self,
        *,
        reason: str,
        message: str,
        at: datetime,
        kind: EventType = EventType.NORMAL,
        about: PodView | None = None,
    ) -> None:
        """Leave an Event about the pod *about*, or about the namespace when None, seen at the aware time *at*.

        The same statement again moves the time of the one Event; it doesn't add another.
        """
        event = event_body(self.namespace, reason=reason, message=message, at=at, kind=kind, about=about)
        path = f"/api/v1/namespaces/{self.namespace}/events"
        try:
            call(self._transport, Request(method="POST", path=path, body=event, read_timeout_s=EVENT_S))
        except AlreadyExists:
            patch = {"lastTimestamp": event["lastTimestamp"]}
            name = event["metadata"]["name"]
            again = Request(
                method="PATCH",
                path=f"{path}/{name}",
                body=patch,
                content_type="application/merge-patch+json",
                read_timeout_s=EVENT_S,
            )
            call(self._transport, again)

    def missing_rights(self, tenants: Iterable[str] = ()) -> tuple[MissingRight, ...]:
        """Return the rights this package uses and the API server doesn't grant; empty when all is well.

        *tenants* are the namespaces in which quotas are written and pods evicted.
        """
        return tuple(
            right
            for right in (*needed_rights(self.namespace), *tenant_rights(tenants))
            if not is_allowed(call(self._transport, review_request(right)))
        )

    def server_version(self) -> ServerVersion:
        """Return the API server's version."""
        raw = call(self._transport, Request(method="GET", path="/version"))
        try:
            return ServerVersion(
                major=_leading_number(raw["major"]), minor=_leading_number(raw["minor"]), git_version=raw["gitVersion"]
            )
        except (KeyError, TypeError, ValueError) as error:
            raise KubeUnavailable(f"/version isn't an API server's: {raw!r}") from error


def create_request(namespace: str, body: Mapping[str, object]) -> Request:
    """Build the request that creates a pod; a misspelt field is refused, not ignored."""
    return Request(
        method="POST",
        path=_pods(namespace),
        query=(("fieldValidation", "Strict"),),
        body=dict(body),
        read_timeout_s=WRITE_S,
    )


def stamp_request(namespace: str, name: str, *, uid: str, priority: int) -> Request:
    """Build the request that stamps a pod, if it still is the one with *uid*."""
    body: JsonObject = {"metadata": {"uid": uid, "annotations": {EVICTION_PRIORITY: str(priority)}}}
    path = f"{_pods(namespace)}/{name}"
    return Request(
        method="PATCH", path=path, body=body, content_type="application/merge-patch+json", read_timeout_s=WRITE_S
    )


def delete_request(namespace: str, name: str, *, uid: str | None, grace_s: int) -> Request:
    """Build the request that deletes a pod, only if it still is the one with *uid* where one is given."""
    options: JsonObject = {"apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": grace_s}
    if uid is not None:
        options["preconditions"] = {"uid": uid}
    return Request(method="DELETE", path=f"{_pods(namespace)}/{name}", body=options, read_timeout_s=WRITE_S)


def event_body(
    namespace: str, *, reason: str, message: str, at: datetime, kind: EventType, about: PodView | None
) -> JsonObject:
    """Build an Event whose name follows from what it says, so that a repetition meets the first."""
    target = (
        {"apiVersion": "v1", "kind": "Namespace", "name": namespace, "namespace": namespace}
        if about is None
        else {"apiVersion": "v1", "kind": "Pod", "name": about.name, "namespace": about.namespace, "uid": about.uid}
    )
    said = hashlib.sha256(f"{target}{kind}{reason}{message}".encode()).hexdigest()[:16]
    seen_at = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{target['name']}.{said}", "namespace": namespace},
        "involvedObject": target,
        "reason": reason,
        "message": message[:_MESSAGE_LIMIT],
        "type": str(kind),
        "source": {"component": "tidebridge"},
        "reportingComponent": "tidebridge",
        "firstTimestamp": seen_at,
        "lastTimestamp": seen_at,
        "count": 1,
    }


def _pods(namespace: str) -> str:
    return f"/api/v1/namespaces/{namespace}/pods"


def _leading_number(text: str) -> int:
    """Read "34" or a provider's "34+"."""
    return int(text.rstrip("+"))
