"""A typed client for the REST interface of Hadoop YARN's ResourceManager, 3.3 to 3.5.

It finds the active ResourceManager among several, reads nodes, queues, applications and labels, resizes nodes, maps
labels, and changes queues: CapacityScheduler's over REST, FairScheduler's in its allocation file. Nodes are told to
leave by the exclude file and a call to the admin port. It is usable by itself.
"""

from yarn_client.admin_rpc import AdminRpc
from yarn_client.allocations import (
    AllocationFile,
    FairChange,
    FairQueue,
    parse_resources,
    read_allocations,
    replace_allocations,
)
from yarn_client.apps import AppPart, AppReport, ResourceRequest
from yarn_client.capacity import Absolute, Percentage, QueueCapacity, Weight, parse_capacity, percentages
from yarn_client.client import YarnClient
from yarn_client.cluster import ClusterInfo
from yarn_client.conf_check import problems
from yarn_client.containers import ContainerReport
from yarn_client.errors import (
    AllocationsChanged,
    AllocationsUnreachable,
    BadAllocations,
    BadExcludeFile,
    BadReply,
    CustomResourcesAtRisk,
    ExcludeFileUnreachable,
    Forbidden,
    NodeNotUpdatable,
    NotFound,
    NotMutable,
    RmRefused,
    RmUnavailable,
    RpcForbidden,
    RpcRefused,
    RpcStandby,
    YarnError,
)
from yarn_client.exclude_file import Excluded, exclude, read_excluded, readmit
from yarn_client.labels import NodeLabel
from yarn_client.nodes import NodeReport
from yarn_client.scheduler import PartitionCapacity, PartitionUse, QueueReport, SchedulerKind, SchedulerReport
from yarn_client.scheduler_conf import ConfChanges
from yarn_client.transport import NoReply, Reply, Request, RequestsTransport, Timeouts, Transport
from yarn_client.values import (
    AppState,
    CapacityMode,
    CustomResources,
    HaState,
    NodeState,
    QueueState,
    RmVersion,
    YarnResource,
)

__all__ = [
    "Absolute",
    "AdminRpc",
    "AllocationFile",
    "AllocationsChanged",
    "AllocationsUnreachable",
    "AppPart",
    "AppReport",
    "AppState",
    "BadAllocations",
    "BadExcludeFile",
    "BadReply",
    "CapacityMode",
    "ClusterInfo",
    "ConfChanges",
    "ContainerReport",
    "CustomResources",
    "CustomResourcesAtRisk",
    "ExcludeFileUnreachable",
    "Excluded",
    "FairChange",
    "FairQueue",
    "Forbidden",
    "HaState",
    "NoReply",
    "NodeLabel",
    "NodeNotUpdatable",
    "NodeReport",
    "NodeState",
    "NotFound",
    "NotMutable",
    "PartitionCapacity",
    "PartitionUse",
    "Percentage",
    "QueueCapacity",
    "QueueReport",
    "QueueState",
    "Reply",
    "Request",
    "RequestsTransport",
    "ResourceRequest",
    "RmRefused",
    "RmUnavailable",
    "RmVersion",
    "RpcForbidden",
    "RpcRefused",
    "RpcStandby",
    "SchedulerKind",
    "SchedulerReport",
    "Timeouts",
    "Transport",
    "Weight",
    "YarnClient",
    "YarnError",
    "YarnResource",
    "exclude",
    "parse_capacity",
    "parse_resources",
    "percentages",
    "problems",
    "read_allocations",
    "read_excluded",
    "readmit",
    "replace_allocations",
]
