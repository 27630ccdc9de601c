"""What the quotas' adapter says before a namespace's first quota, and how a fault in one leaves the others alone."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.adapters.quotas import NamespaceQuotas
from bridge.core.ledger import Side
from bridge.core.resources import Room
from bridge.core.tenants.facts import Leaf
from bridge.core.tenants.writes import Wanted
from bridge.ports import Denied, Rejected, Unavailable
from k8s_pool import FleetState, FleetView, Freshness, KubeUnavailable, parse_pod
from tests.build import AT
from tests.k8s_pool.stubs import HOME, StubReply, StubTransport, json_reply, page, raw_container, raw_pod, refusal_reply

AMOUNT = Room(cpu_millicores=1500, memory_mib=2048)
NONE_THERE = page()
FORBIDDEN = refusal_reply(
    403,
    "Forbidden",
    'resourcequotas is forbidden: User "tidebridge" cannot list resource "resourcequotas" in API group "" in the '
    'namespace "etl"',
)


def quota(namespace: str = "etl", *, managed_by: str = "tidebridge", **hard: str) -> dict[str, Any]:
    meta = {
        "namespace": namespace,
        "name": "tidebridge",
        "uid": "uid-1",
        "resourceVersion": "7",
        "labels": {"app.kubernetes.io/managed-by": managed_by},
    }
    return {"metadata": meta, "spec": {"hard": {f"requests.{key}": text for key, text in hard.items()}}}


def wanted(*namespaces: str, amount: Room = AMOUNT) -> tuple[Wanted, ...]:
    return tuple(Wanted(leaf=Leaf(side=Side.KUBERNETES, name=name), amount=amount) for name in namespaces)


def quotas(*replies: StubReply | KubeUnavailable, pods: tuple[dict[str, Any], ...] = ()) -> NamespaceQuotas:
    return NamespaceQuotas(StubTransport(list(replies)), lambda: _view(*pods))


def _view(*pods: dict[str, Any]) -> FleetView:
    state = FleetState()
    for raw in pods:
        state.put_pod(parse_pod(raw, home=HOME))
    return state.view(Freshness(synced_at=AT))


def bare(number: int) -> dict[str, Any]:
    """A pod that requests CPU alone."""
    return raw_pod(f"bare-{number}", "etl", containers=[raw_container(cpu="1")])


# --- The first quota


@pytest.mark.parametrize(
    ("count", "named"),
    [(1, "pods like bare-0: "), (5, "bare-3, bare-4: "), (8, "bare-3, bare-4 and 3 more: ")],
    ids=["one", "as many as are named", "more"],
)
def test_the_first_quota_names_pods_that_it_would_refuse(count: int, named: str) -> None:
    enforcer = quotas(NONE_THERE, pods=(raw_pod("whole", "etl"), *map(bare, range(count))))
    (draft,) = enforcer.drafts(wanted("etl"), enforcer.read(wanted("etl")))
    (note,) = draft.notes
    assert note.startswith("the first quota of namespace etl would refuse pods like bare-0")
    assert named in note
    assert note.endswith("add requests, or a LimitRange with defaults")


def test_a_first_quota_that_refuses_nobody_says_nothing() -> None:
    enforcer = quotas(NONE_THERE, pods=(raw_pod("whole", "etl"), raw_pod("bare", "shop", containers=[raw_container()])))
    (draft,) = enforcer.drafts(wanted("etl"), enforcer.read(wanted("etl")))
    assert draft.notes == ()


def test_a_later_quota_says_nothing_of_them() -> None:
    enforcer = quotas(page(quota(cpu="1", memory="1Gi")), pods=(bare(0),))
    (draft,) = enforcer.drafts(wanted("etl"), enforcer.read(wanted("etl")))
    assert [(change.key, change.before, change.after) for change in draft.changes] == [
        ("requests.cpu", "1000m", "1500m"),
        ("requests.memory", "1024Mi", "2048Mi"),
    ]
    assert draft.notes == ()


# --- Amounts


def test_an_amount_is_the_same_however_it_is_written() -> None:
    enforcer = quotas(page(quota(cpu="1.5", memory="2Gi")))
    assert enforcer.drafts(wanted("etl"), enforcer.read(wanted("etl"))) == ()


def test_a_quota_of_ours_that_lost_a_key_gets_it_back() -> None:
    enforcer = quotas(page(quota(cpu="1500m")))
    (draft,) = enforcer.drafts(wanted("etl"), enforcer.read(wanted("etl")))
    assert [(change.key, change.before) for change in draft.changes] == [("requests.memory", None)]


# --- Faults


def test_a_namespace_that_cant_be_read_is_a_problem_of_its_own() -> None:
    enforcer = quotas(FORBIDDEN, page(quota("shop", cpu="1", memory="2Gi")))
    leaves = wanted("etl", "shop")
    denied, drafted = enforcer.drafts(leaves, enforcer.read(leaves))
    assert denied.changes == ()
    assert "not allowed to read the quotas of namespace etl" in denied.problems[0]
    assert [change.leaf.name for change in drafted.changes] == ["shop"]
    assert drafted.problems == ()


def test_where_no_namespace_can_be_read_the_system_is_unread() -> None:
    with pytest.raises(Denied, match="namespace etl"):
        quotas(FORBIDDEN).read(wanted("etl"))
    with pytest.raises(Unavailable, match="namespace shop"):
        quotas(KubeUnavailable("silent"), KubeUnavailable("silent")).read(wanted("etl", "shop"))


def test_somebody_elses_quota_of_our_name_is_left() -> None:
    with pytest.raises(Rejected, match=r"label it app\.kubernetes\.io/managed-by=tidebridge"):
        quotas(page(quota(managed_by="helm", cpu="1"))).read(wanted("etl"))


def test_a_conflict_is_a_refusal_and_the_next_read_sees_what_is_there() -> None:
    there = page(quota(cpu="1", memory="1Gi"))
    enforcer = quotas(there, refusal_reply(409, "Conflict", "the object has been modified"))
    (draft,) = enforcer.drafts(wanted("etl"), enforcer.read(wanted("etl")))
    with pytest.raises(Rejected, match=r"write the quota of namespace etl: .*has been modified"):
        enforcer.write(draft)


def test_what_was_written_is_what_the_next_draft_starts_from() -> None:
    after = json_reply(quota(cpu="1500m", memory="2Gi"))
    transport = StubTransport([page(quota(cpu="1", memory="2Gi")), after])
    enforcer = NamespaceQuotas(transport, _view)
    (draft,) = enforcer.drafts(wanted("etl"), enforcer.read(wanted("etl")))
    enforcer.write(draft)
    request = transport.requests[-1]
    assert (request.method, request.path) == ("PUT", "/api/v1/namespaces/etl/resourcequotas/tidebridge")
    assert request.body is not None
    assert request.body["spec"] == {"hard": {"requests.cpu": "1500m", "requests.memory": "2048Mi"}}
    assert request.body["metadata"]["resourceVersion"] == "7"
