"""Nodes, in all the shapes the RM gives them, and what may be sent to change one."""

import json
from datetime import UTC, datetime

import pytest

from tests.yarn_client.stub import VERSIONS, client_of, recorded, says
from yarn_client import (
    CustomResourcesAtRisk,
    NodeReport,
    NodeState,
    Reply,
    RmRefused,
    YarnClient,
    YarnResource,
)
from yarn_client.errors import BadReply, RmUnavailable
from yarn_client.nodes import read_node, resize_request

RUNNING = (NodeState.RUNNING,)
SMALL = YarnResource(vcores=1, memory_mib=128)


def nodes(reply: Reply) -> tuple[NodeReport, ...]:
    client, _ = client_of(nodes=reply)
    return client.nodes(RUNNING)


def by_host(version: str, name: str) -> dict[str, NodeReport]:
    return {node.host: node for node in nodes(recorded(version, name))}


def test_reads_a_whole_node() -> None:
    assert by_host("3.4.2", "nodes_one")["127.0.0.11"] == NodeReport(
        node_id="127.0.0.11:23501",
        state=NodeState.RUNNING,
        label="",
        total=YarnResource(vcores=8, memory_mib=2048),
        used=YarnResource(vcores=0, memory_mib=0),
        available=YarnResource(vcores=8, memory_mib=2048),
        containers=0,
        custom_resources=(),
        health_checked_at=datetime(2026, 11, 22, 18, 24, 46, 524000, tzinfo=UTC),
        health_report="",
        http_address="127.0.0.11:23542",
        version="3.4.2",
    )


@pytest.mark.parametrize("version", VERSIONS)
def test_reads_labels_and_custom_resources(version: str) -> None:
    found = {host: (node.label, node.custom_resources) for host, node in by_host(version, "nodes_several").items()}
    assert found == {"127.0.0.11": ("", ()), "127.0.0.12": ("k8s", ()), "127.0.0.13": ("", (("gpu", 2),))}


@pytest.mark.parametrize("version", VERSIONS)
def test_no_node_is_an_empty_tuple(version: str) -> None:
    assert nodes(recorded(version, "nodes_none")) == ()


@pytest.mark.parametrize(
    "body", [{"nodes": None}, {"nodes": {}}, {"nodes": ""}, {"nodes": {"node": []}}, {"nodes": {"node": None}}]
)
def test_every_version_has_its_own_nothing(body: object) -> None:
    assert nodes(says(body)) == ()


@pytest.mark.parametrize("body", [{}, [], None, {"apps": {}}])
def test_a_list_that_is_missing_is_not_an_empty_list(body: object) -> None:
    client, _ = client_of(nodes=says(body))
    with pytest.raises((BadReply, RmUnavailable)):
        client.nodes(RUNNING)


def test_one_node_may_come_as_an_object() -> None:
    assert [node.node_id for node in nodes(says({"nodes": {"node": {"id": "a:1", "state": "RUNNING"}}}))] == ["a:1"]


def test_numbers_may_come_as_text() -> None:
    raw = {"id": "a:1", "state": "RUNNING", "numContainers": "3", "totalResource": {"memory": "2048", "vCores": "8"}}
    (node,) = nodes(says({"nodes": {"node": [raw]}}))
    assert (node.containers, node.total) == (3, YarnResource(vcores=8, memory_mib=2048))


@pytest.mark.parametrize("version", VERSIONS)
def test_an_overcommitted_node_has_less_than_nothing_left(version: str) -> None:
    client, _ = client_of(**{"nodes/n:1": recorded(version, "node_overcommitted")})
    node = client.node("n:1")
    assert node.total == YarnResource(vcores=4, memory_mib=512)
    assert node.available == node.total - node.used
    assert node.available.memory_mib < 0


@pytest.mark.parametrize("version", VERSIONS)
def test_a_cleared_label_is_no_label(version: str) -> None:
    """The RM writes [""] then."""
    client, _ = client_of(**{"nodes/n:1": recorded(version, "node_label_cleared")})
    assert client.node("n:1").label == ""


@pytest.mark.parametrize("version", VERSIONS)
def test_a_node_that_is_gone_keeps_label_and_total(version: str) -> None:
    (node,) = nodes(recorded(version, "nodes_shutdown"))
    assert (node.state, node.label, node.containers, node.http_address) == (NodeState.SHUTDOWN, "k8s", 0, "")
    assert node.total == YarnResource(vcores=4, memory_mib=512)


def test_a_node_that_the_scheduler_does_not_have_yet_is_not_settled() -> None:
    """As 3.4.2 gave a node with 8 containers, 0.2 s after it had come back to a restarted RM."""
    raw = {"id": "a:1", "state": "RUNNING", "numContainers": 0, "totalResource": {"memory": 2048, "vCores": 8}}
    assert not read_node({"node": raw}).is_settled


