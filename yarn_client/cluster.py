"""Who a ResourceManager is, and what its configuration says about the size of a request."""

from dataclasses import dataclass
from datetime import datetime

from yarn_client.reading import Fields, Json
from yarn_client.transport import Request
from yarn_client.values import HaState, RmVersion, YarnResource

INFO_PATH = "/ws/v1/cluster/info"
METRICS_PATH = "/ws/v1/cluster/metrics"
CONF_PATH = "/conf"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterInfo:
    """One ResourceManager, as it describes itself."""

    address: str
    """The configured address that gave this answer."""
    started_at: datetime
    """When this RM became active, aware UTC; a restart and a failover both move it (3.4.2)."""
    ha_state: HaState
    version: RmVersion


def info_request() -> Request:
    """Ask who is there: the one path that a standby answers by itself."""
    return Request(path=INFO_PATH)


def read_info(reply: Json, address: str) -> ClusterInfo:
    """Read the answer of *address*; a version or a start that can't be read is a BadReply."""
    info = Fields(reply, INFO_PATH).root("clusterInfo")
    started_at = info.moment("startedOn")
    if started_at is None:
        raise info.bad("startedOn", "missing")
    try:
        version = RmVersion.parse(info.text("resourceManagerVersion"))
    except ValueError as error:
        raise info.bad("resourceManagerVersion", str(error)) from error
    return ClusterInfo(
        address=address, started_at=started_at, ha_state=HaState(info.text("haState", "")), version=version
    )


def metrics_request() -> Request:
    """Ask for the cluster's counters."""
    return Request(path=METRICS_PATH)


def read_active_nodes(reply: Json) -> int:
    """Read how many nodes are RUNNING; the other counters lie with labels and aren't read."""
    return Fields(reply, METRICS_PATH).root("clusterMetrics").whole("activeNodes")


def conf_request(name: str) -> Request:
    """Ask for one property of the RM's configuration, defaults included."""
    return Request(path=CONF_PATH, query=(("name", name), ("format", "json")))


def allocation_names(bound: str) -> tuple[str, str]:
    """Name the properties, vcores first, for *bound* "minimum" or "maximum"."""
    return f"yarn.scheduler.{bound}-allocation-vcores", f"yarn.scheduler.{bound}-allocation-mb"


def read_conf_value(reply: Json) -> str:
    """Read the property's value as text."""
    return Fields(reply, CONF_PATH).inside("property").text("value", "")


def read_conf_number(reply: Json) -> int:
    """Read the property's value as a whole number."""
    return Fields(reply, CONF_PATH).inside("property").whole("value")


def read_allocation(vcores: Json, memory: Json) -> YarnResource:
    """Put two properties together."""
    return YarnResource(vcores=read_conf_number(vcores), memory_mib=read_conf_number(memory))
