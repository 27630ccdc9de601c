"""A window's end by graceful decommission: nodes run out, short work ends, long work ends with its pod, in time."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.lab.controller import Controller, Night, coming_night, configuration
from tests.lab.lab import containers_waiting, environment, online_running, pods, rm, scale_online, within
from tests.lab.sleeps import sleeps
from tests.lab.story import Story, wait_until
from yarn_client import read_excluded, readmit

pytestmark = pytest.mark.lab

OPEN, LEAD = timedelta(seconds=155), timedelta(seconds=75)


def test_nodes_run_out_by_the_windows_end_and_their_addresses_are_free_again(tmp_path: Path, empty_stage: None) -> None:
    story = Story("Graceful decommission")
    exclude_file = Path(environment("TIDEBRIDGE_LAB_EXCLUDE"))
    assert read_excluded(exclude_file).ours == {}
    scale_online(0)
    within(30, lambda: online_running() == 0, "the online service is gone for the night")
    with sleeps(tmp_path, containers=5, seconds=600) as long, sleeps(tmp_path, containers=4, seconds=70) as short:
        within(60, lambda: containers_waiting() >= 7, "the work has filled the static node, and waits for two more")
        night = coming_night(ahead=timedelta(seconds=0), length=OPEN, lead=LEAD)
        controller = Controller(tmp_path, night, settings=_settings(night, exclude_file))
        try:
            controller.start()
            within(90, lambda: len(long.sleeping()) == 5 and bool(short.sleeping()), "the work runs")
            story.tell("the work runs, on elastic nodes but for what the static node holds")
            wait_until(night.closes_to_work)
            within(10, lambda: set(_elastic_states()) == {"DECOMMISSIONING"}, "all elastic nodes run out")
            left_s = read_excluded(exclude_file).ours
            assert set(left_s) == {host for host, _ in _elastic()}
            longest_s = max(timeout_s or 0 for timeout_s in left_s.values())
            assert 0 < longest_s <= LEAD.total_seconds() + 2
            story.tell(f"{len(left_s)} nodes are DECOMMISSIONING, to end {longest_s} s later at the latest")
            (said,) = json.loads(controller.command("explain", "give-back", "--json"))["explanations"]
            assert said["explained"]["ways"]["cannot_decommission"] is None
            assert short.finish(60)["finalStatus"] == "SUCCEEDED"
            assert len(long.sleeping()) == 5, "what runs may end"
            story.tell("the short work has ended by itself, the long work goes on")
            wait_until(night.back_by)
            assert pods() == []
            story.tell("all is back at the window's end")
            assert short.report()["preemptedResourceVCores"] == 0
            within(20, lambda: read_excluded(exclude_file).ours == {}, "the addresses may be used again")
        finally:
            controller.stop()
            readmit(exclude_file, frozenset(read_excluded(exclude_file).ours))
    assert "ResizeNode" not in controller.log, "nothing was told by a resize"


def _settings(night: Night, exclude_file: Path) -> str:
    """Give the way by an exclude file, and keep the lead as it is."""
    rm_host = urlsplit(environment("TIDEBRIDGE_LAB_RM")).hostname
    way = f'decommission: {{exclude_file: "{exclude_file}", admin_addresses: ["{rm_host}:8033"]}}'
    settings = configuration(night, 4).replace("settle_s: 10.0}", f"settle_s: 10.0, {way}}}")
    assert way in settings
    return settings.replace("    limits:\n", "    giving_back: {max_lead: 0m}\n    limits:\n")


def _elastic() -> list[tuple[str, str]]:
    """List the elastic nodes that the ResourceManager counts as active: address and state."""
    listed = (rm("nodes?states=RUNNING,DECOMMISSIONING,UNHEALTHY")["nodes"] or {}).get("node", [])
    return [(node["id"].rpartition(":")[0], node["state"]) for node in listed if node.get("nodeLabels")]


def _elastic_states() -> list[str]:
    return [state for _, state in _elastic()]
