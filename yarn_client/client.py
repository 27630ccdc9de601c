"""The client: each call builds a request, sends it to the active ResourceManager, and reads the reply."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Self

from yarn_client import apps, cluster, containers, labels, nodes, scheduler, scheduler_conf
from yarn_client.active import ActiveRm
from yarn_client.apps import AppPart, AppReport
from yarn_client.cluster import ClusterInfo
from yarn_client.containers import ContainerReport
from yarn_client.errors import NotFound
from yarn_client.labels import NodeLabel
from yarn_client.nodes import NodeReport
from yarn_client.scheduler import SchedulerReport
from yarn_client.scheduler_conf import ConfChanges
from yarn_client.transport import RequestsTransport, Timeouts, Transport
from yarn_client.values import AppState, NodeState, YarnResource

_LEFT_OUT = frozenset({AppPart.TIMEOUTS})


class YarnClient:
    """One YARN cluster, over the REST interface of its ResourceManagers.

    `addresses` are those of all ResourceManagers, "http://rm1:8088"; `user` is the name for simple authentication.
    Every call raises RmUnavailable, RmRefused (Forbidden, NotFound) or BadReply, and nothing of `requests`. For one
    thread at a time. `before_change` is called right before each request that changes something; what it raises keeps
    that request back.
    """

    def __init__(
        self,
        addresses: Sequence[str],
        *,
        user: str | None = None,
        timeouts: Timeouts = Timeouts(),  # noqa: B008 - frozen
        transport: Transport | None = None,
        before_change: Callable[[], None] = lambda: None,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._transport = transport or RequestsTransport(user)
        self._rm = ActiveRm(addresses, self._transport, timeouts, before_change=before_change, now_s=now_s)

    def within(self, seconds: float) -> AbstractContextManager[None]:
        """Give up what isn't answered so long from now, all calls until the block's end together: RmUnavailable."""
        return self._rm.within(seconds)

    def cluster_info(self) -> ClusterInfo:
        """Describe the active ResourceManager.

        For some seconds after `started_at`, which a restart and a failover both move, the lists of nodes and
        applications are empty or half full (3.4.2).
        """
        return self._rm.info()

    def nodes(self, states: Collection[NodeState]) -> tuple[NodeReport, ...]:
        """List the nodes in *states*: all in one reply, 1.8 kB each before compression.

        A restarting RM answers with an empty list before it is active: ask `cluster_info()` after the lists, and
        believe them only when `started_at` is what it was, or long enough ago.
        """
        return nodes.read_nodes(self._rm.ask(nodes.nodes_request(states)))

    def node(self, node_id: str) -> NodeReport:
        """Read one node, "host:port", in whatever state; raise NotFound for one the RM doesn't know."""
        return nodes.read_node(self._rm.ask(nodes.node_request(node_id)))

    def resize_node(self, node_id: str, total: YarnResource, *, overcommit_timeout_ms: int) -> None:
        """Ask the RM to set the node's total; read the node again to learn whether and when it did.

        `overcommit_timeout_ms` says what happens to containers that no longer fit: -1 they run to their end, 0 they
        are killed at once, more: their AMs are told, and they are killed after so many milliseconds. The RM ignores
        the call, timeout included, when the node has that total already. After one call with 0 or more, -1 protects
        no longer on this node, until the RM restarts or the node registers anew. An RM restart forgets the timeout.

        The node is read first: CustomResourcesAtRisk when it carries any, because the RM would set them to 0. Raise
        NotFound for a node the RM doesn't know, NodeNotUpdatable for one that is gone. An RM that dies within a
        heartbeat of the call forgets it (3.4.2). Needs 3.3 or later.
        """
        nodes.refuse_to_drop_custom_resources(self.node(node_id))
        self._rm.ask(nodes.resize_request(node_id, total, overcommit_timeout_ms=overcommit_timeout_ms))

    def scheduler(self) -> SchedulerReport:
        """Read the queue tree: all in one reply, about 5 kB a leaf."""
        return scheduler.read_scheduler(self._rm.ask(scheduler.scheduler_request()))

    def apps(
        self, states: Collection[AppState], *, deselects: Collection[AppPart] = _LEFT_OUT
    ) -> tuple[AppReport, ...]:
        """List the applications in *states*, without the parts named in *deselects*: about 2.6 kB each, 1.1 without."""
        return apps.read_apps(self._rm.ask(apps.apps_request(states, deselects)))

    def containers(self, app_id: str, attempt: int) -> tuple[ContainerReport, ...]:
        """List what an attempt of an application runs, and where: about 650 bytes each.

        Raise NotFound once the RM has forgotten it.
        """
        return containers.read_containers(self._rm.ask(containers.containers_request(app_id, attempt)), app_id)

    def minimum_allocation(self) -> YarnResource:
        """Read the smallest container, which is also the least a NodeManager must have to register."""
        return self._allocation("minimum")

    def maximum_allocation(self) -> YarnResource:
        """Read the largest container that the configuration allows; no node may be as large."""
        return self._allocation("maximum")

    def conf(self, name: str) -> str | None:
        """Read one property of the RM's own configuration, defaults included; None for one that isn't set.

        The scheduler's file isn't part of it: yarn.scheduler.capacity.* is in `scheduler_conf()` only (3.4.2).
        """
        try:
            return cluster.read_conf_value(self._rm.ask(cluster.conf_request(name)))
        except NotFound:
            return None

    def scheduler_conf(self) -> Mapping[str, str]:
        """Read CapacityScheduler's configuration by full key; raise NotMutable where it can't be changed either."""
        return scheduler_conf.read_conf(self._rm.ask(scheduler_conf.conf_request()))

    def scheduler_conf_version(self) -> int:
        """Read the number that grows with each accepted change, by whomever, also with one that changes nothing.

        The server doesn't guard against two writers: compare the number before with the one after. With the store
        `memory` a restart begins again at 1.
        """
        return scheduler_conf.read_version(self._rm.ask(scheduler_conf.version_request()))

    def validate_scheduler_conf(self, changes: ConfChanges) -> Mapping[str, str]:
        """Ask what the configuration would be after *changes*; raise RmRefused (400) with the RM's reason.

        It passes what the change itself would pass, nonsense included: ask `conf_check.problems` too.
        """
        reply = self._rm.ask(scheduler_conf.validate_request(changes))
        return scheduler_conf.read_conf(reply, scheduler_conf.VALIDATE_PATH)

    def change_scheduler_conf(self, changes: ConfChanges) -> None:
        """Apply all of *changes*, or nothing; read the queues back to learn what they did. No change sends nothing.

        Raise RmRefused (400) with the RM's reason, NotMutable, or Forbidden for users who aren't admins.
        """
        if changes.values_by_queue or changes.settings:
            self._rm.ask(scheduler_conf.change_request(changes))

    def labels(self) -> tuple[NodeLabel, ...]:
        """List the cluster's node labels."""
        return labels.read_labels(self._rm.ask(labels.labels_request()))

    def add_label(self, name: str, *, exclusive: bool) -> None:
        """Add a label; nothing happens when it is there; RmRefused (400) when it is there with another exclusivity."""
        self._rm.ask(labels.add_label_request(name, exclusive=exclusive))

    def node_to_labels(self) -> Mapping[str, tuple[str, ...]]:
        """Read the labels by node id."""
        return labels.read_mappings(self._rm.ask(labels.mappings_request()))

    def map_labels(self, label_by_node: Mapping[str, str | None]) -> None:
        """Give hosts ("10.0.0.4", every node there, now and later) or node ids ("10.0.0.4:8041") a label.

        None takes it away. The nodes needn't be registered yet. RmRefused (400) for a label that doesn't exist;
        NotFound where NodeManagers label themselves (distributed mode); Forbidden for users who aren't admins.
        """
        if label_by_node:
            self._rm.ask(labels.map_labels_request(label_by_node))

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _allocation(self, bound: str) -> YarnResource:
        vcores, memory = (self._rm.ask(cluster.conf_request(name)) for name in cluster.allocation_names(bound))
        return cluster.read_allocation(vcores, memory)
