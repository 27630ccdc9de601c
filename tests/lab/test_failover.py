"""Another ResourceManager takes over in the middle of a drain: once by plan, once because the active one has died.

Each of two pools has one node, full of tasks that sleep through the story, and a window whose end one takeover meets.
"""

from __future__ import annotations

import re
import subprocess
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.lab.controller import Controller
from tests.lab.lab import ROOT, elastic_nodes, environment, online_running, pods, rm, scale_online, service, within
from tests.lab.pools import (
    VCORES,
    Window,
    alive,
    check_promises,
    gone_at,
    names_seen,
    night,
    pod_names,
    pods_by_pool,
    settings,
)
from tests.lab.sleeps import sleeps
from tests.lab.story import Story, Watcher, wait_until

pytestmark = [pytest.mark.lab, pytest.mark.pair]

LEAD = timedelta(seconds=40)
BLINK = timedelta(seconds=1.5)
"""A look's own time: the pods are looked at twice a second, by kubectl."""
WINDOWS = {
    "planned": Window(lender="node-1", opens_s=0, back_by_s=95),
    "killed": Window(lender="node-2", opens_s=0, back_by_s=135),
}
IN_THE_FORCED_STEP = timedelta(seconds=17)
"""Before back_by: the ResourceManager was told 3 s ago, and has preempted nothing yet, or just now."""
BEFORE_THE_FORCED_STEP = timedelta(seconds=28)
"""Before back_by: the node takes no new work, and what it has runs on."""


@pytest.fixture(autouse=True)
def one_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the address that the test asks as it was for whatever comes next."""
    monkeypatch.setenv("TIDEBRIDGE_LAB_RM", environment("TIDEBRIDGE_LAB_RM"))


def test_a_drain_is_over_in_time_though_another_resourcemanager_takes_over(
    tmp_path: Path, empty_stage: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    story = Story("Failover while room goes back")
    first, second = environment("TIDEBRIDGE_LAB_RM"), environment("TIDEBRIDGE_LAB_RM_2")
    scale_online(0)
    with ExitStack() as stack:
        job = stack.enter_context(sleeps(tmp_path, containers=40, seconds=900))
        within(30, lambda: online_running() == 0, "the online service is gone for the night")
        opens = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=4)
        back_by = {pool: opens + timedelta(seconds=window.back_by_s) for pool, window in WINDOWS.items()}
        whole = settings(WINDOWS, opens, LEAD).replace(f'["{first}"]', f'["{first}", "{second}"]')
        controller = Controller(tmp_path, night(opens, LEAD), settings=whole)
        stack.callback(controller.end)
        controller.start()
        seen = Watcher(pod_names)
        stack.callback(seen.stop)
        within(50, _both_are_full, "both nodes serve, full of tasks")
        story.tell(f"both nodes serve, full of tasks; {_state(job.report())}")

        wait_until(back_by["planned"] - IN_THE_FORCED_STEP)
        controller.said("state=forced", 2)
        _make_active("rm2")
        monkeypatch.setenv("TIDEBRIDGE_LAB_RM", second)
        within(10, lambda: rm("info")["clusterInfo"]["haState"] == "ACTIVE", "the other one is active")
        story.tell("a planned failover in the forced step of one pool: rm2 is active")

        wait_until(back_by["killed"] - BEFORE_THE_FORCED_STEP)
        assert {host: node["usedVirtualCores"] for host, node in elastic_nodes().items()} == {_host("killed"): VCORES}
        service("rm2", "kill")
        _make_active("rm")
        monkeypatch.setenv("TIDEBRIDGE_LAB_RM", first)
        within(10, lambda: rm("info")["clusterInfo"]["haState"] == "ACTIVE", "the first one is active again")
        story.tell("while the other pool drains, rm2 is killed, and an administrator makes rm active")

        wait_until(back_by["killed"])
        within(20, lambda: all(not alive(controller, pool) for pool in WINDOWS), "the journal has no promise left")
        within(20, lambda: pods() == [], "no pod is left")
        seen.stop()
        report = job.report()
        for pool, deadline in back_by.items():
            story.tell(f"{pool}: gone {(deadline - gone_at(seen, pool)).total_seconds():.1f} s before back_by")
        story.tell(_state(report))
        assert controller.runs, controller.log
        assert "crashed" not in controller.log
        assert "Traceback" not in controller.log
        assert "deadline.missed" not in controller.log
        check_promises(controller, back_by, names_seen(seen))
        late = {pool for pool, deadline in back_by.items() if gone_at(seen, pool) > deadline + BLINK}
        assert late == set()
        # Its first attempt and its tasks on the static node run on: four containers of a vcore each.
        assert (report["state"], _attempt(report)) == ("RUNNING", 1)
        assert report["runningContainers"] == VCORES


def _make_active(name: str) -> None:
    subprocess.run([str(ROOT / "lab/resourcemanagers"), "active", name], check=True, timeout=60)


def _host(pool: str) -> str:
    return str(pods_by_pool()[pool]["status"]["podIP"])


def _both_are_full() -> bool:
    return [node["usedVirtualCores"] for node in elastic_nodes().values()] == [VCORES, VCORES]


def _state(report: dict[str, Any]) -> str:
    return (
        f"the work is {report['state']}, in attempt {_attempt(report)}, with "
        f"{report['runningContainers']} containers; preempted: {report['preemptedResourceVCores']} vcores"
    )


def _attempt(report: dict[str, Any]) -> int:
    """Read the attempt's number off its ApplicationMaster's container, where alone it stands."""
    found = re.search(r"container_(?:e\d+_)?\d+_\d+_(\d+)_\d+", report["amContainerLogs"])
    assert found is not None
    return int(found[1])
