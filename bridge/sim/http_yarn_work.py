"""The ResourceManager's documents about applications, made of the simulated cluster."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

import orjson

from bridge.core.resources import NOTHING, Resources
from bridge.sim.apps import TASK_PRIORITY, App, AppState, Container
from bridge.sim.errors import RmRefusal
from bridge.sim.http_yarn_views import Document, describe_amount
from bridge.sim.queue_tree import DEFAULT
from bridge.sim.world import SimWorld


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
            "queue": app.queue.node.path,
            "state": app.state,
            "finalStatus": "SUCCEEDED" if app.state is AppState.FINISHED else "UNDEFINED",
            "progress": _progress(app),
            "applicationType": "YARN",
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
            name = _container_id(app, app.am)
            logs = f"http://{app.am.node.host}:8042/node/containerlogs/{name}/sim"
            report |= {"masterNodeId": app.am.node.id, "amHostHttpAddress": f"{app.am.node.host}:8042"}
            report |= {"amContainerLogs": logs}
        if "resourceRequests" not in left_out:
            report["resourceRequests"] = [] if is_over else _requests(app)
        if "resourceInfo" not in left_out and not is_over:
            report["resourceInfo"] = {"resourceUsagesByPartition": self._uses((app,))}
        return report

    def containers(self, app_id: str, attempt: int) -> bytes:
        """List what an application's attempt holds: numbers are words here."""
        work, now = self._world.yarn.work, self._world.timeline.now
        app = next((one for one in (*work.apps.values(), *work.ended) if one.id == app_id), None)
        if app is None or app.attempt != attempt or not self._world.yarn.has_lists:
            raise RmRefusal(404, "NotFoundException", f"{app_id}: attempt {attempt} isn't known")
        listed = [
            {
                "containerId": _container_id(app, one),
                "allocatedMB": str(one.memory_mib),
                "allocatedVCores": str(one.vcores),
                "assignedNodeId": one.node.id,
                "nodeId": one.node.id,
                "priority": str(_priority(one)),
                "startedTime": str(self._ms(one.began)),
                "finishedTime": "0",
                "elapsedTime": str((now - one.began) * 1000),
                "containerState": "RUNNING",
            }
            for one in app.containers.values()
        ]
        return orjson.dumps({"container": listed} if listed else {})

    def _uses(self, apps: Iterable[App]) -> list[Document]:
        used: dict[str, Resources] = defaultdict(lambda: NOTHING)
        pending: dict[str, Resources] = defaultdict(lambda: NOTHING)
        for app in apps:
            for container in app.containers.values():
                size = Resources(vcores=container.vcores, memory_mib=container.memory_mib)
                used[container.node.label or DEFAULT] += size
            for size, label, count in app.asks():
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


def _container_id(app: App, container: Container) -> str:
    """Name a container as the ResourceManager does; the AM's is an attempt's first."""
    number = 1 if container.is_am else container.seq + 1
    return f"{app.id.replace('application', 'container', 1)}_{app.attempt:02d}_{number:06d}"


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


def _priority(one: Container) -> int:
    """Tell an application's kinds of tasks apart, as frameworks do; an AM's is 0."""
    return 0 if one.stage is None else TASK_PRIORITY + one.app.stages.index(one.stage)


def _progress(app: App) -> float:
    tasks = sum(run.stage.tasks for run in app.stages)
    return 100.0 * sum(run.done for run in app.stages) / tasks if tasks else 100.0


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
        for number, (size, label, count) in enumerate(app.asks())
    ]
