"""The tenants' story with FairScheduler: shares bind by its allocation file, which others write too."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.lab.controller import coming_night, configuration
from tests.lab.job import Job
from tests.lab.lab import end_applications, environment, kubectl, online_running, rm, scale_online, within
from tests.lab.story import Story
from tests.lab.tenants import (
    ADS,
    ETL,
    Tenants,
    quota,
    running,
    set_up_namespaces,
    tear_down_namespaces,
    tenants,
    want_pods,
)

pytestmark = [pytest.mark.lab, pytest.mark.fair]

MILLICORES_PER_VCORE = 250
RELOADED_S = 20
"""The ResourceManager looks at the file every 10 s, and takes it once it is 5 s old."""
SETTLED_S = 11
"""Until then a round wouldn't believe its lists: settle_s is 10 in the stories."""
ADVICE = "--field-selector=reason=TidebridgeWouldRebalance"
WANTED = 12
"""Pods of ads: more than its guarantee."""
OURS = re.compile(rb"\s*<(minResources|maxResources)>[^<]*</\1>")

Bounds = dict[str, tuple[dict[str, int], dict[str, int]]]
"""Minimum and maximum of each queue, as the ResourceManager's REST interface says them."""


@pytest.fixture
def allocations(empty_stage: None) -> Iterator[Path]:
    """Make empty namespaces; leave the allocation file as the lab has it."""
    kind = rm("scheduler")["scheduler"]["schedulerInfo"]["type"]
    assert kind == "fairScheduler", f"the lab runs the {kind}: switch it with 'lab/scheduler fair'"
    within(SETTLED_S + 5, lambda: _age_s() > SETTLED_S, "the ResourceManager's start was a while ago")
    file = Path(environment("TIDEBRIDGE_LAB_ALLOCATIONS"))
    before = file.read_bytes()
    set_up_namespaces()
    kubectl("delete", "events", "-n", "tidebridge", ADVICE)
    yield file
    tear_down_namespaces()
    file.write_bytes(before)


def _age_s() -> float:
    started_ms: int = rm("info")["clusterInfo"]["startedOn"]
    return time.time() - started_ms / 1000


def test_shares_bind_by_the_allocation_file_and_other_hands_are_respected(tmp_path: Path, allocations: Path) -> None:
    story = Story("Two tenants with FairScheduler: one has a job, the other idles in YARN")
    scale_online(2)
    within(60, lambda: online_running() == 2, "the online service is small")
    bridge = Fair(tmp_path, allocations)
    want_pods(ADS, 3)
    job = Job(tmp_path, maps=40, seconds=60)
    try:
        within(60, lambda: running(ADS) == 3, "the pods of ads run")
        within(60, job.runs_its_am_on_the_static_node, "the job's AM runs")
        _advice_writes_nothing(bridge, allocations, story)
        _what_is_written_is_in_force(bridge, allocations, story)
        _another_hand_is_left_alone(bridge, allocations, story)
        _a_broken_file_is_left_and_quotas_go_on(bridge, allocations, story)
    finally:
        bridge.stop()
        end_applications()
        job.close()


class Fair(Tenants):
    """A controller with tenants, whose window stays closed."""

    def __init__(self, folder: Path, allocations: Path) -> None:
        self._night = coming_night(ahead=timedelta(hours=2), length=timedelta(minutes=15), lead=timedelta(minutes=2))
        self._allocations = allocations
        super().__init__(folder, self._night, settings=self._settings("advise"))

    def may(self, mode: str) -> None:
        """Say what a round may do."""
        self.config.write_text(self._settings(mode))

    def _settings(self, mode: str) -> str:
        extra = f'  mode: {mode}\n  allocation_file: "{self._allocations}"\n'
        return configuration(self._night, 2, placement="kind: plain") + tenants("yarn-fair", extra=extra)


def _advice_writes_nothing(bridge: Fair, allocations: Path, story: Story) -> None:
    before = allocations.read_bytes()
    found = bridge.round("--now")
    assert found["done"] == []
    (words,) = _advice()
    assert re.fullmatch(r"would change \d+ by yarn-fair, \d+ by resource-quota", words), words
    assert allocations.read_bytes() == before
    assert (quota(ADS), quota(ETL)) == ((0, 0), (0, 0))
    story.tell(f"advise: an Event says {words!r}, and nothing is written")


def _advice() -> list[str]:
    events = json.loads(kubectl("get", "events", "-n", "tidebridge", ADVICE, "-o", "json"))["items"]
    return [event["message"] for event in events]


