"""The ResourceManager's document about its queues, with the fields that Hadoop 3.4.2 prints and a client may read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import orjson

from bridge.core.resources import NOTHING, Resources
from bridge.sim.apps import QueueRun
from bridge.sim.capacity import Bounds, Capacity, Mode, part, root_bounds
from bridge.sim.http_yarn_views import Document, describe_amount
from bridge.sim.queue_tree import DEFAULT, ROOT, QueueNode
from bridge.sim.world import SimWorld

Amounts = Mapping[str, Resources]
"""By partition."""


class QueueViews:
    """Describes the tree of queues, each partition by itself."""

    def __init__(self, world: SimWorld) -> None:
        self._world = world
        self._queues = world.yarn.scheduler.queues

    def scheduler(self) -> bytes:
        """Describe all queues. The root has no ``resources``."""
        tree = self._queues.tree
        root: Document = {"type": "capacityScheduler", **self._sizes(tree, self._root_labels())}
        root["orderingPolicyInfo"] = "utilization"
        root["queues"] = self._children(tree)
        return orjson.dumps({"scheduler": {"schedulerInfo": root}})

    def _root_labels(self) -> list[str]:
        """Give the partitions with a capacity, and those that a queue has used."""
        used = {label for run in self._queues.by_path.values() for label in run.uses}
        return sorted(used | set(self._queues.tree.capacity))

    def _children(self, node: QueueNode) -> Document:
        """Leaves come before parents."""
        ordered = sorted(node.children, key=lambda child: bool(child.children))
        return {"queue": [self._queue(self._queues.by_path[child.path]) for child in ordered]}

    def _queue(self, run: QueueRun) -> Document:
        node = run.node
        used, pending = self._used(run), self._pending(run)
        labels = sorted({*run.uses, *node.capacity})
        report: Document = {
            **self._sizes(node, labels),
            "state": "STOPPED" if node.is_stopped else "RUNNING",
            "nodeLabels": list(node.labels),
            "resourcesUsed": describe_amount(used[DEFAULT]),
            "resources": {
                "resourceUsagesByPartition": [
                    self._usage(run, label, used.get(label, NOTHING), pending[label])
                    for label in sorted({*labels, *used, *pending})
                ]
            },
        }
        if node.children:
            return {**report, "queues": self._children(node)}
        return {**report, **self._leaf(run)}

    def _leaf(self, run: QueueRun) -> Document:
        apps = run.apps if self._world.yarn.has_lists else 0
        waiting = sum(self._world.yarn.work.apps[seq].waits_for_am for seq in run.waiting) if apps else 0
        return {
            "type": "capacitySchedulerLeafQueueInfo",
            "orderingPolicyInfo": run.node.ordering,
            "preemptionDisabled": self._world.config.preemption is None,
            "numApplications": apps,
            "numActiveApplications": apps - waiting,
            "numPendingApplications": waiting,
        }

    # --- Use

    def _used(self, run: QueueRun) -> Amounts:
        if not self._world.yarn.has_lists:
            return {DEFAULT: NOTHING}
        return {label: Resources(vcores=use.vcores, memory_mib=use.mib) for label, use in run.uses.items()}

    def _pending(self, run: QueueRun) -> defaultdict[str, Resources]:
        """Sum what is asked for: by the label that a request names, wherever it may spill to."""
        found: defaultdict[str, Resources] = defaultdict(lambda: NOTHING)
        for leaf in self._queues.leaves.values() if self._world.yarn.has_lists else ():
            if run in leaf.lineage:
                for seq in leaf.waiting:
                    for size, label, count in self._world.yarn.work.apps[seq].asks():
                        found[label] += size * count
        return found

    def _usage(self, run: QueueRun, label: str, used: Resources, pending: Resources) -> Document:
        usage: Document = {
            "partitionName": label,
            "used": describe_amount(used),
            "reserved": describe_amount(NOTHING),
            "pending": describe_amount(pending),
        }
        if not run.node.children:
            usage |= self._ams(run, label)
        return usage

    def _ams(self, run: QueueRun, label: str) -> Document:
        """Say what ApplicationMasters hold and may hold: they are on the default partition only."""
        is_plain = label == DEFAULT
        held = Resources(vcores=run.am_vcores, memory_mib=run.am_mib) if is_plain else NOTHING
        most = self._queues.bounds(DEFAULT)[run.node.path].maximum if is_plain else NOTHING
        limit = part(most, run.node.am_ratio)
        return {"amUsed": describe_amount(held), "amLimit": describe_amount(limit)}

    # --- Capacities

    def _sizes(self, node: QueueNode, labels: list[str]) -> Document:
        plain = self._bounds(node, DEFAULT)
        capacity = node.capacity_on(DEFAULT)
        report: Document = {
            "queueName": node.name,
            "queuePath": node.path,
            **self._ratios(node, DEFAULT),
            "isAbsoluteResource": capacity.mode is Mode.ABSOLUTE,
            "mode": capacity.mode.value,
            "queueType": "parent" if node.children else "leaf",
            "capacities": {"queueCapacitiesByPartition": [self._partition(node, label) for label in labels]},
        }
        if node.path != ROOT:
            report["minEffectiveCapacity"] = describe_amount(plain.guaranteed)
            report["maxEffectiveCapacity"] = describe_amount(plain.maximum)
        return report

    def _bounds(self, node: QueueNode, label: str) -> Bounds:
        return self._queues.bounds(label)[node.path]

    def _partition(self, node: QueueNode, label: str) -> Document:
        bounds = self._bounds(node, label)
        return {
            "partitionName": label,
            **self._ratios(node, label),
            "configuredMinResource": _configured(node.capacity_on(label)),
            "configuredMaxResource": _configured(node.maximum_on(label)),
            "effectiveMinResource": describe_amount(bounds.guaranteed),
            "effectiveMaxResource": describe_amount(bounds.maximum),
        }

    def _ratios(self, node: QueueNode, label: str) -> Document:
        """Write a queue's part of its parent, which it has none of by weight, and of the partition, in percent."""
        bounds, capacity = self._bounds(node, label), node.capacity_on(label)
        ratios = {
            "capacity": 0.0 if capacity.mode is Mode.WEIGHT else bounds.ratio,
            "maxCapacity": bounds.max_ratio,
            "absoluteCapacity": bounds.absolute_ratio,
            "absoluteMaxCapacity": bounds.absolute_max_ratio,
            **self._used_ratios(node, label, bounds),
        }
        percent: Document = {key: round(ratio * 100, 5) for key, ratio in ratios.items()}
        return percent | {"weight": capacity.weight, "normalizedWeight": round(bounds.normalized_weight, 6)}

    def _used_ratios(self, node: QueueNode, label: str, bounds: Bounds) -> dict[str, float]:
        used = self._in_use(node, label)
        whole = root_bounds(bounds.total, 1.0)
        least = self._world.config.minimum
        return {
            "usedCapacity": bounds.used_ratio(used.vcores, used.memory_mib, least),
            "absoluteUsedCapacity": whole.used_ratio(used.vcores, used.memory_mib, least),
        }

    def _in_use(self, node: QueueNode, label: str) -> Resources:
        if node.path != ROOT:
            return self._used(self._queues.by_path[node.path]).get(label, NOTHING)
        below = (self._used(self._queues.by_path[child.path]).get(label, NOTHING) for child in node.children)
        return sum(below, NOTHING)


def _configured(capacity: Capacity) -> Document:
    return describe_amount(capacity.amount)
