"""Applications' queues by their full paths, whatever a ResourceManager calls them."""

from __future__ import annotations

from bridge.adapters.queue_tree import QueuePaths
from tests.yarn_client.stub import RM1, StubTransport, info, recorded
from yarn_client import AppState, YarnClient

APPS, SCHEDULER = "/ws/v1/cluster/apps", "/ws/v1/cluster/scheduler"


def asked(version: str, scheduler: str) -> tuple[list[str], int]:
    """Look twice; return what the queues are called then, and how often the scheduler was asked."""
    stub = StubTransport().on(RM1, "/ws/v1/cluster/info", info(version=version))
    stub.on(RM1, APPS, recorded(version, "apps_running")).on(RM1, SCHEDULER, recorded(version, scheduler))
    client = YarnClient([RM1], transport=stub)
    paths = QueuePaths(client)
    for _ in range(2):
        apps = paths.completed(client.apps((AppState.ACCEPTED, AppState.RUNNING)))
    return [app.queue for app in apps], sum(request.path == SCHEDULER for _, request in stub.sent)


def test_before_hadoop_3_4_the_last_word_is_completed_from_the_tree_which_is_read_once() -> None:
    assert asked("3.3.6", "scheduler_capacity") == (["root.team.ads", "root.default"], 1)


def test_a_full_path_needs_no_tree() -> None:
    names, trees = asked("3.4.2", "scheduler_capacity")
    assert names
    assert all(name.startswith("root.") for name in names)
    assert trees == 0
