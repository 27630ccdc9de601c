"""The words that several replies share: an amount, the states, a version."""

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self


@dataclass(frozen=True, slots=True, kw_only=True)
class YarnResource:
    """An amount of compute as YARN counts it; negative only where YARN says so (an overcommitted node's rest).

    `memory_mib`: YARN's "MB" is binary, 1024 of them are 1 GiB. Whole numbers only: the RM reads 1700.5 as 0.
    """

    vcores: int
    memory_mib: int

    def __post_init__(self) -> None:
        if type(self.vcores) is not int or type(self.memory_mib) is not int:
            raise TypeError(f"whole numbers only: vcores={self.vcores!r}, memory_mib={self.memory_mib!r}")

    def __add__(self, other: "YarnResource") -> "YarnResource":
        return YarnResource(vcores=self.vcores + other.vcores, memory_mib=self.memory_mib + other.memory_mib)

    def __sub__(self, other: "YarnResource") -> "YarnResource":
        return YarnResource(vcores=self.vcores - other.vcores, memory_mib=self.memory_mib - other.memory_mib)

    def clipped(self) -> "YarnResource":
        """Give this amount with negative numbers as 0: the RM writes -1 for "not known any more"."""
        return YarnResource(vcores=max(self.vcores, 0), memory_mib=max(self.memory_mib, 0))


NOTHING = YarnResource(vcores=0, memory_mib=0)

CustomResources = tuple[tuple[str, int], ...]
"""Names and amounts of resources beside memory and vcores, those above 0 only: (("yarn.io/gpu", 2),)."""


class _Word(StrEnum):
    """A word of the RM; one that this package doesn't know becomes UNKNOWN."""

    @classmethod
    def _missing_(cls, _value: object) -> Self | None:
        return cls.__members__.get("UNKNOWN")


class NodeState(_Word):
    """States of a node in the RM's eyes (org.apache.hadoop.yarn.api.records.NodeState, 3.1 to 3.5)."""

    NEW = "NEW"
    RUNNING = "RUNNING"
    UNHEALTHY = "UNHEALTHY"
    DECOMMISSIONING = "DECOMMISSIONING"
    DECOMMISSIONED = "DECOMMISSIONED"
    LOST = "LOST"
    REBOOTED = "REBOOTED"
    SHUTDOWN = "SHUTDOWN"
    UNKNOWN = "UNKNOWN"


class AppState(_Word):
    """States of an application (YarnApplicationState)."""

    NEW = "NEW"
    NEW_SAVING = "NEW_SAVING"
    SUBMITTED = "SUBMITTED"
    ACCEPTED = "ACCEPTED"
    RUNNING = "RUNNING"
    FINISHED = "FINISHED"
    FAILED = "FAILED"
    KILLED = "KILLED"
    UNKNOWN = "UNKNOWN"


class HaState(_Word):
    """What a ResourceManager says of itself; INITIALIZING for a moment after its start."""

    INITIALIZING = "INITIALIZING"
    ACTIVE = "ACTIVE"
    STANDBY = "STANDBY"
    STOPPED = "STOPPED"
    UNKNOWN = "UNKNOWN"


class QueueState(_Word):
    """Whether a queue takes applications; FairScheduler's queues have no state and are UNKNOWN."""

    RUNNING = "RUNNING"
    DRAINING = "DRAINING"
    STOPPED = "STOPPED"
    UNKNOWN = "UNKNOWN"


class CapacityMode(_Word):
    """How a queue's capacity is written in CapacityScheduler's configuration."""

    PERCENTAGE = "percentage"
    WEIGHT = "weight"
    ABSOLUTE = "absolute"
    MIXED = "mixed"
    """A mode for each resource, from 3.4 on, without legacy queue mode."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, order=True)
class RmVersion:
    """A version to compare by its first three numbers; `text` is all of it and doesn't count in comparisons."""

    major: int
    minor: int
    patch: int = 0
    text: str = field(default="", compare=False)

    @classmethod
    def parse(cls, text: str) -> "RmVersion":
        """Read "3.4.2", "3.4.2-SNAPSHOT" or "3.1.1.7.1.7.0-551"; raise ValueError when there is no number."""
        found = re.match(r"(\d+)\.(\d+)(?:\.(\d+))?", text)
        if found is None:
            raise ValueError(f"not a version: {text!r}")
        return cls(int(found[1]), int(found[2]), int(found[3] or 0), text)

    def __str__(self) -> str:
        return self.text or f"{self.major}.{self.minor}.{self.patch}"
