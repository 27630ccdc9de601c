"""What the tenants' rounds leave to a pool: YARN's part of the lendable capacity, and each queue's part of that.

Under placement ``spill`` queues' limits don't bind on elastic nodes, so a queue's part only steers whose demand makes
nodes; once a node is there, anybody's work may come to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from bridge.core.resources import Resources, Room, Shape
from bridge.core.waiting import WaitingContainers


@dataclass(frozen=True, slots=True, kw_only=True)
class Entitlement:
    """YARN's number in the two-sided ledger, and how it is divided among queues."""

    version: int
    """Of the number; a tick that acted by it says so, and only then does the other side get what came free."""
    room: Room
    by_queue: Mapping[str, Room] = field(default_factory=dict)
    """By the configured queues' full paths; each stands for all that is below it."""

    def queue_above(self, path: str) -> str | None:
        """Return the queue with a part that *path* is or lies below; None where it has none."""
        while path and path not in self.by_queue:
            path = path.rpartition(".")[0]
        return path or None

    def in_yarn(self, queue: str, shape: Shape) -> Resources:
        """Say what a queue's part makes of containers on nodes of *shape*, rounded down."""
        part = self.by_queue[queue]
        return Resources(
            vcores=part.cpu_millicores * shape.yarn.vcores // max(1, shape.pod.cpu_millicores),
            memory_mib=part.memory_mib * shape.yarn.memory_mib // max(1, shape.pod.memory_mib),
        )


def entitled(
    waiting: Iterable[WaitingContainers],
    entitlement: Entitlement,
    shape: Shape,
    use_by_queue: Mapping[str, Resources],
) -> list[WaitingContainers]:
    """Keep of each queue's waiting containers what its part has room for beside what it uses already.

    A queue without a part came after the last round; the next one gives it one, and until then nothing holds it.
    """
    left = {queue: entitlement.in_yarn(queue, shape) for queue in entitlement.by_queue}
    for path, used in use_by_queue.items():
        if (queue := entitlement.queue_above(path)) is not None:
            left[queue] -= used
    kept = []
    for entry in sorted(waiting, key=lambda entry: (entry.memory_mib, entry.vcores, entry.queue), reverse=True):
        above = entitlement.queue_above(entry.queue)
        count = entry.count if above is None else min(entry.count, entry.size.times_in(left[above]))
        if above is not None:
            left[above] -= entry.size * count
        if count > 0:
            kept.append(replace(entry, count=count))
    return kept
