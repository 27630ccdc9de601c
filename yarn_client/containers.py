"""The containers that an application holds: where each runs, and since when (RM 3.0 or later; seen on 3.4.2)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from yarn_client.reading import Fields, Json
from yarn_client.transport import Request
from yarn_client.values import YarnResource

APPS_PATH = "/ws/v1/cluster/apps"
_CONTAINER = re.compile(r"container_(?:e\d+_)?\d+_\d+_(?P<attempt>\d+)_\d+")

_LONGEST_MS = 100 * 365 * 86_400_000
"""A hundred years: no container is older."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerReport:
    """A container that was given to an application and hasn't ended."""

    container_id: str
    node_id: str
    allocated: YarnResource
    elapsed: timedelta
    """Since it was acquired, by the RM's clock."""
    priority: int = 0
    """As it was asked for; MapReduce tells maps (20) from reduces (10) by it."""

    @property
    def is_first(self) -> bool:
        """Say whether it is the first of its attempt: the ApplicationMaster's."""
        return self.container_id.endswith("_000001")


def attempt_of(words: str) -> int | None:
    """Read the application attempt's number out of words that name one of its containers."""
    found = _CONTAINER.search(words)
    return None if found is None else int(found["attempt"])


def containers_request(app_id: str, attempt: int) -> Request:
    """Ask for what an attempt of an application holds."""
    attempt_id = f"{app_id.replace('application', 'appattempt', 1)}_{attempt:06d}"
    return Request(path=f"{APPS_PATH}/{app_id}/appattempts/{attempt_id}/containers")


def read_containers(reply: Json, app_id: str) -> tuple[ContainerReport, ...]:
    """Read what runs; a container that has ended, or hasn't begun, holds no work."""
    return tuple(_running(Fields(reply, f"{APPS_PATH}/{app_id}").root("containers")))


def _running(listed: Fields) -> Iterator[ContainerReport]:
    for raw in listed.each("container"):
        elapsed_ms = raw.whole("elapsedTime", 0)
        if elapsed_ms > _LONGEST_MS:
            raise raw.bad("elapsedTime", f"an age in milliseconds was expected, not {elapsed_ms}")
        if raw.text("containerState", "") == "RUNNING" and elapsed_ms > 0:
            yield ContainerReport(
                container_id=raw.text("containerId"),
                node_id=raw.text("nodeId"),
                allocated=YarnResource(
                    vcores=raw.whole("allocatedVCores", 0), memory_mib=raw.whole("allocatedMB", 0)
                ).clipped(),
                elapsed=timedelta(milliseconds=elapsed_ms),
                priority=raw.whole("priority", 0),
            )
