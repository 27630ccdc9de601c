"""What the controller needs of the world, as protocols: each has a real and a simulated implementation."""

from bridge.ports.errors import Denied, JournalUnavailable, NotUnderstood, PortError, Rejected, Stale, Unavailable
from bridge.ports.journal import Journal, TickRecord
from bridge.ports.world import Clock, Kube, Yarn

__all__ = [
    "Clock",
    "Denied",
    "Journal",
    "JournalUnavailable",
    "Kube",
    "NotUnderstood",
    "PortError",
    "Rejected",
    "Stale",
    "TickRecord",
    "Unavailable",
    "Yarn",
]
