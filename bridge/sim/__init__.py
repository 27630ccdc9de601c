"""One simulated world, YARN and Kubernetes, in simulated time: for tests, replays and the demonstration.

Reached directly through the ports (``SimYarn``, ``SimKube``, ``SimClock``), or over loopback HTTP (``serve``) by the
real clients.
"""

from bridge.sim.accounts import Accounts
from bridge.sim.clock import SimClock
from bridge.sim.config import QueueConfig, SimConfig
from bridge.sim.http_server import Served, serve
from bridge.sim.load import TRACES, Job, LoadSeries, Stage, load_jobs, load_series
from bridge.sim.online import OnlineService
from bridge.sim.ports import SimKube, SimYarn
from bridge.sim.world import SimWorld

__all__ = [
    "TRACES",
    "Accounts",
    "Job",
    "LoadSeries",
    "OnlineService",
    "QueueConfig",
    "Served",
    "SimClock",
    "SimConfig",
    "SimKube",
    "SimWorld",
    "SimYarn",
    "Stage",
    "load_jobs",
    "load_series",
    "serve",
]
