"""Measured load decides: a recorded valley is lent and given back; a signal that is lost or lies makes no capacity."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import groupby, pairwise
from pathlib import Path

import pytest

from tests.lab.by_use import (
    CONFIRM_S,
    FROZEN_AFTER_S,
    SHRINK_EVERY_S,
    Exporter,
    becomes,
    cores_in_prometheus,
    lends_below_cores,
    looks,
    open_now,
    settings_by_use,
    wait_for_tick,
)
from tests.lab.controller import Controller, Night
from tests.lab.job import Job
from tests.lab.lab import elastic_nodes, elastic_pod_names, make_label_known, pods, service, within
from tests.lab.story import Story, Watcher

pytestmark = pytest.mark.lab

NODE = "node-1"
EVENING_S = 1633702200
"""In the recording: half of the CPU is in use, a valley of six hours begins soon, with one rise right at its start."""
SPEED = 400.0
QUICK = 1200.0
"""Once work runs, the rest of the valley is only waited for."""
HIGH_CORES = 2.0
"""More than one sample may add to LOW_CORES; what it may add still leaves the room."""
LOW_CORES = 0.3


def test_a_valley_is_lent_and_given_back_and_a_bad_signal_makes_no_capacity(tmp_path: Path, empty_stage: None) -> None:
    story = Story("Prometheus scrapes a day of load in quick time; all of it lies inside one window")
    exporter = Exporter()
    exporter.set(HIGH_CORES)
    make_label_known("k8s")
    night = open_now(timedelta(minutes=9))
    controller = Controller(tmp_path, night, settings=settings_by_use(night))
    # Tasks outlast every stage: a node is empty when its work is forced off, each as long after it was called back.
    job = Job(tmp_path, maps=24, seconds=400)
    try:
        controller.start()
        becomes(controller, "fresh", 60, since=0)
        within(60, job.runs_its_am_on_the_static_node, "the job's AM runs on the static node")
        _lends_the_valley(exporter, controller, night, story)
        _one_low_sample_is_not_believed(exporter, controller, story)
        _zero_is_not_believed(exporter, controller, story)
        _a_stopped_exporter_makes_nothing(exporter, controller, story)
        held = _lends_on_both(exporter, story)
        _one_high_sample_takes_nothing_back(exporter, controller, held, story)
        _zero_takes_nothing_back_at_once(exporter, controller, held, story)
        _a_lost_signal_freezes_then_shrinks(exporter, controller, held, story)
    finally:
        service("prometheus", "start")
        exporter.set(HIGH_CORES)
        controller.stop()
        job.close()


def _lends_the_valley(exporter: Exporter, controller: Controller, night: Night, story: Story) -> None:
    limit = lends_below_cores(NODE)
    seen = Watcher(lambda: (cores_in_prometheus(NODE), len(pods())))
    exporter.follow(from_s=EVENING_S, speed=SPEED)
    began = time.monotonic()
    within(60, lambda: len(elastic_nodes()) == 2, "both nodes lend in the valley")
    within(30, lambda: all(node["numContainers"] for node in elastic_nodes().values()), "work runs on both")
    story.tell(f"the recording is in its valley, at {cores_in_prometheus(NODE)} cores: work runs on both nodes")
    exporter.follow(from_s=EVENING_S + SPEED * (time.monotonic() - began), speed=QUICK)
    within(90, lambda: elastic_pod_names() == set(), "the load rises, and all is given back")
    exporter.freeze()
    seen.stop()
    assert datetime.now(UTC) < night.closes_to_work, "it is the load that took it back, not the window's end"
    story.tell(f"the load rose to {cores_in_prometheus(NODE)} cores: all is back, long before the window ends")
    _explains_the_rise(controller, limit, story)
    _waited_for_low_load_to_last(seen, limit, story)


def _explains_the_rise(controller: Controller, limit: float, story: Story) -> None:
    """Ask why nothing is lent: the command names each lender's load, and how old and how trusted it is."""
    (told,) = json.loads(controller.command("explain", "load", "--json"))["explanations"]
    load, lenders = told["explained"]["load"], told["explained"]["lenders"]
    age_s = abs((datetime.fromisoformat(told["at"]) - datetime.fromisoformat(load["sampled_at"])).total_seconds())
    cores = {lender["name"]: lender["used_millicores"] / 1000 for lender in lenders}
    words = ", ".join(f"{name} {used:g} cores" for name, used in cores.items())
    story.tell(
        f"explain load: {words}; {load['state']}, sampled within {age_s:.1f} s of the tick; lends below {limit:g}"
    )
    assert load["state"] == "fresh"
    assert age_s < FROZEN_AFTER_S
    assert len(cores) == 2
    assert all(used > limit for used in cores.values())


