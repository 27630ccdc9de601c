from typing import Any

import pytest

from k8s_pool import AlreadyExists, Conflict, KubeAmount, KubeQuotas, KubeUnavailable, QuotaView
from k8s_pool.quotas import parse_quota
from tests.k8s_pool.stubs import StubReply, StubTransport, json_reply, page, refusal_reply

OURS = {"app.kubernetes.io/managed-by": "tidebridge"}
PATH = "/api/v1/namespaces/ads/resourcequotas"


def raw_quota(name: str = "tidebridge", **changes: Any) -> dict[str, Any]:
    hard = changes.pop("hard", {"requests.cpu": "4", "requests.memory": "8Gi"})
    return {
        "metadata": {
            "name": name,
            "namespace": "ads",
            "uid": f"uid-{name}",
            "resourceVersion": "7",
            "labels": changes.pop("labels", OURS),
        },
        "spec": {"hard": hard, **changes.pop("spec", {})},
        "status": changes.pop("status", {"hard": hard, "used": {"requests.cpu": "150m", "requests.memory": "1025Ki"}}),
    }


def quotas_that_hear(*replies: StubReply | KubeUnavailable) -> tuple[KubeQuotas, StubTransport]:
    transport = StubTransport(list(replies))
    return KubeQuotas(transport), transport


def test_every_quota_of_the_namespace_is_read_page_by_page() -> None:
    admins = raw_quota("compute", labels={}, hard={"pods": "10", "cpu": "2500u"}, spec={"scopes": ["BestEffort"]})
    quotas, transport = quotas_that_hear(page(raw_quota(), token="more"), page(admins))
    ours, other = quotas.list("ads")
    assert (ours.is_ours, other.is_ours) == (True, False)
    assert (ours.is_scoped, other.is_scoped) == (False, True)
    assert dict(other.hard) == {"pods": 10, "cpu": 2}
    assert [(request.path, dict(request.query).get("continue")) for request in transport.requests] == [
        (PATH, None),
        (PATH, "more"),
    ]


def test_room_is_rounded_down_and_use_up() -> None:
    quota = parse_quota(raw_quota(hard={"requests.cpu": "1500500u", "requests.memory": "1999Ki", "requests.gpu": "2"}))
    assert dict(quota.hard) == {"requests.cpu": 1500, "requests.memory": 1, "requests.gpu": 2}
    assert dict(quota.used) == {"requests.cpu": 150, "requests.memory": 2}


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        pytest.param({}, False, id="not looked at yet"),
        pytest.param({"hard": {"requests.cpu": "3"}, "used": {"requests.cpu": "0"}}, False, id="an older size"),
        pytest.param({"hard": {"requests.cpu": "4"}}, False, id="not counted yet"),
        pytest.param({"hard": {"requests.cpu": "4000m"}, "used": {"requests.cpu": "0"}}, True, id="counted"),
    ],
)
def test_a_quota_is_in_force_once_the_controller_has_counted(status: dict[str, Any], expected: bool) -> None:
    assert parse_quota(raw_quota(hard={"requests.cpu": "4"}, status=status)).is_in_force is expected


@pytest.mark.parametrize(
    ("name", "labels"),
    [("tidebridge", {}), ("tidebridge", {"app.kubernetes.io/managed-by": "helm"}), ("compute", OURS)],
)
def test_name_and_label_together_make_it_ours(name: str, labels: dict[str, str]) -> None:
    quota = parse_quota(raw_quota(name, labels=labels))
    quotas, transport = quotas_that_hear()
    assert not quota.is_ours
    with pytest.raises(ValueError, match="isn't ours"):
        quotas.write("ads", KubeAmount(), over=quota)
    with pytest.raises(ValueError, match="isn't ours"):
        quotas.delete(quota)
    assert transport.requests == []


def test_the_first_write_makes_it_with_name_and_label() -> None:
    quotas, transport = quotas_that_hear(json_reply(raw_quota(), 201))
    amount = KubeAmount(cpu_millicores=2500, memory_mib=4096, ephemeral_mib=7, extended={"nvidia.com/gpu": 1})
    assert quotas.write("ads", amount, over=None) == parse_quota(raw_quota())
    request = transport.only_request
    assert (request.method, request.path) == ("POST", PATH)
    assert request.body == {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "tidebridge", "namespace": "ads", "labels": OURS},
        "spec": {"hard": {"requests.cpu": "2500m", "requests.memory": "4096Mi", "requests.nvidia.com/gpu": "1"}},
    }


def test_a_change_replaces_exactly_what_was_read_and_keeps_what_others_noted_on_it() -> None:
    over = parse_quota(raw_quota(labels=OURS | {"team": "ads"}))
    quotas, transport = quotas_that_hear(json_reply(raw_quota()))
    quotas.write("ads", KubeAmount(cpu_millicores=1000), over=over)
    request = transport.only_request
    assert (request.method, request.path) == ("PUT", f"{PATH}/tidebridge")
    metadata = (request.body or {})["metadata"]
    assert (metadata["resourceVersion"], metadata["uid"]) == ("7", "uid-tidebridge")
    assert metadata["labels"] == OURS | {"team": "ads"}


def written_over(reply: StubReply) -> QuotaView:
    return quotas_that_hear(reply)[0].write("ads", KubeAmount(), over=parse_quota(raw_quota()))


@pytest.mark.parametrize("reply", [refusal_reply(409, "Conflict"), refusal_reply(404, "NotFound")])
def test_another_hands_change_in_between_is_a_conflict(reply: StubReply) -> None:
    with pytest.raises(Conflict):
        written_over(reply)


def test_one_that_is_there_already_is_not_made_again() -> None:
    quotas, _ = quotas_that_hear(refusal_reply(409, "AlreadyExists"))
    with pytest.raises(AlreadyExists):
        quotas.write("ads", KubeAmount(), over=None)


def test_deleting_names_what_was_read() -> None:
    quotas, transport = quotas_that_hear(json_reply({}), refusal_reply(404, "NotFound"), refusal_reply(409, "Conflict"))
    quota = parse_quota(raw_quota())
    assert quotas.delete(quota)
    body = transport.only_request.body or {}
    assert body["preconditions"] == {"uid": "uid-tidebridge", "resourceVersion": "7"}
    assert not quotas.delete(quota)
    with pytest.raises(Conflict):
        quotas.delete(quota)


@pytest.mark.parametrize("body", [{}, {"items": []}, {"metadata": {}, "items": 3}])
def test_what_is_no_list_is_an_outage(body: dict[str, Any]) -> None:
    quotas, _ = quotas_that_hear(json_reply(body))
    with pytest.raises(KubeUnavailable, match="isn't a list"):
        quotas.list("ads")


def test_a_quota_that_is_not_understood_is_an_outage() -> None:
    quotas, _ = quotas_that_hear(page(raw_quota(hard={"requests.cpu": "lots"})))
    with pytest.raises(KubeUnavailable, match="not understood"):
        quotas.list("ads")
