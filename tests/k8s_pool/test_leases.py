from datetime import UTC, datetime
from typing import Any

import pytest

from k8s_pool import AlreadyExists, Conflict, KubeLeases, KubeUnavailable, LeaseOrder, LeaseView
from tests.k8s_pool.stubs import StubReply, StubTransport, json_reply, refusal_reply

PATH = "/apis/coordination.k8s.io/v1/namespaces/tidebridge/leases"
AT = datetime(2026, 3, 2, 22, 0, 0, 250_000, tzinfo=UTC)
ORDER = LeaseOrder(holder="replica-1", lease_s=15, at=AT, transitions=3)
SEEN = LeaseView(name="tidebridge", uid="u1", version="7", holder="replica-2", lease_s=15.0, transitions=2)
SPEC: dict[str, Any] = {
    "holderIdentity": "replica-1",
    "leaseDurationSeconds": 15,
    "renewTime": "2026-03-02T22:00:00.250000Z",
    "leaseTransitions": 3,
}


def raw_lease(version: str = "7", **spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "tidebridge", "namespace": "tidebridge", "uid": "u1", "resourceVersion": version},
        "spec": spec,
    }


def leases_that_hear(*replies: StubReply | KubeUnavailable) -> tuple[KubeLeases, StubTransport]:
    transport = StubTransport(list(replies))
    return KubeLeases(transport, "tidebridge"), transport


def test_a_lease_is_read() -> None:
    raw = raw_lease(holderIdentity="replica-2", leaseDurationSeconds=15, leaseTransitions=2)
    leases, transport = leases_that_hear(json_reply(raw))
    assert leases.get("tidebridge") == SEEN
    assert (transport.only_request.method, transport.only_request.path) == ("GET", f"{PATH}/tidebridge")


def test_a_lease_that_says_nothing_is_held_by_nobody() -> None:
    leases, _ = leases_that_hear(json_reply({"metadata": {"name": "tidebridge", "uid": "u1", "resourceVersion": "7"}}))
    assert leases.get("tidebridge") == LeaseView(
        name="tidebridge", uid="u1", version="7", holder="", lease_s=None, transitions=0
    )


def test_there_may_be_none() -> None:
    leases, _ = leases_that_hear(refusal_reply(404, "NotFound"))
    assert leases.get("tidebridge") is None


def test_it_is_made_and_replaced_only_over_what_was_read() -> None:
    leases, transport = leases_that_hear(json_reply(raw_lease("8", **SPEC)), json_reply(raw_lease("9", **SPEC)))
    leases.create("tidebridge", ORDER)
    assert leases.replace("tidebridge", ORDER, uid="u1", version="7").version == "9"
    made, replaced = transport.requests
    assert (made.method, made.path, replaced.method, replaced.path) == ("POST", PATH, "PUT", f"{PATH}/tidebridge")
    assert [(request.body or {})["spec"] for request in transport.requests] == [SPEC, SPEC]
    seen = [(request.body or {})["metadata"] for request in transport.requests]
    assert [(meta.get("uid"), meta.get("resourceVersion")) for meta in seen] == [(None, None), ("u1", "7")]


@pytest.mark.parametrize(
    ("reply", "error"),
    [(refusal_reply(409, "Conflict"), Conflict), (refusal_reply(404, "NotFound"), Conflict)],
    ids=["changed", "gone"],
)
def test_what_is_another_by_now_is_left(reply: StubReply, error: type[Exception]) -> None:
    leases, _ = leases_that_hear(reply)
    with pytest.raises(error):
        leases.replace("tidebridge", ORDER, uid="u1", version="7")


def test_a_second_one_of_its_name_is_refused() -> None:
    leases, _ = leases_that_hear(refusal_reply(409, "AlreadyExists"))
    with pytest.raises(AlreadyExists):
        leases.create("tidebridge", ORDER)


@pytest.mark.parametrize(
    "raw", [{"items": []}, raw_lease(leaseDurationSeconds="long"), {"metadata": {"name": "tidebridge"}}]
)
def test_an_answer_that_isnt_a_lease_is_an_outage(raw: dict[str, Any]) -> None:
    leases, _ = leases_that_hear(json_reply(raw))
    with pytest.raises(KubeUnavailable, match="isn't a Lease"):
        leases.get("tidebridge")