def _waited_for_low_load_to_last(seen: Watcher, limit: float, story: Story) -> None:
    """Compare when the load was low, by Prometheus, with when the first pod was there."""
    found = [(at, *look) for at, look in seen.seen if isinstance(look, tuple)]
    lent_at = next(at for at, _, count in found if count)
    low_since = lent_at
    for at, cores, _ in reversed([look for look in found if look[0] < lent_at]):
        if cores is None or cores > limit:
            break
        low_since = at
    waited_s = (lent_at - low_since).total_seconds()
    story.tell(
        f"the first pod was made after {waited_s:.1f} s in a row below {limit:g} cores; {CONFIRM_S} s confirm it"
    )
    assert waited_s >= CONFIRM_S - 1


def _one_low_sample_is_not_believed(exporter: Exporter, controller: Controller, story: Story) -> None:
    exporter.set(HIGH_CORES)
    for _ in range(2):
        wait_for_tick(controller)
    exporter.set(LOW_CORES)
    time.sleep(1.2)
    exporter.set(HIGH_CORES)
    assert not _ever(lambda: elastic_pod_names() != set(), CONFIRM_S + 4)
    story.tell("one low sample between high ones: nothing is lent")


def _zero_is_not_believed(exporter: Exporter, controller: Controller, story: Story) -> None:
    since = len(controller.log)
    exporter.set(0.0)
    assert not _ever(lambda: elastic_pod_names() != set(), 2 * CONFIRM_S)
    becomes(controller, "frozen reason=zero_unconfirmed", 10, since=since)
    story.tell(f"{2 * CONFIRM_S} s of zero: nothing is lent")


def _a_stopped_exporter_makes_nothing(exporter: Exporter, controller: Controller, story: Story) -> None:
    """Low load begins, and its exporter stops before it is confirmed."""
    since, seen = len(controller.log), Watcher(elastic_pod_names)
    exporter.set(LOW_CORES)
    becomes(controller, "fresh", 30, since=since)
    since = len(controller.log)
    exporter.stop()
    becomes(controller, "frozen reason=no_sample", 30, since=since)
    wait_for_tick(controller)
    _only(set(), seen)
    story.tell("low load, whose exporter stops at once: frozen, and nothing is lent")


def _lends_on_both(exporter: Exporter, story: Story) -> set[str]:
    exporter.set(LOW_CORES)
    within(90, lambda: len(elastic_nodes()) == 2, "low and confirmed: both nodes lend")
    held = elastic_pod_names()
    assert len(held) == 2
    story.tell("the load is low, and that is confirmed: two nodes are lent")
    return held


def _one_high_sample_takes_nothing_back(
    exporter: Exporter, controller: Controller, held: set[str], story: Story
) -> None:
    """One sample alone may take an eighth of the lender, which leaves the room here; a second would take it all."""
    seen = Watcher(elastic_pod_names)
    # Scrapes and ticks keep the distance that they happen to have, so that one delay may never meet both.
    delays_s = itertools.cycle((0.8, 0.3, 1.3, 0.05, 1.05, 0.55))
    believed = within(
        90, lambda: _believed_of_one_high_sample(exporter, controller, next(delays_s)), "a tick sees the high sample"
    )
    assert believed is not None
    wait_for_tick(controller)
    _only(held, seen)
    story.tell(f"one sample of {HIGH_CORES:g} cores: {believed:g} are believed, and nothing is taken back")
    assert believed < lends_below_cores(NODE)


