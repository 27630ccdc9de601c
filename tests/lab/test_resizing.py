"""Resize in place, for real: elastic nodes go from 8 vcores to 4 and back to 8 under running work."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.lab.cgroup import held_to
from tests.lab.controller import Controller, Night, coming_night, configuration
from tests.lab.lab import containers_waiting, elastic_nodes, end_the_night, online_running, pods, scale_online, within
from tests.lab.sleeps import sleeps
from tests.lab.story import Story

pytestmark = pytest.mark.lab

WHOLE, HALF = (8, 1100), (4, 600)
"""vcores in the ResourceManager, and millicores of the pod: eight vcores a core, and 100 of the NodeManager's own."""


def test_nodes_get_smaller_and_grow_again_under_running_work(tmp_path: Path, empty_stage: None) -> None:
    story = Story("Resize in place")
    # Of eight pods the two that are left may be on one node; two new ones are spread.
    scale_online(0)
    within(30, lambda: online_running() == 0, "the online service is gone")
    scale_online(2)
    within(30, lambda: online_running() == 2, "the online service has a pod on each node for the night")
    with sleeps(tmp_path, containers=4, seconds=100) as work, sleeps(tmp_path, containers=10, seconds=25) as short:
        within(60, lambda: containers_waiting() >= 12, "the work has filled the static node, and waits for two more")
        night = coming_night(ahead=timedelta(seconds=0), length=timedelta(minutes=8), lead=timedelta(seconds=40))
        controller = Controller(tmp_path, night, settings=_settings(night))
        try:
            controller.start()
            within(60, lambda: _sizes() == {WHOLE}, "two nodes of 8 vcores serve")
            within(60, lambda: len(work.sleeping()) == 4, "the long work runs")
            first = _containers()
            story.tell("two nodes of 8 vcores serve, and work runs on them")
            short.finish(90)
            scale_online(4)
            within(60, lambda: _sizes() == {HALF}, "both nodes are smaller")
            story.tell("online pods need room: of each node 4 vcores are left, in the ResourceManager, pod and cgroup")
            assert len(work.sleeping()) == 4
            scale_online(2)
            with sleeps(tmp_path, containers=14, seconds=12) as more:
                within(60, lambda: _sizes() == {WHOLE}, "both nodes have grown again")
                story.tell("the online service is smaller, more work waits: both nodes have 8 vcores again")
                assert more.finish(90)["finalStatus"] == "SUCCEEDED"
            assert work.finish(200)["finalStatus"] == "SUCCEEDED"
            assert _containers() == first
            assert [one.report()["preemptedResourceVCores"] for one in (work, short, more)] == [0, 0, 0]
            story.tell("no container was restarted, no task was preempted, the work SUCCEEDED")
        finally:
            controller.stop()
            end_the_night()


def _settings(night: Night) -> str:
    """Leave a fifth of each node, and idle nodes where they are."""
    settings = configuration(night, 8)
    for before, after in (
        ("vcores_per_core: 4.0", "vcores_per_core: 8.0"),
        ("margin_ratio: 0.0", "margin_ratio: 0.2"),
        ("max_nodes: 4", "max_nodes: 2"),
        ("cool_down_s: 30", "cool_down_s: 600"),
    ):
        assert before in settings
        settings = settings.replace(before, after)
    return settings


def _sizes() -> set[tuple[int, int]]:
    """Say what both systems and the kernel say of the nodes; nothing while they differ."""
    found = set()
    nodes = elastic_nodes()
    for pod in _elastic():
        container = pod["spec"]["containers"][0]
        status = (pod["status"].get("containerStatuses") or [{}])[0]
        if "containerID" not in status:
            return set()
        asked = int(container["resources"]["requests"]["cpu"].removesuffix("m"))
        has = status.get("resources", {}).get("requests", {}).get("cpu")
        shares, _, _ = held_to(status["containerID"].rpartition("/")[2])
        node = nodes.get(pod["status"]["podIP"])
        if node is None or has != container["resources"]["requests"]["cpu"] or shares != asked * 1024 // 1000:
            return set()
        found.add((node["totalResource"]["vCores"], asked))
    return found if len(nodes) == 2 else set()


def _containers() -> set[tuple[str, int]]:
    """Name the NodeManagers' containers, with how often each was restarted."""
    statuses = (pod["status"]["containerStatuses"][0] for pod in _elastic())
    return {(status["containerID"], status["restartCount"]) for status in statuses}


def _elastic() -> list[dict[str, Any]]:
    return [pod for pod in pods() if "tidebridge.dev/promise" in pod["metadata"].get("labels", {})]
