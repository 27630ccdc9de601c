"""A real YARN cluster behind the port, by ``yarn_client``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from bridge.adapters.convert import resources_of, yarn_resource_of
from bridge.adapters.leaving import Leaving
from bridge.adapters.queue_tree import QueuePaths, QueueTree
from bridge.adapters.settling import Settling
from bridge.adapters.work import WorkDone, WorkSeen
from bridge.adapters.yarn_errors import translated
from bridge.core.actions import Decommission, Readmit, ResizeNode
from bridge.core.resources import Resources
from bridge.core.snapshot import CannotDecommission, YarnFacts, YarnNode, YarnNodeState
from bridge.core.waiting import WaitingContainers
from bridge.ports import Clock, Rejected
from yarn_client import (
    AppPart,
    AppReport,
    AppState,
    NodeReport,
    NodeState,
    YarnClient,
)

_USABLE = (NodeState.RUNNING, NodeState.UNHEALTHY, NodeState.DECOMMISSIONING)
_NOBODY: tuple[Mapping[str, int], CannotDecommission] = ({}, CannotDecommission.NOT_CONFIGURED)
_UNREAD = (AppPart.RESOURCE_INFO, AppPart.TIMEOUTS, AppPart.APP_LABEL, AppPart.AM_LABEL)


class YarnCluster:
    """Reads and resizes one cluster. After an RM start or failover its lists are partial for up to *settle*.

    *label*: of the elastic nodes; None where they have none. *by_queue*: tell apart whose containers wait and who uses
    nodes of the label, where tenants divide them. *remote_shuffle*: queues whose shuffle isn't kept on nodes.
    *leaving*: the other way to close a node, where the admin has given an exclude file. *look_within*: how long a look
    may take; what gives room back by the clock can't wait for a ResourceManager that answers slowly.
    """

    def __init__(
        self,
        client: YarnClient,
        clock: Clock,
        *,
        settle: timedelta,
        look_within: timedelta = timedelta(seconds=60),
        by_queue: bool = False,
        label: str | None = None,
        remote_shuffle: Collection[str] = (),
        leaving: Leaving | None = None,
    ) -> None:
        self._client = client
        self._look_within_s = look_within.total_seconds()
        self._by_queue = by_queue
        self._label = label
        self._clock = clock
        self._settling = Settling(clock, settle)
        self._work = WorkDone(client, remote_shuffle=remote_shuffle)
        self._leaving = leaving
        self._states = _USABLE if leaving is None else (*_USABLE, NodeState.DECOMMISSIONED)
        self._paths = QueuePaths(client)
        self._minimum: Resources | None = None
        self._minimum_of: datetime | None = None

    def observe(self) -> YarnFacts:
        """Read nodes, waiting containers and labels; see ``bridge.ports.Yarn``.

        Of the tasks so much is read as there is time for.
        """
        with self._client.within(self._look_within_s):
            return self._observed()

    def _observed(self) -> YarnFacts:
        with translated("read the cluster"):
            before = self._client.cluster_info()
            nodes = self._client.nodes(self._states)
            apps = self._paths.completed(self._client.apps((AppState.ACCEPTED, AppState.RUNNING), deselects=_UNREAD))
            queues = QueueTree.of(self._client.scheduler()) if self._by_queue else None
            label_by_host = self._label_by_host()
            labels = frozenset(label.name for label in self._client.labels() if not label.exclusive)
            if self._minimum is None or before.started_at != self._minimum_of:
                self._minimum = resources_of(self._client.minimum_allocation())
                self._minimum_of = before.started_at
            info = self._client.cluster_info()
            is_settling = self._settling.is_settling(info) or info.started_at != before.started_at
        excluded, cannot_decommission = _NOBODY if self._leaving is None else self._leaving.look()
        running = [app for app in apps if app.state is AppState.RUNNING]
        work = self._work.look(self._clock.now(), running, self._elastic(nodes), is_sure=not is_settling)
        # One that is launched but hasn't registered yet is one too, though its application is only accepted.
        am_nodes = {app.am_node_id for app in apps}
        return YarnFacts(
            started_at=info.started_at,
            minimum=self._minimum,
            nodes=tuple(_node(report, has_am=report.node_id in am_nodes, work=work) for report in nodes),
            waiting=waiting_containers(apps),
            ams_waiting=sum(_asked(app) for app in apps if app.state is not AppState.RUNNING),
            labels=labels,
            label_by_host=label_by_host,
            elastic_use_by_queue={} if queues is None or self._label is None else queues.use_of(self._label),
            ended=work.ended,
            apps=frozenset(app.app_id for app in running),
            excluded=excluded,
            cannot_decommission=cannot_decommission,
            is_settling=is_settling,
        )

    def resize(self, act: ResizeNode) -> None:
        """Tell the RM a node's total; see ``bridge.ports.Yarn``."""
        timeout_ms = -1 if act.overcommit_timeout is None else round(act.overcommit_timeout.total_seconds() * 1000)
        with translated(f"resize node {act.node_id}"):
            self._client.resize_node(act.node_id, yarn_resource_of(act.total), overcommit_timeout_ms=timeout_ms)

    def add_label(self, label: str) -> None:
        """Make a label known, not exclusive; see ``bridge.ports.Yarn``."""
        with translated(f"add node label {label}"):
            self._client.add_label(label, exclusive=False)

    def map_label(self, host: str, label: str | None) -> None:
        """Map a host to a label; see ``bridge.ports.Yarn``."""
        with translated(f"map host {host} to node label {label or 'none'}"):
            self._client.map_labels({host: label})

    def decommission(self, act: Decommission) -> None:
        """Have nodes run out and end; see ``bridge.ports.Yarn``."""
        self._leave().decommission(dict(act.timeout_s_by_host))

    def readmit(self, act: Readmit) -> None:
        """Let NodeManagers register again; see ``bridge.ports.Yarn``."""
        self._leave().readmit(frozenset(act.hosts))

    def _leave(self) -> Leaving:
        if self._leaving is None:
            raise Rejected("no exclude file is configured (yarn.clusters.NAME.decommission)")
        return self._leaving

    def _elastic(self, nodes: tuple[NodeReport, ...]) -> frozenset[str]:
        """Name the nodes that may be the pool's: those of its label, or all where it has none."""
        return frozenset(node.node_id for node in nodes if self._label is None or node.label == self._label)

    def _label_by_host(self) -> Mapping[str, str]:
        mapped = self._client.node_to_labels()
        return {_host(node): labels[0] for node, labels in mapped.items() if labels}


