"""A tide with two replicas on PostgreSQL: the leader is killed, stopped for longer than its lease, and cut off."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.lab.audit import Call, calls
from tests.lab.controller import Controller, Night, coming_night, configuration
from tests.lab.job import Job
from tests.lab.lab import STATIC_HOST, elastic_nodes, elastic_pod_names, online_running, scale_online, within
from tests.lab.place import Place, placed
from tests.lab.story import Story, Watcher, wait_until
from tests.store.postgresql import served_on

pytestmark = pytest.mark.lab

TAKEOVER = timedelta(seconds=20)
LED = r"INFO leader\.self "


@dataclass(frozen=True, slots=True, kw_only=True)
class Replica:
    """A controller and the place where it runs."""

    name: str
    place: Place
    controller: Controller


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A leader that went, and who followed."""

    how: str
    at: datetime
    old: Replica
    new: Replica


class Pair:
    """Two replicas, and how they took turns."""

    def __init__(self, story: Story, leader: Replica, standby: Replica) -> None:
        self._story = story
        self.leader = leader
        self.standby = standby
        self.changes: list[Change] = []

    def lose_leader(self, how: str, fault: Callable[[Replica], None], within_s: float = 20) -> Replica:
        """Let something befall the leader, and wait until the other leads; return the old one."""
        seen = len(self.standby.controller.log)
        change = Change(how=how, at=datetime.now(UTC), old=self.leader, new=self.standby)
        self._story.tell(f"leader {self.leader.name} is {how}")
        fault(self.leader)
        self.standby.controller.said(rf"{LED}[\s\S]*tick\.done", within_s + 3, since=seen)
        self.leader, self.standby = change.new, change.old
        took_s = (datetime.now(UTC) - change.at).total_seconds()
        self._story.tell(f"{self.leader.name} leads, its first tick is done {took_s:.1f} s later")
        self.changes.append(change)
        return change.old


@pytest.fixture
def database() -> Iterator[tuple[str, Path]]:
    """A PostgreSQL that both replicas reach by the network."""
    with served_on(STATIC_HOST, "10.88.0.0/24") as server:
        yield server.url, server.log


def settings(night: Night, url: str) -> str:
    """Write the stories' settings for two replicas."""
    alone = 'store: {url: "sqlite:///tidebridge.db"}'
    written = configuration(night, 2)
    assert alone in written
    return written.replace(alone, f'store: {{url: "{url}"}}\nleadership: {{kind: lease}}')


