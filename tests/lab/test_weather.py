"""Bad weather while room goes back: a fault in each drain, on real systems, and what of the deadlines still holds.

Each pool has one node, full of tasks that sleep through the story, and a window of its own whose end one fault meets.
The windows' ends follow one another by some twenty seconds, so that each fault meets other pools as well: some that
serve, some that drain.
"""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.lab.controller import Controller
from tests.lab.lab import (
    STATIC_HOST,
    elastic_nodes,
    environment,
    kubectl,
    online_running,
    pods,
    scale_online,
    service,
    within,
    yarn_nodes,
)
from tests.lab.pools import (
    VCORES,
    Window,
    alive,
    check_promises,
    gone_at,
    names_seen,
    night,
    pod_names,
    pods_by_pool,
    settings,
)
from tests.lab.sleeps import sleeps
from tests.lab.story import Story, Watcher, wait_until
from tests.store.postgresql import Server, served_on

pytestmark = pytest.mark.lab

LEAD = timedelta(seconds=40)
FORCED = timedelta(seconds=20)
"""From the forced step to back_by: notice 3, kill 5, a tick 2, and what the last call takes."""
DELETED = timedelta(seconds=10)
"""From the last call to delete a pod to back_by: its grace 3, a tick 2, a margin 5."""
BLINK = timedelta(seconds=1.5)
"""A look's own time: the pods are looked at twice a second, by kubectl."""
PAUSE = timedelta(seconds=10 + 3 + 2)
"""The longest time between two ticks of a pool: one call that hangs, an Event that hangs, and a period."""


WINDOWS = {
    "killed": Window(lender="node-1", opens_s=0, back_by_s=105),
    "kubelet": Window(lender="node-2", opens_s=0, back_by_s=105),
    "rm": Window(lender="node-2", opens_s=0, back_by_s=127),
    "store": Window(lender="node-1", opens_s=0, back_by_s=140),
    "etcd": Window(lender="node-2", opens_s=30, back_by_s=162),
    "server": Window(lender="node-2", opens_s=30, back_by_s=198),
    "after": Window(lender="node-1", opens_s=30, back_by_s=220),
}
FIRST = ("killed", "kubelet")
HINDERED = {"kubelet": "kubelet", "etcd": "etcd", "server": "API server", "after": "API server"}
"""The pools whose pod nobody can take away when its window ends, and what was broken. After an API server's return a
kubelet may take a minute until it looks again what to delete; until then its dead man's switch alone ends pods."""
SWITCH = timedelta(seconds=5 + 5 + 3)
"""How long after back_by the dead man's switch has ended a pod: it counts from the pod's start on its node, the kubelet
looks every 5 s, and there is a grace."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something that is gone for a while."""

    what: str
    begins: datetime
    ends: datetime
    kill: Callable[[], object]
    start: Callable[[], object]


class Weather:
    """The story's clock, and what has been broken so far."""

    def __init__(self, story: Story, opens: datetime) -> None:
        self._story = story
        self._opens = opens
        self.over: dict[str, datetime] = {}
        """When what was broken worked again."""

    def back_by(self, pool: str) -> datetime:
        """Say when a pool's window ends."""
        return self._opens + timedelta(seconds=WINDOWS[pool].back_by_s)

    def limit(self, pool: str) -> datetime:
        """Say by when a pool's pod is gone: by its window's end, or soon after what kept everybody from acting."""
        back_by, what = self.back_by(pool), HINDERED.get(pool)
        return back_by if what is None else max(back_by + SWITCH, self.over[what] + DELETED)

    def happens(self, *faults: Fault) -> None:
        """Make the faults, each at its time; they may overlap."""
        with ThreadPoolExecutor(len(faults)) as pool:
            list(pool.map(self._happens, faults))

    def _happens(self, fault: Fault) -> None:
        wait_until(fault.begins)
        fault.kill()
        self._story.tell(f"{fault.what}: killed")
        wait_until(fault.ends)
        fault.start()
        self.over[fault.what] = at = datetime.now(UTC)
        self._story.tell(f"{fault.what}: works again after {(at - fault.begins).total_seconds():.1f} s")


