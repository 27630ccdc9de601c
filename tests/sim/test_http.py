"""Over HTTP the real clients read what the direct ports say, and do what they do."""

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import requests

import k8s_pool
import yarn_client
from bridge.core.resources import Resources
from bridge.core.snapshot import CannotResize, PodPhase
from bridge.ports import Denied, Unavailable
from bridge.sim import Served, SimConfig, serve
from k8s_pool import ContainerSize, FleetView, KubePool, PodOrder
from tests.sim.build import LABEL, NM_SIZE, Pool, make_job, make_service
from yarn_client import AppState, NodeState, YarnClient, YarnResource

TEMPLATE = """\
apiVersion: v1
kind: Pod
spec:
  restartPolicy: Never
  terminationGracePeriodSeconds: 10
  containers:
  - {name: nodemanager, image: "registry.example/nodemanager:1"}
"""


class Wire:
    """A served world and the real clients on it."""

    def __init__(self, served: Served, pool: Pool, api: k8s_pool.KubeApi, template: k8s_pool.PodTemplate) -> None:
        self.served = served
        self.direct = pool
        self.api = api
        self.template = template
        self.kube = KubePool(api, "tidebridge")
        self.yarn = YarnClient([served.yarn_url])

    def order(self, promise: str = "p1", lender: str = "lender-1") -> dict[str, object]:
        order = PodOrder(
            pool="night",
            promise=promise,
            node=lender,
            vcores=NM_SIZE.vcores,
            nm_memory_mib=NM_SIZE.memory_mib,
            size=ContainerSize(cpu_request_millicores=4000, memory_request_mib=9216),
            node_label=LABEL,
            deadline_at=self.direct.world.now + timedelta(hours=8),
            active_deadline_s=86400,
            grace_s=10,
        )
        return k8s_pool.render(self.template, order)

    def fleet(self) -> FleetView:
        return k8s_pool.read_fleet(self.api, namespace="tidebridge")


@pytest.fixture
def wire(tmp_path: Path) -> Iterator[Wire]:
    pool = Pool()
    pool.world.start_service(make_service(0.25))
    pool.world.pass_time(5)
    (tmp_path / "pod.yaml").write_text(TEMPLATE)
    with serve(pool.world) as served:
        (tmp_path / "kubeconfig").write_text(served.kubeconfig)
        api = k8s_pool.connect(kubeconfig=tmp_path / "kubeconfig", in_cluster=False)
        wire = Wire(served, pool, api, k8s_pool.load(tmp_path / "pod.yaml"))
        yield wire
        wire.yarn.close()
        api.close()


def _eventually(is_so: Callable[[], bool]) -> None:
    ends_at = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < ends_at
        time.sleep(0.02)


def test_a_pod_made_over_http_is_the_pod_made_directly(wire: Wire) -> None:
    wire.kube.create_pod(wire.order("p1"))
    wire.direct.create("p2")
    wire.served.pass_time(5)
    over_http, directly = wire.direct.pod("p1"), wire.direct.pod("p2")
    assert (over_http.shape, over_http.requests, over_http.deadline) == (
        directly.shape,
        directly.requests,
        directly.deadline,
    )
    views = {view.promise: view for view in wire.fleet().elastic}
    assert views["p1"].requests == views["p2"].requests
    assert views["p1"].deadline_at == views["p2"].deadline_at == over_http.deadline
    assert [views[name].ip for name in ("p1", "p2")] == [over_http.ip, directly.ip]


def test_the_fleet_over_http_is_the_fleet_of_the_port(wire: Wire) -> None:
    wire.kube.create_pod(wire.order())
    wire.served.pass_time(2)
    facts = wire.direct.kube.observe()
    rooms = k8s_pool.lenders(wire.fleet(), node_selector={"lend": "true"})
    assert [
        (room.node.name, room.allocatable.cpu_millicores, room.allocatable.memory_mib, room.online.cpu_millicores)
        for room in rooms
    ] == [
        (one.name, one.allocatable.cpu_millicores, one.allocatable.memory_mib, one.online.cpu_millicores)
        for one in facts.lenders
    ]
    assert [room.elastic.cpu_millicores for room in rooms] == [4000, 0, 0]


