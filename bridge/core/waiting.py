"""What YARN waits for, by size, label and queue."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.core.resources import Resources


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class WaitingContainers:
    """Containers of one size that running applications wait for."""

    vcores: int
    memory_mib: int
    label: str
    """The node label expression of the request; "" where it names none."""
    count: int
    queue: str = ""
    """The leaf queue: its full path where tenants divide by queues, else as the ResourceManager calls it."""

    @property
    def size(self) -> Resources:
        """One container's amount."""
        return Resources(vcores=self.vcores, memory_mib=self.memory_mib)
