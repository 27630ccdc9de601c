"""Given back in time, for real: what is said 90 seconds ahead of the forced step, and what comes of it, ten times.

Ten pools of one node each have a window of some three minutes. The node of another one is there all the time, so that
it is known how long tasks take before the first of them ends.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.lab.controller import Controller, Night, coming_night, configuration, window
from tests.lab.lab import elastic_nodes, online_running, pods, scale_online, within
from tests.lab.sleeps import sleeps
from tests.lab.story import Story, wait_until

pytestmark = pytest.mark.lab

POOLS, VCORES = 10, 4
TEACHING, OPEN = timedelta(seconds=75), timedelta(seconds=190)
LEAD = timedelta(seconds=115)
TAIL = timedelta(seconds=3 + 5 + 2 + 3 + 2 + 5)
"""Notice, kill, a tick, grace, a tick, safety: from the forced step to back_by."""
AHEAD = timedelta(seconds=90)


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One window's end: what was said, and what came."""

    pool: str
    stated_free: int
    free: int
    vcores: int
    stated_tasks: int
    tasks: int
    is_met: bool
    verdict: str


def test_what_is_said_ahead_of_a_deadline_comes_true(tmp_path: Path, empty_stage: None) -> None:
    story = Story("Given back in time, ten rounds")
    teaching = coming_night(ahead=timedelta(seconds=15), length=TEACHING + OPEN, lead=LEAD)
    controller = Controller(tmp_path, teaching, settings=_settings(teaching))
    scale_online(0)
    within(30, lambda: online_running() == 0, "the online service is gone for the night")
    # In one queue the application that comes first would have all of it.
    long_work = sleeps(tmp_path, containers=22, seconds=900, queue="ads")
    with long_work as long, sleeps(tmp_path, containers=500, seconds=20) as short:
        try:
            assert long.app_id != short.app_id
            wait_until(teaching.opens)
            controller.start()
            found = _wave(controller, story, teaching.back_by)
            within(30, lambda: _hosts() == {}, "all is back")
        finally:
            controller.stop()
    assert len(found) == POOLS
    assert all(one.is_met for one in found)
    vcores, free, stated = (sum(getattr(one, name) for one in found) for name in ("vcores", "free", "stated_free"))
    tasks, stated_tasks = sum(one.tasks for one in found), sum(one.stated_tasks for one in found)
    story.tell(
        f"in all: said {stated} of {vcores} vcores free and {stated_tasks} tasks preempted, came {free} and {tasks}; "
        f"{sum(one.is_met for one in found)} of {POOLS} back in time"
    )
    assert 0 < tasks < vcores
    assert abs(free - stated) <= 0.1 * vcores
    assert abs(tasks - stated_tasks) <= max(1.0, 0.1 * vcores)


def _wave(controller: Controller, story: Story, back_by: datetime) -> list[Round]:
    """Follow the end of the windows."""
    told_at = back_by - TAIL
    wait_until(back_by - OPEN)
    within(90, lambda: set(POOL_NAMES) <= set(_hosts()), "each pool has its node")
    wait_until(told_at - AHEAD)
    said = {status["pool"]: status["gives_back"][0] for status in controller.ask_all("status") if status["gives_back"]}
    hosts = _hosts()
    wait_until(told_at - timedelta(seconds=0.5))
    nodes = elastic_nodes()
    wait_until(back_by)
    left = _hosts()
    return [_round(story, pool, said.get(pool), nodes.get(hosts.get(pool, "")), left) for pool in POOL_NAMES]


POOL_NAMES = tuple(f"pool-{number}" for number in range(POOLS))


def _round(
    story: Story, pool: str, said: dict[str, Any] | None, node: dict[str, Any] | None, left: dict[str, str]
) -> Round:
    """Compare what was said of a pool with what came: a node that is gone already was free.

    A node on which all tasks had ended when it was closed may be gone before anything is said.
    """
    if said is None:
        assert node is None, f"{pool} has a node, and says nothing of it"
        said = {"vcores": VCORES, "free_vcores": VCORES, "preempted_tasks": 0, "verdict": "nothing left to say"}
    assert said["vcores"] == VCORES
    found = Round(
        pool=pool,
        stated_free=said["free_vcores"],
        free=VCORES - (0 if node is None else node["usedVirtualCores"]),
        vcores=VCORES,
        stated_tasks=said["preempted_tasks"],
        tasks=0 if node is None else node["numContainers"],
        is_met=pool not in left,
        verdict=said["verdict"],
    )
    story.tell(
        f"{pool}: said {found.stated_free} of {found.vcores} vcores free and {found.stated_tasks} tasks preempted, "
        f"came {found.free} and {found.tasks}; {'back in time' if found.is_met else 'LATE'}"
    )
    return found


def _hosts() -> dict[str, str]:
    """Return the addresses of elastic pods by pool, of those on their way out too."""
    labelled = ((pod["metadata"].get("labels", {}).get("tidebridge.dev/pool"), pod) for pod in pods())
    return {pool: str(pod["status"].get("podIP")) for pool, pod in labelled if pool is not None}


def _settings(teaching: Night) -> str:
    """Write the pools, each of one node of four vcores: a quarter of a core and 50 millicores for the NodeManager."""
    whole = configuration(teaching, VCORES).replace("vcores_per_core: 4.0", "vcores_per_core: 16.0")
    head, rest = whole.split("pools:\n")
    body = rest.split("windows:\n")[0].replace("  night:\n", "").replace("max_nodes: 4", "max_nodes: 1")
    body = body.replace("overhead_millicores: 100", "overhead_millicores: 50")
    pools = "".join(f"  {name}:\n{body}    giving_back: {{max_lead: 0m}}\n" for name in ("teacher", *POOL_NAMES))
    windows = window("teacher", "teacher", teaching, max_ratio=1.0)
    taught = replace(teaching, opens=teaching.opens + TEACHING)
    windows += "".join(window(name, name, taught, max_ratio=1.0) for name in POOL_NAMES)
    return f"{head}pools:\n{pools}windows:\n{windows}"