def test_a_cordoned_lender_is_refused_over_http_as_well(wire: Wire) -> None:
    wire.direct.world.cordon("lender-2")
    rooms = k8s_pool.lenders(wire.fleet(), node_selector={"lend": "true"})
    expected = [lender.refusal and lender.refusal.value for lender in wire.direct.kube.observe().lenders]
    assert [room.refusal and room.refusal.value for room in rooms] == expected


def test_a_second_create_meets_the_first(wire: Wire) -> None:
    wire.kube.create_pod(wire.order())
    with pytest.raises(k8s_pool.AlreadyExists):
        wire.kube.create_pod(wire.order())


def test_a_pod_is_deleted_by_its_uid_only(wire: Wire) -> None:
    pod = wire.kube.create_pod(wire.order())
    wire.served.pass_time(3)
    assert not wire.kube.delete_pod(pod.name, uid="another", grace_s=10)
    assert wire.kube.delete_pod(pod.name, uid=pod.uid, grace_s=10)
    wire.served.pass_time(3)
    assert wire.kube.get_pod(pod.name) is None


def test_a_watch_brings_every_change(wire: Wire) -> None:
    with k8s_pool.FleetWatch(wire.api, namespace="tidebridge") as fleet:
        assert fleet.wait_synced(10)
        pod = wire.kube.create_pod(wire.order())
        wire.served.pass_time(2)
        _eventually(lambda: [view.phase.value for view in fleet.view().elastic] == [PodPhase.RUNNING.value])
        wire.direct.world.cordon("lender-3")
        _eventually(lambda: fleet.view().nodes["lender-3"].is_unschedulable)
        wire.kube.delete_pod(pod.name, uid=pod.uid, grace_s=1)
        wire.served.pass_time(2)
        _eventually(lambda: not fleet.view().elastic)


def test_a_watch_from_too_far_back_is_expired(wire: Wire) -> None:
    reply = requests.get(
        f"{wire.served.kube_url}/api/v1/pods",
        params={"watch": "true", "resourceVersion": "1", "timeoutSeconds": "1"},
        timeout=10,
    )
    assert reply.json()["object"]["code"] == 410


def test_a_long_list_comes_in_pages(wire: Wire) -> None:
    whole = wire.fleet()
    paged = k8s_pool.read_fleet(wire.api, namespace="tidebridge", pace=k8s_pool.Pace(page_size=5))
    assert len(whole.pods) == 12
    assert paged.pods == whole.pods


def test_rights_version_and_events_are_answered(wire: Wire) -> None:
    assert wire.kube.missing_rights() == ()
    assert wire.kube.server_version().minor == 34
    for _ in range(2):
        wire.kube.emit_event(reason="Lent", message="8 cores", at=wire.direct.world.now)
    assert [(reason, message) for _, reason, message in wire.direct.world.kube.events] == [("Lent", "8 cores")]


def test_failures_look_like_outages_and_missing_rights(wire: Wire) -> None:
    wire.direct.world.fail_next("kube.create", Unavailable("lost"), took_effect=True)
    with pytest.raises(k8s_pool.KubeUnavailable):
        wire.kube.create_pod(wire.order())
    assert len(wire.direct.kube.observe().pods) == 1
    text = 'pods is forbidden: User "sim" cannot create resource "pods" in API group "" in the namespace "tidebridge"'
    wire.direct.world.fail_next("kube.create", Denied(text))
    with pytest.raises(k8s_pool.Forbidden):
        wire.kube.create_pod(wire.order("p2"))
    wire.direct.world.break_kube(30)
    with pytest.raises(k8s_pool.KubeUnavailable):
        wire.fleet()


