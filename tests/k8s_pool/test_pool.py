from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from k8s_pool import (
    AlreadyExists,
    EventType,
    Forbidden,
    KubeError,
    KubePool,
    KubeUnavailable,
    MissingRight,
    QuotaRefused,
    Refused,
    ServerVersion,
    parse_pod,
)
from k8s_pool.rights import lease_rights, metrics_rights, needed_rights, tenant_rights
from tests.k8s_pool.stubs import HOME, StubReply, StubTransport, json_reply, raw_elastic, raw_pod, refusal_reply

AT = datetime(2026, 1, 1, 6, 30, tzinfo=UTC)
NO_RIGHT = (
    'pods is forbidden: User "system:serviceaccount:tidebridge:tidebridge" cannot create resource "pods" '
    'in API group "" in the namespace "tidebridge"'
)
QUOTA = 'pods "nm-night-p1" is forbidden: exceeded quota: small, requested: pods=1, used: pods=2, limited: pods=2'


def pool_that_hears(*replies: StubReply | KubeUnavailable) -> tuple[KubePool, StubTransport]:
    transport = StubTransport(list(replies))
    return KubePool(transport, HOME), transport


def test_a_created_pod_comes_back_as_a_view_and_misspelt_fields_are_refused() -> None:
    pool, transport = pool_that_hears(json_reply(raw_elastic("p1"), 201))
    assert pool.create_pod({"kind": "Pod"}) == parse_pod(raw_elastic("p1"), home=HOME)
    request = transport.only_request
    assert (request.method, request.path) == ("POST", "/api/v1/namespaces/tidebridge/pods")
    assert request.query == (("fieldValidation", "Strict"),)


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        pytest.param(refusal_reply(409, "AlreadyExists"), AlreadyExists, id="the name is taken"),
        pytest.param(refusal_reply(403, "Forbidden", QUOTA), QuotaRefused, id="a used-up quota is no missing right"),
        pytest.param(refusal_reply(403, "Forbidden", NO_RIGHT), Forbidden, id="a missing right"),
        pytest.param(
            refusal_reply(403, "Forbidden", 'pods "x" is forbidden: violates PodSecurity "baseline:latest"'),
            Refused,
            id="an admission plugin's refusal is no missing right",
        ),
        pytest.param(refusal_reply(422, "Invalid"), Refused, id="an invalid body"),
        pytest.param(refusal_reply(401, "Unauthorized"), Refused, id="credentials that aren't accepted"),
        pytest.param(refusal_reply(404, "NotFound", 'namespaces "tidebridge" not found'), Refused, id="no namespace"),
        pytest.param(refusal_reply(500, "InternalError"), KubeUnavailable, id="a server error"),
        pytest.param(refusal_reply(429, "TooManyRequests"), KubeUnavailable, id="too busy"),
        pytest.param(StubReply(status=404, body=b"<html>nginx</html>"), KubeUnavailable, id="a proxy's 404"),
        pytest.param(StubReply(status=200, body=b"<html>login</html>"), KubeUnavailable, id="a 200 that isn't JSON"),
        pytest.param(StubReply(status=302, body=b""), KubeUnavailable, id="a redirect"),
        pytest.param(StubReply(broken=True), KubeUnavailable, id="a reply that breaks off"),
    ],
)
def test_a_failed_create_says_which_failure_it_was(reply: StubReply, expected: type[KubeError]) -> None:
    pool, _ = pool_that_hears(reply)
    with pytest.raises(KubeError) as caught:
        pool.create_pod({"kind": "Pod"})
    assert type(caught.value) is expected
    assert reply.closed


def test_a_missing_right_is_named() -> None:
    pool, _ = pool_that_hears(refusal_reply(403, "Forbidden", NO_RIGHT))
    with pytest.raises(Forbidden) as caught:
        pool.create_pod({"kind": "Pod"})
    assert (caught.value.verb, caught.value.resource, caught.value.namespace) == ("create", "pods", "tidebridge")


def test_a_delete_names_the_uid_and_the_grace() -> None:
    pool, transport = pool_that_hears(json_reply(raw_elastic("p1")))
    assert pool.delete_pod("nm-night-p1", uid="u1", grace_s=10)
    body = transport.only_request.body
    assert body is not None
    assert (body["preconditions"], body["gracePeriodSeconds"]) == ({"uid": "u1"}, 10)


def test_a_delete_without_a_uid_goes_by_the_name_alone() -> None:
    pool, transport = pool_that_hears(json_reply(raw_elastic("p1")))
    assert pool.delete_pod("nm-night-p1", uid=None, grace_s=10)
    assert "preconditions" not in (transport.only_request.body or {})


def test_a_server_that_keeps_a_write_waiting_is_not_waited_for_as_for_a_list() -> None:
    pool, transport = pool_that_hears(json_reply(raw_elastic("p1")), json_reply({}), json_reply({}))
    pool.delete_pod("nm-night-p1", uid="u1", grace_s=10)
    pool.stamp_pod("nm-night-p1", uid="u1", priority=1)
    pool.emit_event(reason="Why", message="what", at=datetime(2026, 2, 2, tzinfo=UTC))
    assert [request.read_timeout_s for request in transport.requests] == [10.0, 10.0, 3.0]


