"""Applications: what they hold, what they ask for, and what must not be counted."""

import pytest

from tests.yarn_client.stub import VERSIONS, client_of, recorded, says
from yarn_client import AppPart, AppReport, AppState, PartitionUse, Reply, ResourceRequest, YarnResource

ALIVE = (AppState.ACCEPTED, AppState.RUNNING)
NOTHING = YarnResource(vcores=0, memory_mib=0)
CONTAINER = YarnResource(vcores=1, memory_mib=256)


def apps(reply: Reply) -> dict[str, AppReport]:
    client, _ = client_of(apps=reply)
    return {app.name: app for app in client.apps(ALIVE)}


def one(**fields: object) -> AppReport:
    app = {"id": "application_1_1", "name": "it", "queue": "default", "state": "RUNNING"} | fields
    return apps(says({"apps": {"app": [app]}}))["it"]


@pytest.mark.parametrize("version", VERSIONS)
def test_no_application_is_an_empty_tuple(version: str) -> None:
    assert apps(recorded(version, "apps_none")) == {}


@pytest.mark.parametrize("version", VERSIONS)
def test_an_accepted_application_waits_for_its_am(version: str) -> None:
    app = apps(recorded(version, "apps_accepted"))["waits"]
    assert (app.state, app.am_node_id, app.am_host, app.allocated) == (AppState.ACCEPTED, None, None, NOTHING)
    assert app.resource_requests == (
        ResourceRequest(
            priority=0, capability=CONTAINER, num_containers=1, node_label_expression="", custom_resources=()
        ),
    )


@pytest.mark.parametrize("version", VERSIONS)
def test_a_running_application_says_where_its_am_is_and_what_it_waits_for(version: str) -> None:
    app = apps(recorded(version, "apps_running"))["waits"]
    assert (app.state, app.am_host, app.am_node_id) == (AppState.RUNNING, "127.0.0.11", app.am_node_id)
    assert app.am_node_id is not None
    assert app.am_node_id.startswith("127.0.0.11:")
    asked = sum(request.num_containers for request in app.resource_requests)
    assert app.running_containers + asked == 31
    assert app.allocated == YarnResource(vcores=app.running_containers, memory_mib=256 * app.running_containers)


@pytest.mark.parametrize("version", VERSIONS)
def test_what_it_uses_adds_up_over_the_partitions(version: str) -> None:
    app = apps(recorded(version, "apps_running"))["waits"]
    assert {use.partition for use in app.uses} == {"", "k8s"}
    assert sum((use.used for use in app.uses), NOTHING) == app.allocated


@pytest.mark.parametrize("version", VERSIONS)
def test_a_request_for_a_label_waits_in_its_partition(version: str) -> None:
    app = apps(recorded(version, "apps_running"))["labelled"]
    assert [request.node_label_expression for request in app.resource_requests] == ["k8s"]
    assert PartitionUse(partition="k8s", used=NOTHING, reserved=NOTHING, pending=CONTAINER) in app.uses
    assert (app.app_label_expression, app.am_label_expression) == ("k8s", "k8s")


@pytest.mark.parametrize("version", VERSIONS)
def test_the_queue_is_a_path_from_3_4_on(version: str) -> None:
    queue = "ads" if version == "3.3.6" else "root.team.ads"
    assert apps(recorded(version, "apps_running"))["labelled"].queue == queue


@pytest.mark.parametrize("version", VERSIONS)
def test_what_the_rm_has_preempted_is_counted(version: str) -> None:
    app = apps(recorded(version, "apps_preempted"))["waits"]
    assert (app.preempted_containers, app.preempted_ams) == (6, 0)
    assert app.preempted == YarnResource(vcores=6, memory_mib=1536)


@pytest.mark.parametrize("version", VERSIONS)
def test_minus_one_of_a_killed_application_is_nothing(version: str) -> None:
    app = apps(recorded(version, "apps_killed"))["waits"]
    assert (app.state, app.allocated, app.running_containers) == (AppState.KILLED, NOTHING, 0)


@pytest.mark.parametrize("version", VERSIONS)
def test_parts_that_were_left_out_are_empty(version: str) -> None:
    app = apps(recorded(version, "apps_deselected"))["waits"]
    assert (app.resource_requests, app.uses) == ((), ())


@pytest.mark.parametrize("version", VERSIONS)
def test_fair_scheduler_gives_requests_and_no_partitions(version: str) -> None:
    app = apps(recorded(version, "apps_running_fair"))["fair"]
    assert (app.queue, app.uses) == ("root.ads", ())
    assert [request.num_containers for request in app.resource_requests] == [7 - app.running_containers]


def test_requests_for_a_rack_or_a_host_repeat_those_for_anywhere() -> None:
    def asks(where: str) -> dict[str, object]:
        return {"resourceName": where, "numContainers": 4, "capability": {"memory": 512, "vCores": 1}}

    app = one(resourceRequests=[asks("*"), asks("/default-rack"), asks("host-7")])
    assert sum(request.num_containers for request in app.resource_requests) == 4


def test_a_request_for_gpus_says_so() -> None:
    listed = [{"name": "memory-mb", "value": 512}, {"name": "vcores", "value": 1}, {"name": "gpu", "value": 2}]
    capability = {"memory": 512, "vCores": 1, "resourceInformations": {"resourceInformation": listed}}
    app = one(resourceRequests=[{"resourceName": "*", "numContainers": 1, "capability": capability}])
    assert app.resource_requests[0].custom_resources == (("gpu", 2),)


def test_one_request_may_come_as_an_object() -> None:
    ask = {"resourceName": "*", "numContainers": "2", "capability": {"memory": "512", "vCores": "1"}}
    assert one(resourceRequests=ask).resource_requests[0].num_containers == 2


def test_an_unknown_state_is_unknown() -> None:
    assert one(state="DREAMING").state is AppState.UNKNOWN


def test_states_and_what_to_leave_out_are_sent() -> None:
    client, stub = client_of(apps=says({"apps": {}}))
    client.apps(ALIVE, deselects={AppPart.TIMEOUTS, AppPart.RESOURCE_INFO})
    assert stub.sent[-1][1].query == (("states", "ACCEPTED,RUNNING"), ("deSelects", "resourceInfo,timeouts"))


def test_leaves_out_by_default_what_nobody_reads() -> None:
    client, stub = client_of(apps=says({"apps": {}}))
    client.apps(ALIVE)
    assert stub.sent[-1][1].query[1] == ("deSelects", "timeouts")


@pytest.mark.parametrize("states", [(), (AppState.UNKNOWN,)])
def test_no_asking_for_all_applications_that_ever_were(states: tuple[AppState, ...]) -> None:
    client, _ = client_of()
    with pytest.raises(ValueError, match="name the states"):
        client.apps(states)
