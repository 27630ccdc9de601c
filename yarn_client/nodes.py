"""Nodes: what the RM knows of each NodeManager, and setting a node's total."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

import orjson

from yarn_client.errors import CustomResourcesAtRisk
from yarn_client.reading import Fields, Json
from yarn_client.transport import Request
from yarn_client.values import CustomResources, NodeState, YarnResource

NODES_PATH = "/ws/v1/cluster/nodes"


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeReport:
    """One node, as of its last heartbeat (1 s by default), in the RM's accounting, not as measured."""

    node_id: str
    """host:port of the NodeManager's RPC."""
    state: NodeState
    label: str
    """The partition, "" for the default one; a node keeps it when it is SHUTDOWN or DECOMMISSIONED."""
    total: YarnResource
    used: YarnResource
    """Allocated, nothing for a node that is gone."""
    available: YarnResource
    """Negative when the node is overcommitted: shrunk below what runs on it."""
    containers: int
    custom_resources: CustomResources
    """Of the total: a resize over REST would set them to 0."""
    health_checked_at: datetime | None
    """When the NodeManager last looked at its disks: not its last heartbeat, and minutes old on a healthy node."""
    health_report: str
    http_address: str
    """"" for a node that is gone."""
    version: str

    @property
    def host(self) -> str:
        """Give the host part of the id."""
        return self.node_id.rpartition(":")[0]

    @property
    def is_settled(self) -> bool:
        """Say whether used and available add up to the total.

        They don't while the RM knows a node and its scheduler doesn't yet: for some tenths of a second after the node
        has come back to a restarted RM it has 0 containers, whatever runs on it (3.4.2). Nor once the node is gone.
        """
        return self.used + self.available == self.total


def nodes_request(states: Collection[NodeState]) -> Request:
    """Ask for the nodes in *states*; there is no asking for all, which grows for ever with pods that come and go."""
    if not states or NodeState.UNKNOWN in states:
        raise ValueError(f"name the states that are wanted, not {tuple(states)}")
    return Request(path=NODES_PATH, query=(("states", ",".join(sorted(states))),))


def node_request(node_id: str) -> Request:
    """Ask for one node, in whatever state."""
    return Request(path=_node_path(node_id))


def read_nodes(reply: Json) -> tuple[NodeReport, ...]:
    """Read a list of nodes."""
    return tuple(_node(one) for one in Fields(reply, NODES_PATH).listing("nodes").each("node"))


def read_node(reply: Json) -> NodeReport:
    """Read one node."""
    return _node(Fields(reply, NODES_PATH + "/{id}").root("node"))


def refuse_to_drop_custom_resources(node: NodeReport) -> None:
    """Raise CustomResourcesAtRisk for a node with GPUs and the like."""
    if node.custom_resources:
        raise CustomResourcesAtRisk(node.node_id, tuple(name for name, _ in node.custom_resources))


def resize_request(node_id: str, total: YarnResource, *, overcommit_timeout_ms: int) -> Request:
    """Set a node's total; the body is built here and nowhere else, because the RM takes any misspelling for 0."""
    if total != total.clipped():
        raise ValueError(f"a node can't have {total}")
    if type(overcommit_timeout_ms) is not int or overcommit_timeout_ms < -1:
        raise ValueError(f"-1, or milliseconds as a whole number, not {overcommit_timeout_ms!r}")
    body = {
        "resource": {"memory": total.memory_mib, "vCores": total.vcores},
        "overCommitTimeout": overcommit_timeout_ms,
    }
    return Request(path=_node_path(node_id) + "/resource", body=orjson.dumps(body))


def _node_path(node_id: str) -> str:
    return f"{NODES_PATH}/{quote(node_id, safe=':')}"


def _node(raw: Fields) -> NodeReport:
    used = YarnResource(vcores=raw.whole("usedVirtualCores", 0), memory_mib=raw.whole("usedMemoryMB", 0))
    available = YarnResource(vcores=raw.whole("availableVirtualCores", 0), memory_mib=raw.whole("availMemoryMB", 0))
    labels = raw.texts("nodeLabels")
    total = raw.inside("totalResource")
    return NodeReport(
        node_id=raw.text("id"),
        state=NodeState(raw.text("state")),
        label=labels[0] if labels else "",
        total=total.amount() if raw.has("totalResource") else used + available,
        used=used,
        available=available,
        containers=raw.whole("numContainers", 0),
        custom_resources=total.custom_resources(),
        health_checked_at=raw.moment("lastHealthUpdate"),
        health_report=raw.text("healthReport", ""),
        http_address=raw.text("nodeHTTPAddress", ""),
        version=raw.text("version", ""),
    )
