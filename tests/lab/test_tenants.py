"""Two tenants, each with a queue and a namespace: what one lends the other, and has back when it returns."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bridge.adapters.capacity_queues import CapacityQueues
from bridge.core.ledger import Side
from bridge.core.tenants.facts import Leaf
from bridge.core.tenants.writes import Change, Draft
from bridge.ports import Rejected
from tests.lab.controller import coming_night
from tests.lab.job import Job
from tests.lab.lab import (
    ROOT,
    elastic_nodes,
    elastic_pod_names,
    end_applications,
    environment,
    online_running,
    scale_online,
    service,
    within,
)
from tests.lab.story import Story
from tests.lab.tenants import (
    ADS,
    ETL,
    POD_MILLICORES,
    QUEUE_OF,
    Tenants,
    capacities,
    configured,
    queue,
    quota,
    running,
    set_queues,
    set_up_namespaces,
    tear_down_namespaces,
    want_pods,
)
from yarn_client import YarnClient

pytestmark = pytest.mark.lab

MILLICORES_PER_VCORE = 250
HALF = {"capacity": "[memory=1024,vcores=2]", "maximum_capacity": "[memory=2048,vcores=4]"}


@pytest.fixture
def two_tenants(empty_stage: None) -> Iterator[None]:
    """Make empty namespaces; leave the queues as the lab has them."""
    set_up_namespaces()
    yield
    tear_down_namespaces()
    service("rm", "restart")


def test_what_an_idle_tenant_lends_is_back_within_two_rounds_and_both_systems_say_so(
    tmp_path: Path, two_tenants: None
) -> None:
    story = Story("Two tenants: one idles and the other uses nearly all; the first returns on the Kubernetes side only")
    scale_online(2)
    within(60, lambda: online_running() == 2, "the online service is small")
    _with_percentages(_folder(tmp_path, "percentages"), story)

    set_queues(queue("root.ads", **HALF), queue("root.default", **HALF))
    night = coming_night(ahead=timedelta(seconds=1), length=timedelta(minutes=15), lead=timedelta(minutes=2))
    bridge = Tenants(_folder(tmp_path, "absolute"), night)
    want_pods(ETL, 30)
    job = Job(tmp_path, maps=40, seconds=30)
    try:
        bridge.start()
        within(100, lambda: len(elastic_nodes()) >= 1, "an elastic node serves the borrower's job")
        within(60, lambda: running(ETL) >= 4, "the borrower's pods run")
        used = _lendable(bridge)
        assert used["told"] >= 0.85 * used["capacity"], used
        story.tell(f"ads idles; etl was told {used['told']} of {used['capacity']} lendable millicores, on both sides")

        end_applications()
        within(120, lambda: not elastic_pod_names(), "the elastic nodes go when their work has ended")
        within(60, lambda: quota(ETL)[0] >= 13 * POD_MILLICORES, "the borrower's namespace is told what its queue left")
        # A ReplicaSet asks again ever more rarely after refusals, but at once when it is changed.
        want_pods(ETL, 29)
        within(60, lambda: running(ETL) >= 13, "the borrower's pods are there")
        others, since, borrowed = online_running(), bridge.rounds, running(ETL)
        want_pods(ADS, 7)
        within(60, lambda: quota(ADS)[0] >= 6 * POD_MILLICORES, "the guarantee is told", every_s=0.2)
        rounds = bridge.rounds - since
        want_pods(ADS, 6)
        within(60, lambda: running(ADS) == 6, "the guarantee is there")
        story.tell(
            f"ads returned: its quota had room after {rounds} rounds; etl's {borrowed} pods are {running(ETL)} now"
        )
        assert rounds <= 2
        assert online_running() == others, "nobody but the borrower has paid"
        _both_say_what_was_written(bridge, story)
    finally:
        bridge.stop()
        job.close()

    _repaired_after_a_kill_between_two_writes(bridge, story)
    _what_the_resourcemanager_refuses_changes_nothing(_folder(tmp_path, "refused"), story)


def _folder(parent: Path, name: str) -> Path:
    folder = parent / name
    folder.mkdir()
    return folder


def _with_percentages(folder: Path, story: Story) -> None:
    """Run the same once with queues in percent, where one number carries the scarcer resource."""
    night = coming_night(ahead=timedelta(hours=2), length=timedelta(minutes=15), lead=timedelta(minutes=2))
    bridge = Tenants(folder, night)
    found = bridge.round("--now")
    settings = configured()
    percents = [float(settings[f"yarn.scheduler.capacity.{path}.capacity"]) for path in QUEUE_OF.values()]
    assert round(sum(percents), 3) == 100
    (note,) = [note for entry in found["done"] for note in entry["notes"] if "one number" in note]
    assert "carries the target of cpu_millicores" in note
    effective = capacities()
    for leaf in _queues(found):
        wanted = leaf["told_static"]["cpu_millicores"] / MILLICORES_PER_VCORE
        assert abs(effective[leaf["path"]][0] - wanted) <= 1, (leaf, effective)
    story.tell(
        f"in percent: {percents} were written; vcores are as wanted to within one minimum allocation: {effective}"
    )


def _lendable(bridge: Tenants) -> dict[str, int]:
    """Say what there is to lend, and what the borrower was told of it."""
    planned = bridge.round()
    told = sum(leaf["told_lendable"]["cpu_millicores"] for leaf in planned["leaves"] if leaf["tenant"] == "etl")
    return {"told": told, "capacity": planned["ledger"]["capacity"]["cpu_millicores"]}


def _queues(found: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {**leaf, "path": leaf["leaf"].removeprefix("queue:")}
        for leaf in found["leaves"]
        if leaf["leaf"].startswith("queue:")
    ]


def _both_say_what_was_written(bridge: Tenants, story: Story) -> None:
    """Compare what the journal holds with the API server and the ResourceManager, read by other means."""
    seen: list[object] = []

    def same() -> bool:
        planned = bridge.round()
        effective = capacities()
        seen[:] = [draft["changes"] for entry in planned["changes"] for draft in entry["drafts"]]
        seen[:] += [(leaf, effective) for leaf in _queues(planned) if not _is_near(leaf, effective)]
        return not seen

    try:
        within(60, same, "the ResourceManager's effective capacities are what was written")
    except AssertionError as error:
        raise AssertionError(f"differences: {seen}") from error
    planned = bridge.round()
    for leaf in planned["leaves"]:
        kind, _, name = leaf["leaf"].partition(":")
        if kind == "namespace":
            assert quota(name) == (leaf["told_lendable"]["cpu_millicores"], leaf["told_lendable"]["memory_mib"])
    story.tell(f"read back: queues {capacities()}, quotas { {name: quota(name) for name in (ADS, ETL)} }")


def _is_near(leaf: dict[str, Any], effective: dict[str, tuple[int, int]]) -> bool:
    """Say whether a queue's effective amounts are what was written, to within one minimum allocation."""
    vcores, mib = effective[leaf["path"]]
    wanted = leaf["told_static"]
    is_cpu_near = bool(abs(vcores - wanted["cpu_millicores"] / MILLICORES_PER_VCORE) <= 1)
    return is_cpu_near and bool(abs(mib - wanted["memory_mib"]) <= 128)