@pytest.mark.parametrize("reply", [refusal_reply(404, "NotFound"), refusal_reply(409, "Conflict")])
def test_deleting_a_pod_that_is_gone_or_another_is_no_error(reply: StubReply) -> None:
    pool, _ = pool_that_hears(reply)
    assert not pool.delete_pod("nm-night-p1", uid="u1", grace_s=10)


def test_a_pod_that_is_not_there_is_none() -> None:
    pool, _ = pool_that_hears(refusal_reply(404, "NotFound"), json_reply(raw_pod("web", HOME)))
    assert pool.get_pod("nm-night-p1") is None
    assert pool.get_pod("web") == parse_pod(raw_pod("web", HOME), home=HOME)


def test_saying_the_same_again_moves_the_time_of_the_one_event() -> None:
    pool, transport = pool_that_hears(json_reply({}, 201), refusal_reply(409, "AlreadyExists"), json_reply({}))
    pool.emit_event(reason="WouldCreate", message="2 pods", at=AT)
    pool.emit_event(reason="WouldCreate", message="2 pods", at=AT.replace(hour=7))
    first, _, patch = transport.requests
    assert first.body is not None
    assert (patch.method, patch.path) == ("PATCH", f"{first.path}/{first.body['metadata']['name']}")
    assert patch.body == {"lastTimestamp": "2026-01-01T07:30:00Z"}


def test_an_event_about_a_pod_names_it() -> None:
    pool, transport = pool_that_hears(json_reply({}, 201))
    about = parse_pod(raw_elastic("p1"), home=HOME)
    pool.emit_event(reason="WouldDelete", message="x" * 2000, at=AT, kind=EventType.WARNING, about=about)
    body = transport.only_request.body
    assert body is not None
    assert body["involvedObject"]["uid"] == about.uid
    assert (body["type"], len(body["message"])) == ("Warning", 1024)


def test_missing_rights_are_those_not_clearly_granted() -> None:
    needed = needed_rights(HOME)
    answers = [{"status": {"allowed": right.verb != "watch"}} for right in needed]
    pool, _ = pool_that_hears(*map(json_reply, answers))
    assert pool.missing_rights() == (
        MissingRight(verb="watch", resource="nodes", namespace=None),
        MissingRight(verb="watch", resource="pods", namespace=None),
    )
    silent, _ = pool_that_hears(*(json_reply({}) for _ in needed))
    assert silent.missing_rights() == needed


def granted_by(path: str) -> set[tuple[str, str, str, str | None]]:
    documents: list[dict[str, Any]] = list(yaml.safe_load_all(Path(path).read_text(encoding="utf-8")))
    return {
        (verb, resource, group, role["metadata"].get("namespace"))
        for role in documents
        if role["kind"] in ("Role", "ClusterRole")
        for rule in role["rules"]
        for verb in rule["verbs"]
        for resource in rule["resources"]
        for group in rule["apiGroups"]
    }


def test_rbac_grants_exactly_the_rights_in_use() -> None:
    needed = needed_rights("tidebridge")
    assert granted_by("config/rbac.yaml") == {(each.verb, each.resource, each.group, each.namespace) for each in needed}


def test_rbac_for_a_lease_grants_exactly_the_rights_in_use() -> None:
    needed = lease_rights("tidebridge")
    granted = granted_by("config/rbac-lease.yaml")
    assert granted == {(each.verb, each.resource, each.group, each.namespace) for each in needed}


def test_rbac_for_metrics_grants_exactly_the_rights_in_use() -> None:
    needed = metrics_rights("tidebridge")
    granted = granted_by("config/rbac-metrics.yaml")
    assert granted == {(each.verb, each.resource, each.group, each.namespace) for each in needed}


def test_rbac_for_tenants_grants_exactly_the_rights_in_use() -> None:
    """Its rights are bound in each namespace, so the role itself has none."""
    needed = tenant_rights(("ads",))
    assert granted_by("config/rbac-tenants.yaml") == {(each.verb, each.resource, each.group, None) for each in needed}


def test_rights_missing_in_a_tenants_namespace_are_named() -> None:
    needed = (*needed_rights(HOME), *tenant_rights(("ads", "etl")))
    answers = [{"status": {"allowed": right.resource != "pods/eviction"}} for right in needed]
    pool, transport = pool_that_hears(*map(json_reply, answers))
    missing = pool.missing_rights(("ads", "etl"))
    assert [str(right) for right in missing] == ["create pods/eviction in ads", "create pods/eviction in etl"]
    bodies = [request.body or {} for request in transport.requests]
    asked = [body["spec"]["resourceAttributes"] for body in bodies]
    assert {"verb": "list", "group": "apps", "resource": "replicasets", "subresource": "", "namespace": "etl"} in asked
    assert asked[-1]["subresource"] == "eviction"


def test_a_providers_version_is_read() -> None:
    pool, _ = pool_that_hears(json_reply({"major": "1", "minor": "28+", "gitVersion": "v1.28.5-gke.1"}))
    assert pool.server_version() == ServerVersion(major=1, minor=28, git_version="v1.28.5-gke.1")
    other, _ = pool_that_hears(json_reply({"hello": "world"}))
    with pytest.raises(KubeUnavailable):
        other.server_version()
