"""The preemption monitor: who has more than its guarantee pays to who has less and waits.

As ProportionalCapacityPreemptionPolicy does it, in outline: a container is chosen, and dies if it has been chosen at
every look for as long as the policy waits. On the nodes of a label what has spilled there pays first. Left out: that
the policy counts on some containers to end by themselves, and preemption within a queue.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from bridge.core.resources import NOTHING, Resources
from bridge.sim.apps import Container, QueueRun
from bridge.sim.capacity import Bounds, part
from bridge.sim.clock import YARN_SCHEDULER, Timeline
from bridge.sim.config import Preemption
from bridge.sim.nodes import NodeManager
from bridge.sim.queue_tree import DEFAULT
from bridge.sim.work import Loss, Work


@dataclass(slots=True)
class _Debt:
    """What is still to be found in one partition, and what may still be taken."""

    vcores: int
    mib: int
    limit: Resources

    def is_open(self) -> bool:
        return (self.vcores > 0 or self.mib > 0) and not self.limit.is_empty

    def pay(self, container: Container) -> None:
        self.vcores -= container.vcores
        self.mib -= container.memory_mib
        self.limit -= Resources(vcores=container.vcores, memory_mib=container.memory_mib)


class PreemptionMonitor:
    """Looks at every partition at a fixed interval."""

    def __init__(self, timeline: Timeline, policy: Preemption, work: Work, nodes: Mapping[str, NodeManager]) -> None:
        self._timeline = timeline
        self._policy = policy
        self._work = work
        self._scheduler = work.scheduler
        self._nodes = nodes
        self._chosen_at: dict[Container, int] = {}
        self._again()

    def _again(self) -> None:
        self._timeline.at(self._timeline.now + self._policy.every_s, self._look, rank=YARN_SCHEDULER)

    def _look(self) -> None:
        now = self._timeline.now
        chosen = [one for label in tuple(self._scheduler.totals) for one in self._choose(label)]
        self._chosen_at = {one: self._chosen_at.get(one, now) for one in chosen}
        for container, since in tuple(self._chosen_at.items()):
            if now - since >= self._policy.max_wait_s:
                del self._chosen_at[container]
                self._work.lose(container, Loss.PREEMPTED)
        self._again()

    def _choose(self, label: str) -> Iterator[Container]:
        """Yield the containers that must go, newest first, until those who wait could have their guarantee."""
        bounds = self._scheduler.queues.bounds(label)
        debt = self._debt(label, bounds)
        if not debt.is_open():
            return
        spare = {run.node.path: self._spare(run, bounds[run.node.path], label) for run in self._leaves()}
        running = sorted(self._running(label), key=lambda one: -one.seq)
        if label != DEFAULT:
            running.sort(key=lambda one: one.stage is not None and one.stage.stage.label == label)
        for container in running:
            if not debt.is_open():
                return
            path = container.app.queue.node.path
            has_spilled = container.stage is not None and container.stage.stage.label != label
            left = spare[path] - Resources(vcores=container.vcores, memory_mib=container.memory_mib)
            if has_spilled or left.vcores >= 0 or left.memory_mib >= 0:
                spare[path] = left
                debt.pay(container)
                yield container

    def _leaves(self) -> Iterator[QueueRun]:
        yield from self._work.queues.values()

    def _running(self, label: str) -> Iterator[Container]:
        """Yield what runs in a partition, AMs left out."""
        for node in self._nodes.values():
            if (node.label or DEFAULT) == label:
                yield from (one for one in node.containers.values() if not one.is_am)

    def _debt(self, label: str, bounds: Mapping[str, Bounds]) -> _Debt:
        """Sum what queues below their guarantee wait for, less what is free."""
        total = self._scheduler.totals[label]
        free = total - self._scheduler.used(label)
        vcores = mib = 0
        for run in self._leaves():
            room = bounds[run.node.path].guaranteed - run.used(label)
            if room.vcores > 0 and room.memory_mib > 0:
                pending = self._pending(run, label, room)
                vcores += min(room.vcores, pending.vcores)
                mib += min(room.memory_mib, pending.memory_mib)
        limit = part(total, self._policy.round_ratio)
        return _Debt(vcores - max(0, free.vcores), mib - max(0, free.memory_mib), limit)

    def _pending(self, run: QueueRun, label: str, room: Resources) -> Resources:
        """Sum what a queue waits for, up to *room*; of AMs only the next, and only within their limit."""
        found = NOTHING
        takes_am = True
        for seq in run.waiting:
            app = self._work.apps[seq]
            if app.waits_for_am:
                if not takes_am or not self._scheduler.queues.allows_am(run, app.am_size):
                    continue
                takes_am = False
            found += sum((size * count for size, named, count in app.asks() if named == label), NOTHING)
            if room.fits_in(found):
                break
        return found

    def _spare(self, run: QueueRun, bounds: Bounds, label: str) -> Resources:
        """Return what a queue uses above its guarantee, if that is more than what is ignored."""
        used, guaranteed = run.used(label), bounds.guaranteed
        ignored = guaranteed + part(guaranteed, self._policy.ignored_ratio)
        return NOTHING if used.fits_in(ignored) else used - guaranteed
