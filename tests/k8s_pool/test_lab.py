"""The same claims against a real API server; needs the lab's environment (`lab/enter`)."""

import os
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest
import yaml

from k8s_pool import (
    AlreadyExists,
    ContainerSize,
    FleetWatch,
    Forbidden,
    KubeApi,
    KubeError,
    KubePool,
    KubeUnavailable,
    MissingRight,
    Pace,
    PodOrder,
    PodTemplate,
    QuotaRefused,
    Refused,
    Request,
    Timeouts,
    connect,
    read_fleet,
    render,
)
from k8s_pool.reflector import watch_request
from k8s_pool.replies import call, parse_object
from k8s_pool.rights import needed_rights
from k8s_pool.template import check
from tests.k8s_pool.lab import RBAC, connect_as, put

pytestmark = pytest.mark.lab

PLACE = "k8s-pool-claims"
"""A namespace of this file's own."""


@pytest.fixture(scope="module")
def admin() -> Iterator[KubeApi]:
    if "TIDEBRIDGE_LAB" not in os.environ:
        pytest.fail("start the lab with 'make lab-up', and run this by lab/enter")
    with closing(connect()) as api:
        for path, body in (
            ("/api/v1/namespaces", {"metadata": {"name": PLACE}}),
            (f"/api/v1/namespaces/{PLACE}/serviceaccounts", {"metadata": {"name": "lender"}}),
        ):
            with suppress(AlreadyExists):
                call(api, Request(method="POST", path=path, body=body))
        yield api
        for path in (
            f"{RBAC}/clusterrolebindings/{PLACE}",
            f"{RBAC}/clusterroles/{PLACE}",
            f"/api/v1/namespaces/{PLACE}",
        ):
            with suppress(Refused):
                call(api, Request(method="DELETE", path=path))


@pytest.fixture
def template() -> PodTemplate:
    """Pods that no node takes: the claims are about the API server."""
    containers = [{"name": "nodemanager", "image": "none.invalid/none:1"}]
    body = {"apiVersion": "v1", "kind": "Pod", "spec": {"restartPolicy": "Never", "containers": containers}}
    return check(body, Path("lab.yaml"))


def order(promise: str) -> PodOrder:
    return PodOrder(
        pool="claims",
        promise=promise,
        node="no-such-node",
        vcores=1,
        nm_memory_mib=512,
        size=ContainerSize(cpu_request_millicores=100, memory_request_mib=64),
        deadline_at=datetime.now(UTC) + timedelta(minutes=5),
        active_deadline_s=300,
    )


def grant(admin: KubeApi, rights: Sequence[MissingRight]) -> None:
    """Give the service account *rights* and no others."""
    subject = {"kind": "ServiceAccount", "name": "lender", "namespace": PLACE}
    for is_cluster in (True, False):
        kind = "ClusterRole" if is_cluster else "Role"
        base = RBAC if is_cluster else f"{RBAC}/namespaces/{PLACE}"
        rules = [
            {"apiGroups": [""], "resources": [right.resource], "verbs": [right.verb]}
            for right in rights
            if (right.namespace is None) is is_cluster
        ]
        ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": PLACE}
        put(admin, f"{base}/{kind.lower()}s", {"metadata": {"name": PLACE}, "rules": rules})
        bound = {"metadata": {"name": PLACE}, "roleRef": ref, "subjects": [subject]}
        put(admin, f"{base}/{kind.lower()}bindings", bound)


@pytest.fixture
def lender(admin: KubeApi, tmp_path: Path) -> KubeApi:
    """The API server as the service account sees it."""
    return connect_as(admin, PLACE, "lender", tmp_path)


def until_missing(pool: KubePool, expected: Sequence[MissingRight]) -> tuple[MissingRight, ...]:
    """The authorizer hears of a changed role a moment later."""
    until = monotonic() + 10
    while (missing := pool.missing_rights()) != tuple(expected) and monotonic() < until:
        sleep(0.1)
    return missing


def use_all(api: KubeApi, template: PodTemplate, promise: str) -> None:
    """Make each call of the package once, an Event twice."""
    pool = KubePool(api, PLACE)
    body = render(template, order(promise))
    pod = pool.create_pod(body)
    try:
        assert pod.is_elastic
        pool.resize_pod(pod.name, uid=pod.uid, size=ContainerSize(cpu_request_millicores=200, memory_request_mib=64))
        pool.stamp_pod(pod.name, uid=pod.uid, priority=1)
        for _ in range(2):
            pool.emit_event(reason="Claim", message=f"about {promise}", at=datetime.now(UTC))
        pool.emit_event(reason="Claim", message="about a pod", at=datetime.now(UTC), about=pool.get_pod(pod.name))
        with FleetWatch(api, namespace=PLACE, pace=Pace(watch_s=1)) as watch:
            until = monotonic() + 4
            while monotonic() < until and not _errors(watch):
                sleep(0.1)
            if error := _errors(watch):
                raise KubeUnavailable(error)
            assert pod.name in {each.name for each in watch.view().elastic}
    finally:
        assert pool.delete_pod(pod.name, uid=pod.uid, grace_s=1)


def _errors(watch: FleetWatch) -> str | None:
    try:
        return watch.view().freshness.last_error
    except KubeUnavailable as error:
        return str(error) if "forbidden" in str(error) else None


def test_the_smallest_rights_suffice(admin: KubeApi, lender: KubeApi, template: PodTemplate) -> None:
    grant(admin, needed_rights(PLACE))
    assert until_missing(KubePool(lender, PLACE), ()) == ()
    use_all(lender, template, "suffice")