def test_nodes_over_http_are_the_nodes_of_the_port(wire: Wire) -> None:
    wire.direct.serve()
    wire.direct.world.submit(make_job())
    wire.served.pass_time(10)
    reports = wire.yarn.nodes([NodeState.RUNNING])
    assert [
        (one.node_id, one.total.vcores, one.used.vcores, one.used.memory_mib, one.containers, one.label or None)
        for one in reports
    ] == [
        (one.node_id, one.total.vcores, one.used.vcores, one.used.memory_mib, one.containers, one.label)
        for one in wire.direct.yarn.observe().nodes
    ]


def test_what_waits_over_http_is_what_waits_at_the_port(wire: Wire) -> None:
    wire.direct.world.submit(make_job(tasks=30))
    wire.direct.world.submit(make_job(tasks=3, id="second"))
    wire.direct.world.submit(make_job(tasks=3, id="third"))
    wire.served.pass_time(10)
    running = wire.yarn.apps([AppState.RUNNING])
    waiting = [request.num_containers for app in running for request in app.resource_requests]
    accepted = wire.yarn.apps([AppState.ACCEPTED])
    facts = wire.direct.yarn.observe()
    assert (sum(waiting), len(accepted)) == (sum(wait.count for wait in facts.waiting), facts.ams_waiting) == (33, 1)
    assert {app.am_node_id for app in running} == {node.node_id for node in facts.nodes if node.has_am}
    root = wire.yarn.scheduler().root
    assert [use.pending.vcores for use in root.uses] == [sum(waiting) + len(accepted)]


def test_labels_are_read_back_one_or_many(wire: Wire) -> None:
    assert wire.yarn.labels() == (yarn_client.NodeLabel(name=LABEL, exclusive=False),)
    wire.yarn.add_label("gpu", exclusive=True)
    assert len(wire.yarn.labels()) == 2
    assert wire.yarn.node_to_labels() == {}
    wire.yarn.map_labels({"10.0.0.4": LABEL, "10.0.0.5": LABEL})
    assert wire.direct.yarn.observe().label_by_host == {"10.0.0.4": LABEL, "10.0.0.5": LABEL}
    wire.yarn.map_labels({"10.0.0.4": None})
    assert wire.yarn.node_to_labels() == {"10.0.0.5:0": (LABEL,)}
    with pytest.raises(yarn_client.RmRefused):
        wire.yarn.map_labels({"10.0.0.4": "unknown"})


def test_a_cleared_label_is_an_empty_word(wire: Wire) -> None:
    node = wire.direct.serve()
    wire.direct.yarn.map_label(node.host, None)
    reply = requests.get(f"{wire.served.yarn_url}/ws/v1/cluster/nodes/{node.node_id}", timeout=10)
    assert reply.json()["node"]["nodeLabels"] == [""]


def test_a_resize_over_http_is_done_and_answers_the_old_total(wire: Wire) -> None:
    body = '{"resource":{"memory":2048,"vCores":1},"overCommitTimeout":-1}'
    url = f"{wire.served.yarn_url}/ws/v1/cluster/nodes/static-1:8041"
    reply = requests.post(f"{url}/resource", data=body, timeout=10)
    assert reply.json()["resourceInfo"]["memory"] == 4096
    assert wire.yarn.node("static-1:8041").total == YarnResource(vcores=1, memory_mib=2048)


@pytest.mark.parametrize(
    ("body", "total"),
    [
        ('{"resource":{"memory":1700.7,"vCores":7},"overCommitTimeout":-1}', (7, 0)),
        ('{"resource":{"memory":1700,"vcores":6},"overCommitTimeout":-1}', (0, 1700)),
        ('{"resource":{"memory":"1600","vCores":"7"},"overCommitTimeout":"-1"}', (7, 1600)),
        ('{"resourceOption":{"resource":{"memory":1,"vCores":1}}}', (0, 0)),
        ("{}", (0, 0)),
    ],
)
def test_what_a_resize_misspells_is_nothing(wire: Wire, body: str, total: tuple[int, int]) -> None:
    url = f"{wire.served.yarn_url}/ws/v1/cluster/nodes/static-1:8041/resource"
    assert requests.post(url, data=body, timeout=10).status_code == 200
    node = wire.direct.node("static-1:8041")
    assert node.total == Resources(vcores=total[0], memory_mib=total[1])


