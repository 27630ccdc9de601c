"""The scheduler: who gets the next container, and where.

Queues by what they use of their capacity, applications by age or by what they hold; plain nodes first. What names no
label spills onto the nodes of labels that aren't exclusive, once plain nodes have been found full and a round has
passed; AMs never do. A container is placed only where it fits on both axes. Queues' limits bind where a request
belongs, on the default partition or on the label that it names, and not where it spills to; what all nodes of a
partition have together binds on each, so that what runs on an overcommitted node beyond its total is room that the
others lack.
"""

from __future__ import annotations

import heapq
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from random import Random

from bridge.core.resources import NOTHING, Resources
from bridge.sim.apps import AM, App, QueueRun, StageRun
from bridge.sim.clock import YARN_SCHEDULER, Timeline
from bridge.sim.nodes import NodeManager
from bridge.sim.queue_tree import DEFAULT, QueueNode
from bridge.sim.queues import Queues, Turn

Place = Callable[[App, StageRun | None, NodeManager], None]
Ask = tuple[App, StageRun | None]


def _nowhere(app: App, _run: StageRun | None, node: NodeManager) -> None:
    raise RuntimeError(f"nobody places {app.id} on {node.id}")


class Scheduler:
    """Keeps the nodes that have room, and fills them at most once a second, when something has changed."""

    def __init__(
        self, timeline: Timeline, rng: Random, apps: Mapping[int, App], tree: QueueNode, least: Resources
    ) -> None:
        self._timeline = timeline
        self._rng = rng
        self._apps = apps
        self._is_planned = False
        self.version = 0
        """Counts the changes of nodes' amounts and labels, and their coming and going."""
        self._open: dict[str, dict[str, NodeManager]] = {}
        self._place: Place = _nowhere
        self.totals: dict[str, Resources] = {}
        """Of the nodes of each partition."""
        self.queues = Queues(tree, self.totals, least)
        self._used: dict[str, tuple[int, int]] = {}
        """On the nodes of each partition: vcores and MiB."""
        self._counted: set[NodeManager] = set()
        self.is_exclusive: dict[str, bool] = {}
        """The labels that the cluster knows."""
        self.closed_until = 0
        """After a restart of the ResourceManager nothing is placed for a while."""

    def place_with(self, place: Place) -> None:
        """Name what is called for each container that gets a place."""
        self._place = place

    def join(self, node: NodeManager) -> None:
        """Count a node in, with the total and the label that it has now."""
        label = node.label or DEFAULT
        self.version += 1
        self.totals[label] = self.totals.get(label, NOTHING) + node.total
        self._counted.add(node)
        self._use(label, node.used_vcores, node.used_mib)
        self.touch(node)
        self.wake()

    def leave(self, node: NodeManager) -> None:
        """Count a node out, before its total or its label changes."""
        label = node.label or DEFAULT
        node.changes += 1
        self.version += 1
        self.totals[label] = self.totals[label] - node.total
        self._counted.discard(node)
        self._use(label, -node.used_vcores, -node.used_mib)
        self._open.get(label, {}).pop(node.id, None)

    def hold(self, node: NodeManager, vcores: int, mib: int) -> None:
        """Take notice that a container has come to a node, or, with negative amounts, has left it."""
        if node in self._counted:
            self._use(node.label or DEFAULT, vcores, mib)
        self.touch(node)
        if mib < 0:
            self.wake()

    def used(self, label: str) -> Resources:
        """Return what runs on the nodes of a partition."""
        vcores, mib = self._used.get(label, (0, 0))
        return Resources(vcores=vcores, memory_mib=mib)

    def _use(self, label: str, vcores: int, mib: int) -> None:
        before = self._used.get(label, (0, 0))
        self._used[label] = before[0] + vcores, before[1] + mib

    def touch(self, node: NodeManager) -> None:
        """Look whether a node has room, after its use or its state has changed."""
        label = node.label or DEFAULT
        node.changes += 1
        if node.is_serving and node.used_vcores < node.total_vcores and node.used_mib < node.total_mib:
            self._open.setdefault(label, {})[node.id] = node
            self.wake()
        else:
            self._open.get(label, {}).pop(node.id, None)

    def wake(self) -> None:
        """Plan a round for the next second in which heartbeats are answered with work."""
        if not self._is_planned and any(queue.waiting for queue in self.queues.leaves.values()):
            self._is_planned = True
            self._timeline.at(max(self._timeline.now + 1, self.closed_until), self._round, rank=YARN_SCHEDULER)

    def _round(self) -> None:
        self._is_planned = False
        if self._timeline.now < self.closed_until:
            self.wake()
            return
        rooms = Rooms({label: self._in_turn(nodes) for label, nodes in self._open.items() if nodes})
        lines = [Line(queue, self._apps) for queue in self.queues.leaves.values() if queue.waiting]
        while lines and any(self._open.values()):
            line = min(lines, key=self._turn) if len(lines) > 1 else lines[0]
            if line.head is None:
                lines.remove(line)
                continue
            app, run = line.head
            node = self._where(line, app, run, rooms)
            if node is not None:
                self._place(app, run, node)
                line.look_again(run)
            elif run is not None and not run.stage.label and not line.is_spilling:
                line.is_spilling = True
            elif run is None or run.missed_at != self._timeline.now:
                line.give_up(run)
            else:
                line.turn_away(run)

    def _turn(self, line: Line) -> tuple[bool, Turn]:
        """Return a line's place in the order: what belongs to a partition goes before what spills onto one."""
        if line.head is None:
            return False, ()
        label = line.head[1].stage.label if line.head[1] is not None else DEFAULT
        if line.is_spilling:
            label = next(self._shared(), DEFAULT)
        return line.is_spilling, self.queues.turn(line.queue, label)

    def _in_turn(self, nodes: Mapping[str, NodeManager]) -> list[NodeManager]:
        """Put the nodes in the order of their heartbeats: a circle, entered anywhere."""
        circle = list(nodes.values())
        first = self._rng.randrange(len(circle))
        return circle[first:] + circle[:first]

    def _where(self, line: Line, app: App, run: StageRun | None, rooms: Rooms) -> NodeManager | None:
        if run is None:
            is_allowed = self.queues.allows(line.queue, DEFAULT, app.am_size)
            is_allowed = is_allowed and self.queues.allows_am(line.queue, app.am_size)
            return self._find(DEFAULT, app.am_size, rooms) if is_allowed else None
        if line.is_spilling:
            return self._spilled(run, rooms)
        size, label = run.stage.size, run.stage.label
        return self._find(label, size, rooms) if self.queues.allows(line.queue, label, size) else None

    def _spilled(self, run: StageRun, rooms: Rooms) -> NodeManager | None:
        """Find a place on a label that isn't exclusive, for a request that plain nodes have turned away before."""
        now = self._timeline.now
        if run.missed_at is None:
            run.missed_at = now
            self.wake()
        if run.missed_at >= now:
            return None
        return next((node for label in self._shared() if (node := self._find(label, run.stage.size, rooms))), None)

    def _shared(self) -> Iterator[str]:
        """Yield the labels that others may spill onto, and that have a node with room."""
        shared = (label for label, is_exclusive in self.is_exclusive.items() if not is_exclusive)
        return (label for label in shared if self._open.get(label))

    def _find(self, label: str, size: Resources, rooms: Rooms) -> NodeManager | None:
        """Find a node, if the nodes of the partition together have that much left."""
        total, (vcores, mib) = self.totals.get(label, NOTHING), self._used.get(label, (0, 0))
        is_left = vcores + size.vcores <= total.vcores and mib + size.memory_mib <= total.memory_mib
        return rooms.find(label, size) if is_left else None


