"""The queue tree of CapacityScheduler and FairScheduler, in one shape."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from yarn_client.reading import Fields, Json
from yarn_client.transport import Request
from yarn_client.values import NOTHING, CapacityMode, QueueState, YarnResource

SCHEDULER_PATH = "/ws/v1/cluster/scheduler"


class SchedulerKind(StrEnum):
    """Which scheduler the RM runs."""

    CAPACITY = "capacity"
    FAIR = "fair"
    FIFO = "fifo"
    UNKNOWN = "unknown"


_KIND_BY_TYPE = {
    "capacityScheduler": SchedulerKind.CAPACITY,
    "fairScheduler": SchedulerKind.FAIR,
    "fifoScheduler": SchedulerKind.FIFO,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionUse:
    """What a queue or an application uses and waits for in one partition."""

    partition: str
    """The node label, "" for the default partition."""
    used: YarnResource
    reserved: YarnResource
    pending: YarnResource
    """Asked for and not given. A request that names no label waits here on "", wherever it may spill to."""
    am_used: YarnResource | None = None
    """Given to AMs, those activated and not yet placed included; None when the scheduler doesn't say, or for an app."""
    am_limit: YarnResource | None = None
    """What AMs may use; an application waits ACCEPTED while its AM doesn't fit in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionCapacity:
    """What a queue may have in one partition; ratios are 0 to 1, None where the scheduler has no such number."""

    partition: str
    capacity_ratio: float | None = None
    """Of the parent."""
    max_capacity_ratio: float | None = None
    """Of the parent."""
    absolute_capacity_ratio: float | None = None
    """Of the partition. In weight mode the one to read: capacity_ratio is 0 there (3.4.2)."""
    absolute_max_capacity_ratio: float | None = None
    """Of the partition."""
    guaranteed: YarnResource | None = None
    """Effective minimum now (Capacity), configured minimum (Fair)."""
    maximum: YarnResource | None = None
    """Effective maximum now (Capacity), configured maximum (Fair)."""
    fair_share: YarnResource | None = None
    """Instantaneous fair share (Fair only)."""
    weight: float | None = None
    """In weight mode (Capacity, from 3.4 on)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueReport:
    """One queue and those below it."""

    path: str
    """From the root, "root.a.b", also where the RM gives only the last word (before 3.4)."""
    name: str
    """The last word of the path."""
    state: QueueState
    """UNKNOWN for the root."""
    uses: tuple[PartitionUse, ...]
    """Partitions ever used; summed over the children where the RM gives none for a parent."""
    capacities: tuple[PartitionCapacity, ...]
    children: tuple["QueueReport", ...]
    mode: CapacityMode = CapacityMode.UNKNOWN
    """How its capacity is configured; UNKNOWN before 3.4, and for FairScheduler's queues."""

    def capacity(self, partition: str = "") -> PartitionCapacity | None:
        """Give what it may have in *partition*, None where it has no capacity there."""
        return next((one for one in self.capacities if one.partition == partition), None)

    @property
    def is_leaf(self) -> bool:
        """Say whether applications run in it directly."""
        return not self.children

    def walk(self) -> Iterator["QueueReport"]:
        """Give this queue and all below it, parents first."""
        yield self
        for child in self.children:
            yield from child.walk()


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulerReport:
    """The scheduler and its queues."""

    kind: SchedulerKind
    root: QueueReport


def scheduler_request() -> Request:
    """Ask for the whole tree: there is neither filter nor paging."""
    return Request(path=SCHEDULER_PATH)


def read_scheduler(reply: Json) -> SchedulerReport:
    """Read the tree; a scheduler that isn't known gets a root without numbers."""
    info = Fields(reply, SCHEDULER_PATH).root("scheduler").inside("schedulerInfo")
    kind = _KIND_BY_TYPE.get(info.text("type", ""), SchedulerKind.UNKNOWN)
    if kind is SchedulerKind.CAPACITY:
        return SchedulerReport(kind=kind, root=_capacity_queue(info, ""))
    if kind is SchedulerKind.FAIR:
        return SchedulerReport(kind=kind, root=_fair_queue(info.inside("rootQueue"), ""))
    root = QueueReport(path="root", name="root", state=QueueState.UNKNOWN, uses=(), capacities=(), children=())
    return SchedulerReport(kind=kind, root=root)


