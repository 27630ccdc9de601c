"""Finding the active ResourceManager, and what is sent again and what isn't."""

import pytest

from tests.yarn_client.stub import LOST, REFUSED, RM1, RM2, Answer, StubTransport, info, recorded, says
from yarn_client import HaState, NodeState, NoReply, Reply, RmUnavailable, YarnClient, YarnResource
from yarn_client.errors import BadReply, Forbidden
from yarn_client.transport import Request, Timeouts

INFO = "/ws/v1/cluster/info"
NODES = "/ws/v1/cluster/nodes"
NODE = f"{NODES}/10.0.0.1:8041"
RESIZE = f"{NODE}/resource"
METRICS = "/ws/v1/cluster/metrics"

NONE = says({"nodes": {}})
ONE = says({"node": {"id": "10.0.0.1:8041", "state": "RUNNING"}})
REDIRECT = recorded("3.4.2", "standby_redirect")
NO_ACTIVE = recorded("3.4.2", "standby_no_active")
RUNNING = (NodeState.RUNNING,)


def pair(stub: StubTransport) -> YarnClient:
    return YarnClient([RM1, RM2], transport=stub)


def resize(client: YarnClient) -> None:
    client.resize_node("10.0.0.1:8041", YarnResource(vcores=1, memory_mib=128), overcommit_timeout_ms=-1)


def after_the_first_call(stub: StubTransport) -> tuple[YarnClient, StubTransport]:
    """Give a client that knows rm1 as the active one."""
    stub.on(RM1, INFO, info()).on(RM2, INFO, info("STANDBY")).on(RM1, NODES, NONE)
    client = pair(stub)
    client.nodes(RUNNING)
    stub.sent.clear()
    return client, stub


def test_finds_the_active_one_wherever_it_stands_in_the_list() -> None:
    stub = StubTransport().on(RM1, INFO, info("STANDBY")).on(RM2, INFO, info()).on(RM2, NODES, NONE)
    pair(stub).nodes(RUNNING)
    assert stub.asked == ["rm1 GET /info", "rm2 GET /info", "rm2 GET /nodes"]


def test_remembers_the_active_one() -> None:
    client, stub = after_the_first_call(StubTransport())
    client.nodes(RUNNING)
    assert stub.asked == ["rm1 GET /nodes"]


@pytest.mark.parametrize(
    "failure",
    [
        pytest.param(REDIRECT, id="now a standby"),
        pytest.param(NO_ACTIVE, id="a standby that knows no active one"),
        pytest.param(REFUSED, id="no connection"),
        pytest.param(LOST, id="no answer in time"),
        pytest.param(Reply(status=502, body=b"<html>Bad Gateway</html>"), id="a proxy's 502"),
        pytest.param(Reply(status=200, body=b"There is no active RM right now."), id="a 200 that isn't JSON"),
        pytest.param(Reply(status=200), id="an empty 200"),
        pytest.param(Reply(status=302, location="http://login"), id="a login page"),
    ],
)
def test_a_read_succeeds_after_a_failover_without_the_callers_doing(failure: Reply | NoReply) -> None:
    client, stub = after_the_first_call(StubTransport())
    stub.on(RM1, NODES, failure).on(RM1, INFO, info("STANDBY")).on(RM2, INFO, info()).on(RM2, NODES, NONE)
    assert client.nodes(RUNNING) == ()
    assert stub.asked == ["rm1 GET /nodes", "rm1 GET /info", "rm2 GET /info", "rm2 GET /nodes"]


def test_a_read_is_repeated_only_once() -> None:
    client, stub = after_the_first_call(StubTransport())
    stub.on(RM1, NODES, LOST)
    with pytest.raises(RmUnavailable):
        client.nodes(RUNNING)
    assert stub.asked.count("rm1 GET /nodes") == 2