@pytest.mark.parametrize("right", needed_rights(PLACE), ids=str)
def test_each_right_is_needed_and_named_when_it_is_missing(
    admin: KubeApi, lender: KubeApi, template: PodTemplate, right: MissingRight
) -> None:
    grant(admin, [each for each in needed_rights(PLACE) if each != right])
    assert until_missing(KubePool(lender, PLACE), [right]) == (right,)
    with pytest.raises(KubeError) as caught:
        use_all(lender, template, f"needs-{right.verb}-{right.resource.replace('/', '-')}")
    assert f'cannot {right.verb} resource "{right.resource}"' in str(caught.value)
    if isinstance(caught.value, Forbidden):
        assert (caught.value.verb, caught.value.resource, caught.value.namespace) == (
            right.verb,
            right.resource,
            right.namespace,
        )
    leftover = KubePool(admin, PLACE)
    for pod in read_fleet(admin, namespace=PLACE).elastic:
        leftover.delete_pod(pod.name, uid=pod.uid, grace_s=1)


def test_a_second_create_meets_the_first_and_a_delete_hits_only_its_own_uid(
    admin: KubeApi, template: PodTemplate
) -> None:
    pool = KubePool(admin, PLACE)
    body = render(template, order("once"))
    pod = pool.create_pod(body)
    with pytest.raises(AlreadyExists):
        pool.create_pod(body)
    again = pool.get_pod(pod.name)
    assert again is not None
    assert again.uid == pod.uid
    assert not pool.delete_pod(pod.name, uid="00000000-0000-0000-0000-000000000000", grace_s=1)
    assert pool.delete_pod(pod.name, uid=pod.uid, grace_s=1)
    assert not pool.delete_pod(pod.name, uid=pod.uid, grace_s=1)


def test_a_misspelt_field_is_refused(admin: KubeApi, template: PodTemplate) -> None:
    body = render(template, order("typo"))
    body["spec"]["activeDeadlineSecond"] = 5
    with pytest.raises(Refused, match="activeDeadlineSecond"):
        KubePool(admin, PLACE).create_pod(body)


def test_a_used_up_quota_is_no_missing_right(admin: KubeApi, template: PodTemplate) -> None:
    path = f"/api/v1/namespaces/{PLACE}/resourcequotas"
    call(admin, Request(method="POST", path=path, body={"metadata": {"name": "none"}, "spec": {"hard": {"pods": "0"}}}))
    try:
        with pytest.raises(QuotaRefused):
            _until_enforced(KubePool(admin, PLACE), render(template, order("quota")))
    finally:
        call(admin, Request(method="DELETE", path=f"{path}/none"))


def _until_enforced(pool: KubePool, body: dict[str, Any]) -> None:
    """Create until it is refused; a new quota isn't in force before its first status."""
    for _ in range(50):
        with suppress(AlreadyExists):
            pod = pool.create_pod(body)
            pool.delete_pod(pod.name, uid=pod.uid, grace_s=1)
        sleep(0.1)


def test_a_version_of_long_ago_is_gone(admin: KubeApi, things: str) -> None:
    with closing(admin.send(watch_request(things, Pace(watch_s=1), "1"))) as reply:
        assert reply.status == 200
        event = parse_object(next(iter(reply.lines())))
    assert (event["type"], event["object"]["code"]) == ("ERROR", 410)


@pytest.fixture
def things(admin: KubeApi) -> Iterator[str]:
    """The path of a resource made just now, so that the API server's memory of its changes is short."""
    crds, group = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", "claims.example.com"
    schema = {"openAPIV3Schema": {"type": "object"}}
    spec = {
        "group": group,
        "names": {"plural": "things", "singular": "thing", "kind": "Thing", "listKind": "ThingList"},
        "scope": "Cluster",
        "versions": [{"name": "v1", "served": True, "storage": True, "schema": schema}],
    }
    call(admin, Request(method="POST", path=crds, body={"metadata": {"name": f"things.{group}"}, "spec": spec}))
    path = f"/apis/{group}/v1/things"
    for _ in range(100):
        with suppress(KubeError):
            call(admin, Request(method="GET", path=path))
            break
        sleep(0.1)
    yield path
    call(admin, Request(method="DELETE", path=f"{crds}/things.{group}"))


def test_a_watch_that_is_ended_by_the_server_resumes_and_stops_at_once(admin: KubeApi) -> None:
    watch = FleetWatch(admin, namespace=PLACE, pace=Pace(watch_s=1))
    with watch:
        assert watch.wait_synced(10)
        sleep(3.5)
        fresh = watch.view().freshness
        assert fresh.last_error is None
        assert max(fresh.nodes_stale_s, fresh.pods_stale_s) < 2
        started_at = monotonic()
    assert monotonic() - started_at < 1


def test_an_address_where_nobody_answers_is_unavailable(admin: KubeApi, tmp_path: Path) -> None:
    kubeconfig = yaml.safe_load(Path(os.environ["KUBECONFIG"]).read_text(encoding="utf-8"))
    kubeconfig["clusters"][0]["cluster"] = {"server": "https://127.0.0.1:1"}
    written = tmp_path / "kubeconfig"
    written.write_text(yaml.safe_dump(kubeconfig), encoding="utf-8")
    api = connect(kubeconfig=written, timeouts=Timeouts(connect_s=1, read_s=1))
    with pytest.raises(KubeUnavailable):
        KubePool(api, PLACE).server_version()