def waiting_containers(apps: tuple[AppReport, ...]) -> tuple[WaitingContainers, ...]:
    """Sum what running applications wait for, by container size, label and queue.

    Custom resources are nothing to serve.
    """
    counts: Counter[tuple[int, int, str, str]] = Counter()
    for app in apps:
        if app.state is not AppState.RUNNING:
            continue
        for request in app.resource_requests:
            if request.num_containers > 0 and not request.custom_resources:
                size = request.capability
                counts[size.vcores, size.memory_mib, request.node_label_expression, app.queue] += request.num_containers
    return tuple(
        WaitingContainers(vcores=vcores, memory_mib=memory_mib, label=label, count=count, queue=queue)
        for (vcores, memory_mib, label, queue), count in sorted(counts.items())
    )


def _asked(app: AppReport) -> int:
    return sum(request.num_containers for request in app.resource_requests)


def _node(report: NodeReport, *, has_am: bool, work: WorkSeen) -> YarnNode:
    return YarnNode(
        node_id=report.node_id,
        state=YarnNodeState(report.state.value),
        total=resources_of(report.total),
        used=resources_of(report.used),
        containers=report.containers,
        label=report.label or None,
        has_am=has_am,
        has_custom_resources=bool(report.custom_resources),
        is_settled=report.is_settled,
        health_at=report.health_checked_at,
        tasks=work.tasks.get(report.node_id, ()) if report.containers > 0 else (),
        held_vcore_s=work.held_vcore_s.get(report.node_id, 0),
    )


def _host(node: str) -> str:
    """Take the host of "host:port"; the RM writes port 0 for a whole host."""
    host, colon, _ = node.rpartition(":")
    return host if colon else node