@pytest.fixture
def database() -> Iterator[Server]:
    """A PostgreSQL for the journal, which can be killed."""
    with served_on(STATIC_HOST, "10.88.0.0/24") as server:
        yield server


def test_in_bad_weather_each_deadline_holds_or_is_said_to_fail(
    tmp_path: Path, empty_stage: None, database: Server
) -> None:
    story = Story("Bad weather while room goes back")
    scale_online(0)
    with ExitStack() as stack:
        stack.enter_context(sleeps(tmp_path, containers=50, seconds=900))
        within(60, _static_node_is_full, "the work has filled the static node, and waits for more")
        within(30, lambda: online_running() == 0, "the online service is gone for the night")
        opens = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=4)
        weather = Weather(story, opens)
        whole = settings(WINDOWS, opens, LEAD).replace("sqlite:///tidebridge.db", database.url)
        controller = Controller(tmp_path, night(opens, LEAD), settings=whole)
        stack.callback(controller.end)
        controller.start()
        seen = Watcher(pod_names)
        stack.callback(seen.stop)
        within(65, _first_are_full, "the nodes whose windows end first serve, full of tasks")
        hosts = within(45, _all_hosts, "each pool's pod has its address")
        story.tell("the nodes whose windows end first serve, full of tasks")
        busy = Watcher(lambda: {host: node["numContainers"] for host, node in elastic_nodes().items()})
        stack.callback(busy.stop)
        _storm(weather, controller, story, hosts["killed"], database)

        wait_until(weather.back_by("after"))
        within(40, lambda: all(not alive(controller, pool) for pool in WINDOWS), "the journal has no promise left")
        within(40, lambda: pods() == [], "no pod is left")
        seen.stop()
        assert controller.runs, controller.log
        assert "crashed" not in controller.log
        assert "Traceback" not in controller.log
        gone = {pool: gone_at(seen, pool) for pool in WINDOWS}
        for pool, at in gone.items():
            late_s = (at - weather.back_by(pool)).total_seconds()
            story.tell(f"{pool}: gone {abs(late_s):.1f} s {'after' if late_s > 0 else 'before'} back_by")
        _check_preempted(weather, busy, hosts)
        check_promises(controller, {pool: weather.back_by(pool) for pool in WINDOWS}, names_seen(seen))
        _check_announced(controller.log, weather, gone, story)
        _check_ticks(controller.log, story)
        late = {pool: (at - weather.limit(pool)).total_seconds() for pool, at in gone.items()}
        assert {pool: late_s for pool, late_s in late.items() if late_s > BLINK.total_seconds()} == {}


def _storm(weather: Weather, controller: Controller, story: Story, killed: str, database: Server) -> None:
    """Make each fault in its turn."""
    wait_until(weather.back_by("killed") - LEAD)
    controller.said("state=draining", 6)
    _kill_nodemanager(killed)
    story.tell("a NodeManager is killed while its node drains")

    def fault(what: str, pool: str, ahead_s: int, lasts_s: int, *acts: Callable[[], object]) -> Fault:
        begins = weather.back_by(pool) - timedelta(seconds=ahead_s)
        return Fault(what=what, begins=begins, ends=begins + timedelta(seconds=lasts_s), kill=acts[0], start=acts[1])

    weather.happens(
        fault("kubelet", "kubelet", 15, 18, *_service("kubelet-node-2")),
        fault("ResourceManager", "rm", 17, 0, *_service("rm")),
        fault("database", "store", 21, 20, database.kill, database.start),
        fault("etcd", "etcd", 20, 20, *_service("etcd")),
        fault("API server", "server", 20, 20, *_service("apiserver")),
    )


