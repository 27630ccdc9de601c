"""The settings file: what it may say, how it is checked, and what it means to the core."""

from bridge.settings.errors import Problem, SettingsError
from bridge.settings.loading import load, parse
from bridge.settings.model import Cluster, Kubernetes, Mode, Plain, Pool, Settings, Spill, Window
from bridge.settings.policy import pool_policy

__all__ = [
    "Cluster",
    "Kubernetes",
    "Mode",
    "Plain",
    "Pool",
    "Problem",
    "Settings",
    "SettingsError",
    "Spill",
    "Window",
    "load",
    "parse",
    "pool_policy",
]
