"""The queues of a real YARN cluster behind the port ``Queues``, by ``yarn_client``."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import timedelta

from bridge.adapters.convert import resources_of, room_of_yarn
from bridge.adapters.queue_tree import DEFAULT_PARTITION, QueueTree
from bridge.adapters.settling import Settling
from bridge.adapters.yarn_errors import translated
from bridge.core.resources import NOTHING, Resources, Room
from bridge.core.tenants.facts import QueueFacts, QueueUse
from bridge.ports import Clock
from yarn_client import AppPart, AppReport, AppState, NodeReport, NodeState, YarnClient

_PREEMPTION = "yarn.resourcemanager.scheduler.monitor.enable"
_UNREAD = (AppPart.RESOURCE_INFO, AppPart.TIMEOUTS, AppPart.APP_LABEL, AppPart.AM_LABEL)


class YarnQueues:
    """Reads one cluster's queues.

    Static nodes are those of the default partition that aren't on an elastic pod's address: queues' capacities are
    parts of that partition, and of no other label's nodes. Without a label (placement ``plain``, FairScheduler) a
    queue's use of elastic nodes isn't told apart; the use of all elastic nodes is then divided in proportion to what
    each queue uses.
    """

    def __init__(
        self,
        client: YarnClient,
        clock: Clock,
        *,
        settle: timedelta,
        vcores_per_core: float,
        label: str | None,
        elastic_hosts: Callable[[], frozenset[str]],
        shape: Resources,
    ) -> None:
        self._client = client
        self._settling = Settling(clock, settle)
        self._vcores_per_core = vcores_per_core
        self._label = label
        self._elastic_hosts = elastic_hosts
        self._shape = shape

    def observe(self) -> QueueFacts:
        """Read use and demand by queue, and what static nodes have; see ``bridge.ports.Queues``."""
        with translated("read the queues"):
            before = self._client.cluster_info()
            nodes = self._client.nodes((NodeState.RUNNING,))
            apps = self._client.apps((AppState.ACCEPTED, AppState.RUNNING), deselects=_UNREAD)
            tree = QueueTree.of(self._client.scheduler())
            minimum = resources_of(self._client.minimum_allocation())
            preempts = self._client.conf(_PREEMPTION)
            info = self._client.cluster_info()
        elastic = self._elastic(nodes)
        lent = {node.node_id for node in elastic}
        static = [node for node in nodes if not node.label and node.node_id not in lent]
        sizes = {*(resources_of(node.total) for node in static), self._shape}
        waiting = _waiting(apps, tree, sizes)
        used = tree.use_of(DEFAULT_PARTITION)
        on_elastic = self._on_elastic(tree, used, elastic)
        return QueueFacts(
            static=self._room(_sum(resources_of(node.total) for node in static)),
            minimum=self._room(minimum),
            queues=tuple(
                QueueUse(
                    path=path,
                    used_static=self._room(self._beside(used.get(path, NOTHING), on_elastic.get(path, NOTHING))),
                    used_elastic=self._room(on_elastic.get(path, NOTHING)),
                    waiting=self._room(waiting.get(path, NOTHING)),
                )
                for path in sorted(tree.leaves)
            ),
            preempts=None if preempts is None else preempts == "true",
            is_settling=self._settling.is_settling(info) or info.started_at != before.started_at,
        )

    def _elastic(self, nodes: Iterable[NodeReport]) -> list[NodeReport]:
        if self._label is not None:
            return [node for node in nodes if node.label == self._label]
        hosts = self._elastic_hosts()
        return [node for node in nodes if node.node_id.rpartition(":")[0] in hosts]

    def _on_elastic(
        self, tree: QueueTree, used: Mapping[str, Resources], elastic: list[NodeReport]
    ) -> dict[str, Resources]:
        """Say what each queue uses of elastic nodes."""
        if self._label is not None:
            return tree.use_of(self._label)
        there, everywhere = _sum(resources_of(node.used) for node in elastic), _sum(used.values())
        return {path: _part(amount, there, everywhere) for path, amount in used.items()}

    def _beside(self, used: Resources, on_elastic: Resources) -> Resources:
        """Take the use of elastic nodes out of the default partition's, where it is counted there."""
        return used if self._label is not None else used - on_elastic

    def _room(self, amount: Resources) -> Room:
        return room_of_yarn(amount, self._vcores_per_core)


def _waiting(apps: Iterable[AppReport], tree: QueueTree, sizes: Collection[Resources]) -> dict[str, Resources]:
    """Sum what waits by queue, without what no node could ever serve; an AM that waits counts too."""
    found: dict[str, Resources] = {}
    for app in apps:
        path = tree.path(app.queue)
        for request in app.resource_requests:
            size = resources_of(request.capability)
            can_be_served = not request.custom_resources and any(size.fits_in(node) for node in sizes)
            if can_be_served and request.num_containers > 0:
                found[path] = found.get(path, NOTHING) + size * request.num_containers
    return found


def _sum(amounts: Iterable[Resources]) -> Resources:
    return sum(amounts, NOTHING)


def _part(amount: Resources, there: Resources, everywhere: Resources) -> Resources:
    """Take the part of *there* that *amount* is of *everywhere*; never more than it is, as both are read in turn."""
    return Resources(
        vcores=min(amount.vcores, amount.vcores * there.vcores // max(1, everywhere.vcores)),
        memory_mib=min(amount.memory_mib, amount.memory_mib * there.memory_mib // max(1, everywhere.memory_mib)),
    )
