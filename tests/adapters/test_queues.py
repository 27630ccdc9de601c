"""What the queues' adapter makes of what ResourceManagers of each version, with either scheduler, have answered."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from bridge.adapters.clock import SystemClock
from bridge.adapters.queues import YarnQueues
from bridge.core.resources import NO_ROOM, Resources, Room
from bridge.core.tenants.facts import QueueFacts, QueueUse
from bridge.ports import NotUnderstood, Unavailable
from tests.yarn_client.stub import RM1, VERSIONS, StubTransport, client_of, info, recorded, says
from yarn_client import Reply

ELASTIC_HOST = "127.0.0.12"
SHAPE = Resources(vcores=8, memory_mib=2048)
EACH = Room(cpu_millicores=250, memory_mib=256)
"""One container: four vcores are a core here."""


def queues_of(
    replies: Mapping[str, Reply], *, label: str | None = "k8s", shape: Resources = SHAPE, monitor: Reply | None = None
) -> tuple[YarnQueues, StubTransport]:
    """Give the adapter of a cluster that answers so, and its transport."""
    client, stub = client_of(**replies)
    minimum = (recorded("3.4.2", "conf_minimum_vcores"), recorded("3.4.2", "conf_minimum_memory"))
    stub.on(RM1, "/conf", *minimum, monitor or recorded("3.4.2", "conf_monitor"))
    queues = YarnQueues(
        client,
        SystemClock(),
        settle=timedelta(0),
        vcores_per_core=4.0,
        label=label,
        elastic_hosts=lambda: frozenset({ELASTIC_HOST}),
        shape=shape,
    )
    return queues, stub


def observe(replies: Mapping[str, Reply], *, label: str | None = "k8s", shape: Resources = SHAPE) -> QueueFacts:
    return queues_of(replies, label=label, shape=shape)[0].observe()


def replies(version: str) -> dict[str, Reply]:
    names = {"scheduler": "scheduler_capacity", "nodes": "nodes_several", "apps": "apps_running"}
    return {path: recorded(version, name) for path, name in names.items()}


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_says_the_same_of_a_busy_cluster(version: str) -> None:
    """Two plain nodes and a labelled one, all full; one application waits in each of two queues."""
    assert observe(replies(version)) == QueueFacts(
        static=Room(cpu_millicores=4000, memory_mib=4096),
        minimum=Room(cpu_millicores=250, memory_mib=128),
        queues=(
            QueueUse(path="root.default", used_static=EACH * 16, used_elastic=EACH * 8, waiting=EACH * 7),
            QueueUse(path="root.team.ads", waiting=EACH),
            QueueUse(path="root.team.etl"),
        ),
        preempts=False,
    )


def test_whether_the_resourcemanager_preempts_is_unknown_where_it_doesnt_say() -> None:
    queues, _ = queues_of(replies("3.4.2"), monitor=Reply(status=404, body=b""))
    assert queues.observe().preempts is None


# --- Nodes


def node(host: str, *, total: tuple[int, int] = (4, 2048), used: tuple[int, int] = (0, 0), label: str = "") -> Any:
    return {
        "id": f"{host}:8041",
        "nodeHostName": host,
        "state": "RUNNING",
        "lastHealthUpdate": 0,
        "nodeLabels": [label] if label else [],
        "totalResource": {"vCores": total[0], "memory": total[1]},
        "usedVirtualCores": used[0],
        "usedMemoryMB": used[1],
    }


def fair(*queues: tuple[str, tuple[int, int]]) -> Reply:
    """Return FairScheduler's queues with what they use."""
    children = [
        {"queueName": f"root.{name}", "usedResources": {"vCores": vcores, "memory": memory}}
        for name, (vcores, memory) in queues
    ]
    root = {"queueName": "root", "childQueues": {"queue": children}}
    return says({"scheduler": {"schedulerInfo": {"type": "fairScheduler", "rootQueue": root}}})


def asks(queue: str, *sizes: tuple[int, int], count: int = 1) -> Reply:
    requests = [
        {
            "priority": number,
            "resourceName": "*",
            "capability": {"vCores": vcores, "memory": memory},
            "numContainers": count,
        }
        for number, (vcores, memory) in enumerate(sizes)
    ]
    app = {"id": "application_1_1", "queue": queue, "state": "RUNNING", "resourceRequests": requests}
    return says({"apps": {"app": [app]}})