def test_of_two_replicas_one_acts_at_a_time_and_the_deadline_holds(
    tmp_path: Path, empty_stage: None, database: tuple[str, Path]
) -> None:
    story, began = Story("A tide with two replicas"), datetime.now(UTC)
    url, database_log = database
    pods = Watcher(lambda: frozenset(elastic_pod_names()))
    with ExitStack() as stack:
        stack.callback(pods.stop)
        # Its tasks fill the static node and want two elastic ones beside it, for as long as the window lasts.
        job = Job(tmp_path, maps=6, seconds=200)
        stack.callback(job.close)
        within(60, job.runs_its_am_on_the_static_node, "the job's AM runs on the static node")
        scale_online(2)
        within(30, lambda: online_running() == 2, "the online service shrinks for the night")
        night = coming_night(ahead=timedelta(seconds=40), length=timedelta(minutes=2), lead=timedelta(seconds=50))
        first, second = (
            _replica(stack, tmp_path, name, address, settings(night, url), night)
            for name, address in (("a", "10.88.0.3"), ("b", "10.88.0.4"))
        )
        first.controller.start()
        first.controller.said(LED, 30)
        second.controller.start()
        second.controller.said(r"INFO leader\.other ", 20)
        pair = Pair(story, first, second)
        wait_until(night.opens)
        first.controller.said("CreatePod .*result=done", 20)

        killed = pair.lose_leader("killed while it grows", lambda replica: replica.controller.kill())
        seen = len(killed.controller.log)
        killed.controller.start()
        killed.controller.said(r"INFO leader\.other ", 50, since=seen)
        story.tell(f"{killed.name} is started again, and stands by")
        within(40, lambda: len(elastic_nodes()) == 2, "both elastic nodes serve")

        seen = len(pair.leader.controller.log)
        stopped = pair.lose_leader("stopped", lambda replica: replica.controller.signal(signal.SIGSTOP))
        stopped.controller.signal(signal.SIGCONT)
        stopped.controller.said(r"INFO leader\.other ", 10, since=seen)
        story.tell(f"{stopped.name} goes on, and stands by")

        pair.leader.controller.said("state=draining .*result=done", 60)
        cut = pair.lose_leader("cut off while nodes drain", lambda replica: replica.place.cut_off())
        left_s = (night.back_by - datetime.now(UTC)).total_seconds()
        within(left_s, lambda: elastic_pod_names() == set(), "all is back before back_by", every_s=0.3)
        story.tell(f"all is back {(night.back_by - datetime.now(UTC)).total_seconds():.0f} s before back_by")
        assert "deadline.missed" not in first.controller.log + second.controller.log
        names = frozenset().union(*(entry for _, entry in pods.seen if isinstance(entry, frozenset)))
        assert len(names) == 2, f"one pod for each node, never a second: {sorted(names)}"

        seen = len(cut.controller.log)
        cut.place.connect()
        cut.controller.said(r"INFO leader\.other ", 15, since=seen)
        story.tell(f"{cut.name} is connected again, and stands by")
        assert pair.leader.controller.ask("status")["leader"] == _name(pair.leader)

        pair.lose_leader("told to end", lambda replica: replica.controller.stop(), within_s=5)
        _check(story, pair.changes, calls(database_log, since=began))
        for replica in (first, second):
            assert "crashed" not in replica.controller.log, replica.controller.log


def _replica(stack: ExitStack, folder: Path, name: str, address: str, written: str, night: Night) -> Replica:
    """Make a place and a controller that isn't started yet; both end with the story."""
    place = stack.enter_context(placed(name, address))
    controller = Controller(folder, night, settings=written, name=name, inside=place.namespace)
    stack.callback(controller.end)
    return Replica(name=name, place=place, controller=controller)


def _name(replica: Replica) -> str:
    """Return what a replica calls itself, by the last line in which it says that it leads."""
    *_, line = (line for line in replica.controller.log.splitlines() if "leader.self" in line)
    return line.partition("replica=")[2].split()[0]


def _check(story: Story, changes: Sequence[Change], heard: Sequence[Call]) -> None:
    """Compare each change with what the systems heard: who called when."""
    counts = Counter((call.system, call.address) for call in heard)
    for change in changes[:2]:
        acted = {system: counts[system, change.new.place.address] for system in ("Kubernetes", "YARN", "database")}
        assert all(acted.values()), f"{change.new.name} didn't act on every system: {acted}"
        story.tell(f"heard of {change.new.name}: {', '.join(f'{system} {count}' for system, count in acted.items())}")
    ends = [change.at for change in changes[1:]] + [datetime.now(UTC)]
    for change, end in zip(changes, ends, strict=True):
        old, new = change.old.place.address, change.new.place.address
        before = [call for call in heard if call.address == old and call.at <= change.at]
        begun = next(call.at for call in heard if call.address == new and call.at > change.at)
        late = [call for call in heard if call.address == old and begun < call.at < end]
        assert before, f"the old leader, {change.how}, never acted: nothing is shown"
        assert begun - change.at < TAKEOVER, f"{change.how}: {begun - change.at}"
        assert len(late) <= 1, f"{change.how}: calls of the old leader after the new one's first: {late}"
        gap_s = (begun - max(call.at for call in heard if call.address == old and call.at < begun)).total_seconds()
        story.tell(
            f"{change.how}: first call {(begun - change.at).total_seconds():.1f} s later, {gap_s:.1f} s after the old "
            f"leader's last of {len(before)}; late calls: {len(late)}"
        )
