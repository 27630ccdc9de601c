"""The settings file: what it may say, how it is checked, and what it means to the core."""

from bridge.settings.errors import Problem, SettingsError
from bridge.settings.leadership import ByLease
from bridge.settings.loading import load, parse
from bridge.settings.model import Cluster, Entitled, Kubernetes, Mode, Plain, Pool, Settings, Spill
from bridge.settings.policy import pool_policy, share_policy
from bridge.settings.tenants import Adapter, Rebalance, RebalanceMode, Tenant
from bridge.settings.windows import Window

__all__ = [
    "Adapter",
    "ByLease",
    "Cluster",
    "Entitled",
    "Kubernetes",
    "Mode",
    "Plain",
    "Pool",
    "Problem",
    "Rebalance",
    "RebalanceMode",
    "Settings",
    "SettingsError",
    "Spill",
    "Tenant",
    "Window",
    "load",
    "parse",
    "pool_policy",
    "share_policy",
]