def _believed_of_one_high_sample(exporter: Exporter, controller: Controller, delay_s: float) -> float | None:
    """Serve one high sample some time after a tick; return what ticks took it for on a node, if they saw it."""
    wait_for_tick(controller)
    began = datetime.now(UTC)
    time.sleep(delay_s)
    exporter.set(HIGH_CORES)
    within(10, lambda: cores_in_prometheus(NODE) == HIGH_CORES, "Prometheus has the sample", every_s=0.05)
    exporter.set(LOW_CORES)
    for _ in range(2):
        wait_for_tick(controller)
    believed = [look.cores / 2 for look in looks(controller, 10) if look.at >= began]
    highest = max(believed, default=0.0)
    return highest if highest > LOW_CORES else None


def _zero_takes_nothing_back_at_once(exporter: Exporter, controller: Controller, held: set[str], story: Story) -> None:
    since, seen = len(controller.log), Watcher(elastic_pod_names)
    exporter.set(0.0)
    becomes(controller, "frozen reason=zero_unconfirmed", 30, since=since)
    wait_for_tick(controller)
    since = len(controller.log)
    exporter.set(LOW_CORES)
    becomes(controller, "fresh", 30, since=since)
    _only(held, seen)
    story.tell("zero while two nodes are lent: frozen; nothing is made, nothing is taken back")


def _a_lost_signal_freezes_then_shrinks(
    exporter: Exporter, controller: Controller, held: set[str], story: Story
) -> None:
    since, began, seen = len(controller.log), datetime.now(UTC), Watcher(elastic_pod_names)
    service("prometheus", "stop")
    story.tell("Prometheus is stopped while two nodes are lent")
    becomes(controller, "frozen reason=no_answer", 30, since=since)
    becomes(controller, "shrinking reason=no_answer", 40, since=since)
    story.tell("first frozen, then shrinking")
    within(90, lambda: elastic_pod_names() == set(), "what is lent goes back")
    ticks = looks(controller, 60)
    since = len(controller.log)
    exporter.set(HIGH_CORES)
    service("prometheus", "start")
    becomes(controller, "fresh", 60, since=since)
    seen.stop()
    shrinking_at = next(tick.at for tick in ticks if tick.at >= began and tick.state == "shrinking")
    _stays_then_goes_one_by_one(seen, held, shrinking_at, story)
    story.tell("Prometheus is back, and so is trust")


def _stays_then_goes_one_by_one(seen: Watcher, held: set[str], shrinking_at: datetime, story: Story) -> None:
    found = _names(seen)
    frozen = [names for at, names in found if at < shrinking_at]
    assert frozen
    assert all(names == held for names in frozen), "until it shrinks, nothing is made and nothing is taken back"
    assert all(later <= earlier for (_, earlier), (_, later) in pairwise(found)), "nothing is made"
    counts = [count for count, _ in groupby(len(names) for _, names in found)]
    one_left = [at for at, names in found if len(names) == 1]
    alone_s = (one_left[-1] - one_left[0]).total_seconds() if one_left else 0.0
    words = ", ".join(map(str, counts))
    story.tell(f"the same two pods in {len(frozen)} looks, then {words}; one was left for {alone_s:.1f} s")
    assert counts == [2, 1, 0]
    assert alone_s >= SHRINK_EVERY_S / 2


def _only(expected: set[str], seen: Watcher) -> None:
    """End a watch: these pods were there at every look, and no others."""
    seen.stop()
    found = _names(seen)
    assert found
    assert all(names == expected for _, names in found), found


def _names(seen: Watcher) -> list[tuple[datetime, set[str]]]:
    """Return the looks at pods that succeeded."""
    return [(at, look) for at, look in seen.seen if isinstance(look, set)]


def _ever(look: Callable[[], bool], seconds: float) -> bool:
    """Say whether something is seen within a time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if look():
            return True
        time.sleep(0.5)
    return False
