"""The ResourceManager's documents about itself, nodes and labels, made of the simulated cluster."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import orjson

from bridge.core.resources import NOTHING, Resources
from bridge.core.snapshot import YarnNodeState
from bridge.sim.apps import AppState
from bridge.sim.config import Preemption
from bridge.sim.errors import RmRefusal
from bridge.sim.nodes import NodeManager
from bridge.sim.queue_tree import DEFAULT
from bridge.sim.world import SimWorld

Document = dict[str, object]
_CAPACITY_SCHEDULER = "org.apache.hadoop.yarn.server.resourcemanager.scheduler.capacity.CapacityScheduler"
_PREEMPTION = "yarn.resourcemanager.monitor.capacity.preemption"
_ACTIVE = frozenset({YarnNodeState.NEW, YarnNodeState.RUNNING, YarnNodeState.UNHEALTHY, YarnNodeState.DECOMMISSIONING})


@lru_cache(maxsize=4096)
def describe_amount(total: Resources, gpus: int = 0) -> Document:
    """Describe an amount."""
    values = [("memory-mb", "Mi", total.memory_mib), ("vcores", "", total.vcores)]
    values += [("yarn.io/gpu", "", gpus)] if gpus else []
    listed = [
        {"attributes": {}, "name": name, "resourceType": "COUNTABLE", "units": units, "value": value}
        for name, units, value in values
    ]
    return {
        "memory": total.memory_mib,
        "vCores": total.vcores,
        "resourceInformations": {"resourceInformation": listed},
    }


class YarnViews:
    """Makes documents; a node's is kept as bytes as long as nothing of it changes."""

    def __init__(self, world: SimWorld) -> None:
        self._world = world
        self._kept: dict[str, tuple[tuple[object, ...], bytes]] = {}

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
        used = sum(
            (Resources(vcores=q.used_vcores, memory_mib=q.used_mib) for q in manager.work.queues.values()), NOTHING
        )
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
            self._world.yarn.is_settled(node),
        )
        kept = self._kept.get(node.id)
        if kept is None or kept[0] != facts:
            kept = self._kept[node.id] = facts, orjson.dumps(self._describe(node, health_at, label))
        return kept[1]

    def _describe(self, node: NodeManager, health_at: int, was_cleared: bool) -> Document:
        total, is_active = node.total, node.state in _ACTIVE
        is_counted = is_active and self._world.yarn.is_settled(node)
        used = node.used if is_counted else NOTHING
        left = total - used if is_counted else NOTHING
        report: Document = {
            "rack": "/default-rack",
            "state": node.state,
            "id": node.id,
            "nodeHostName": node.host,
            "nodeHTTPAddress": f"{node.host}:8042" if is_active else "",
            "lastHealthUpdate": self._ms(health_at),
            "version": "3.4.2",
            "healthReport": "",
            "numContainers": len(node.containers) if is_counted else 0,
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
            "totalResource": describe_amount(total, gpus=int(node.has_gpu)),
        }
        if node.label or was_cleared:
            report["nodeLabels"] = [node.label or ""]
        if is_active:
            report |= {"usedResource": describe_amount(used), "availableResource": describe_amount(left)}
        return report

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
            **self._scheduler_conf(),
        }
        if name not in values:
            raise RmRefusal(404, "", "")
        found = {"key": name, "value": str(values[name]), "isFinal": False, "resource": "yarn-site.xml"}
        return orjson.dumps({"property": found})

    def _scheduler_conf(self) -> Document:
        """Say what yarn-site.xml has about the scheduler."""
        config = self._world.config
        policy = config.preemption or Preemption()
        return {
            "yarn.resourcemanager.scheduler.class": _CAPACITY_SCHEDULER,
            "yarn.scheduler.configuration.store.class": config.conf_store,
            "yarn.node-labels.enabled": "true",
            "yarn.resourcemanager.scheduler.monitor.enable": "true" if config.preemption else "false",
            f"{_PREEMPTION}.monitoring_interval": policy.every_s * 1000,
            f"{_PREEMPTION}.max_wait_before_kill": policy.max_wait_s * 1000,
            f"{_PREEMPTION}.total_preemption_per_round": policy.round_ratio,
            f"{_PREEMPTION}.max_ignored_over_capacity": policy.ignored_ratio,
        }


def _mapped(listed: Sequence[object]) -> object:
    """Write a list of one as its element, as the mapped JSON does."""
    return listed[0] if len(listed) == 1 else listed


def _strings(total: Resources) -> Document:
    return {"memory": str(total.memory_mib), "vCores": str(total.vcores)}