NO_APPS = says({"apps": {}})


def cluster(*found: Any, scheduler: Reply, apps: Reply = NO_APPS) -> Mapping[str, Reply]:
    """Return the replies of a cluster with these nodes."""
    return {"nodes": says({"nodes": {"node": found}}), "scheduler": scheduler, "apps": apps}


def test_nodes_of_another_label_are_no_part_of_what_queues_divide() -> None:
    gpu = node("gpu-1", total=(32, 65_536), label="gpu")
    found = observe(cluster(node("plain"), gpu, node("elastic", label="k8s"), scheduler=fair(("ads", (0, 0)))))
    assert found.static == Room(cpu_millicores=1000, memory_mib=2048)


def test_without_labels_elastic_nodes_are_known_by_their_addresses_and_their_use_is_divided_in_proportion() -> None:
    used = fair(("ads", (6, 1024)), ("etl", (2, 3072)))
    nodes = node("plain", total=(8, 8192)), node(ELASTIC_HOST, used=(4, 1024))
    found = observe(cluster(*nodes, scheduler=used), label=None)
    assert found.static == Room(cpu_millicores=2000, memory_mib=8192)
    assert found.queues == (
        QueueUse(
            path="root.ads",
            used_static=Room(cpu_millicores=750, memory_mib=768),
            used_elastic=Room(cpu_millicores=750, memory_mib=256),
        ),
        QueueUse(
            path="root.etl",
            used_static=Room(cpu_millicores=250, memory_mib=2304),
            used_elastic=Room(cpu_millicores=250, memory_mib=768),
        ),
    )


def test_what_elastic_nodes_are_seen_to_use_beyond_their_queues_is_nobodys() -> None:
    """The nodes are read a moment before the queues: containers may have ended in between."""
    nodes = node("plain"), node(ELASTIC_HOST, used=(4, 2048))
    found = observe(cluster(*nodes, scheduler=fair(("ads", (1, 1024)))), label=None)
    (ads,) = found.queues
    assert (ads.used_static, ads.used_elastic) == (NO_ROOM, Room(cpu_millicores=250, memory_mib=1024))


# --- What waits


@pytest.mark.parametrize(
    ("size", "counts"),
    [((4, 2048), True), ((2, 8192), True), ((16, 1024), True), ((4, 8192), False), ((17, 512), False)],
    ids=["static node", "larger static node", "elastic node", "no one node on both axes", "no node"],
)
def test_what_some_one_node_could_serve_waits(size: tuple[int, int], counts: bool) -> None:
    nodes, apps = (node("plain"), node("large", total=(2, 8192))), asks("root.ads", size, count=3)
    replies = cluster(*nodes, scheduler=fair(("ads", (0, 0))), apps=apps)
    found = observe(replies, shape=Resources(vcores=16, memory_mib=1024))
    (ads,) = found.queues
    each = Room(cpu_millicores=size[0] * 250, memory_mib=size[1])
    assert ads.waiting == (each * 3 if counts else NO_ROOM)


def test_an_application_that_says_only_its_queues_last_word_is_found() -> None:
    """ResourceManagers before 3.4 do."""
    both = asks("ads", (1, 256), (2, 512))
    (ads,) = observe(cluster(node("plain"), scheduler=fair(("ads", (0, 0))), apps=both)).queues
    assert ads.waiting == Room(cpu_millicores=750, memory_mib=768)


# --- When it isn't well


def test_a_resourcemanager_that_restarts_while_it_is_read_is_settling() -> None:
    queues, stub = queues_of(replies("3.4.2"))
    stub.on(RM1, "/ws/v1/cluster/info", info(started_ms=1_000), info(started_ms=2_000))
    assert queues.observe().is_settling


def test_no_answer_and_a_strange_answer_are_told_apart() -> None:
    standby, strange = recorded("3.4.2", "standby_no_active"), {"schedulerInfo": {"type": "capacityScheduler"}}
    with pytest.raises(Unavailable, match="could not read the queues"):
        observe({**replies("3.4.2"), "scheduler": standby})
    with pytest.raises(NotUnderstood, match="could not read the queues"):
        observe({**replies("3.4.2"), "scheduler": says({"scheduler": strange})})
