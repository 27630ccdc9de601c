"""What containers have worked: a bounded part is read in each tick, and no mishap fails the reading of the cluster."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from bridge.adapters.work import APPS_A_TICK, CONTAINERS_A_TICK, WorkDone, WorkSeen
from tests.yarn_client.stub import LOST, RM1, StubTransport, info, recorded, says
from yarn_client import AppReport, AppState, NoReply, Reply, YarnClient

AT = datetime(2026, 3, 2, 22, 0, tzinfo=UTC)
NODES = frozenset({"a:8041", "b:8041"})


class Cluster:
    """A ResourceManager that is asked about applications by number."""

    def __init__(self, *, remote_shuffle: tuple[str, ...] = ()) -> None:
        self.stub = StubTransport().on(RM1, "/ws/v1/cluster/info", info())
        self.client = YarnClient([RM1], transport=self.stub)
        self.work = WorkDone(self.client, remote_shuffle=remote_shuffle)

    def look(
        self,
        held: Mapping[int, Reply | NoReply],
        *,
        after_s: int = 0,
        containers: int = 2,
        nodes: frozenset[str] = NODES,
    ) -> Mapping[str, int]:
        """Look at running applications that answer so; return what was worked on each node."""
        at = AT + timedelta(seconds=after_s)
        tasks = self.see(held, after_s=after_s, containers=containers, nodes=nodes).tasks
        return {
            node: sum(one.vcores * int(one.age(at).total_seconds()) for one in found)
            for node, found in tasks.items()
            if node in nodes
        }

    def see(
        self,
        held: Mapping[int, Reply | NoReply],
        *,
        after_s: int = 0,
        containers: int = 2,
        nodes: frozenset[str] = NODES,
        is_sure: bool = True,
        kind: str = "MAPREDUCE",
    ) -> WorkSeen:
        """Look at running applications that answer so."""
        listed = []
        for number, reply in held.items():
            self.stub.on(RM1, _path(number), reply)
            logs = f"http://a:8042/node/containerlogs/container_1_{number:04d}_01_000001/root"
            app: dict[str, object] = {"id": _id(number), "queue": "q", "state": "RUNNING", "amContainerLogs": logs}
            listed.append(app | {"runningContainers": containers, "applicationType": kind})
        self.stub.on(RM1, "/ws/v1/cluster/apps", says({"apps": {"app": listed}}))
        apps: tuple[AppReport, ...] = self.client.apps((AppState.RUNNING,))
        self.stub.sent.clear()
        return self.work.look(AT + timedelta(seconds=after_s), apps, nodes, is_sure=is_sure)

    @property
    def read(self) -> list[int]:
        """The applications that the last look asked for."""
        paths = [request.path for _, request in self.stub.sent if request.path.endswith("/containers")]
        return [int(path.split("/")[5].rpartition("_")[2]) for path in paths]


def holding(*ages_by_node: tuple[str, int], vcores: int = 1) -> Reply:
    return says(
        {
            "container": [
                {
                    "containerId": f"container_1_1_01_{number + 2:06d}",
                    "nodeId": node,
                    "allocatedVCores": str(vcores),
                    "elapsedTime": str(seconds * 1000),
                    "containerState": "RUNNING",
                }
                for number, (node, seconds) in enumerate(ages_by_node)
            ]
        }
    )


def test_what_containers_have_worked_is_summed_by_node_and_grows_between_readings() -> None:
    cluster = Cluster()
    held = {1: holding(("a:8041", 100), ("b:8041", 10)), 2: holding(("a:8041", 5), ("static:8041", 900), vcores=2)}
    assert cluster.look(held) == {"a:8041": 110, "b:8041": 10}
    cluster.stub.on(RM1, _path(1), LOST)
    assert cluster.look({1: LOST, 2: LOST}, after_s=60) == {"a:8041": 110 + 3 * 60, "b:8041": 70}


def test_what_was_never_read_comes_first_and_then_what_was_read_longest_ago() -> None:
    cluster = Cluster()
    held = {number: holding(("a:8041", 1)) for number in range(1, APPS_A_TICK + 6)}
    cluster.look(held)
    assert cluster.read == list(range(1, APPS_A_TICK + 1))
    cluster.look(held, after_s=10)
    assert cluster.read[:5] == list(range(APPS_A_TICK + 1, APPS_A_TICK + 6))
    assert len(cluster.read) == APPS_A_TICK


def test_a_reading_ends_with_the_application_that_reaches_the_bound_of_containers() -> None:
    cluster = Cluster()
    held = {number: holding(("a:8041", 1)) for number in range(1, 6)}
    cluster.look(held, containers=CONTAINERS_A_TICK // 2)
    assert cluster.read == [1, 2]


def test_an_application_that_has_ended_is_forgotten() -> None:
    cluster = Cluster()
    cluster.look({1: holding(("a:8041", 100)), 2: holding(("b:8041", 1))})
    assert cluster.look({2: holding(("b:8041", 11))}, after_s=10) == {"b:8041": 11}


def test_one_that_may_not_be_read_keeps_the_others_from_nothing() -> None:
    cluster = Cluster()
    gone = recorded("3.4.2", "error_404_attempt")
    assert cluster.look({1: gone, 2: holding(("b:8041", 7))}) == {"b:8041": 7}


def test_a_silent_resourcemanager_is_asked_once_and_no_more_in_this_tick() -> None:
    cluster = Cluster()
    assert cluster.look({1: LOST, 2: LOST, 3: LOST}) == {}
    assert set(cluster.read) == {1}


def test_nothing_is_asked_where_no_node_is_elastic() -> None:
    cluster = Cluster()
    assert cluster.look({1: holding(("a:8041", 5))}, nodes=frozenset()) == {}
    assert cluster.read == []


def test_a_task_that_is_gone_at_the_next_look_ended_in_between() -> None:
    cluster = Cluster()
    cluster.see({1: holding(("a:8041", 100), ("b:8041", 10))})
    seen = cluster.see({1: holding(("a:8041", 120))}, after_s=20)
    assert [(one.node_id, one.app, one.lasted.total_seconds()) for one in seen.ended] == [("b:8041", _id(1), 20.0)]
    assert [one.node_id for one in cluster.see({}, after_s=30).ended] == ["a:8041"]
    assert cluster.see({}, after_s=40).ended == ()


def test_nothing_has_ended_where_it_only_could_not_be_seen() -> None:
    cluster = Cluster()
    cluster.see({1: holding(("a:8041", 100)), 2: holding(("b:8041", 10))})
    assert cluster.see({1: LOST, 2: LOST}, after_s=10).ended == ()
    assert cluster.see({}, after_s=20, is_sure=False).ended == ()


@pytest.mark.parametrize(
    ("kind", "remote_shuffle", "held"),
    [
        pytest.param("MAPREDUCE", (), {"b:8041": 20}, id="output stays on the node"),
        pytest.param("MAPREDUCE", ("q",), {}, id="a remote shuffle service has it"),
        pytest.param("YARN", (), {}, id="it leaves none"),
    ],
)
def test_output_that_an_application_still_needs_counts_as_work(
    kind: str, remote_shuffle: tuple[str, ...], held: Mapping[str, int]
) -> None:
    cluster = Cluster(remote_shuffle=remote_shuffle)
    cluster.see({1: holding(("a:8041", 100), ("b:8041", 10))}, kind=kind)
    later = holding(("a:8041", 120))
    assert cluster.see({1: later}, after_s=20, kind=kind).held_vcore_s == held
    assert cluster.see({1: later}, after_s=30, kind=kind, nodes=frozenset({"a:8041"})).held_vcore_s == {}
    assert cluster.see({}, after_s=40).held_vcore_s == {}


def test_the_first_container_is_the_applicationmaster_and_no_task() -> None:
    cluster = Cluster()
    first = {"containerId": "container_e3_1_0001_01_000001", "nodeId": "a:8041", "elapsedTime": "9000"}
    listed = says({"container": [first | {"allocatedVCores": "1", "containerState": "RUNNING"}]})
    assert cluster.see({1: listed}).tasks == {}


def _id(number: int) -> str:
    return f"application_1_{number:04d}"


def _path(number: int) -> str:
    return f"/ws/v1/cluster/apps/{_id(number)}/appattempts/appattempt_1_{number:04d}_000001/containers"
