"""The documents of the ResourceManager's REST interface, made of the simulated cluster."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

import orjson

from bridge.core.resources import NOTHING, Resources
from bridge.core.snapshot import YarnNodeState
from bridge.sim.apps import App, AppState, Container, QueueRun
from bridge.sim.nodes import NodeManager
from bridge.sim.placing import DEFAULT
from bridge.sim.world import SimWorld
from bridge.sim.yarn import RmRefusal

Document = dict[str, object]
_ACTIVE = frozenset({YarnNodeState.NEW, YarnNodeState.RUNNING, YarnNodeState.UNHEALTHY, YarnNodeState.DECOMMISSIONING})


@lru_cache(maxsize=4096)
def _amount(total: Resources) -> Document:
    values = (("memory-mb", "Mi", total.memory_mib), ("vcores", "", total.vcores))
    listed = [
        {"attributes": {}, "name": name, "resourceType": "COUNTABLE", "units": units, "value": value}
        for name, units, value in values
    ]
    return {
        "memory": total.memory_mib,
        "vCores": total.vcores,
        "resourceInformations": {"resourceInformation": listed},
    }


def _gpus(total: Resources) -> Document:
    plain = _amount(total)
    gpu = {"attributes": {}, "name": "yarn.io/gpu", "resourceType": "COUNTABLE", "units": "", "value": 1}
    listed = plain["resourceInformations"]
    assert isinstance(listed, dict)  # noqa: S101 - made just above
    return {**plain, "resourceInformations": {"resourceInformation": [*listed["resourceInformation"], gpu]}}


class YarnViews:
    """Makes documents; a node's is kept as bytes as long as nothing of it changes."""

    def __init__(self, world: SimWorld) -> None:
        self._world = world
        self._kept: dict[str, tuple[tuple[object, ...], bytes]] = {}

    @staticmethod
    def amount(total: Resources) -> Document:
        """Describe an amount."""
        return _amount(total)

    def _ms(self, second: int) -> int:
        return int(self._world.clock.at(second).timestamp() * 1000)

    def info(self) -> bytes:
        """Describe the ResourceManager."""
        started_ms = self._ms(self._world.yarn.started_at)
        version = "3.4.2"
        info = {
            "id": started_ms,
            "startedOn": started_ms,
            "state": "STARTED",
            "haState": "ACTIVE",
            "rmStateStoreName": "org.apache.hadoop.yarn.server.resourcemanager.recovery.FileSystemRMStateStore",
            "resourceManagerVersion": version,
            "hadoopVersion": version,
        }
        return orjson.dumps({"clusterInfo": info})

    def metrics(self) -> bytes:
        """Count nodes and applications; amounts are of the default partition, as with labels on a real one."""
        manager = self._world.yarn
        states = [node.state for node in manager.nodes.values()]
        total = manager.scheduler.totals.get(DEFAULT, NOTHING)
        used = sum((Resources(vcores=q.used_vcores, memory_mib=q.used_mib) for q in self._queues()), NOTHING)
        apps = [app.state for app in manager.work.apps.values()]
        counts = {
            "appsSubmitted": self._world.accounts.jobs_submitted,
            "appsCompleted": self._world.accounts.jobs_finished,
            "appsPending": apps.count(AppState.ACCEPTED),
            "appsRunning": apps.count(AppState.RUNNING),
            "totalMB": total.memory_mib,
            "totalVirtualCores": total.vcores,
            "allocatedMB": used.memory_mib,
            "allocatedVirtualCores": used.vcores,
            "availableMB": max(0, total.memory_mib - used.memory_mib),
            "availableVirtualCores": max(0, total.vcores - used.vcores),
            "totalNodes": len(states),
            "activeNodes": states.count(YarnNodeState.RUNNING),
            "lostNodes": states.count(YarnNodeState.LOST),
            "shutdownNodes": states.count(YarnNodeState.SHUTDOWN),
            "unhealthyNodes": 0,
            "decommissioningNodes": 0,
            "decommissionedNodes": 0,
            "crossPartitionMetricsAvailable": True,
        }
        return orjson.dumps({"clusterMetrics": counts})

    # --- Nodes

    def nodes(self, states: str | None) -> bytes:
        """List the nodes in *states*, by default the active ones."""
        try:
            wanted = _ACTIVE if states is None else {YarnNodeState(word.upper()) for word in states.split(",")}
        except ValueError as error:
            raise RmRefusal(400, "IllegalArgumentException", str(error)) from error
        listed = [self._node(node) for node in self._world.yarn.nodes.values() if node.state in wanted]
        return b'{"nodes":{"node":[' + b",".join(listed) + b"]}}" if listed else b'{"nodes":{}}'

    def node(self, node_id: str) -> bytes:
        """Describe one node."""
        return b'{"node":' + self._node(self._world.yarn.node(node_id)) + b"}"

    def _node(self, node: NodeManager) -> bytes:
        health_at = self._world.yarn.health_second(node)
        label = self._world.yarn.label_was_cleared(node)
        facts = (
            node.state,
            node.total_vcores,
            node.total_mib,
            node.used_vcores,
            node.used_mib,
            len(node.containers),
            node.label,
            node.has_gpu,
            health_at,
            label,
        )
        kept = self._kept.get(node.id)
        if kept is None or kept[0] != facts:
            kept = self._kept[node.id] = facts, orjson.dumps(self._describe(node, health_at, label))
        return kept[1]

    def _describe(self, node: NodeManager, health_at: int, was_cleared: bool) -> Document:
        total, is_active = node.total, node.state in _ACTIVE
        used = node.used if is_active else NOTHING
        left = total - used if is_active else NOTHING
        report: Document = {
            "rack": "/default-rack",
            "state": node.state,
            "id": node.id,
            "nodeHostName": node.host,
            "nodeHTTPAddress": f"{node.host}:8042" if is_active else "",
            "lastHealthUpdate": self._ms(health_at),
            "version": "3.4.2",
            "healthReport": "",
            "numContainers": len(node.containers) if is_active else 0,
            "usedMemoryMB": used.memory_mib,
            "availMemoryMB": left.memory_mib,
            "usedVirtualCores": used.vcores,
            "availableVirtualCores": left.vcores,
            "memUtilization": 0.0,
            "cpuUtilization": 0.0,
            "numRunningOpportContainers": 0,
            "usedMemoryOpportGB": 0,
            "usedVirtualCoresOpport": 0,
            "numQueuedContainers": 0,
            "totalResource": _gpus(total) if node.has_gpu else _amount(total),
        }
        if node.label or was_cleared:
            report["nodeLabels"] = [node.label or ""]
        if is_active:
            report |= {"usedResource": _amount(used), "availableResource": _amount(left)}
        return report

    # --- Applications

    def apps(self, query: Mapping[str, str]) -> bytes:
        """List applications by state."""
        work = self._world.yarn.work
        states = query.get("states") or query.get("state")
        left_out = set((query.get("deSelects") or "").split(","))
        try:
            wanted = None if states is None else {_state(word) for word in states.split(",")}
        except ValueError as error:
            raise RmRefusal(400, "BadRequestException", f"Invalid application-state {states}") from error
        known = [*work.apps.values(), *work.ended] if self._world.yarn.has_lists else []
        listed = [self._app(app, left_out) for app in known if wanted is None or app.state in wanted]
        return orjson.dumps({"apps": {"app": listed} if listed else {}})

    def _app(self, app: App, left_out: set[str]) -> Document:
        is_over = app.ended is not None
        held = _sum(app.containers.values())
        ended_at = self._world.timeline.now if app.ended is None else app.ended
        report: Document = {
            "id": app.id,
            "user": "sim",
            "name": app.job.id,
            "queue": f"root.{app.queue.config.name}",
            "state": app.state,
            "finalStatus": "SUCCEEDED" if app.state is AppState.FINISHED else "UNDEFINED",
            "progress": _progress(app),
            "applicationType": "MAPREDUCE",
            "applicationTags": "",
            "priority": 0,
            "startedTime": self._ms(app.submitted),
            "finishedTime": self._ms(ended_at) if is_over else 0,
            "elapsedTime": (ended_at - app.submitted) * 1000,
            "allocatedMB": -1 if is_over else held.memory_mib,
            "allocatedVCores": -1 if is_over else held.vcores,
            "reservedMB": -1 if is_over else 0,
            "reservedVCores": -1 if is_over else 0,
            "runningContainers": -1 if is_over else len(app.containers),
            "memorySeconds": 0,
            "vcoreSeconds": 0,
            "preemptedResourceMB": app.preempted_mib,
            "preemptedResourceVCores": app.preempted_vcores,
            "numNonAMContainerPreempted": app.preempted,
            "numAMContainerPreempted": app.preempted_ams,
            "unmanagedApplication": False,
            "amNodeLabelExpression": "",
        }
        if app.am is not None:
            report |= {"masterNodeId": app.am.node.id, "amHostHttpAddress": f"{app.am.node.host}:8042"}
        if "resourceRequests" not in left_out:
            report["resourceRequests"] = [] if is_over else _requests(app)
        if "resourceInfo" not in left_out and not is_over:
            report["resourceInfo"] = {"resourceUsagesByPartition": self._uses((app,))}
        return report

    def _uses(self, apps: Iterable[App]) -> list[Document]:
        used: dict[str, Resources] = defaultdict(lambda: NOTHING)
        pending: dict[str, Resources] = defaultdict(lambda: NOTHING)
        for app in apps:
            for container in app.containers.values():
                size = Resources(vcores=container.vcores, memory_mib=container.memory_mib)
                used[container.node.label or DEFAULT] += size
            for size, label, count in _asks(app):
                pending[label] += size * count
        return [
            {
                "partitionName": partition,
                "used": _amount(used[partition]),
                "reserved": _amount(NOTHING),
                "pending": _amount(pending[partition]),
                "amUsed": _amount(NOTHING),
                "amLimit": _amount(NOTHING),
            }
            for partition in sorted({DEFAULT, *used, *pending})
        ]

    # --- Queues

    def scheduler(self) -> bytes:
        """Describe the queue tree: leaf queues below root."""
        total = self._world.yarn.scheduler.totals.get(DEFAULT, NOTHING)
        by_queue: dict[str, list[App]] = defaultdict(list)
        if self._world.yarn.has_lists:
            for app in self._world.yarn.work.apps.values():
                by_queue[app.queue.config.name].append(app)
        leaves = [self._leaf(queue, total, by_queue[queue.config.name]) for queue in self._queues()]
        root: Document = {
            "type": "capacityScheduler",
            "queueName": "root",
            "queuePath": "root",
            "capacity": 100.0,
            "maxCapacity": 100.0,
            "usedCapacity": 0.0,
            "queues": {"queue": leaves},
            "capacities": {"queueCapacitiesByPartition": [_capacity(1.0, 1.0, total)]},
        }
        return orjson.dumps({"scheduler": {"schedulerInfo": root}})

    def _leaf(self, queue: QueueRun, total: Resources, apps: list[App]) -> Document:
        limits = queue.config
        pending = [app for app in apps if app.waits_for_am]
        return {
            "type": "capacitySchedulerLeafQueueInfo",
            "queueName": limits.name,
            "queuePath": f"root.{limits.name}",
            "capacity": limits.capacity_ratio * 100,
            "maxCapacity": limits.max_ratio * 100,
            "absoluteCapacity": limits.capacity_ratio * 100,
            "absoluteMaxCapacity": limits.max_ratio * 100,
            "state": "RUNNING",
            "numApplications": len(apps),
            "numActiveApplications": len(apps) - len(pending),
            "numPendingApplications": len(pending),
            "capacities": {"queueCapacitiesByPartition": [_capacity(limits.capacity_ratio, limits.max_ratio, total)]},
            "resources": {"resourceUsagesByPartition": self._uses(apps)},
        }

    def _queues(self) -> Iterable[QueueRun]:
        return self._world.yarn.work.queues.values()

    # --- Labels and configuration

    def labels(self) -> bytes:
        """List the labels: none is {}, one is an object of strings, more are an array of such objects."""
        scheduler = self._world.yarn.scheduler
        listed = [
            {
                "name": name,
                "exclusivity": "true" if is_exclusive else "false",
                "partitionInfo": {"resourceAvailable": _strings(scheduler.totals.get(name, NOTHING))},
            }
            for name, is_exclusive in scheduler.is_exclusive.items()
        ]
        return orjson.dumps({"nodeLabelInfo": _mapped(listed)} if listed else {})

    def mappings(self) -> bytes:
        """List which host or node has which label, in the same manner."""
        manager = self._world.yarn
        label_by_id = {f"{host}:0": label for host, label in manager.label_by_host.items()} | manager.label_by_node
        label_by_id |= {node.id: node.label for node in manager.nodes.values() if node.is_known and node.label}
        listed = [
            {"key": node_id, "value": {"nodeLabelInfo": self._label(label)}} for node_id, label in label_by_id.items()
        ]
        return orjson.dumps({"nodeToLabels": {"entry": _mapped(listed)} if listed else None})

    def _label(self, name: str) -> Document:
        is_exclusive = self._world.yarn.scheduler.is_exclusive.get(name, True)
        return {"name": name, "exclusivity": "true" if is_exclusive else "false"}

    def conf(self, name: str) -> bytes:
        """Give one property."""
        least, most = self._world.config.minimum, self._world.config.maximum
        values = {
            "yarn.scheduler.minimum-allocation-mb": least.memory_mib,
            "yarn.scheduler.minimum-allocation-vcores": least.vcores,
            "yarn.scheduler.maximum-allocation-mb": most.memory_mib,
            "yarn.scheduler.maximum-allocation-vcores": most.vcores,
        }
        if name not in values:
            raise RmRefusal(404, "NotFoundException", f"Property {name} not found")
        found = {"key": name, "value": str(values[name]), "isFinal": False, "resource": "yarn-site.xml"}
        return orjson.dumps({"property": found})


