"""The ResourceManager: NodeManagers come and go, are resized and labelled, and come back after its restart.

Who gets a container is decided in ``placing``, what becomes of applications in ``work``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from random import Random

from bridge.core.resources import Resources
from bridge.core.snapshot import YarnNodeState
from bridge.sim.accounts import Accounts
from bridge.sim.apps import App
from bridge.sim.clock import OVERCOMMIT, Timeline
from bridge.sim.config import SimConfig
from bridge.sim.errors import RmRefusal
from bridge.sim.nodes import NodeManager, id_on
from bridge.sim.placing import Scheduler
from bridge.sim.preemption import PreemptionMonitor
from bridge.sim.queue_tree import QueueNode, read_tree
from bridge.sim.scheduler_conf import Mutation, SchedulerConf
from bridge.sim.work import Loss, Work

_LEAVING_LOOK_S = 2
_RETRY_S = 2
"""How long, at the most, after the lists are there again, the last NodeManager is back."""

_UP_BEFORE_S = 3600
"""How long the ResourceManager has been up when the world begins."""


class ResourceManager:
    """One YARN cluster."""

    def __init__(self, timeline: Timeline, config: SimConfig, accounts: Accounts, rng: Random) -> None:
        apps: dict[int, App] = {}
        self._timeline = timeline
        self._config = config
        self._rng = rng
        self._held_back: dict[str, NodeManager] = {}
        self._cleared: set[str] = set()
        self.conf = SchedulerConf(config.queues)
        self.scheduler = Scheduler(timeline, rng, apps, read_tree(self.conf.properties), config.minimum)
        self.work = Work(timeline, config, accounts, apps=apps, scheduler=self.scheduler)
        self.nodes: dict[str, NodeManager] = {}
        """Everything it remembers, in whatever state."""
        if config.preemption is not None:
            PreemptionMonitor(timeline, config.preemption, self.work, self.nodes)
        self.label_by_host: dict[str, str] = {}
        self.label_by_node: dict[str, str] = {}
        """Labels given to one port of a host."""
        self.excluded: dict[str, int] = {}
        """Hosts in the exclude file, with their timeouts in seconds."""
        self.started_at = -_UP_BEFORE_S
        self.told_to_stop: Callable[[NodeManager], None] = lambda _: None
        """Called when a NodeManager's process ends because the ResourceManager wants it to."""

    @property
    def is_up(self) -> bool:
        """Say whether it answers."""
        return self._timeline.now >= self.started_at

    @property
    def has_lists(self) -> bool:
        """Say whether its lists are more than the empty ones of the first seconds after a restart."""
        return self._timeline.now >= self.started_at + self._config.empty_lists_s

    # --- NodeManagers

    def launch(self, host: str, size: Resources, *, label: str | None = None, is_lent: bool = True) -> NodeManager:
        """Start a NodeManager's process; it registers some seconds later, with a label only once it is mapped."""
        node = NodeManager(id_on(host), host, size, is_lent, label)
        delay = self._config.nm_start_s if is_lent else 0
        self._timeline.at(self._timeline.now + delay, self._try_to_register, node)
        return node

    def terminate(self, node: NodeManager) -> None:
        """Send SIGTERM: it unregisters at once, and its containers are lost with it. A dead one can't hear it."""
        if not node.is_alive:
            return
        self._dies(node)
        if node.is_known:
            self._deactivate(node, YarnNodeState.SHUTDOWN)

    def crash(self, node: NodeManager) -> None:
        """Kill the process without a word: the ResourceManager believes in it until its time is up."""
        self._dies(node)
        if node.is_known:
            self.scheduler.touch(node)
            self._timeline.at(self._timeline.now + self._config.expiry_s, self._expire, node)

    def _dies(self, node: NodeManager) -> None:
        if node.is_alive:
            node.is_alive, node.dead_at = False, self._timeline.now
        self._held_back.pop(node.host, None)

    def _try_to_register(self, node: NodeManager) -> None:
        if not node.is_alive:
            return
        if not self.has_lists:
            self._timeline.at(self._back_at(), self._try_to_register, node)
        elif node.wanted_label and self.label_of(node) != node.wanted_label:
            self._held_back[node.host] = node
        else:
            self._register(node)

    def _register(self, node: NodeManager) -> None:
        if not self._config.minimum.fits_in(node.total) or node.host in self.excluded:
            self._refuse(node)
            return
        before = self.nodes.get(node.id)
        if before is not None and before is not node and before.is_known:
            self._deactivate(before, YarnNodeState.LOST)
        if node.registered_at == 0:
            node.registered_at = self._timeline.now
        node.state, node.is_known, node.kill_at, node.leaving_since = YarnNodeState.RUNNING, True, None, None
        node.label = self.label_of(node)
        self._cleared.discard(node.id)
        self.nodes[node.id] = node
        self.scheduler.join(node)

    def _refuse(self, node: NodeManager) -> None:
        """Tell a NodeManager that is too small to shut down; what ran on it is lost."""
        self._dies(node)
        node.state = YarnNodeState.SHUTDOWN
        self._lose_all(node)
        self.told_to_stop(node)

    def _expire(self, node: NodeManager) -> None:
        if node.is_known and self.nodes.get(node.id) is node:
            self._deactivate(node, YarnNodeState.LOST)

    def _deactivate(self, node: NodeManager, state: YarnNodeState) -> None:
        self.scheduler.leave(node)
        node.is_known, node.state = False, state
        self._lose_all(node)

    def _lose_all(self, node: NodeManager) -> None:
        for container in tuple(node.containers.values()):
            self.work.lose(container, Loss.ABORTED, worked_until=node.dead_at)

    def is_settled(self, node: NodeManager) -> bool:
        """Say whether what runs on a node is counted: not yet in the moment after it has come back."""
        return self._timeline.now >= node.settled_at

    def health_second(self, node: NodeManager) -> int:
        """Return when a node last reported its health: at its registration, and every so often since."""
        until = self._timeline.now if node.dead_at is None else node.dead_at
        age = max(0, until - node.registered_at)
        return node.registered_at + age - age % self._config.health_every_s

    def is_same_until(self, node: NodeManager) -> int:
        """Say in which second a node is told otherwise at the latest, even if nothing happens to it."""
        if not self.is_settled(node):
            return node.settled_at
        return self.health_second(node) + self._config.health_every_s

    # --- Totals

    def node(self, node_id: str) -> NodeManager:
        """Return a node in whatever state."""
        if node_id not in self.nodes:
            raise RmRefusal(404, "NotFoundException", f"java.lang.Exception: nodeId, {node_id}, is not found")
        return self.nodes[node_id]

    def resize(self, node_id: str, total: Resources, timeout_ms: int) -> Resources:
        """Set a node's total and return the one before, as the REST interface mostly does.

        The same total is ignored, timeout included. −1 keeps what runs, unless an earlier timeout is still stored.
        """
        node = self.node(node_id)
        if not node.is_known or node.leaving_since is not None:
            text = f"Failed to update the node resource {node_id}."
            raise RmRefusal(503, "YarnRuntimeException", text)
        before = node.total
        if total == before:
            return before
        self.scheduler.leave(node)
        node.total_vcores, node.total_mib = total.vcores, total.memory_mib
        node.has_gpu = False
        self.scheduler.join(node)
        now = self._timeline.now
        if timeout_ms >= 0:
            node.kill_at = now - (-timeout_ms // 1000)
        if node.is_overcommitted and node.kill_at is not None:
            self._timeline.at(max(node.kill_at, now) + 1, self._heartbeat, node, rank=OVERCOMMIT)
        return before

    def _heartbeat(self, node: NodeManager) -> None:
        """Preempt what doesn't fit once the timeout has passed: newest first, AMs last."""
        due = node.is_serving and node.kill_at is not None and node.kill_at <= self._timeline.now
        if not due:
            return
        newest_first = sorted(node.containers.values(), key=lambda container: (container.is_am, -container.seq))
        for container in newest_first:
            if not node.is_overcommitted:
                return
            if not container.is_over:
                self.work.lose(container, Loss.PREEMPTED)

    # --- Leaving

    def decommission(self, timeout_s_by_host: Mapping[str, int]) -> None:
        """Have the exclude file read with these hosts in it: their nodes take nothing new, and end after their time."""
        self.excluded |= timeout_s_by_host
        for host in timeout_s_by_host:
            node = self.nodes.get(id_on(host))
            if node is None or not node.is_known:
                continue
            if node.leaving_since is None:
                node.leaving_since, node.state = self._timeline.now, YarnNodeState.DECOMMISSIONING
                self.scheduler.touch(node)
                self._timeline.at(self._timeline.now + 1, self._look_at_leaving, node)

    def readmit(self, hosts: Iterable[str]) -> None:
        """Have the exclude file read without these hosts: what has not ended yet goes on."""
        for host in hosts:
            self.excluded.pop(host, None)
            node = self.nodes.get(id_on(host))
            if node is not None and node.is_known and node.leaving_since is not None:
                node.leaving_since, node.state = None, YarnNodeState.RUNNING
                self.scheduler.touch(node)

    def _look_at_leaving(self, node: NodeManager) -> None:
        """End a node whose time is up, or on which nothing runs any more."""
        if not node.is_known or node.leaving_since is None:
            return
        ends_at = node.leaving_since + self.excluded.get(node.host, 0)
        if node.containers and self._timeline.now < ends_at:
            self._timeline.at(self._timeline.now + _LEAVING_LOOK_S, self._look_at_leaving, node)
            return
        self._dies(node)
        self._deactivate(node, YarnNodeState.DECOMMISSIONED)
        self.told_to_stop(node)

    # --- Labels

    def label_of(self, node: NodeManager) -> str | None:
        """Return the label that a node has, or will have when it registers."""
        return self.label_by_node.get(node.id) or self.label_by_host.get(node.host)

    def add_label(self, name: str, *, is_exclusive: bool) -> None:
        """Make a label known; its exclusivity can't change."""
        if self.scheduler.is_exclusive.setdefault(name, is_exclusive) != is_exclusive:
            raise RmRefusal(
                400, "BadRequestException", f"Exclusivity cannot be modified for an existing label : {name}"
            )

    def map_label(self, where: str, label: str | None) -> None:
        """Give a host ("10.0.0.4", every node there, now and later) or a node id a label, or take it away."""
        if label and label not in self.scheduler.is_exclusive:
            text = "Not all labels being replaced contained by known label collections, please check"
            raise RmRefusal(400, "BadRequestException", f"{text}, new labels=[{label}]")
        host, _, port = where.partition(":")
        book, key = (self.label_by_node, where) if port not in ("", "0") else (self.label_by_host, host)
        if label:
            book[key] = label
        else:
            book.pop(key, None)
        node = self.nodes.get(id_on(host))
        if node is not None and node.is_known:
            self._relabel(node)
        held = self._held_back.get(host)
        if held is not None and self.label_of(held) == held.wanted_label:
            del self._held_back[host]
            self._timeline.at(self._timeline.now + 1, self._try_to_register, held)

    def label_was_cleared(self, node: NodeManager) -> bool:
        """Say whether a node has had a label that was taken away: its list then holds one empty word."""
        return node.label is None and node.id in self._cleared

    def _relabel(self, node: NodeManager) -> None:
        label = self.label_of(node)
        if label != node.label:
            self._cleared.add(node.id)
            self.scheduler.leave(node)
            self.work.move_use(node, label)
            self.scheduler.join(node)

    # --- Queues

    def validate(self, mutation: Mutation) -> dict[str, str]:
        """Return the scheduler's properties as a request would leave them; raise QueueError where it is refused."""
        properties = self.conf.after(mutation)
        self._tree(properties)
        return properties

    def configure(self, mutation: Mutation) -> None:
        """Change the queues, all that a request says or nothing of it; raise QueueError where it is refused."""
        properties = self.conf.after(mutation)
        tree = self._tree(properties)
        self.conf.commit(properties)
        self.scheduler.queues.adopt(tree)
        self.scheduler.wake()

    def _tree(self, properties: Mapping[str, str]) -> QueueNode:
        tree = read_tree(properties)
        self.scheduler.queues.check_removed(tree)
        return tree

    # --- Restart

    def restart(self, down_for_s: int) -> None:
        """Stop, and start *down_for_s* seconds later: timers are forgotten, amounts and containers come back."""
        now = self._timeline.now
        self.started_at = now + max(1, down_for_s)
        self.scheduler.closed_until = self.started_at + self._config.recovery_wait_s
        for node in self.nodes.values():
            node.kill_at = None
            if node.is_known:
                self.scheduler.leave(node)
                node.is_known = False
                self._timeline.at(self._back_at(), self._resync, node)
        self.nodes.clear()
        self.conf.reset()
        self.scheduler.queues.adopt(read_tree(self.conf.properties))

    def _back_at(self) -> int:
        return self.started_at + self._config.empty_lists_s + self._rng.randint(0, _RETRY_S)

    def _resync(self, node: NodeManager) -> None:
        if not self.has_lists:
            self._timeline.at(self._back_at(), self._resync, node)
        elif node.is_alive:
            node.settled_at = self._timeline.now + 1
            self._register(node)
        else:
            self._lose_all(node)
