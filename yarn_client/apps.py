"""Applications: what they hold, and what they ask for."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from yarn_client.containers import APPS_PATH, attempt_of
from yarn_client.reading import Fields, Json
from yarn_client.scheduler import PartitionUse, read_use
from yarn_client.transport import Request
from yarn_client.values import AppState, CustomResources, YarnResource

ANYWHERE = "*"


class AppPart(StrEnum):
    """A part of an application's report that can be left out of the reply, to make it smaller."""

    RESOURCE_REQUESTS = "resourceRequests"
    RESOURCE_INFO = "resourceInfo"
    TIMEOUTS = "timeouts"
    APP_LABEL = "appNodeLabelExpression"
    AM_LABEL = "amNodeLabelExpression"


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceRequest:
    """Containers that an application waits for, on any node."""

    priority: int
    capability: YarnResource
    """Of one container."""
    num_containers: int
    node_label_expression: str
    """"" when it names none."""
    custom_resources: CustomResources
    """Of one container: a node without them can't serve it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AppReport:
    """One application. Amounts are nothing, not -1, once it has ended."""

    app_id: str
    user: str
    name: str
    queue: str
    """The full path from 3.4 on, often only the last word before (and in FairScheduler the path): match on both."""
    state: AppState
    application_type: str
    priority: int
    am_node_id: str | None
    """Node of the AM, None until it is placed."""
    am_host: str | None
    attempt: int | None
    """The number of its present attempt, None until it has one: read out of where its AM logs."""
    allocated: YarnResource
    """Over all partitions."""
    reserved: YarnResource
    running_containers: int
    """The AM's included."""
    preempted: YarnResource
    """Summed over everything the RM has taken from it so far."""
    preempted_containers: int
    """Without AMs."""
    preempted_ams: int
    memory_mib_seconds: int
    vcore_seconds: int
    started_at: datetime | None
    app_label_expression: str
    am_label_expression: str
    resource_requests: tuple[ResourceRequest, ...]
    """Those for any node; the rack's and the host's repeat them. Empty when left out of the reply."""
    uses: tuple[PartitionUse, ...]
    """Per partition, CapacityScheduler only. Empty when left out of the reply."""


def apps_request(states: Collection[AppState], deselects: Collection[AppPart]) -> Request:
    """Ask for the applications in *states*; the RM remembers a thousand finished ones, so they must be named."""
    if not states or AppState.UNKNOWN in states:
        raise ValueError(f"name the states that are wanted, not {tuple(states)}")
    query = [("states", ",".join(sorted(states)))]
    if deselects:
        query.append(("deSelects", ",".join(sorted(deselects))))
    return Request(path=APPS_PATH, query=tuple(query))


def read_apps(reply: Json) -> tuple[AppReport, ...]:
    """Read a list of applications."""
    return tuple(_app(one) for one in Fields(reply, APPS_PATH).listing("apps").each("app"))


def _app(raw: Fields) -> AppReport:
    info = raw.inside("resourceInfo")
    return AppReport(
        app_id=raw.text("id"),
        user=raw.text("user", ""),
        name=raw.text("name", ""),
        queue=raw.text("queue"),
        state=AppState(raw.text("state")),
        application_type=raw.text("applicationType", ""),
        priority=raw.whole("priority", 0),
        am_node_id=raw.text("masterNodeId", "") or None,
        am_host=raw.text("amHostHttpAddress", "").rpartition(":")[0] or None,
        attempt=attempt_of(raw.text("amContainerLogs", "")),
        allocated=_pair(raw, "allocatedVCores", "allocatedMB"),
        reserved=_pair(raw, "reservedVCores", "reservedMB"),
        running_containers=max(raw.whole("runningContainers", 0), 0),
        preempted=_pair(raw, "preemptedResourceVCores", "preemptedResourceMB"),
        preempted_containers=raw.whole("numNonAMContainerPreempted", 0),
        preempted_ams=raw.whole("numAMContainerPreempted", 0),
        memory_mib_seconds=raw.whole("memorySeconds", 0),
        vcore_seconds=raw.whole("vcoreSeconds", 0),
        started_at=raw.moment("startedTime"),
        app_label_expression=raw.text(AppPart.APP_LABEL, ""),
        am_label_expression=raw.text(AppPart.AM_LABEL, ""),
        resource_requests=tuple(
            _ask(one) for one in raw.each(AppPart.RESOURCE_REQUESTS) if one.text("resourceName") == ANYWHERE
        ),
        uses=tuple(read_use(one) for one in info.each("resourceUsagesByPartition")),
    )


def _ask(raw: Fields) -> ResourceRequest:
    capability = raw.inside("capability")
    return ResourceRequest(
        priority=raw.whole("priority", 0),
        capability=capability.amount(),
        num_containers=raw.whole("numContainers"),
        node_label_expression=raw.text("nodeLabelExpression", ""),
        custom_resources=capability.custom_resources(),
    )


def _pair(raw: Fields, vcores: str, memory: str) -> YarnResource:
    return YarnResource(vcores=raw.whole(vcores, 0), memory_mib=raw.whole(memory, 0)).clipped()
