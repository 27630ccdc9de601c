from typing import Any

import pytest

from k8s_pool import Conflict, EvictionBlocked, Forbidden, KubeUnavailable, evict
from tests.k8s_pool.stubs import StubReply, StubTransport, json_reply, refusal_reply

CANNOT = "Cannot evict pod as it would violate the pod's disruption budget."
NEEDS = "The disruption budget web needs 2 healthy pods and has 2 currently"
NO_RIGHT = (
    'pods "a" is forbidden: User "x" cannot create resource "pods/eviction" in API group "" in the namespace "ads"'
)


def evicting(reply: StubReply) -> EvictionBlocked | None:
    return evict(StubTransport([reply]), "ads", "a", uid="u1")


def too_many(causes: list[dict[str, str]], *, retry_after_s: float = 0.0) -> StubReply:
    body: dict[str, Any] = {"kind": "Status", "reason": "TooManyRequests", "message": CANNOT, "code": 429}
    reply = json_reply(body | {"details": {"causes": causes}}, 429)
    reply.retry_after_s = retry_after_s
    return reply


def test_an_eviction_names_the_uid() -> None:
    transport = StubTransport([json_reply({"kind": "Status", "status": "Success"}, 201)])
    assert evict(transport, "ads", "a", uid="u1", grace_s=10) is None
    request = transport.only_request
    assert (request.method, request.path) == ("POST", "/api/v1/namespaces/ads/pods/a/eviction")
    assert request.body == {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": "a", "namespace": "ads"},
        "deleteOptions": {"preconditions": {"uid": "u1"}, "gracePeriodSeconds": 10},
    }


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(refusal_reply(404, "NotFound"), id="gone"),
        pytest.param(
            refusal_reply(409, "Conflict", "the UID in the precondition (u1) does not match"), id="another pod"
        ),
    ],
)
def test_a_pod_that_is_gone_is_evicted(reply: StubReply) -> None:
    assert evicting(reply) is None
    assert reply.closed


def test_a_budget_is_no_error() -> None:
    reply = too_many([{"reason": "DisruptionBudget", "message": NEEDS}], retry_after_s=10)
    assert evicting(reply) == EvictionBlocked(message=f"{CANNOT} {NEEDS}", retry_after_s=10)


def test_two_budgets_block_for_good() -> None:
    message = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
    assert evicting(refusal_reply(500, "InternalError", message)) == EvictionBlocked(message=message)


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        pytest.param(too_many([]), KubeUnavailable, id="a server that is busy"),
        pytest.param(StubReply(status=429, body=b"slow down"), KubeUnavailable, id="a busy proxy"),
        pytest.param(refusal_reply(500, "InternalError"), KubeUnavailable, id="a server error"),
        pytest.param(
            refusal_reply(409, "Conflict", "the object has been modified"), Conflict, id="a change in between"
        ),
        pytest.param(refusal_reply(403, "Forbidden", NO_RIGHT), Forbidden, id="a missing right"),
    ],
)
def test_what_else_goes_wrong_is_told(reply: StubReply, kind: type[Exception]) -> None:
    with pytest.raises(kind) as caught:
        evicting(reply)
    assert type(caught.value) is kind
    if isinstance(caught.value, Forbidden):
        assert (caught.value.verb, caught.value.resource) == ("create", "pods/eviction")
