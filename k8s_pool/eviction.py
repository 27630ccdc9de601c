"""Ask for a pod's eviction: deleted in good order, unless a disruption budget forbids it now."""

from contextlib import closing
from dataclasses import dataclass

from k8s_pool.errors import Conflict, KubeUnavailable
from k8s_pool.replies import parse_object, read_object
from k8s_pool.transport import JsonObject, Request, Transport

_GONE = (404, 410)
_MAY_BE_BUDGETS = (429, 500)
"""500: a pod with two budgets, which the API doesn't support; asking again won't help."""
_BUDGET_CAUSE = "DisruptionBudget"
_TWO_BUDGETS = "more than one PodDisruptionBudget"


@dataclass(frozen=True, slots=True, kw_only=True)
class EvictionBlocked:
    """A disruption budget keeps the pod where it is. `message` is the API server's."""

    message: str
    retry_after_s: float = 0.0
    """What the server asked for, 0 when it said nothing."""


def evict(
    transport: Transport, namespace: str, name: str, *, uid: str, grace_s: int | None = None
) -> EvictionBlocked | None:
    """Evict the pod *name* if it still is the one with *uid*; None when it goes, or is gone.

    It ends by its own grace period, or within *grace_s* seconds. Raises KubeError.
    """
    with closing(transport.send(eviction_request(namespace, name, uid=uid, grace_s=grace_s))) as reply:
        if reply.status in _GONE:
            return None
        if reply.status in _MAY_BE_BUDGETS:
            raw = reply.read()
            if blocked := _blocked(raw, reply.retry_after_s):
                return blocked
            raise KubeUnavailable(f"HTTP {reply.status}: {raw[:200]!r}", retry_after_s=reply.retry_after_s)
        try:
            read_object(reply)
        except Conflict as error:
            if "UID" not in str(error):
                raise
        return None


def eviction_request(namespace: str, name: str, *, uid: str, grace_s: int | None = None) -> Request:
    """Build the request that evicts a pod only if it still is the one with *uid*."""
    options: JsonObject = {"preconditions": {"uid": uid}}
    if grace_s is not None:
        options["gracePeriodSeconds"] = grace_s
    body: JsonObject = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": name, "namespace": namespace},
        "deleteOptions": options,
    }
    return Request(method="POST", path=f"/api/v1/namespaces/{namespace}/pods/{name}/eviction", body=body)


def _blocked(raw: bytes, retry_after_s: float) -> EvictionBlocked | None:
    """Tell a budget's refusal from a server that is busy, which answers 429 too."""
    try:
        status = parse_object(raw)
    except KubeUnavailable:
        return None
    message = str(status.get("message") or "")
    causes = (status.get("details") or {}).get("causes") or ()
    told = [str(cause.get("message") or "") for cause in causes if cause.get("reason") == _BUDGET_CAUSE]
    if not told and _TWO_BUDGETS not in message:
        return None
    return EvictionBlocked(message=" ".join((message, *filter(None, told))), retry_after_s=retry_after_s)
