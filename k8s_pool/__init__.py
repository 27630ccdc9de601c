"""Reads a whole Kubernetes cluster at the cost of its changes, and makes and removes NodeManager pods in it.

    api = connect(context="prod")
    with FleetWatch(api, namespace="tidebridge") as fleet:
        fleet.wait_synced(60)
        rooms = lenders(fleet.view(), node_selector={"lend": "true"}, tolerations=template.tolerations)
    pod = KubePool(api, "tidebridge").create_pod(render(template, order))

In tenants' namespaces it reads use and want, writes one quota each, and evicts. It decides nothing about how much to
lend, and knows nothing of YARN.
"""

from k8s_pool.amounts import ZERO, KubeAmount
from k8s_pool.api import KubeApi, connect
from k8s_pool.errors import (
    AlreadyExists,
    BadKubeconfig,
    Conflict,
    Forbidden,
    KubeError,
    KubeUnavailable,
    QuotaRefused,
    Refused,
    TemplateError,
)
from k8s_pool.eviction import EvictionBlocked, evict
from k8s_pool.fleet import FleetState, FleetView, Freshness, NamespaceLoad, NodeLoad
from k8s_pool.identity import EVICTION_PRIORITY, Identity, pod_name
from k8s_pool.leases import KubeLeases, LeaseOrder, LeaseView
from k8s_pool.lenders import LenderRefusal, LenderRoom, Toleration, holders, lenders, waiting_for
from k8s_pool.metrics import Usage, node_usage, pod_usage
from k8s_pool.parse import parse_node, parse_pod
from k8s_pool.pod_requests import pod_requests
from k8s_pool.pool import EventType, KubePool, ServerVersion
from k8s_pool.quantity import QuantityError
from k8s_pool.quotas import QUOTA_NAME, KubeQuotas, QuotaView
from k8s_pool.reflector import Pace
from k8s_pool.render import PodOrder, render
from k8s_pool.resize import CannotResize, ContainerSize, PodSizes, Resizing
from k8s_pool.rights import MissingRight
from k8s_pool.template import PodTemplate, load
from k8s_pool.tenants import EvictionCandidate, TenantLoad, tenant_loads
from k8s_pool.transport import Reply, Request, Timeouts, Transport
from k8s_pool.views import NodeView, PodKey, PodPhase, PodView, Taint
from k8s_pool.watch import FleetWatch, read_fleet
from k8s_pool.workloads import HeldBack, read_held_back

__all__ = [
    "EVICTION_PRIORITY",
    "QUOTA_NAME",
    "ZERO",
    "AlreadyExists",
    "BadKubeconfig",
    "CannotResize",
    "Conflict",
    "ContainerSize",
    "EventType",
    "EvictionBlocked",
    "EvictionCandidate",
    "FleetState",
    "FleetView",
    "FleetWatch",
    "Forbidden",
    "Freshness",
    "HeldBack",
    "Identity",
    "KubeAmount",
    "KubeApi",
    "KubeError",
    "KubeLeases",
    "KubePool",
    "KubeQuotas",
    "KubeUnavailable",
    "LeaseOrder",
    "LeaseView",
    "LenderRefusal",
    "LenderRoom",
    "MissingRight",
    "NamespaceLoad",
    "NodeLoad",
    "NodeView",
    "Pace",
    "PodKey",
    "PodOrder",
    "PodPhase",
    "PodSizes",
    "PodTemplate",
    "PodView",
    "QuantityError",
    "QuotaRefused",
    "QuotaView",
    "Refused",
    "Reply",
    "Request",
    "Resizing",
    "ServerVersion",
    "Taint",
    "TemplateError",
    "TenantLoad",
    "Timeouts",
    "Toleration",
    "Transport",
    "Usage",
    "connect",
    "evict",
    "holders",
    "lenders",
    "load",
    "node_usage",
    "parse_node",
    "parse_pod",
    "pod_name",
    "pod_requests",
    "pod_usage",
    "read_fleet",
    "read_held_back",
    "render",
    "tenant_loads",
    "waiting_for",
]