@pytest.mark.parametrize("failure", [pytest.param(REDIRECT, id="standby"), pytest.param(REFUSED, id="no connection")])
def test_a_change_is_repeated_when_it_reached_no_active_rm(failure: Reply | NoReply) -> None:
    client, stub = after_the_first_call(StubTransport())
    stub.on(RM1, NODE, ONE).on(RM1, RESIZE, failure)
    stub.on(RM1, INFO, info("STANDBY")).on(RM2, INFO, info()).on(RM2, RESIZE, says({"resourceInfo": {}}))
    resize(client)
    assert [asked for asked in stub.asked if "POST" in asked] == [
        "rm1 POST /nodes/10.0.0.1:8041/resource",
        "rm2 POST /nodes/10.0.0.1:8041/resource",
    ]


@pytest.mark.parametrize(
    "failure",
    [pytest.param(LOST, id="no answer in time"), pytest.param(Reply(status=504, body=b"late"), id="a proxy's 504")],
)
def test_a_change_that_may_have_arrived_is_not_repeated(failure: Reply | NoReply) -> None:
    client, stub = after_the_first_call(StubTransport())
    stub.on(RM1, NODE, ONE).on(RM1, RESIZE, failure)
    with pytest.raises(RmUnavailable, match="may have been applied") as caught:
        resize(client)
    assert caught.value.may_have_been_applied
    assert len(stub.changes) == 1


def test_looks_for_the_active_one_anew_after_a_change_in_doubt() -> None:
    client, stub = after_the_first_call(StubTransport())
    stub.on(RM1, NODE, ONE).on(RM1, RESIZE, LOST)
    with pytest.raises(RmUnavailable):
        resize(client)
    stub.on(RM1, INFO, info("STANDBY")).on(RM2, INFO, info()).on(RM2, NODES, NONE)
    assert client.nodes(RUNNING) == ()


def test_says_what_each_address_did() -> None:
    stub = StubTransport().on(RM1, INFO, info("STANDBY"))
    with pytest.raises(RmUnavailable) as caught:
        pair(stub).nodes(RUNNING)
    assert caught.value.by_address == {RM1: "says STANDBY", RM2: "no connection"}
    assert not caught.value.may_have_been_applied


def test_says_both_things_that_an_address_did() -> None:
    client, stub = after_the_first_call(StubTransport())
    stub.on(RM1, NODES, REDIRECT).on(RM1, INFO, info("STANDBY"))
    with pytest.raises(RmUnavailable) as caught:
        client.nodes(RUNNING)
    assert caught.value.by_address[RM1] == f"a standby, the active is {REDIRECT.location}, then says STANDBY"


def test_an_initializing_rm_is_not_active_yet() -> None:
    stub = StubTransport().on(RM1, INFO, recorded("3.4.2", "info_initializing"))
    with pytest.raises(RmUnavailable, match="says INITIALIZING"):
        YarnClient([RM1], transport=stub).nodes(RUNNING)


def test_something_else_on_the_port_is_no_rm() -> None:
    stub = StubTransport().on(RM1, INFO, says({"status": "up"}))
    with pytest.raises(RmUnavailable, match="startedOn"):
        YarnClient([RM1], transport=stub).nodes(RUNNING)


def test_of_two_that_say_active_the_one_with_nodes_is_in_use() -> None:
    stub = StubTransport().on(RM1, INFO, info(started_ms=1000)).on(RM2, INFO, info(started_ms=2000))
    stub.on(RM1, METRICS, says({"clusterMetrics": {"activeNodes": 3}}))
    stub.on(RM2, METRICS, says({"clusterMetrics": {"activeNodes": 0}}))
    assert pair(stub).cluster_info().address == RM1


def test_of_two_that_say_active_and_have_nodes_the_later_one_is_in_use() -> None:
    stub = StubTransport().on(RM1, INFO, info(started_ms=1000)).on(RM2, INFO, info(started_ms=2000))
    stub.on(RM1, METRICS, says({"clusterMetrics": {"activeNodes": 3}}))
    stub.on(RM2, METRICS, says({"clusterMetrics": {"activeNodes": 1}}))
    assert pair(stub).cluster_info().address == RM2