def _repaired_after_a_kill_between_two_writes(bridge: Tenants, story: Story) -> None:
    """Kill a round when one system is written and the other isn't."""
    want_pods(ADS, 1)
    want_pods(ETL, 2)
    within(60, lambda: (running(ADS), running(ETL)) == (1, 2), "both want little")
    want_pods(ADS, 12)
    program = [sys.executable, "-m", "tests.lab.killed_between", str(bridge.config)]
    killed = subprocess.run(program, cwd=ROOT, check=False, capture_output=True, text=True, timeout=60)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    story.tell(f"SIGKILL between the two systems' writes: {killed.stdout.strip()}")
    bridge.start()
    try:
        within(60, lambda: quota(ADS)[0] >= 1600, "the guarantee is told")
        want_pods(ADS, 11)
        within(60, lambda: running(ADS) * POD_MILLICORES >= 1600, "the guarantee is there")
        _both_say_what_was_written(bridge, story)
    finally:
        bridge.stop()
    assert [entry["foreign"] for entry in bridge.round()["changes"]] == [[], []]
    story.tell("the next rounds repaired it, and took nothing for another hand's change")


def _what_the_resourcemanager_refuses_changes_nothing(folder: Path, story: Story) -> None:
    """Ask for less than the queue's children have."""
    set_queues(queue("root.ads", **HALF), queue("root.default", **HALF))
    set_queues(queue("root.ads", state="STOPPED"))
    set_queues(queue("root.ads.a", verb="add", capacity="[memory=1024,vcores=2]"), queue("root.ads", state="RUNNING"))
    before = configured()
    night = coming_night(ahead=timedelta(hours=2), length=timedelta(minutes=15), lead=timedelta(minutes=2))
    bridge = Tenants(folder, night)
    bridge.config.write_text(
        bridge.config.read_text().replace("min: {cpu_millicores: 1600, memory_mib: 1024}", "weight: 0.1")
    )
    found = bridge.round("--now", refused=True)
    errors = {entry["adapter"]: entry["error"] for entry in found["done"] if entry["error"] is not None}
    assert "its children have 1024 MiB and 2 vcores together, above" in errors["yarn-capacity"], errors
    assert configured() == before
    assert any(entry["adapter"] == "resource-quota" and entry["error"] is None for entry in found["done"])
    story.tell(f"refused before it was sent, and the other system went on: {errors['yarn-capacity']}")

    ads = Leaf(side=Side.YARN, name="root.ads")
    draft = Draft(changes=(Change(leaf=ads, key="capacity", before=None, after="[memory=128,vcores=1]"),))
    with YarnClient([environment("TIDEBRIDGE_LAB_RM")], user="tidebridge") as client:
        version = str(client.scheduler_conf_version())
        with pytest.raises(Rejected, match="is less than to its children") as refused:
            CapacityQueues(client, vcores_per_core=4.0).write(replace(draft, token=version))
    assert configured() == before
    story.tell(f"refused by the ResourceManager, and nothing changed: {refused.value}")
