"""What an application runs where, and for how long."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.yarn_client.stub import client_of, recorded, says
from yarn_client import AppState, BadReply, NotFound, Reply, YarnClient, YarnResource

APP = "application_1795405967459_0002"
PATH = f"apps/{APP}/appattempts/appattempt_1795405967459_0002_000001/containers"


def client(reply: Reply) -> YarnClient:
    return client_of(**{PATH: reply})[0]


def test_the_containers_of_a_running_application_say_where_they_are_and_how_old() -> None:
    found = client(recorded("3.4.2", "containers_running")).containers(APP, 1)
    assert {one.node_id for one in found} == {"10.88.0.1:8041"}
    sizes = sorted((one.allocated for one in found), key=lambda size: size.memory_mib)
    assert sizes == [YarnResource(vcores=1, memory_mib=mib) for mib in (256, 256, 256, 512)]
    assert all(timedelta(seconds=5) < one.elapsed < timedelta(seconds=30) for one in found)


def test_an_attempt_that_the_rm_doesnt_know_is_not_found() -> None:
    with pytest.raises(NotFound, match="doesn't exist in RM"):
        client(recorded("3.4.2", "error_404_attempt")).containers(APP, 1)


@pytest.mark.parametrize("document", [{}, {"container": []}, {"containers": {"container": []}}, {"containers": None}])
def test_nothing_that_runs_is_an_empty_tuple(document: object) -> None:
    assert client(says(document)).containers(APP, 1) == ()


@pytest.mark.parametrize(("state", "elapsed_ms"), [("COMPLETE", 9000), ("ALLOCATED", 9000), ("RUNNING", 0)])
def test_what_doesnt_run_yet_or_any_more_holds_no_work(state: str, elapsed_ms: int) -> None:
    one = {"containerId": "container_1_2_01_000002", "nodeId": "a:1", "containerState": state}
    assert client(says({"container": one | {"elapsedTime": str(elapsed_ms)}})).containers(APP, 1) == ()


@pytest.mark.parametrize("age", [10**18, "x"])
def test_an_age_that_cant_be_is_named(age: object) -> None:
    one = {"containerId": "container_1_2_01_000002", "nodeId": "a:1", "containerState": "RUNNING", "elapsedTime": age}
    with pytest.raises(BadReply, match="elapsedTime"):
        client(says({"container": [one]})).containers(APP, 1)


@pytest.mark.parametrize(
    ("logs", "attempt"),
    [
        ("http://a:8042/node/containerlogs/container_1795405967459_0002_01_000001/root", 1),
        ("http://a:8042/node/containerlogs/container_e17_1795405967459_0002_03_000001/root", 3),
        ("http://a:8042/somewhere", None),
        (None, None),
    ],
)
def test_an_applications_attempt_is_read_out_of_where_its_am_logs(logs: str | None, attempt: int | None) -> None:
    app = {"id": APP, "queue": "default", "state": "RUNNING", "amContainerLogs": logs}
    (found,) = client_of(apps=says({"apps": {"app": [app]}}))[0].apps((AppState.RUNNING,))
    assert found.attempt == attempt