@pytest.mark.parametrize("version", VERSIONS)
def test_busy_and_overcommitted_nodes_are_settled(version: str) -> None:
    client, _ = client_of(**{"nodes/n:1": recorded(version, "node_overcommitted")})
    assert client.node("n:1").is_settled
    assert all(node.is_settled for node in nodes(recorded(version, "nodes_several")))


def test_before_3_3_the_total_is_what_is_used_and_what_is_left() -> None:
    raw = {"id": "a:1", "state": "RUNNING", "usedMemoryMB": 512, "availMemoryMB": 1536}
    raw |= {"usedVirtualCores": 2, "availableVirtualCores": 6}
    assert read_node({"node": raw}).total == YarnResource(vcores=8, memory_mib=2048)


def test_an_unknown_state_is_unknown() -> None:
    assert read_node({"node": {"id": "a:1", "state": "ASLEEP"}}).state is NodeState.UNKNOWN


def test_the_states_are_sent() -> None:
    client, stub = client_of(nodes=says({"nodes": {}}))
    client.nodes({NodeState.RUNNING, NodeState.DECOMMISSIONING})
    assert stub.sent[-1][1].query == (("states", "DECOMMISSIONING,RUNNING"),)


@pytest.mark.parametrize("states", [(), (NodeState.UNKNOWN,)])
def test_trap_9_no_asking_for_all_nodes_that_ever_were(states: tuple[NodeState, ...]) -> None:
    client, _ = client_of()
    with pytest.raises(ValueError, match="name the states"):
        client.nodes(states)


def test_trap_1_the_timeout_is_always_sent() -> None:
    request = resize_request("n:1", SMALL, overcommit_timeout_ms=-1)
    assert request.path == "/ws/v1/cluster/nodes/n:1/resource"
    assert json.loads(request.body or b"") == {"resource": {"memory": 128, "vCores": 1}, "overCommitTimeout": -1}


def test_trap_1_the_timeout_has_no_default() -> None:
    client, _ = client_of()
    with pytest.raises(TypeError, match="overcommit_timeout_ms"):
        client.resize_node("n:1", SMALL)  # type: ignore[call-arg]


@pytest.mark.parametrize("timeout", [-2, 1.5, True, None])
def test_a_timeout_is_minus_one_or_milliseconds(timeout: int) -> None:
    with pytest.raises(ValueError, match="milliseconds"):
        resize_request("n:1", SMALL, overcommit_timeout_ms=timeout)


@pytest.mark.parametrize(("vcores", "memory_mib"), [(1, 1700.7), (1.0, 128), (True, 128), ("1", 128)])
def test_rule_23_amounts_are_whole_numbers(vcores: int, memory_mib: int) -> None:
    with pytest.raises(TypeError, match="whole numbers"):
        YarnResource(vcores=vcores, memory_mib=memory_mib)


def test_trap_2_nobody_sends_a_negative_amount() -> None:
    with pytest.raises(ValueError, match="can't have"):
        resize_request("n:1", YarnResource(vcores=-3, memory_mib=128), overcommit_timeout_ms=-1)


def resize(**replies: Reply) -> tuple[YarnClient, list[bytes | None]]:
    client, stub = client_of(**replies)
    client.resize_node("n:1", SMALL, overcommit_timeout_ms=0)
    return client, [request.body for request in stub.changes]


def test_the_reply_to_a_resize_is_not_taken_for_a_confirmation() -> None:
    """It is often the old total."""
    node = says({"node": {"id": "n:1", "state": "RUNNING"}})
    old = says({"resourceInfo": {"memory": 2048, "vCores": 8}})
    _, sent = resize(**{"nodes/n:1": node, "nodes/n:1/resource": old})
    assert sent == [b'{"resource":{"memory":128,"vCores":1},"overCommitTimeout":0}']


def test_trap_5_a_node_with_gpus_is_not_resized() -> None:
    client, stub = client_of(**{"nodes/n:1": recorded("3.4.2", "node_gpu")})
    with pytest.raises(CustomResourcesAtRisk, match="gpu"):
        client.resize_node("n:1", SMALL, overcommit_timeout_ms=-1)
    assert stub.changes == []


def test_a_node_that_could_have_gpus_and_has_none_is_resized() -> None:
    (only,) = [
        one for one in json.loads(recorded("3.4.2", "nodes_one").body)["nodes"]["node"] if "gpu" in json.dumps(one)
    ]
    _, sent = resize(**{"nodes/n:1": says({"node": only}), "nodes/n:1/resource": says({})})
    assert len(sent) == 1


def test_a_resize_of_an_unknown_node_is_refused() -> None:
    client, stub = client_of(**{"nodes/n:1": recorded("3.4.2", "error_404_node")})
    with pytest.raises(RmRefused):
        client.resize_node("n:1", SMALL, overcommit_timeout_ms=-1)
    assert stub.changes == []
