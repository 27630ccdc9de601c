"""Given back in time, for real: what is said 90 seconds ahead of the forced step, and what comes of it, ten times.

Five pools of one node each have a window of three minutes every four; each window ends a minute after another one's.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.lab.controller import Controller, Night, configuration, next_night
from tests.lab.lab import elastic_nodes, online_running, pods, scale_online, within
from tests.lab.sleeps import sleeps
from tests.lab.story import Story, wait_until

pytestmark = pytest.mark.lab

POOLS, EACH, VCORES = 5, 2, 4
EVERY, OPEN, LEAD = timedelta(minutes=POOLS), timedelta(minutes=3), timedelta(seconds=115)
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

    @property
    def is_as_stated(self) -> bool:
        """Say whether cores were free within a tenth, and tasks preempted within one."""
        off = abs(self.free - self.stated_free)
        return off <= max(1, 0.1 * self.vcores) and abs(self.tasks - self.stated_tasks) <= 1


def test_what_is_said_ahead_of_a_deadline_comes_true(tmp_path: Path, empty_stage: None) -> None:
    story = Story("Given back in time, ten rounds")
    first = next_night(ahead=timedelta(seconds=15), length=OPEN, lead=LEAD)
    controller = Controller(tmp_path, first, settings=_settings(first))
    scale_online(0)
    within(30, lambda: online_running() == 0, "the online service is gone for the night")
    with sleeps(tmp_path, containers=40, seconds=900) as long, sleeps(tmp_path, containers=200, seconds=12) as short:
        try:
            assert long.app_id != short.app_id
            wait_until(first.opens)
            controller.start()
            found = [_round(controller, story, *turn) for turn in _turns(first)]
        finally:
            controller.stop()
    assert len(found) == POOLS * EACH
    assert all(one.is_met for one in found)
    assert sum(one.tasks for one in found) >= POOLS
    assert [one for one in found if not one.is_as_stated] == []


def _turns(first: Night) -> Iterator[tuple[str, datetime]]:
    """Yield the windows' ends in order."""
    for number, pool in itertools.product(range(EACH), range(POOLS)):
        yield f"pool-{pool}", first.back_by + number * EVERY + timedelta(minutes=pool)


def _round(controller: Controller, story: Story, pool: str, back_by: datetime) -> Round:
    """Follow one window's end."""
    told_at = back_by - TAIL
    wait_until(told_at - AHEAD)
    said = _said(controller, pool)
    host = _host(pool)
    assert host is not None
    wait_until(told_at - timedelta(seconds=0.5))
    before = elastic_nodes()[host]
    wait_until(back_by)
    is_met = _host(pool) is None
    found = Round(
        pool=pool,
        stated_free=said["free_vcores"],
        free=said["vcores"] - before["usedVirtualCores"],
        vcores=said["vcores"],
        stated_tasks=said["preempted_tasks"],
        tasks=before["numContainers"],
        is_met=is_met,
        verdict=said["verdict"],
    )
    story.tell(
        f"{pool}: said {found.stated_free} of {found.vcores} vcores free and {found.stated_tasks} tasks preempted, "
        f"came {found.free} and {found.tasks}; {'back in time' if is_met else 'LATE'}"
    )
    return found


def _said(controller: Controller, pool: str) -> dict[str, Any]:
    """Return what the pool says of its deadline: of one node's vcores."""
    status = next(one for one in controller.ask_all("status") if one["pool"] == pool)
    told: dict[str, Any] = status["gives_back"][0]
    assert told["vcores"] == VCORES
    return told


def _host(pool: str) -> str | None:
    """Return the address of the pool's pod, on its way out or not."""
    for pod in pods():
        if pod["metadata"].get("labels", {}).get("tidebridge.dev/pool") == pool:
            return str(pod["status"].get("podIP"))
    return None


def _settings(first: Night) -> str:
    """Write five pools of one node of four vcores, half a core, and a window for each."""
    whole = configuration(first, VCORES).replace("vcores_per_core: 4.0", "vcores_per_core: 8.0")
    head, rest = whole.split("pools:\n")
    body, _ = rest.split("windows:\n")
    body = body.replace("  night:\n", "").replace("max_nodes: 4", "max_nodes: 1")
    settings = head + "pools:\n"
    windows = "windows:\n"
    for number in range(POOLS):
        settings += f"  pool-{number}:\n{body}    giving_back: {{max_lead: 0m}}\n"
        opens = first.opens + timedelta(minutes=number)
        for turn in range(EACH):
            start = opens + turn * EVERY
            windows += (
                f'- {{name: w{number}-{turn}, pool: pool-{number}, cron: "{start.minute} {start.hour} * * *", '
                f'back_by: "{start + OPEN:%H:%M}", timezone: UTC, max_ratio: 1.0, '
                f"lead: {LEAD.total_seconds():.0f}s}}\n"
            )
    assert datetime.now(UTC) < first.opens
    return settings + windows
