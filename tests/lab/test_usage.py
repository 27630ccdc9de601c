"""Lending below requests: work runs beside a service that has asked for a node and uses little of it; it gives way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from tests.lab.by_use import Exporter, open_now, settings_by_use
from tests.lab.controller import Controller
from tests.lab.job import Job
from tests.lab.lab import (
    STATIC_HOST,
    elastic_nodes,
    end_applications,
    make_label_known,
    online_running,
    pods,
    scale_online,
    within,
    yarn_nodes,
)
from tests.lab.server import NODE, CpuTime, Latencies, Server, cpu_weight, frozen, limits, node_alone, spent
from tests.lab.story import Story

pytestmark = pytest.mark.lab

ONLY_THE_SERVERS_NODE = f'{{lend: "true", kubernetes.io/hostname: {NODE}}}'
SLICES = 5
SLICE_S = 2
MAY_ADD_MS = 5.0
"""A few time slices of the kernel's: who burns holds a core until its slice ends."""


@contextmanager
def online_server() -> Iterator[Server]:
    scale_online(0)
    within(30, lambda: online_running() == 0, "the other online service makes place")
    running = Server()
    try:
        yield running
    finally:
        running.close()


def test_work_beside_a_service_that_has_asked_for_the_node_gives_way_to_it(tmp_path: Path, empty_stage: None) -> None:
    story = Story("By use: the service has requested 1.8 of node-1's 2 cores, and uses a tenth of that")
    Exporter().set(0.2)
    make_label_known("k8s")
    night = open_now(timedelta(minutes=9))
    controller = Controller(tmp_path, night, settings=settings_by_use(night, selector=ONLY_THE_SERVERS_NODE))
    with online_server() as online, closing(Job(tmp_path, maps=2, seconds=400)):
        within(
            60, lambda: _containers_on_the_static_node() == 3, "a job that waits fills the static node but for an AM"
        )
        job = Job(tmp_path, maps=24, seconds=60, burns=True)
        try:
            # Or some of its tasks would burn there: on the same cores as node-1, and with nobody's limit.
            within(
                60, lambda: _containers_on_the_static_node() == 4, "the AM of the job that burns takes its last vcore"
            )
            controller.start()
            tide = _lends_on_the_full_node(online, story)
            with node_alone():
                _service_answers_in_time(online, tide, story)
                _service_gets_the_cpu_it_wants(online, tide, story)
        finally:
            _take_back(controller)
            job.close()
            end_applications()


def _containers_on_the_static_node() -> int:
    return int(yarn_nodes()[STATIC_HOST]["numContainers"])


def _lends_on_the_full_node(online: Server, story: Story) -> str:
    within(60, lambda: len(elastic_nodes()) == 1, "an elastic node serves YARN beside the service")
    within(
        60,
        lambda: all(node["numContainers"] >= 3 for node in elastic_nodes().values()),
        "tasks that burn CPU run on it",
    )
    (pod,) = pods()
    uid = str(pod["metadata"]["uid"])
    assert pod["spec"]["nodeName"] == NODE
    assert pod["status"]["qosClass"] == "Burstable"
    story.tell(f"by requests the node is full; by use it holds an elastic pod: {limits(pod)}")
    story.tell(f"cgroup weights: service {cpu_weight(online.uid)}, elastic pod {cpu_weight(uid)}")
    assert cpu_weight(uid) * 10 <= cpu_weight(online.uid)
    return uid


def _service_answers_in_time(online: Server, tide: str, story: Story) -> None:
    """Compare slices with and without the tide, in turns: whatever else runs on this machine disturbs both alike."""
    without: list[float] = []
    beside: list[float] = []
    held = CpuTime()
    for _ in range(SLICES):
        with frozen(tide):
            without += online.answers(SLICE_S)
        held += spent([online.uid], lambda: beside.extend(online.answers(SLICE_S)))[0]
    alone, together = Latencies.of(without), Latencies.of(beside)
    story.tell(f"without the tide: {alone}")
    story.tell(f"beside burning tasks: {together}; throttled for {held.throttled_s:.3f} s")
    assert together.p95_ms <= 1.5 * alone.p95_ms + MAY_ADD_MS
    assert held.throttled_s == 0


def _service_gets_the_cpu_it_wants(online: Server, tide: str, story: Story) -> None:
    alone, beside, taken = CpuTime(), CpuTime(), CpuTime()
    for _ in range(3):
        with frozen(tide):
            alone += spent([online.uid], lambda: online.burn(SLICE_S))[0]
        its, others = spent([online.uid, tide], lambda: online.burn(SLICE_S))
        beside, taken = beside + its, taken + others
    story.tell(
        f"the service burns: {alone.used_s:.2f} s of CPU without the tide, {beside.used_s:.2f} s beside it "
        f"({beside.used_s / alone.used_s:.0%}); the tide is left {taken.used_s:.2f} s"
    )
    assert beside.used_s >= 0.8 * alone.used_s


def _take_back(controller: Controller) -> None:
    """Leave by the front door: when the load is high, all goes back."""
    Exporter().set(2.0)
    within(90, lambda: not pods(), "what was lent is given back when the load is high")
    controller.stop()