def test_refusals_have_the_status_of_the_real_one(wire: Wire) -> None:
    size = YarnResource(vcores=1, memory_mib=1024)
    with pytest.raises(yarn_client.NotFound):
        wire.yarn.resize_node("10.9.9.9:8041", size, overcommit_timeout_ms=-1)
    node = wire.direct.serve()
    wire.direct.delete()
    with pytest.raises(yarn_client.NodeNotUpdatable):
        wire.yarn.resize_node(node.node_id, size, overcommit_timeout_ms=-1)
    broken = requests.post(f"{wire.served.yarn_url}/ws/v1/cluster/nodes/x:1/resource", data="{", timeout=10)
    assert broken.status_code == 400


def test_custom_resources_are_seen_and_a_resize_drops_them(wire: Wire) -> None:
    wire.direct.world.yarn.node("static-1:8041").carry_gpu()
    size = YarnResource(vcores=1, memory_mib=1024)
    assert wire.yarn.node("static-1:8041").custom_resources == (("yarn.io/gpu", 1),)
    with pytest.raises(yarn_client.CustomResourcesAtRisk):
        wire.yarn.resize_node("static-1:8041", size, overcommit_timeout_ms=-1)
    body = '{"resource":{"memory":1024,"vCores":1},"overCommitTimeout":-1}'
    requests.post(f"{wire.served.yarn_url}/ws/v1/cluster/nodes/static-1:8041/resource", data=body, timeout=10)
    assert wire.yarn.node("static-1:8041").custom_resources == ()


def test_a_restart_is_seen_over_http(wire: Wire) -> None:
    start = wire.direct.world.now
    assert wire.yarn.cluster_info().started_at < start
    wire.direct.world.restart_rm(5)
    with pytest.raises(yarn_client.RmUnavailable):
        wire.yarn.cluster_info()
    wire.served.pass_time(6)
    assert wire.yarn.cluster_info().started_at == start + timedelta(seconds=5)
    assert wire.yarn.nodes([NodeState.RUNNING]) == ()


def test_the_minimum_allocation_is_read(wire: Wire) -> None:
    least = SimConfig().minimum
    assert wire.yarn.minimum_allocation() == YarnResource(vcores=least.vcores, memory_mib=least.memory_mib)


def test_a_finished_application_holds_less_than_nothing(wire: Wire) -> None:
    wire.direct.world.submit(make_job(tasks=1, task_s=1))
    wire.served.pass_time(20)
    reply = requests.get(f"{wire.served.yarn_url}/ws/v1/cluster/apps?states=FINISHED", timeout=10).json()
    assert reply["apps"]["app"][0]["allocatedMB"] == -1
    assert requests.get(f"{wire.served.yarn_url}/ws/v1/cluster/apps?states=FOO", timeout=10).status_code == 400


@pytest.mark.parametrize(
    ("hindrance", "expected", "status"),
    [(CannotResize.NOT_SERVED, "not_served", 404), (CannotResize.NOT_PERMITTED, "not_permitted", 403)],
)
def test_what_keeps_pods_from_being_resized_is_served_too(
    wire: Wire, hindrance: CannotResize, expected: str, status: int
) -> None:
    pod = wire.kube.create_pod(wire.order())
    size = ContainerSize(cpu_request_millicores=1000, memory_request_mib=2048)
    assert wire.kube.cannot_resize() is None
    wire.direct.world.kube.cannot_resize = hindrance
    assert str(wire.kube.cannot_resize()) == expected
    with pytest.raises(k8s_pool.Refused) as caught:
        wire.kube.resize_pod(pod.name, uid=pod.uid, size=size)
    assert caught.value.status == status
