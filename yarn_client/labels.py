"""Node labels, centralised mode: the labels there are, and which node or host has which."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import orjson

from yarn_client.reading import Fields, Json
from yarn_client.transport import Request

LABELS_PATH = "/ws/v1/cluster/get-node-labels"
MAPPINGS_PATH = "/ws/v1/cluster/get-node-to-labels"
ADD_PATH = "/ws/v1/cluster/add-node-labels"
REPLACE_PATH = "/ws/v1/cluster/replace-node-to-labels"


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeLabel:
    """A label, which is a partition of the cluster."""

    name: str
    exclusive: bool
    """False: idle room is given to requests that name no label; AMs stay out."""


def labels_request() -> Request:
    """Ask for the labels."""
    return Request(path=LABELS_PATH)


def read_labels(reply: Json) -> tuple[NodeLabel, ...]:
    """Read the labels."""
    listed = Fields(reply, LABELS_PATH).root("nodeLabelsInfo").each("nodeLabelInfo")
    return tuple(NodeLabel(name=one.text("name"), exclusive=one.flag("exclusivity", True)) for one in listed)


def add_label_request(name: str, *, exclusive: bool) -> Request:
    """Add a label; adding it again is fine, changing its exclusivity is refused by the RM (400)."""
    return Request(
        path=ADD_PATH, body=orjson.dumps({"nodeLabelInfo": [{"name": name, "exclusivity": bool(exclusive)}]})
    )


def mappings_request() -> Request:
    """Ask which node has which label."""
    return Request(path=MAPPINGS_PATH)


def read_mappings(reply: Json) -> Mapping[str, tuple[str, ...]]:
    """Read the labels by node id; a host that was mapped as a whole has port 0."""
    entries = Fields(reply, MAPPINGS_PATH).inside("nodeToLabels").each("entry")
    return MappingProxyType({entry.text("key"): _names(entry.inside("value")) for entry in entries})


def map_labels_request(label_by_node: Mapping[str, str | None]) -> Request:
    """Give each host or node id its label; None takes it away."""
    mapped = [{"nodeId": node, "labels": [] if label is None else [label]} for node, label in label_by_node.items()]
    return Request(path=REPLACE_PATH, body=orjson.dumps({"nodeToLabels": mapped}))


def _names(value: Fields) -> tuple[str, ...]:
    return tuple(one.text("name") for one in value.each("nodeLabelInfo"))