def _service(name: str) -> tuple[Callable[[], object], Callable[[], object]]:
    """Say how a service of the lab is killed, and started again until Kubernetes works."""

    def start() -> None:
        service(name, "start")
        within(60, lambda: kubectl("get", "--raw", "/readyz", "--request-timeout=2s") == "ok", "Kubernetes works")

    return lambda: service(name, "kill"), start


def _kill_nodemanager(host: str) -> None:
    """Kill the NodeManager that has an address, in this lab: another one on the machine has the same addresses."""
    ours, wanted = f"/{environment('TIDEBRIDGE_LAB_NETNS')}-node-", f"yarn.nodemanager.hostname={host}\0".encode()
    (found,) = (
        int(folder.name)
        for folder in Path("/proc").glob("[0-9]*")
        if wanted in _read(folder / "cmdline") and ours in _read(folder / "cgroup").decode()
    )
    os.kill(found, signal.SIGKILL)


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        return b""


def _static_node_is_full() -> bool:
    return bool(yarn_nodes()[STATIC_HOST]["usedVirtualCores"] == VCORES)


def _all_hosts() -> Mapping[str, str]:
    """Return each pool's address, once each has one."""
    hosts = {pool: pod["status"].get("podIP") for pool, pod in pods_by_pool().items()}
    return hosts if set(hosts) == set(WINDOWS) and None not in hosts.values() else {}


def _first_are_full() -> bool:
    """Say whether the first pools' nodes serve, and have no vcore left."""
    found = pods_by_pool()
    hosts = {found[pool]["status"].get("podIP") for pool in FIRST if pool in found}
    full = {host for host, node in elastic_nodes().items() if node["usedVirtualCores"] == VCORES}
    return len(hosts) == len(FIRST) and hosts <= full


def _check_preempted(weather: Weather, busy: Watcher, hosts: Mapping[str, str]) -> None:
    """Look whether YARN's work had left each node when its window ended, also where its pod couldn't."""
    for pool, host in hosts.items():
        *_, last = (look for at, look in busy.seen if isinstance(look, dict) and at <= weather.back_by(pool))
        assert last.get(host, 0) == 0, f"{pool} still ran {last[host]} containers"


def _check_announced(log: str, weather: Weather, gone: Mapping[str, datetime], story: Story) -> None:
    """Look for the announcement, before it passed, of each deadline that was missed."""
    said: dict[str, tuple[str, float]] = {}
    for at, level, pool in _found(log, r"(\w+) deadline\.stated .*?pool=(\S+)"):
        if at <= weather.back_by(pool):
            said[pool] = level, (weather.back_by(pool) - at).total_seconds()
    missed = {pool for pool, at in gone.items() if at > weather.back_by(pool) + BLINK}
    missed |= {pool for _, pool in _found(log, r"deadline\.missed .*?pool=(\S+)")}
    for pool in missed:
        level, ahead_s = said.get(pool, ("nothing", 0.0))
        assert level == "WARNING", f"{pool} missed its deadline, and nobody was told before"
        story.tell(f"{pool}: missed, which was said {ahead_s:.1f} s ahead")
    assert missed <= set(HINDERED)


def _found(log: str, pattern: str) -> Iterator[tuple[Any, ...]]:
    """Find lines in a log: when each was written, and the pattern's groups."""
    for line in log.splitlines():
        if (match := re.search(pattern, line)) is not None:
            yield _logged_at(line), *match.groups()


def _logged_at(line: str) -> datetime:
    return datetime.fromisoformat(line.split(" ", 1)[0]).astimezone()


def _check_ticks(log: str, story: Story) -> None:
    """Look for pools that were held up."""
    for pool in WINDOWS:
        ticks = [_logged_at(line) for line in log.splitlines() if "tick.done" in line and f"pool={pool} " in line]
        longest = max((after - before for before, after in pairwise(ticks)), default=PAUSE)
        story.tell(f"{pool}: {len(ticks)} ticks, the longest pause {longest.total_seconds():.1f} s")
        assert longest <= PAUSE