def test_of_two_that_say_active_one_that_cannot_count_its_nodes_comes_second() -> None:
    stub = StubTransport().on(RM1, INFO, info(started_ms=1000)).on(RM2, INFO, info(started_ms=2000))
    stub.on(RM1, METRICS, says({"clusterMetrics": {"activeNodes": 3}})).on(RM2, METRICS, LOST)
    assert pair(stub).cluster_info().address == RM1


def test_cluster_info_of_a_standby_makes_it_look_at_the_others() -> None:
    client, stub = after_the_first_call(StubTransport())
    stub.on(RM1, INFO, info("STANDBY")).on(RM2, INFO, info(started_ms=5000))
    assert (client.cluster_info().address, client.cluster_info().ha_state) == (RM2, HaState.ACTIVE)


def test_a_user_who_may_not_even_ask_who_is_there_is_told_so() -> None:
    stub = StubTransport().on(RM1, INFO, Reply(status=401, body=b"<html>Authentication required</html>"))
    with pytest.raises(Forbidden):
        YarnClient([RM1], transport=stub).cluster_info()


def test_json_that_cannot_be_understood_is_no_outage() -> None:
    client, stub = after_the_first_call(StubTransport())
    stub.on(RM1, NODES, says({"nodes": {"node": [{"state": "RUNNING"}]}}))
    with pytest.raises(BadReply, match=r"/ws/v1/cluster/nodes: nodes\.node\.id"):
        client.nodes(RUNNING)


def test_addresses_may_lack_the_scheme_and_have_a_slash() -> None:
    stub = StubTransport().on(RM1, INFO, info())
    assert YarnClient(["rm1:8088/"], transport=stub).cluster_info().address == RM1


def test_needs_an_address() -> None:
    with pytest.raises(ValueError, match="at least one address"):
        YarnClient([])


def test_closes_its_connections_at_the_end_of_with() -> None:
    stub = StubTransport()
    with YarnClient([RM1], transport=stub):
        pass
    assert stub.is_closed


class Slow(StubTransport):
    """Takes its time for each answer, by a clock of its own, or as long as it is given."""

    def __init__(self, each_s: float) -> None:
        super().__init__()
        self.now_s = 0.0
        self._each_s = each_s

    def send(self, address: str, request: Request, timeouts: Timeouts) -> Answer:
        self.now_s += min(self._each_s, timeouts.read_s)
        answer = super().send(address, request, timeouts)
        return answer if self._each_s <= timeouts.read_s else LOST


def look(client: YarnClient, seconds: float) -> None:
    with client.within(seconds):
        for _ in range(20):
            client.nodes(RUNNING)


@pytest.mark.parametrize("each_s", [2.0, 5.0, 600.0])
def test_all_calls_of_a_look_together_take_no_longer_than_they_may(each_s: float) -> None:
    stub = Slow(each_s)
    stub.on(RM1, INFO, info()).on(RM1, NODES, NONE)
    client = YarnClient([RM1, RM2], transport=stub, now_s=lambda: stub.now_s)
    with pytest.raises(RmUnavailable):
        look(client, 8.0)
    assert stub.now_s == 8.0


def test_what_is_asked_after_a_look_has_its_own_time() -> None:
    stub = Slow(5.0)
    stub.on(RM1, INFO, info()).on(RM1, NODES, NONE)
    client = YarnClient([RM1], transport=stub, now_s=lambda: stub.now_s)
    with client.within(8.0):
        client.cluster_info()
    assert client.nodes(RUNNING) == ()


def test_whoever_may_not_change_anything_any_more_is_held_back_right_before_it() -> None:
    asked: list[list[str]] = []

    def before_change() -> None:
        asked.append(stub.asked.copy())
        raise PermissionError

    stub = StubTransport().on(RM1, INFO, info()).on(RM1, NODE, ONE).on(RM1, RESIZE, Reply(status=200))
    with pytest.raises(PermissionError):
        resize(YarnClient([RM1], transport=stub, before_change=before_change))
    assert asked == [["rm1 GET /info", "rm1 GET /nodes/10.0.0.1:8041"]]
    assert stub.changes == []
