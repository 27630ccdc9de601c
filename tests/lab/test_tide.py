"""The tide once, for real: an idle night lends its cores to a MapReduce job and has them back by morning."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.lab.controller import Controller, Night, night_by_cron
from tests.lab.job import Job
from tests.lab.lab import (
    elastic_nodes,
    elastic_pod_names,
    make_label_known,
    online_running,
    rm,
    scale_online,
    within,
)
from tests.lab.story import Story, Watcher, wait_until

pytestmark = pytest.mark.lab


def test_an_idle_night_lends_its_cores_to_a_job_and_has_them_back_by_morning(tmp_path: Path, empty_stage: None) -> None:
    story = Story("The tide once")
    night = night_by_cron(ahead=timedelta(seconds=25), length=timedelta(minutes=2), lead=timedelta(seconds=40))
    controller = Controller(tmp_path, night)
    mapped_before = rm("get-node-to-labels")
    assert controller.ask("plan")["decided"]["offer"]["nodes"] == 0
    make_label_known("k8s")
    story.tell(f"by day nothing is offered; the window opens {night.opens:%H:%M}, all is back by {night.back_by:%H:%M}")

    job = Job(tmp_path, maps=44, seconds=12)
    containers = Watcher(lambda: {host: node["numContainers"] for host, node in elastic_nodes().items()})
    try:
        within(60, job.runs_its_am_on_the_static_node, "the job's AM runs on the static node")
        scale_online(2)
        within(30, lambda: online_running() == 2, "the online service shrinks for the night")
        story.tell("the online service keeps 2 of 8 pods; the job runs its AM on the static node and waits for room")

        wait_until(night.opens)
        _plans_the_same_twice(controller, story)
        controller.start()
        _serves(job, story, night)
        within(20, lambda: controller.ask("plan")["plan"] == [], "after acting there is nothing left to plan")
        story.tell("after acting, the plan is empty")

        _gives_back(controller, containers, story, night, mapped_before)
        scale_online(8)
        within(30, lambda: online_running() == 8, "the online service is full again")
        story.tell("the online service scales up: all its pods run")
        _ends_well(job, story)
    finally:
        containers.stop()
        controller.stop()
        job.close()


def _plans_the_same_twice(controller: Controller, story: Story) -> None:
    first, second = controller.ask("plan")["plan"], controller.ask("plan")["plan"]
    assert first == second
    assert sorted(step["lender"] for step in first if step["do"] == "create_pod") == ["node-1", "node-2"]
    story.tell("plan --json says twice the same: a pod on each node")


def _serves(job: Job, story: Story, night: Night) -> None:
    within(60, lambda: len(elastic_nodes()) == 2, "elastic pods on both nodes serve YARN")
    took = (datetime.now(UTC) - night.opens).total_seconds()
    story.tell(f"elastic nodes on both Kubernetes nodes serve YARN {took:.0f} s after the window opened")
    assert took <= 60
    within(
        30,
        lambda: all(node["numContainers"] > 0 for node in elastic_nodes().values()),
        "the job's tasks run on both elastic nodes",
    )
    assert job.runs_its_am_on_the_static_node()
    story.tell("the job's tasks run on both elastic nodes, its AM still on the static one")


def _gives_back(
    controller: Controller, containers: Watcher, story: Story, night: Night, mapped_before: dict[str, Any]
) -> None:
    wait_until(night.closes_to_work)
    controller.said("state=draining", 6)
    story.tell("lead: nothing new is scheduled on what must go")
    left = (night.back_by - datetime.now(UTC)).total_seconds()
    within(left, lambda: elastic_pod_names() == set(), "all elastic pods are gone before back_by", every_s=0.3)
    story.tell(f"all elastic pods are gone, {(night.back_by - datetime.now(UTC)).total_seconds():.0f} s before back_by")
    assert datetime.now(UTC) < night.back_by
    assert _grew_after(containers, night.closes_to_work + timedelta(seconds=4)) == []
    wait_until(night.back_by)
    assert elastic_pod_names() == set()
    assert elastic_nodes() == {}
    within(10, lambda: rm("get-node-to-labels") == mapped_before, "the addresses' labels are cleared")


def _grew_after(containers: Watcher, instant: datetime) -> list[tuple[datetime, str]]:
    """Find the moments at which an elastic node had more containers than just before."""
    grew: list[tuple[datetime, str]] = []
    before: dict[str, int] = {}
    for at, seen in containers.seen:
        if not isinstance(seen, dict):
            continue
        now: dict[str, int] = seen
        if at > instant:
            grew += [(at, host) for host, count in now.items() if count > before.get(host, 0)]
        before = now
    return grew


def _ends_well(job: Job, story: Story) -> None:
    report: dict[str, Any] = job.finish(300)
    assert report["finalStatus"] == "SUCCEEDED"
    assert job.counter("Failed map tasks") == 0
    preempted, killed = report["numNonAMContainerPreempted"], job.counter("Killed map tasks")
    assert report["numAMContainerPreempted"] == 0
    story.tell(f"the job SUCCEEDED, no attempt failed; preempted containers: {preempted}, killed attempts: {killed}")