def _mapped(listed: Sequence[object]) -> object:
    """Write a list of one as its element, as the mapped JSON does."""
    return listed[0] if len(listed) == 1 else listed


def _strings(total: Resources) -> Document:
    return {"memory": str(total.memory_mib), "vCores": str(total.vcores)}


def _state(word: str) -> str:
    known = {"NEW", "NEW_SAVING", "SUBMITTED", "ACCEPTED", "RUNNING", "FINISHED", "FAILED", "KILLED"}
    if word.upper() not in known:
        raise ValueError(word)
    return word.upper()


def _sum(containers: Iterable[Container]) -> Resources:
    total = NOTHING
    for container in containers:
        total += Resources(vcores=container.vcores, memory_mib=container.memory_mib)
    return total


def _progress(app: App) -> float:
    tasks = sum(run.stage.tasks for run in app.stages)
    return 100.0 * sum(run.done for run in app.stages) / tasks if tasks else 100.0


def _asks(app: App) -> Iterable[tuple[Resources, str, int]]:
    """What an application waits for: its AM, or tasks."""
    if app.waits_for_am:
        yield app.am_size, DEFAULT, 1
    elif app.is_asking:
        yield from ((run.stage.size, run.stage.label, run.waiting) for run in app.open_stages if run.waiting)


def _requests(app: App) -> list[Document]:
    priority = 0 if app.waits_for_am else 20
    return [
        {
            "priority": priority,
            "allocationRequestId": number,
            "resourceName": "*",
            "capability": _amount(size),
            "numContainers": count,
            "relaxLocality": True,
            "nodeLabelExpression": label,
            "executionTypeRequest": {"executionType": "GUARANTEED", "enforceExecutionType": False},
        }
        for number, (size, label, count) in enumerate(_asks(app))
    ]


def _capacity(ratio: float, max_ratio: float, total: Resources) -> Document:
    return {
        "partitionName": DEFAULT,
        "capacity": ratio * 100,
        "maxCapacity": max_ratio * 100,
        "absoluteCapacity": ratio * 100,
        "absoluteMaxCapacity": max_ratio * 100,
        "effectiveMinResource": _amount(_part(total, ratio)),
        "effectiveMaxResource": _amount(_part(total, max_ratio)),
    }


def _part(total: Resources, ratio: float) -> Resources:
    return Resources(vcores=int(total.vcores * ratio), memory_mib=int(total.memory_mib * ratio))
