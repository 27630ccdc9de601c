"""The queues over HTTP: what the real client reads and changes is what the simulated scheduler has."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import requests

from bridge.core.resources import Resources
from bridge.ports import Unavailable
from bridge.sim import LabelShare, Preemption, QueueConfig, Served, SimConfig, SimWorld, serve
from tests.sim.build import make_job
from tests.sim.test_capacity import NESTED, REPLIES
from yarn_client import (
    AppState,
    CapacityMode,
    ConfChanges,
    QueueReport,
    RmRefused,
    RmUnavailable,
    YarnClient,
    YarnResource,
)
from yarn_client.errors import NotMutable

QUEUES = (
    QueueConfig(name="ads", capacity_ratio=0.5, am_ratio=0.5, labels={"k8s": LabelShare(capacity_ratio=1.0)}),
    QueueConfig(name="etl", capacity_ratio=0.5),
)


class Wire:
    """A served world and the real client on it."""

    def __init__(self, served: Served) -> None:
        self.served = served
        self.world = served.world
        self.client = YarnClient([served.yarn_url])

    def queue(self, path: str) -> QueueReport:
        return next(queue for queue in self.client.scheduler().root.walk() if queue.path == path)

    def put(self, body: str) -> requests.Response:
        return requests.put(f"{self.served.yarn_url}/ws/v1/cluster/scheduler-conf", data=body, timeout=10)


@pytest.fixture
def wire() -> Iterator[Wire]:
    world = SimWorld(SimConfig(static_nodes=2, queues=QUEUES))
    world.yarn.add_label("k8s", is_exclusive=False)
    with serve(world) as served:
        wire = Wire(served)
        yield wire
        wire.client.close()


def capacities(**capacity_by_queue: str) -> ConfChanges:
    return ConfChanges(values_by_queue={f"root.{name}": {"capacity": text} for name, text in capacity_by_queue.items()})


# --- The tree


def test_the_client_reads_use_and_bounds(wire: Wire) -> None:
    wire.world.submit(replace(make_job(tasks=30), queue="ads"))
    wire.served.pass_time(10)
    ads = wire.queue("root.ads")
    (use,) = [use for use in ads.uses if not use.partition]
    assert (use.used, use.pending) == (
        YarnResource(vcores=16, memory_mib=16_384),
        YarnResource(vcores=15, memory_mib=15_360),
    )
    assert (use.am_used, use.am_limit) == (
        YarnResource(vcores=1, memory_mib=1024),
        YarnResource(vcores=8, memory_mib=24_576),
    )
    plain, label = ads.capacity(), ads.capacity("k8s")
    assert plain is not None
    assert (plain.guaranteed, plain.maximum) == (
        YarnResource(vcores=8, memory_mib=24_576),
        YarnResource(vcores=16, memory_mib=49_152),
    )
    assert (plain.absolute_capacity_ratio, label and label.capacity_ratio) == (0.5, 1.0)
    assert ads.mode is CapacityMode.PERCENTAGE


def test_unlabelled_work_waits_on_the_default_partition(wire: Wire) -> None:
    wire.world.submit(replace(make_job(tasks=30, label="k8s"), queue="etl"))
    wire.world.submit(replace(make_job(tasks=30), queue="etl"))
    wire.served.pass_time(10)
    pending = {use.partition: use.pending.vcores for use in wire.queue("root.etl").uses}
    assert pending == {"": 16, "k8s": 30}


def test_nested_queues_have_their_sums() -> None:
    world = SimWorld(SimConfig(static_nodes=2, queues=NESTED))
    world.submit(replace(make_job(tasks=3), queue="ads"))
    world.submit(replace(make_job(tasks=30), queue="etl"))
    with serve(world) as served:
        served.pass_time(10)
        wire = Wire(served)
        used = {queue.path: sum(use.used.vcores for use in queue.uses) for queue in wire.client.scheduler().root.walk()}
        apps = {app.queue for app in wire.client.apps([AppState.ACCEPTED, AppState.RUNNING])}
        wire.client.close()
    assert used == {"root": 16, "root.default": 0, "root.team": 16, "root.team.ads": 4, "root.team.etl": 12}
    assert apps == {"root.team.ads", "root.team.etl"}


def _keys(found: Any, at: str = "") -> Iterator[str]:
    """Every key of a document by its path, queues of one kind taken together."""
    if isinstance(found, dict):
        at = found.get("queueType", at)
        for key, below in found.items():
            yield f"{at}.{key}"
            yield from _keys(below, f"{at}.{key}")
    elif isinstance(found, list):
        for below in found:
            yield from _keys(below, at)


def test_no_field_is_printed_that_the_real_one_has_not() -> None:
    recorded = json.loads((REPLIES / "scheduler_capacity.json").read_text())["json"]
    with serve(SimWorld(SimConfig(queues=NESTED))) as served:
        printed = requests.get(f"{served.yarn_url}/ws/v1/cluster/scheduler", timeout=10).json()
    not_recorded = ("resourceInformation.attributes", "resourceInformation.resourceType")
    invented = set(_keys(printed)) - set(_keys(recorded))
    assert {key for key in invented if not key.endswith(not_recorded)} == set()


# --- The configuration


def test_the_client_changes_the_queues(wire: Wire) -> None:
    version = wire.client.scheduler_conf_version()
    wire.client.change_scheduler_conf(capacities(ads="75", etl="25"))
    assert wire.client.scheduler_conf_version() == version + 1 == 2
    assert wire.client.scheduler_conf()["yarn.scheduler.capacity.root.ads.capacity"] == "75"
    ads = wire.queue("root.ads").capacity()
    assert ads is not None
    assert ads.guaranteed == YarnResource(vcores=12, memory_mib=36_864)


def test_a_change_decides_who_is_served_next(wire: Wire) -> None:
    wire.client.change_scheduler_conf(capacities(ads="75", etl="25"))
    for name in ("ads", "etl"):
        wire.world.submit(replace(make_job(), queue=name))
    wire.served.pass_time(10)
    assert [queue.used_vcores for queue in wire.world.yarn.work.queues.values()] == [12, 4]


def test_a_refused_change_leaves_all_as_it_was(wire: Wire) -> None:
    before = wire.client.scheduler_conf()
    text = "Failed to re-init queues : Illegal capacity sum of 0.9 for children of queue root for label=. It should be"
    with pytest.raises(RmRefused, match=text):
        wire.client.change_scheduler_conf(capacities(ads="40"))
    assert (wire.client.scheduler_conf(), wire.client.scheduler_conf_version()) == (before, 1)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        (capacities(ads="2w"), "children queue used mixed of"),
        (capacities(ads="[memory=1024,vcores=1]"), "children queue used mixed of"),
        (capacities(ads="abc", etl="50"), 'For input string: "abc"'),
        (capacities(ads="[memory=abc]", etl="[memory=1024]"), "empty String"),
    ],
    ids=["weight-and-percent", "amount-and-percent", "word", "amount-of-a-word"],
)
def test_what_cannot_be_is_refused(wire: Wire, changes: ConfChanges, text: str) -> None:
    with pytest.raises(RmRefused) as caught:
        wire.client.change_scheduler_conf(changes)
    assert text in str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [
        capacities(ads="-1w", etl="5w"),
        capacities(ads="nanw", etl="5w"),
        capacities(ads="[memory=999999,vcores=99]", etl="[memory=999999,vcores=99]"),
        capacities(nobody="40"),
        ConfChanges(values_by_queue={"root.ads": {"maximum-capacity": "10"}}),
        capacities(ads="50", etl="50"),
    ],
    ids=["negative-weight", "weight-of-nan", "too-much", "unknown-queue", "maximum-below", "nothing"],
)
def test_what_should_not_be_is_taken_all_the_same(wire: Wire, changes: ConfChanges) -> None:
    wire.client.change_scheduler_conf(changes)
    assert wire.client.scheduler_conf_version() == 2
    assert {queue.path for queue in wire.client.scheduler().root.walk()} == {"root", "root.ads", "root.etl"}


def test_validation_changes_nothing(wire: Wire) -> None:
    after = wire.client.validate_scheduler_conf(capacities(ads="75", etl="25"))
    assert after["yarn.scheduler.capacity.root.ads.capacity"] == "75"
    text = "CapacityScheduler configuration validation failed:java.io.IOException: Failed to re-init queues : Illegal"
    with pytest.raises(RmRefused, match=text):
        wire.client.validate_scheduler_conf(capacities(ads="75"))
    assert wire.client.scheduler_conf_version() == 1
    assert wire.client.scheduler_conf()["yarn.scheduler.capacity.root.ads.capacity"] == "50"


def test_an_empty_value_takes_a_key_away(wire: Wire) -> None:
    key = "yarn.scheduler.capacity.root.ads.maximum-capacity"
    assert key in wire.client.scheduler_conf()
    wire.client.change_scheduler_conf(ConfChanges(values_by_queue={"root.ads": {"maximum-capacity": ""}}))
    assert key not in wire.client.scheduler_conf()


def test_json_under_a_root_is_taken_and_changes_nothing(wire: Wire) -> None:
    update = {"queue-name": "root.ads", "params": {"entry": {"key": "capacity", "value": "75"}}}
    reply = wire.put(json.dumps({"sched-conf": {"update-queue": update}}))
    assert (reply.status_code, reply.text) == (200, "Configuration change successfully applied.")
    assert wire.client.scheduler_conf_version() == 2
    assert wire.client.scheduler_conf()["yarn.scheduler.capacity.root.ads.capacity"] == "50"


def test_json_without_a_root_is_understood(wire: Wire) -> None:
    entry = [{"key": "ordering-policy", "value": "fair"}]
    assert wire.put(json.dumps({"update-queue": {"queue-name": "root.ads", "params": {"entry": entry}}})).ok
    assert wire.world.yarn.work.queues["ads"].node.ordering == "fair"


def test_a_queue_is_added_stopped_and_removed(wire: Wire) -> None:
    zero = "<params><entry><key>capacity</key><value>0</value></entry></params>"
    add = f"<sched-conf><add-queue><queue-name>root.ml</queue-name>{zero}</add-queue></sched-conf>"
    remove = "<sched-conf><remove-queue>root.ml</remove-queue></sched-conf>"
    assert wire.put(add).ok
    assert "ml" in wire.world.yarn.work.queues
    refused = wire.put(remove)
    assert (refused.status_code, "not yet in stopped state. Current State : RUNNING" in refused.text) == (400, True)
    wire.client.change_scheduler_conf(ConfChanges(values_by_queue={"root.ml": {"state": "STOPPED"}}))
    assert wire.put(remove).ok
    assert "ml" not in wire.world.yarn.work.queues


def test_a_restart_forgets_every_change(wire: Wire) -> None:
    wire.client.change_scheduler_conf(capacities(ads="75", etl="25"))
    wire.world.restart_rm(5)
    wire.served.pass_time(30)
    assert wire.client.scheduler_conf_version() == 1
    ads = wire.queue("root.ads").capacity()
    assert ads is not None
    assert ads.absolute_capacity_ratio == 0.5


def test_an_answer_can_be_lost_after_the_change(wire: Wire) -> None:
    wire.world.fail_next("yarn.configure", Unavailable("lost"), took_effect=True)
    with pytest.raises(RmUnavailable):
        wire.client.change_scheduler_conf(capacities(ads="75", etl="25"))
    assert wire.client.scheduler_conf_version() == 2


def test_a_configuration_in_a_file_cannot_be_changed() -> None:
    with serve(SimWorld(SimConfig(conf_store="file"))) as served:
        wire = Wire(served)
        with pytest.raises(NotMutable):
            wire.client.scheduler_conf()
        with pytest.raises(NotMutable):
            wire.client.change_scheduler_conf(capacities(default="100"))
        wire.client.close()


def test_the_monitor_is_read_from_the_configuration() -> None:
    for policy, expected in ((None, "false"), (Preemption(), "true")):
        with serve(SimWorld(SimConfig(preemption=policy))) as served:
            wire = Wire(served)
            assert wire.client.conf("yarn.resourcemanager.scheduler.monitor.enable") == expected
            assert wire.client.conf("no.such.name") is None
            wire.client.close()


def test_a_label_gets_capacities_at_run_time(wire: Wire) -> None:
    label = "accessible-node-labels.k8s.capacity"
    wire.client.change_scheduler_conf(
        ConfChanges(values_by_queue={"root.ads": {label: "25"}, "root.etl": {label: "75"}})
    )
    wire.world.yarn.launch("10.0.0.9", Resources(vcores=4, memory_mib=8192), is_lent=False)
    wire.world.yarn.map_label("10.0.0.9", "k8s")
    wire.served.pass_time(2)
    found = wire.queue("root.etl").capacity("k8s")
    assert found is not None
    assert found.guaranteed == YarnResource(vcores=3, memory_mib=6144)
