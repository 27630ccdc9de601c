"""What the controller needs of the world, as protocols: each has a real and a simulated implementation."""

from bridge.ports.errors import (
    Denied,
    JournalUnavailable,
    NotUnderstood,
    PortError,
    Rejected,
    Stale,
    Superseded,
    Unavailable,
)
from bridge.ports.journal import Booked, Journal, ShareJournal, TickRecord
from bridge.ports.leadership import Leadership, Lease, NotLeader
from bridge.ports.load import LoadHistory, LoadSignal
from bridge.ports.tasks import TaskLengths
from bridge.ports.tenants import Enforcer, Namespaces, Queues
from bridge.ports.world import Clock, Kube, Yarn

__all__ = [
    "Booked",
    "Clock",
    "Denied",
    "Enforcer",
    "Journal",
    "JournalUnavailable",
    "Kube",
    "Leadership",
    "Lease",
    "LoadHistory",
    "LoadSignal",
    "Namespaces",
    "NotLeader",
    "NotUnderstood",
    "PortError",
    "Queues",
    "Rejected",
    "ShareJournal",
    "Stale",
    "Superseded",
    "TaskLengths",
    "TickRecord",
    "Unavailable",
    "Yarn",
]
