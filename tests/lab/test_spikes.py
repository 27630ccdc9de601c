"""Online pods that wait, for real: how soon they run, what work that costs, and Kubernetes' own preemption beside it.

Each round asks for an online pod that fits nowhere. One kind may not preempt: only the controller makes room for it.
The other kind may: then the scheduler deletes an elastic pod by its priority, whatever runs in it.
"""

from __future__ import annotations

import json
import statistics
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.lab.controller import Controller, coming_night, configuration
from tests.lab.lab import elastic_nodes, end_the_night, kubectl, online_running, pods, rm, scale_online, within
from tests.lab.sleeps import Sleeping, Sleeps, sleeps
from tests.lab.story import Story, wait_until

pytestmark = pytest.mark.lab

OURS, THEIRS = 10, 5
GOAL_S = 30.0
EACH = 2
"""Elastic nodes of four vcores, half a core, on each Kubernetes node; while one is filled again, the next round
is on the other one."""


PRIORITIES = """
{apiVersion: scheduling.k8s.io/v1, kind: PriorityClass, metadata: {name: patient}, value: 0, preemptionPolicy: Never}
---
{apiVersion: scheduling.k8s.io/v1, kind: PriorityClass, metadata: {name: pushing}, value: 0}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One online pod that waited."""

    took_s: float
    """From its creation until it was seen to run."""
    lost_tasks: int
    lost_s: float
    """What the tasks had worked that are gone, in vcore seconds."""


def test_online_pods_that_wait_run_within_half_a_minute(tmp_path: Path, empty_stage: None) -> None:
    story = Story("Spikes")
    night = coming_night(ahead=timedelta(seconds=10), length=timedelta(minutes=20), lead=timedelta(seconds=60))
    settings = configuration(night, 4).replace("vcores_per_core: 4.0", "vcores_per_core: 8.0")
    settings = settings.replace("cool_down_s: 30", "cool_down_s: 0").replace("tick_s: 2.0", "tick_s: 5.0")
    controller = Controller(tmp_path, night, settings=settings)
    scale_online(0)
    within(30, lambda: online_running() == 0, "the online service is gone for the night")
    with sleeps(tmp_path, containers=300, seconds=240) as work:
        try:
            kubectl("apply", "-f", "-", input=PRIORITIES)
            wait_until(night.opens)
            controller.start()
            ours = [_round(work, number, may_preempt=False) for number in range(OURS)]
            _tell(story, "by the controller", ours)
            theirs = [_round(work, number, may_preempt=True) for number in range(OURS, OURS + THEIRS)]
            _tell(story, "by Kubernetes' preemption", theirs)
            preempted = rm(f"apps/{work.app_id}")["app"]["numNonAMContainerPreempted"]
            story.tell(f"the ResourceManager counts {preempted} preempted tasks: nobody's failures")
        finally:
            controller.stop()
            end_the_night()
            kubectl("delete", "pods", "-n", "online", "-l", "app=spike", "--grace-period=1", "--wait=true")
    assert statistics.median(one.took_s for one in ours) < GOAL_S


def _tell(story: Story, who: str, rounds: list[Round]) -> None:
    took = sorted(one.took_s for one in rounds)
    lost = statistics.fmean(one.lost_s for one in rounds)
    tasks = statistics.fmean(one.lost_tasks for one in rounds)
    story.tell(
        f"{who}: {len(rounds)} rounds, the pod runs after {statistics.median(took):.1f} s (median; {took[0]:.1f} to "
        f"{took[-1]:.1f}); lost a round: {tasks:.1f} tasks, {lost:.0f} vcore seconds"
    )


def _full(work: Sleeps, node: str) -> tuple[Sleeping, ...]:
    """Wait until the elastic nodes on a Kubernetes node are there and full, and return what runs on them."""

    def running() -> tuple[Sleeping, ...]:
        here = {pod["status"].get("podIP") for pod in pods() if pod["spec"].get("nodeName") == node}
        found = {host: one for host, one in elastic_nodes().items() if host in here}
        is_full = len(found) == EACH and all(one["availableVirtualCores"] <= 0 for one in found.values())
        return tuple(one for one in work.sleeping() if one.host in here) if is_full else ()

    return within(90, running, f"{EACH} elastic nodes on {node} are full of work")


def _round(work: Sleeps, number: int, *, may_preempt: bool) -> Round:
    """Ask for a pod that has no room, wait until it runs, and give its room back."""
    node = f"node-{1 + number % 2}"
    before = {one.id: one for one in _full(work, node)}
    seen_s = time.monotonic()
    name = f"spike-{number}"
    kubectl("apply", "-f", "-", input=json.dumps(_pod(name, node, may_preempt=may_preempt)))
    within(60, lambda: _runs(name), "the online pod runs", every_s=0.2)
    took_s = time.monotonic() - seen_s
    after = {one.id for one in work.sleeping()}
    lost = [one for one in before.values() if one.id not in after and one.elapsed_s + took_s < 238]
    kubectl("delete", "pod", name, "-n", "online", "--grace-period=1", "--wait=true")
    return Round(took_s=took_s, lost_tasks=len(lost), lost_s=sum(one.elapsed_s + took_s for one in lost))


def _runs(name: str) -> bool:
    pod = json.loads(kubectl("get", "pod", name, "-n", "online", "-o", "json"))
    return bool(pod["status"].get("phase") == "Running")


def _pod(name: str, node: str, *, may_preempt: bool) -> dict[str, Any]:
    """Make an online pod of 900 millicores, which its node hasn't free."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "online", "labels": {"app": "spike"}},
        "spec": {
            "automountServiceAccountToken": False,
            "nodeSelector": {"kubernetes.io/hostname": node},
            "priorityClassName": "pushing" if may_preempt else "patient",
            "terminationGracePeriodSeconds": 1,
            "containers": [
                {
                    "name": "online",
                    "image": "tidebridge-lab/pause:1",
                    "imagePullPolicy": "Never",
                    "resources": {"requests": {"cpu": "900m", "memory": "64Mi"}, "limits": {"memory": "64Mi"}},
                }
            ],
        },
    }
