"""Measured load decides: a recorded valley is lent and given back; a signal that lies makes no capacity."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.lab.by_use import (
    CONFIRM_S,
    Exporter,
    cores_in_prometheus,
    lends_below_cores,
    open_now,
    settings_by_use,
    signal,
)
from tests.lab.controller import Controller, Night
from tests.lab.job import Job
from tests.lab.lab import elastic_nodes, elastic_pod_names, make_label_known, pods, within
from tests.lab.story import Story, Watcher

pytestmark = pytest.mark.lab

NODE = "node-1"
EVENING_S = 1633702200
"""In the recording: half of the CPU is in use, a valley of six hours begins soon, with one rise right at its start."""
SPEED = 400.0
HIGH_CORES = 2.0
LOW_CORES = 0.3


def test_a_valley_is_lent_and_given_back_and_a_bad_signal_makes_no_capacity(tmp_path: Path, empty_stage: None) -> None:
    story = Story("Prometheus scrapes a day of load in quick time; all of it lies inside one window")
    exporter = Exporter()
    exporter.set(HIGH_CORES)
    make_label_known("k8s")
    night = open_now(timedelta(minutes=9))
    controller = Controller(tmp_path, night, settings=settings_by_use(night))
    job = Job(tmp_path, maps=120, seconds=10)
    try:
        within(60, job.runs_its_am_on_the_static_node, "the job's AM runs on the static node")
        controller.start()
        within(20, lambda: signal(controller)["state"] == "fresh", "the signal is fresh")
        _lends_the_valley(exporter, controller, night, story)
        _one_low_sample_is_not_believed(exporter, story)
        _zero_is_not_believed(exporter, story)
    finally:
        exporter.set(HIGH_CORES)
        controller.stop()
        job.close()


def _lends_the_valley(exporter: Exporter, controller: Controller, night: Night, story: Story) -> None:
    limit = lends_below_cores(NODE)
    seen = Watcher(lambda: (cores_in_prometheus(NODE), len(pods())))
    exporter.follow(from_s=EVENING_S, speed=SPEED)
    within(60, lambda: len(elastic_nodes()) == 2, "both nodes lend in the valley")
    within(30, lambda: all(node["numContainers"] for node in elastic_nodes().values()), "work runs on both")
    story.tell(f"the recording is in its valley, at {cores_in_prometheus(NODE)} cores: work runs on both nodes")
    within(90, lambda: elastic_pod_names() == set(), "the load rises, and all is given back")
    seen.stop()
    assert datetime.now(UTC) < night.closes_to_work, "it is the load that took it back, not the window's end"
    story.tell(f"the load rose to {cores_in_prometheus(NODE)} cores: all is back, long before the window ends")
    looks = [(at, *look) for at, look in seen.seen if isinstance(look, tuple)]
    lent_at = next(at for at, _, count in looks if count)
    low_since = lent_at
    for at, cores, _ in reversed([look for look in looks if look[0] < lent_at]):
        if cores is None or cores > limit:
            break
        low_since = at
    waited_s = (lent_at - low_since).total_seconds()
    story.tell(
        f"the first pod was made after {waited_s:.1f} s in a row below {limit:g} cores; {CONFIRM_S} s confirm it"
    )
    assert waited_s >= CONFIRM_S - 1


def _one_low_sample_is_not_believed(exporter: Exporter, story: Story) -> None:
    exporter.set(HIGH_CORES)
    time.sleep(CONFIRM_S)
    exporter.set(LOW_CORES)
    time.sleep(1.2)
    exporter.set(HIGH_CORES)
    assert not _ever(lambda: elastic_pod_names() != set(), CONFIRM_S + 4)
    story.tell("one low sample between high ones: nothing is lent")


def _zero_is_not_believed(exporter: Exporter, story: Story) -> None:
    exporter.set(0.0)
    assert not _ever(lambda: elastic_pod_names() != set(), 2 * CONFIRM_S)
    story.tell(f"{2 * CONFIRM_S} s of zero: nothing is lent")


def _ever(look: Callable[[], bool], seconds: float) -> bool:
    """Say whether something is seen within a time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if look():
            return True
        time.sleep(0.5)
    return False
