"""The rights this package uses, no more, and how to ask whether we have them.

`config/rbac.yaml`, `config/rbac-lease.yaml`, `config/rbac-metrics.yaml` and `config/rbac-tenants.yaml` grant the same
lists; a test compares them.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from k8s_pool.transport import JsonObject, Request


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingRight:
    """A right: *verb* on *resource* in *namespace*; None means the whole cluster."""

    verb: str
    resource: str
    """With its subresource, if any: pods, pods/eviction."""
    namespace: str | None
    group: str = ""
    """The API group, "" for the core."""

    def __str__(self) -> str:
        named = f"{self.resource}.{self.group}" if self.group else self.resource
        return f"{self.verb} {named} {f'in {self.namespace}' if self.namespace else 'in the whole cluster'}"


def resize_right(namespace: str) -> MissingRight:
    """Return the right to resize pods in *namespace* in place."""
    return MissingRight(verb="patch", resource="pods/resize", namespace=namespace)


def patch_right(namespace: str) -> MissingRight:
    """Return the right to write on pods in *namespace* what their work is worth."""
    return MissingRight(verb="patch", resource="pods", namespace=namespace)


def needed_rights(namespace: str) -> tuple[MissingRight, ...]:
    """Return every right that some call of this package uses, with its pods in *namespace*."""
    cluster = (("list", "nodes"), ("watch", "nodes"), ("list", "pods"), ("watch", "pods"))
    local = (("create", "pods"), ("delete", "pods"), ("get", "pods"), ("create", "events"), ("patch", "events"))
    return (
        *(MissingRight(verb=verb, resource=resource, namespace=None) for verb, resource in cluster),
        *(MissingRight(verb=verb, resource=resource, namespace=namespace) for verb, resource in local),
        resize_right(namespace),
        patch_right(namespace),
    )


def lease_rights(namespace: str) -> tuple[MissingRight, ...]:
    """Return every right that holding a Lease in *namespace* needs."""
    return tuple(
        MissingRight(verb=verb, resource="leases", namespace=namespace, group="coordination.k8s.io")
        for verb in ("create", "get", "update")
    )


def metrics_rights(namespace: str) -> tuple[MissingRight, ...]:
    """Return every right that reading use from the metrics API needs, with its pods in *namespace*."""
    return tuple(
        MissingRight(verb="list", resource=resource, namespace=where, group="metrics.k8s.io")
        for resource, where in (("nodes", None), ("pods", namespace))
    )


def tenant_rights(namespaces: Iterable[str]) -> tuple[MissingRight, ...]:
    """Return every right that quotas, workloads and evictions need in the tenants' *namespaces*."""
    needed = (
        *((verb, "resourcequotas", "") for verb in ("list", "create", "update", "delete")),
        ("list", "replicasets", "apps"),
        ("list", "statefulsets", "apps"),
        ("list", "jobs", "batch"),
        ("create", "pods/eviction", ""),
    )
    return tuple(
        MissingRight(verb=verb, resource=resource, namespace=namespace, group=group)
        for namespace in namespaces
        for verb, resource, group in needed
    )


def review_request(right: MissingRight) -> Request:
    """Build the question whether we have *right*. Every authenticated user may ask it."""
    resource, _, subresource = right.resource.partition("/")
    attributes = {
        "verb": right.verb,
        "group": right.group,
        "resource": resource,
        "subresource": subresource,
        "namespace": right.namespace or "",
    }
    body: JsonObject = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    return Request(method="POST", path="/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", body=body)


def is_allowed(review: JsonObject) -> bool:
    """Read the answer; one that doesn't say yes says no."""
    return (review.get("status") or {}).get("allowed") is True
