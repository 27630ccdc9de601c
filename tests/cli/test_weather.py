"""A world that doesn't answer, refuses, breaks, or is meddled with: what commands say of it, and what is left alone."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bridge.core.resources import Resources, Room
from bridge.ports import Denied, NotUnderstood
from bridge.sim.pods import PodOrder, elastic_labels
from tests.cli.stage import Stage

CANNOT_LIST = (
    'nodes is forbidden: User "system:serviceaccount:tidebridge:tidebridge" cannot list resource "nodes" in API group '
    '"" at the cluster scope'
)
CANNOT_CREATE = (
    'pods is forbidden: User "system:serviceaccount:tidebridge:tidebridge" cannot create resource "pods" in API group '
    '"" in the namespace "tidebridge"'
)
NEEDS_DATABASE = ["plan", "status", "explain offer", "pause", "resume"]


@pytest.mark.parametrize("command", NEEDS_DATABASE)
def test_without_a_database_the_remedy_is_told_and_no_file_is_made(stage: Stage, command: str) -> None:
    said = stage.say(*command.split())
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith("tidebridge: the journal at sqlite:///")
    assert "(run: tidebridge db upgrade)" in said.err
    assert not stage.database.exists()


def test_a_database_without_tables_asks_for_an_upgrade(stage: Stage) -> None:
    stage.database.touch()
    said = stage.say("plan")
    assert said.code == 1
    assert "its tables are missing (run: tidebridge db upgrade)" in said.err


def test_a_silent_api_server_is_a_gap_that_the_plan_changes_nothing_for(night: Stage) -> None:
    night.world.break_kube(for_s=3600)
    said = night.say("plan", "--json")
    (pool,) = said.json["pools"]
    assert (said.code, pool["plan"], list(pool["gaps"])) == (1, [], ["kubernetes"])
    assert "night: kubernetes is unknown: could not read nodes and pods: " in said.err
    assert "see that the API server runs" in said.err


def test_an_unreachable_resourcemanager_is_a_gap_with_its_address(night: Stage) -> None:
    night.change("yarn.clusters.main.resourcemanagers", ["http://127.0.0.1:1"])
    said = night.say("plan")
    assert said.code == 1
    assert "night: yarn is unknown: " in said.err
    assert "http://127.0.0.1:1" in said.err
    assert "see that a ResourceManager runs at one of its cluster's resourcemanagers" in said.err
    assert "demand unknown (no answer)" in said.out
    assert said.out.endswith("  nothing to do\n")


def test_a_page_that_is_no_json_is_an_outage(night: Stage) -> None:
    night.world.fail_next("yarn.observe", NotUnderstood("a portal"), times=20)
    said = night.say("plan")
    assert said.code == 1
    assert "night: yarn is unknown: " in said.err


def test_what_was_not_seen_is_unknown_in_the_status_and_not_zero(night: Stage) -> None:
    night.world.break_kube(for_s=15)
    night.tick()
    (pool,) = night.say("status", "--json").json["pools"]
    assert (pool["lent"], pool["used"], pool["containers"], pool["offered_nodes"]) == (None, None, None, None)
    assert pool["nodes_by_state"] == {"serving": 6}
    out = night.say("status").out
    assert "  lent     unknown" in out
    assert "  unknown  kubernetes: could not read nodes and pods" in out


def test_a_missing_right_to_look_names_verb_and_resource(stage: Stage) -> None:
    stage.prepare()
    stage.world.fail_next("kube.observe", Denied(CANNOT_LIST))
    said = stage.say("plan")
    assert said.code == 1
    assert 'cannot list resource "nodes"' in said.err
    assert "grant it; config/rbac.yaml has all that is needed" in said.err


def test_a_missing_right_to_act_names_verb_and_resource_in_the_status(stage: Stage) -> None:
    stage.prepare()
    stage.submit()
    stage.world.fail_next("kube.create", Denied(CANNOT_CREATE), times=6)
    stage.tick()
    (pool,) = stage.say("status", "--json").json["pools"]
    assert [step["error"].partition(": ")[2] for step in pool["failed"]] == [CANNOT_CREATE] * 6
    assert 'cannot create resource "pods"' in " ".join(stage.say("status").out.split())


def test_a_pod_with_the_pools_labels_that_is_not_ours_is_shown_and_left_alone(night: Stage) -> None:
    stranger = PodOrder(
        name="stranger",
        namespace="tidebridge",
        requests=Room(cpu_millicores=100, memory_mib=100),
        labels=elastic_labels("night", "p0"),
        nodemanager=Resources(vcores=1, memory_mib=1024),
    )
    night.world.kube.create(stranger)
    night.tick(5)
    (pool,) = night.say("status", "--json").json["pools"]
    assert pool["impostors"] == ["stranger"]
    assert pool["nodes_by_state"] == {"serving": 6}
    assert "  not ours  pod stranger carries this pool's labels; it is left alone" in night.say("status").out
    assert "stranger" in night.pods


def test_pods_that_never_start_are_given_up_cooled_down_and_shown(stage: Stage) -> None:
    stage.change("pools.night.limits", {"start_timeout_s": 30, "cool_down_s": 60})
    stage.prepare()
    for name in stage.world.kube.nodes:
        stage.world.lose_images(name)
    stage.submit()
    stage.tick(3)
    assert "its pod is there; ImagePullBackOff" in " ".join(stage.say("status").out.split())
    first = stage.pods
    seen: set[str] = set()
    while stage.pods and len(seen) < 9:
        stage.tick()
        seen |= {node["reason"] for node in stage.say("status", "--json").json["pools"][0]["nodes"]}
    assert "never_served" in seen
    stage.tick(4)
    assert stage.pods == {}
    (pool,) = stage.say("status", "--json").json["pools"]
    assert (pool["target_nodes"], pool["target_bound_by"]) == (0, "cool_down")
    assert pool["failed_start_at"] is not None
    assert "a new node failed to start, last at " in stage.say("status").out
    for name in stage.world.kube.nodes:
        stage.world.lose_images(name, False)
    stage.tick(34)
    assert len(stage.pods) == 6, "after five cool-downs the lenders have their turn again"
    assert not set(stage.pods) & set(first)


def test_a_pod_that_somebody_deletes_is_noticed_and_not_fought(night: Stage, caplog: pytest.LogCaptureFixture) -> None:
    (pool,) = night.say("status", "--json").json["pools"]
    victim = pool["nodes"][0]
    night.world.kube.delete("tidebridge", victim["pod"])
    caplog.set_level("INFO", logger="bridge")
    night.tick(every=timedelta(seconds=2))
    (pool,) = night.say("status", "--json").json["pools"]
    (noticed,) = [node for node in pool["nodes"] if node["id"] == victim["id"]]
    assert (noticed["state"], noticed["reason"]) == ("deleting", "deleted_by_another")
    assert "somebody else deleted its pod" in night.say("status").out
    assert [line for line in caplog.messages if victim["id"] in line and "DeletePod" in line] == []
    night.tick(4)
    assert victim["pod"] not in night.pods
