"""The ResourceManager's documents about applications and queues, made of the simulated cluster."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

import orjson

from bridge.core.resources import NOTHING, Resources
from bridge.sim.apps import App, AppState, Container, QueueRun
from bridge.sim.http_yarn_views import Document, describe_amount
from bridge.sim.placing import DEFAULT
from bridge.sim.world import SimWorld
from bridge.sim.yarn import RmRefusal


class WorkViews:
    """Makes documents; of an application that waits for its AM all but its age is kept as bytes."""

    def __init__(self, world: SimWorld) -> None:
        self._world = world
        self._kept: dict[int, tuple[tuple[object, ...], bytes]] = {}

    def _ms(self, second: int) -> int:
        return int(self._world.clock.at(second).timestamp() * 1000)

    # --- Applications

    def apps(self, query: Mapping[str, str]) -> bytes:
        """List applications by state."""
        work = self._world.yarn.work
        states = query.get("states") or query.get("state")
        left_out = frozenset((query.get("deSelects") or "").split(","))
        try:
            wanted = None if states is None else {_state(word) for word in states.split(",")}
        except ValueError as error:
            raise RmRefusal(400, "BadRequestException", f"Invalid application-state {states}") from error
        known = [*work.apps.values(), *work.ended] if self._world.yarn.has_lists else []
        listed = [self._listed(app, left_out) for app in known if wanted is None or app.state in wanted]
        return b'{"apps":{"app":[' + b",".join(listed) + b"]}}" if listed else b'{"apps":{}}'

    def _listed(self, app: App, left_out: frozenset[str]) -> bytes:
        ended_at = self._world.timeline.now if app.ended is None else app.ended
        age = b',"elapsedTime":%d}' % ((ended_at - app.submitted) * 1000)
        if not app.waits_for_am:
            self._kept.pop(app.seq, None)
            return orjson.dumps(self._app(app, left_out))[:-1] + age
        facts = (left_out, app.state, app.attempt, app.preempted_mib, len(app.containers))
        kept = self._kept.get(app.seq)
        if kept is None or kept[0] != facts:
            kept = self._kept[app.seq] = facts, orjson.dumps(self._app(app, left_out))[:-1]
        return kept[1] + age

    def _app(self, app: App, left_out: frozenset[str]) -> Document:
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
                "used": describe_amount(used[partition]),
                "reserved": describe_amount(NOTHING),
                "pending": describe_amount(pending[partition]),
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
            "resources": {"resourceUsagesByPartition": [_with_ams(use, queue, total) for use in self._uses(apps)]},
        }

    def _queues(self) -> Iterable[QueueRun]:
        return self._world.yarn.work.queues.values()


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
            "capability": describe_amount(size),
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
        "effectiveMinResource": describe_amount(_part(total, ratio)),
        "effectiveMaxResource": describe_amount(_part(total, max_ratio)),
    }


def _with_ams(use: Document, queue: QueueRun, total: Resources) -> Document:
    """Add what AMs hold and may hold: they are on the default partition only."""
    is_plain = use["partitionName"] == DEFAULT
    held = Resources(vcores=queue.am_vcores, memory_mib=queue.am_mib) if is_plain else NOTHING
    limit = _part(total, queue.config.max_ratio * queue.config.am_ratio) if is_plain else NOTHING
    return {**use, "amUsed": describe_amount(held), "amLimit": describe_amount(limit)}


def _part(total: Resources, ratio: float) -> Resources:
    return Resources(vcores=int(total.vcores * ratio), memory_mib=int(total.memory_mib * ratio))
