"""The same tide, with the controller killed in each phase and the ResourceManager restarted while nodes serve."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.lab.controller import Controller, coming_night
from tests.lab.job import Job
from tests.lab.lab import elastic_nodes, elastic_pod_names, online_running, pods, scale_online, service, within
from tests.lab.story import Story, Watcher, wait_until

pytestmark = pytest.mark.lab

AM_AND_THREE_TASKS = 4


def test_a_controller_killed_in_each_phase_leaves_no_orphan_and_keeps_the_deadline(
    tmp_path: Path, empty_stage: None
) -> None:
    story = Story("The tide with crashes")
    names = Watcher(lambda: frozenset(elastic_pod_names()))
    # Three of its tasks fill the static node, three need two elastic nodes, and outlast the window there.
    job = Job(tmp_path, maps=6, seconds=85)
    controller: Controller | None = None
    try:
        within(60, job.runs_its_am_on_the_static_node, "the job's AM runs on the static node")
        # Until they are placed all six tasks wait, and would be worth three nodes.
        within(30, lambda: job.report()["runningContainers"] == AM_AND_THREE_TASKS, "the static node is full")
        scale_online(2)
        within(30, lambda: online_running() == 2, "the online service shrinks for the night")
        night = coming_night(ahead=timedelta(seconds=10), length=timedelta(seconds=95), lead=timedelta(seconds=40))
        controller = Controller(tmp_path, night, vcores=2)
        controller.start()
        wait_until(night.opens)
        _kill_at(controller, "CreatePod .*result=done", story, "while the window opens")

        within(60, lambda: len(elastic_nodes()) == 2, "both elastic nodes serve")
        _kill_at(controller, "took_ms", story, "while both nodes serve")
        deadlines = _deadlines()
        within(40, lambda: _busy() >= 3, "the job's tasks run on the elastic nodes")
        _restart_rm(story)

        wait_until(night.closes_to_work)
        _kill_at(controller, "state=draining .*result=done", story, "while nodes drain")
        _kill_at(controller, "state=forced .*result=done", story, "in the forced step")
        left = (night.back_by - datetime.now(UTC)).total_seconds()
        within(left, lambda: elastic_pod_names() == set(), "all is back before back_by", every_s=0.3)
        assert datetime.now(UTC) < night.back_by
        story.tell(f"all is back {(night.back_by - datetime.now(UTC)).total_seconds():.0f} s before back_by")

        seen = frozenset().union(*(entry for _, entry in names.seen if isinstance(entry, frozenset)))
        assert len(seen) == 2, f"one pod for each node, never a second: {sorted(seen)}\n{controller.log}"
        assert set(deadlines.values()) == {night.back_by.strftime("%Y-%m-%dT%H:%M:%SZ")}
        wait_until(night.back_by)
        assert elastic_pod_names() == set()

        report = job.finish(300)
        assert report["finalStatus"] == "SUCCEEDED"
        assert job.counter("Failed map tasks") == 0
        assert report["numAMContainerPreempted"] == 0
        assert report["numNonAMContainerPreempted"] > 0
        story.tell(
            f"the job SUCCEEDED, no attempt failed; preempted containers: {report['numNonAMContainerPreempted']}"
        )
    finally:
        names.stop()
        if controller is not None:
            controller.stop()
        job.close()


def _kill_at(controller: Controller, pattern: str, story: Story, phase: str) -> None:
    """Kill the controller once its log says something new, and start it again."""
    seen = len(controller.log)
    controller.said(pattern, 60, since=seen)
    controller.kill()
    story.tell(f"SIGKILL {phase}; started again")
    controller.start()


def _busy() -> int:
    return sum(node["numContainers"] for node in elastic_nodes().values())


def _deadlines() -> dict[str, str]:
    return {pod["metadata"]["name"]: pod["metadata"]["annotations"]["tidebridge.dev/deadline"] for pod in pods()}


def _restart_rm(story: Story) -> None:
    """Kill the ResourceManager under load and start it again: the same nodes come back with their work."""
    before = elastic_nodes()
    service("rm", "kill")
    service("rm", "start")
    after = within(30, lambda: len(found := elastic_nodes()) == 2 and found, "both nodes are back after the RM's start")
    assert after is not False
    assert set(after) == set(before)
    within(10, lambda: _busy() >= 2, "their containers are still there")
    story.tell("the ResourceManager was killed and started again: the same two nodes serve, with their containers")
