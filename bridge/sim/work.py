"""The life of applications: submitted, given an AM, stage after stage of tasks, and what is lost on the way.

A lost task is asked for again. A lost AM takes the application's other containers with it; finished tasks stay done.
"""

from __future__ import annotations

import math
from collections import deque
from enum import StrEnum

from bridge.core.resources import Resources
from bridge.sim.accounts import Accounts
from bridge.sim.apps import AM, App, AppState, Container, StageRun
from bridge.sim.clock import Timeline
from bridge.sim.config import SimConfig
from bridge.sim.load import Job, Stage
from bridge.sim.nodes import NodeManager
from bridge.sim.placing import Scheduler
from bridge.sim.queue_tree import DEFAULT

_KEPT_CONTAINERS = 50_000
_KEPT_APPS = 1000
"""Finished applications that a ResourceManager remembers."""


class Loss(StrEnum):
    """How an attempt ended too early, in YARN's words for the exit status."""

    PREEMPTED = "PREEMPTED"
    ABORTED = "ABORTED"
    KILLED = "KILLED"


class Work:
    """All applications of one cluster."""

    def __init__(
        self,
        timeline: Timeline,
        config: SimConfig,
        accounts: Accounts,
        *,
        apps: dict[int, App],
        scheduler: Scheduler,
    ) -> None:
        self._timeline = timeline
        self._config = config
        self._accounts = accounts
        self.scheduler = scheduler
        self._containers = 0
        self._submitted = 0
        self._kinds: dict[tuple[Resources, str], int] = {}
        self.apps = apps
        """Those that haven't ended, by number."""
        self.queues = scheduler.queues.leaves
        self.ended: deque[App] = deque(maxlen=_KEPT_APPS)
        self.released: deque[Container] = deque(maxlen=_KEPT_CONTAINERS)
        """Containers that are over, newest last."""
        self.released_count = 0
        """Of all there ever were."""
        scheduler.place_with(self._place)

    def submit(self, job: Job) -> App:
        """Take a job; its AM waits for a place from now on."""
        self._submitted += 1
        runs = [StageRun(stage, self._kind(stage)) for stage in job.stages]
        cluster_ms = int(self._config.start.timestamp() * 1000)
        app = App(
            seq=self._submitted,
            id=f"application_{cluster_ms}_{self._submitted:04d}",
            job=job,
            queue=self.queues[job.queue],
            am_size=self._config.am_size,
            submitted=self._timeline.now,
            stages=runs,
        )
        self.apps[app.seq] = app
        app.queue.apps += 1
        app.ask(AM, 1)
        self._accounts.jobs_submitted += 1
        self._ask(app)
        return app

    def waiting(self) -> dict[tuple[Resources, str, str], int]:
        """Count what running applications ask for, by size, label and queue."""
        return {
            (size, label, queue.node.path): queue.asked[kind]
            for queue in self.queues.values()
            for (size, label), kind in self._kinds.items()
            if queue.asked[kind]
        }

    def _kind(self, stage: Stage) -> int:
        """Number what a stage's tasks ask for: comparing numbers is what the scheduler does most."""
        return self._kinds.setdefault((stage.size, stage.label), len(self._kinds))

    def lose(self, container: Container, how: Loss, *, worked_until: int | None = None) -> None:
        """End an attempt too early; the application asks for its task, or the cluster for its AM, again."""
        if container.is_over:
            return
        app, run = container.app, container.stage
        self._release(container)
        self._count_loss(container, how, self._timeline.now if worked_until is None else worked_until)
        if run is None:
            self._lose_am(app, how, container.node)
        else:
            run.running -= 1
            run.waiting += 1
            if app.is_asking:
                app.ask(run.kind, 1)
        self._ask(app)

    def move_use(self, node: NodeManager, label: str | None) -> None:
        """Give a node another label, and book what runs there on the other partition."""
        for container in node.containers.values():
            queue = container.app.queue
            queue.hold(node.label or DEFAULT, -container.vcores, -container.memory_mib)
            queue.hold(label or DEFAULT, container.vcores, container.memory_mib)
        node.label = label

    def _place(self, app: App, run: StageRun | None, node: NodeManager) -> None:
        size = app.am_size if run is None else run.stage.size
        now = self._timeline.now
        self._containers += 1
        container = Container(self._containers, app, run, node, size.vcores, size.memory_mib, now)
        node.containers[container.seq] = app.containers[container.seq] = container
        self._hold(container, 1)
        if run is None:
            app.am = container
            app.ask(AM, -1)
            self._timeline.at(now + self._config.am_start_s, self._am_registers, app, app.attempt)
        else:
            run.waiting -= 1
            app.ask(run.kind, -1)
            run.running += 1
            self._timeline.at(now + max(1, math.ceil(run.stage.task_s)), self._task_ends, container, run)
        if not app.wants_something:
            app.queue.waiting.discard(app.seq)

    def _hold(self, container: Container, sign: int) -> None:
        node, queue = container.node, container.app.queue
        vcores, mib = sign * container.vcores, sign * container.memory_mib
        node.used_vcores += vcores
        node.used_mib += mib
        container.app.held_mib += mib
        queue.count(self._timeline.now)
        queue.hold(node.label or DEFAULT, vcores, mib)
        if container.is_am:
            queue.am_vcores += vcores
            queue.am_mib += mib
        self.scheduler.hold(node, vcores, mib)

    def _release(self, container: Container) -> None:
        container.is_over, container.ended = True, self._timeline.now
        self.released.append(container)
        self.released_count += 1
        del container.node.containers[container.seq]
        del container.app.containers[container.seq]
        self._hold(container, -1)

    def _am_registers(self, app: App, attempt: int) -> None:
        if app.attempt != attempt or app.am is None or not app.am.node.is_alive:
            return
        app.state = AppState.RUNNING
        for container in app.containers.values():
            container.node.changes += 1
        app.is_asking = True
        self._count_asks(app, 1)
        self._open_stages(app)
        self._ask(app)
        self._end_if_done(app)

    def _open_stages(self, app: App) -> None:
        """Release what is due: the first stage that isn't done, or every stage whose time has come."""
        if app.job.in_order:
            if not app.open_stages:
                self._open(next((run for run in app.stages if run.done < run.stage.tasks), None), app)
            return
        for run in app.stages:
            due = app.submitted + run.stage.release_s
            if run.done or run in app.open_stages:
                continue
            if due <= self._timeline.now:
                self._open(run, app)
            else:
                self._timeline.at(due, self._stage_is_due, app, run)

    def _stage_is_due(self, app: App, run: StageRun) -> None:
        if app.ended is None and run not in app.open_stages and not run.done:
            self._open(run, app)
            self._ask(app)

    @staticmethod
    def _open(run: StageRun | None, app: App) -> None:
        if run is not None:
            run.waiting = run.stage.tasks - run.done - run.running
            app.open_stages.append(run)
            app.ask(run.kind, run.waiting)

    @staticmethod
    def _count_asks(app: App, sign: int) -> None:
        """Count in, or out, all that an application's AM asks for; without a registered AM it asks for nothing."""
        for run in app.open_stages if app.is_asking else ():
            app.ask(run.kind, sign * run.waiting)

    def _task_ends(self, container: Container, run: StageRun) -> None:
        if container.is_over or not container.node.is_alive:
            return
        app = container.app
        self._release(container)
        worked = (self._timeline.now - container.began) * container.vcores
        if container.node.is_lent:
            self._accounts.useful_lent_core_s += worked
        else:
            self._accounts.useful_static_core_s += worked
        run.running -= 1
        run.done += 1
        if run.done == run.stage.tasks:
            app.open_stages.remove(run)
            if app.job.in_order:
                self._open_stages(app)
            self._ask(app)
            self._end_if_done(app)

    def _end_if_done(self, app: App) -> None:
        if all(run.done >= run.stage.tasks for run in app.stages):
            self._accounts.jobs_finished += 1
            took_s = self._timeline.now - app.submitted
            self._accounts.turnaround_s += took_s
            self._accounts.slowdown_sum += took_s / max(1.0, app.job.ideal_s)
            self._end(app)

    def _end(self, app: App) -> None:
        self._count_asks(app, -1)
        app.state, app.ended = AppState.FINISHED, self._timeline.now
        app.is_asking = False
        for container in tuple(app.containers.values()):
            self._release(container)
        app.queue.waiting.discard(app.seq)
        self.apps.pop(app.seq, None)
        app.queue.apps -= 1
        self.ended.append(app)

    def _ask(self, app: App) -> None:
        if app.wants_something:
            app.queue.waiting.add(app.seq)
            self.scheduler.wake()
        else:
            app.queue.waiting.discard(app.seq)

    def _lose_am(self, app: App, how: Loss, node: NodeManager) -> None:
        self._count_asks(app, -1)
        app.ask(AM, 1)
        self._accounts.ams_killed += 1
        self._accounts.ams_killed_on_lent += node.is_lent
        app.am, app.is_asking, app.state = None, False, AppState.ACCEPTED
        app.attempt += 1
        app.preempted_ams += how is Loss.PREEMPTED
        for container in tuple(app.containers.values()):
            self.lose(container, Loss.KILLED)

    def _count_loss(self, container: Container, how: Loss, until: int) -> None:
        app, accounts = container.app, self._accounts
        worked = max(0, until - container.began) * container.vcores
        if container.node.is_lent:
            accounts.lost_lent_core_s += worked
        else:
            accounts.lost_static_core_s += worked
        match how:
            case Loss.PREEMPTED:
                accounts.preempted_containers += 1
                app.preempted += not container.is_am
                app.preempted_vcores += container.vcores
                app.preempted_mib += container.memory_mib
            case Loss.ABORTED:
                accounts.aborted_containers += 1
            case Loss.KILLED:
                accounts.killed_containers += 1