class Rooms:
    """The nodes with room in one round. Room only shrinks in a round, so no size looks at a node twice in vain."""

    def __init__(self, nodes_by_label: Mapping[str, list[NodeManager]]) -> None:
        self._nodes = nodes_by_label
        self._next: dict[tuple[str, Resources], int] = {}

    def find(self, label: str, size: Resources) -> NodeManager | None:
        """Return the first node of a partition where *size* fits."""
        nodes = self._nodes.get(label)
        if not nodes:
            return None
        index = self._next.get((label, size), 0)
        while index < len(nodes):
            node = nodes[index]
            if (
                node.used_vcores + size.vcores <= node.total_vcores
                and node.used_mib + size.memory_mib <= node.total_mib
            ):
                break
            index += 1
        self._next[label, size] = index
        return nodes[index] if index < len(nodes) else None


class Line:
    """What one queue asks for in one round, in the queue's order. What has found no place isn't tried again."""

    def __init__(self, queue: QueueRun, apps: Mapping[int, App]) -> None:
        self.queue = queue
        self._ams_wait = True
        self._hopeless: set[int] = set()
        self._turned_away: set[int] = set()
        self._is_fair = queue.node.ordering == "fair"
        self._asks = self._by_need(apps) if self._is_fair else self._by_age(apps)
        self.head: Ask | None = next(self._asks, None)
        self.is_spilling = False
        """The head has found no place where it belongs."""

    def next(self) -> None:
        """Turn to the next ask."""
        self.head, self.is_spilling = next(self._asks, None), False

    def turn_away(self, run: StageRun) -> None:
        """Leave out one stage for this round."""
        self._turned_away.add(id(run))
        self.next()

    def give_up(self, run: StageRun | None) -> None:
        """Leave out, for this round, all asks like this one."""
        if run is None:
            self._ams_wait = False
        else:
            self._hopeless.add(run.kind)
        self.next()

    def look_again(self, run: StageRun | None) -> None:
        """Stay with an ask of which something is left, where its application's age is what counts."""
        if self._is_fair or run is None or not run.waiting:
            self.next()

    def _by_age(self, apps: Mapping[int, App]) -> Iterator[Ask]:
        seq = self._next_after(-1)
        while seq is not None:
            yield from self._of(apps[seq])
            seq = self._next_after(seq)

    def _next_after(self, seq: int) -> int | None:
        """Find the next application that asks for what may still find a place."""
        found = []
        for kind, asking in self.queue.asking.items():
            if self._ams_wait if kind == AM else kind not in self._hopeless:
                at = bisect_right(asking, seq)
                found += asking[at : at + 1]
        return min(found, default=None)

    def _by_need(self, apps: Mapping[int, App]) -> Iterator[Ask]:
        """Yield one ask of the application that holds least, and look again."""
        heap = [(apps[seq].held_mib, seq) for seq in self.queue.waiting]
        heapq.heapify(heap)
        while heap:
            _, seq = heapq.heappop(heap)
            ask = next(self._of(apps[seq]), None)
            if ask is not None:
                yield ask
                heapq.heappush(heap, (apps[seq].held_mib, seq))

    def _of(self, app: App) -> Iterator[Ask]:
        if app.is_asking:
            for run in tuple(app.open_stages):
                is_left = run.waiting and run.kind not in self._hopeless
                if is_left and id(run) not in self._turned_away:
                    yield app, run
        elif self._ams_wait and app.am is None:
            yield app, None