def read_use(raw: Fields) -> PartitionUse:
    """Read one element of resourceUsagesByPartition."""
    return PartitionUse(
        partition=raw.text("partitionName", ""),
        used=raw.resource_or_nothing("used"),
        reserved=raw.resource_or_nothing("reserved"),
        pending=raw.resource_or_nothing("pending"),
    )


def _queue_use(raw: Fields) -> PartitionUse:
    return replace(read_use(raw), am_used=raw.resource("amUsed"), am_limit=raw.resource("amLimit"))


def _place(raw: Fields, parent: str) -> tuple[str, str]:
    name = raw.text("queueName").rpartition(".")[2]
    return (f"{parent}.{name}" if parent else name), name


def _capacity_queue(raw: Fields, parent: str) -> QueueReport:
    path, name = _place(raw, parent)
    children = tuple(_capacity_queue(child, path) for child in raw.inside("queues").each("queue"))
    own = tuple(_queue_use(use) for use in raw.inside("resources").each("resourceUsagesByPartition"))
    return QueueReport(
        path=path,
        name=name,
        state=QueueState(raw.text("state", "")),
        uses=own or _summed(children),
        capacities=tuple(_capacity(one) for one in raw.inside("capacities").each("queueCapacitiesByPartition")),
        children=children,
        mode=CapacityMode(raw.text("mode", "")),
    )


def _capacity(raw: Fields) -> PartitionCapacity:
    return PartitionCapacity(
        partition=raw.text("partitionName", ""),
        capacity_ratio=raw.ratio("capacity"),
        max_capacity_ratio=raw.ratio("maxCapacity"),
        absolute_capacity_ratio=raw.ratio("absoluteCapacity"),
        absolute_max_capacity_ratio=raw.ratio("absoluteMaxCapacity"),
        guaranteed=raw.resource("effectiveMinResource"),
        maximum=raw.resource("effectiveMaxResource"),
        weight=_weight(raw),
    )


def _weight(raw: Fields) -> float | None:
    """Read the weight; the RM writes -1 for a queue that has none."""
    weight = raw.number("weight")
    return None if weight is None or weight < 0 else weight


def _summed(queues: tuple[QueueReport, ...]) -> tuple[PartitionUse, ...]:
    uses = [use for queue in queues for use in queue.uses]
    return tuple(
        PartitionUse(
            partition=partition,
            used=sum((use.used for use in uses if use.partition == partition), NOTHING),
            reserved=sum((use.reserved for use in uses if use.partition == partition), NOTHING),
            pending=sum((use.pending for use in uses if use.partition == partition), NOTHING),
        )
        for partition in dict.fromkeys(use.partition for use in uses)
    )


def _fair_queue(raw: Fields, parent: str) -> QueueReport:
    path, name = _place(raw, parent)
    used = raw.resource_or_nothing("usedResources")
    use = PartitionUse(
        partition="",
        used=used,
        reserved=raw.resource_or_nothing("reservedResources"),
        pending=(raw.resource_or_nothing("demandResources") - used).clipped(),
        am_used=raw.resource("amUsedResources"),
        am_limit=raw.resource("amMaxResources"),
    )
    capacity = PartitionCapacity(
        partition="",
        guaranteed=raw.resource("minResources"),
        maximum=raw.resource("maxResources"),
        fair_share=raw.resource("fairResources"),
    )
    return QueueReport(
        path=path,
        name=name,
        state=QueueState.UNKNOWN,
        uses=(use,),
        capacities=(capacity,),
        children=tuple(_fair_queue(child, path) for child in raw.inside("childQueues").each("queue")),
    )