def _what_is_written_is_in_force(bridge: Fair, allocations: Path, story: Story) -> None:
    """Let the controller run, and compare with both systems by other means."""
    before = allocations.read_bytes()
    bridge.may("enforce")
    bridge.start()
    within(30, lambda: allocations.read_bytes() != before, "the file is written")
    within(60, lambda: _in_force() == _written(allocations.read_bytes()), "the ResourceManager has what was written")
    took_s = time.time() - allocations.stat().st_mtime
    assert took_s <= RELOADED_S
    # YARN's part of what is lent is free for the namespaces once the pool's ticks have obeyed its number.
    bridge.said(r"(?s)(tick\.done.*){3}", 20, since=len(bridge.log))
    bridge.stop()
    bridge.round("--now")
    assert not any(entry["drafts"] for entry in bridge.round()["changes"])
    content = allocations.read_bytes()
    written = _written(content)
    assert OURS.sub(b"", content) == before
    assert written["root.default"][0]["memory"] > written["root.ads"][0]["memory"]
    for leaf in bridge.round()["leaves"]:
        kind, _, name = leaf["leaf"].partition(":")
        if kind == "queue":
            assert written[name][0] == _yarn(leaf["told_static"]), leaf
        else:
            assert quota(name) == (leaf["told_lendable"]["cpu_millicores"], leaf["told_lendable"]["memory_mib"])
    story.tell(f"enforce: minimum and maximum {written}; the ResourceManager had them {took_s:.0f} s after the write")
    story.tell(f"quotas { {name: quota(name) for name in (ADS, ETL)} }; every other byte of the file is as it was")


def _yarn(room: dict[str, int]) -> dict[str, int]:
    """Say in YARN's units what a queue was told; vcores are whole."""
    return {"memory": room["memory_mib"], "vCores": room["cpu_millicores"] // MILLICORES_PER_VCORE}


def _written(content: bytes) -> Bounds:
    """Read the file as any XML."""
    found = {}
    for queue in ElementTree.fromstring(content).findall("queue/queue"):
        minimum, maximum = (_amount(queue.findtext(tag, "")) for tag in ("minResources", "maxResources"))
        found[f"root.{queue.get('name')}"] = minimum, maximum
    return found


def _amount(text: str) -> dict[str, int]:
    memory, vcores = re.findall(r"\d+", text)
    return {"memory": int(memory), "vCores": int(vcores)}


def _in_force() -> Bounds:
    """Return what the ResourceManager has made of the file."""
    root = rm("scheduler")["scheduler"]["schedulerInfo"]["rootQueue"]
    return {
        queue["queueName"]: (_plain(queue["minResources"]), _plain(queue["maxResources"]))
        for queue in root["childQueues"]["queue"]
    }


def _plain(amount: dict[str, Any]) -> dict[str, int]:
    return {key: amount[key] for key in ("memory", "vCores")}


def _another_hand_is_left_alone(bridge: Fair, allocations: Path, story: Story) -> None:
    """Let an administrator write what is ours and what isn't; then take over what is ours."""
    was = _written(allocations.read_bytes())
    content = allocations.read_bytes().replace(b"<weight>1.0</weight>", b"<weight>2.5</weight>")
    changed = re.sub(rb"<minResources>[^<]*<", b"<minResources>vcores=1, memory-mb=200<", content, count=1)
    allocations.write_bytes(changed)
    found = bridge.round("--now")
    (foreign,) = (entry["foreign"] for entry in found["changes"] if entry["adapter"] == "yarn-fair")
    assert [entry["leaf"] for entry in foreign] == ["queue:root.default"]
    assert foreign[0]["found"]["minResources"] == "200 mb, 1 vcores"
    assert allocations.read_bytes() == changed
    story.tell(f"another hand's minimum is reported and left: {foreign[0]['found']}")

    bridge.round("--now", "--take-over")
    content = allocations.read_bytes()
    assert OURS.sub(b"", content) == OURS.sub(b"", changed)
    assert _written(content) == was
    story.tell("with --take-over it is ours again, and the administrator's weights stay")


def _a_broken_file_is_left_and_quotas_go_on(bridge: Fair, allocations: Path, story: Story) -> None:
    content = allocations.read_bytes()
    broken = content[: content.rindex(b"</queue>")]
    allocations.write_bytes(broken)
    before, had = quota(ADS), running(ADS)
    want_pods(ADS, WANTED)
    within(60, lambda: running(ADS) > had, "ads takes what its quota leaves, and wants more")
    found = bridge.round("--now", refused=True)
    why = found["seen"]["gaps"]["yarn-fair"]
    assert re.search(r"the allocation file isn't understood, line \d+: ", why), why
    assert {(entry["adapter"], entry["error"]) for entry in found["done"]} == {("resource-quota", None)}
    assert quota(ADS) > before
    assert allocations.read_bytes() == broken
    story.tell(f"a broken file: {why}; the quota of ads went from {before} to {quota(ADS)}")
