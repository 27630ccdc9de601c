"""A typed client for the REST interface of Hadoop YARN's ResourceManager, 3.3 to 3.5.

It finds the active ResourceManager among several, reads nodes, queues, applications and labels, resizes nodes and maps
labels. It is usable by itself.
"""

from yarn_client.apps import AppPart, AppReport, ResourceRequest
from yarn_client.client import YarnClient
from yarn_client.cluster import ClusterInfo
from yarn_client.errors import (
    BadReply,
    CustomResourcesAtRisk,
    Forbidden,
    NodeNotUpdatable,
    NotFound,
    RmRefused,
    RmUnavailable,
    YarnError,
)
from yarn_client.labels import NodeLabel
from yarn_client.nodes import NodeReport
from yarn_client.scheduler import PartitionCapacity, PartitionUse, QueueReport, SchedulerKind, SchedulerReport
from yarn_client.transport import NoReply, Reply, Request, RequestsTransport, Timeouts, Transport
from yarn_client.values import (
    AppState,
    CustomResources,
    HaState,
    NodeState,
    QueueState,
    RmVersion,
    YarnResource,
)

__all__ = [
    "AppPart",
    "AppReport",
    "AppState",
    "BadReply",
    "ClusterInfo",
    "CustomResources",
    "CustomResourcesAtRisk",
    "Forbidden",
    "HaState",
    "NoReply",
    "NodeLabel",
    "NodeNotUpdatable",
    "NodeReport",
    "NodeState",
    "NotFound",
    "PartitionCapacity",
    "PartitionUse",
    "QueueReport",
    "QueueState",
    "Reply",
    "Request",
    "RequestsTransport",
    "ResourceRequest",
    "RmRefused",
    "RmUnavailable",
    "RmVersion",
    "SchedulerKind",
    "SchedulerReport",
    "Timeouts",
    "Transport",
    "YarnClient",
    "YarnError",
    "YarnResource",
]
