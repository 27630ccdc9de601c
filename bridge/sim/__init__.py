"""One simulated world, YARN and Kubernetes, in simulated time: for tests, replays and the demonstration.

Reached directly through the ports (``SimYarn``, ``SimKube``, ``SimClock``; for tenants ``SimQueues`` and
``SimNamespaces``), or over loopback HTTP (``serve``) by the real clients.
"""

from bridge.sim.accounts import Accounts, NamespaceAccount
from bridge.sim.batch import RunningWork, TenantWork
from bridge.sim.clock import SimClock
from bridge.sim.config import LabelShare, Preemption, QueueConfig, SimConfig
from bridge.sim.http_server import Served, serve
from bridge.sim.load import TRACES, Job, LoadSeries, Stage, load_jobs, load_series
from bridge.sim.load_port import SignalFaults, SimLoad
from bridge.sim.online import OnlineService
from bridge.sim.ports import SimKube, SimYarn
from bridge.sim.quotas import QuotaOrder
from bridge.sim.scheduler_conf import Mutation, QueueChange
from bridge.sim.tenant_ports import SimNamespaces, SimQueues
from bridge.sim.tenants import tenant_queue_of, tenant_queues, tenant_works
from bridge.sim.world import SimWorld

__all__ = [
    "TRACES",
    "Accounts",
    "Job",
    "LabelShare",
    "LoadSeries",
    "Mutation",
    "NamespaceAccount",
    "OnlineService",
    "Preemption",
    "QueueChange",
    "QueueConfig",
    "QuotaOrder",
    "RunningWork",
    "Served",
    "SignalFaults",
    "SimClock",
    "SimConfig",
    "SimKube",
    "SimLoad",
    "SimNamespaces",
    "SimQueues",
    "SimWorld",
    "SimYarn",
    "Stage",
    "TenantWork",
    "load_jobs",
    "load_series",
    "serve",
    "tenant_queue_of",
    "tenant_queues",
    "tenant_works",
]
