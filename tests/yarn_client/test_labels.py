"""Node labels: none, one and several differ in every version."""

import json

import pytest

from tests.yarn_client.stub import VERSIONS, client_of, recorded, says
from yarn_client import Forbidden, NodeLabel, Reply, RmRefused, YarnClient
from yarn_client.labels import add_label_request, map_labels_request

K8S, GPU = NodeLabel(name="k8s", exclusive=False), NodeLabel(name="gpu", exclusive=True)


def labels(reply: Reply) -> tuple[NodeLabel, ...]:
    return client_of(**{"get-node-labels": reply})[0].labels()


def mappings(reply: Reply) -> dict[str, tuple[str, ...]]:
    """Give the labels by host and whether all of the host is meant."""
    found = client_of(**{"get-node-to-labels": reply})[0].node_to_labels()
    return {node if node.endswith(":0") else node.rpartition(":")[0]: names for node, names in found.items()}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("name", "expected"), [("labels_none", ()), ("labels_one", (K8S,)), ("labels_two", (K8S, GPU))]
)
def test_reads_none_one_and_two_labels(version: str, name: str, expected: tuple[NodeLabel, ...]) -> None:
    assert set(labels(recorded(version, name))) == set(expected)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("node_to_labels_none", {}),
        ("node_to_labels_before_registration", {"127.0.0.12:0": ("k8s",)}),
        ("node_to_labels", {"127.0.0.12:0": ("k8s",), "127.0.0.12": ("k8s",)}),
        ("node_to_labels_two", {"127.0.0.12:0": ("k8s",), "127.0.0.12": ("k8s",), "127.0.0.13": ("k8s",)}),
    ],
)
def test_reads_which_node_has_which_label(version: str, name: str, expected: dict[str, tuple[str, ...]]) -> None:
    assert mappings(recorded(version, name)) == expected


@pytest.mark.parametrize("value", [None, {}])
def test_a_node_mapped_to_no_label_has_none(value: object) -> None:
    assert mappings(says({"nodeToLabels": {"entry": {"key": "a:0", "value": value}}})) == {"a:0": ()}


def test_a_label_is_added_with_its_exclusivity() -> None:
    body = add_label_request("k8s", exclusive=False).body
    assert json.loads(body or b"") == {"nodeLabelInfo": [{"name": "k8s", "exclusivity": False}]}


def test_hosts_and_nodes_are_mapped_in_one_call() -> None:
    """An empty list takes the mapping away; [""] would leave an entry without a label for ever."""
    body = map_labels_request({"10.0.0.4": "k8s", "10.0.0.5:8041": None}).body
    assert json.loads(body or b"") == {
        "nodeToLabels": [{"nodeId": "10.0.0.4", "labels": ["k8s"]}, {"nodeId": "10.0.0.5:8041", "labels": []}]
    }


def test_mapping_nothing_sends_nothing() -> None:
    client, stub = client_of()
    client.map_labels({})
    assert stub.sent == []


@pytest.mark.parametrize("version", VERSIONS)
def test_an_empty_answer_to_a_change_is_success(version: str) -> None:
    client, _ = client_of(
        **{
            "add-node-labels": recorded(version, "post_add_label"),
            "replace-node-to-labels": recorded(version, "post_map_labels"),
        }
    )
    client.add_label("k8s", exclusive=False)
    client.map_labels({"127.0.0.12": "k8s"})


def adding(version: str, name: str) -> YarnClient:
    return client_of(**{"add-node-labels": recorded(version, name)})[0]


@pytest.mark.parametrize("version", VERSIONS)
def test_labels_are_for_admins(version: str) -> None:
    with pytest.raises(Forbidden):
        adding(version, "error_401_labels").add_label("x", exclusive=False)


@pytest.mark.parametrize("version", VERSIONS)
def test_exclusivity_cannot_change(version: str) -> None:
    with pytest.raises(RmRefused, match="400 BadRequestException"):
        adding(version, "error_400_label_exclusivity").add_label("k8s", exclusive=True)
