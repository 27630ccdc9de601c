"""The rights this package uses, no more, and how to ask whether we have them.

`config/rbac.yaml` grants the same list; a test compares the two.
"""

from dataclasses import dataclass

from k8s_pool.transport import JsonObject, Request


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingRight:
    """A right: *verb* on *resource* (of the core API group) in *namespace*; None means the whole cluster."""

    verb: str
    resource: str
    namespace: str | None

    def __str__(self) -> str:
        return f"{self.verb} {self.resource} {f'in {self.namespace}' if self.namespace else 'in the whole cluster'}"


def needed_rights(namespace: str) -> tuple[MissingRight, ...]:
    """Return every right that some call of this package uses, with its pods in *namespace*."""
    cluster = (("list", "nodes"), ("watch", "nodes"), ("list", "pods"), ("watch", "pods"))
    local = (("create", "pods"), ("delete", "pods"), ("get", "pods"), ("create", "events"), ("patch", "events"))
    return (
        *(MissingRight(verb=verb, resource=resource, namespace=None) for verb, resource in cluster),
        *(MissingRight(verb=verb, resource=resource, namespace=namespace) for verb, resource in local),
    )


def review_request(right: MissingRight) -> Request:
    """Build the question whether we have *right*. Every authenticated user may ask it."""
    attributes = {"verb": right.verb, "resource": right.resource, "namespace": right.namespace or ""}
    body: JsonObject = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    return Request(method="POST", path="/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", body=body)


def is_allowed(review: JsonObject) -> bool:
    """Read the answer; one that doesn't say yes says no."""
    return (review.get("status") or {}).get("allowed") is True
