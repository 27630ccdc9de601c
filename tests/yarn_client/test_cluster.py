"""Who the ResourceManager is, its version, and the bounds of a request."""

import json
from datetime import UTC, datetime

import pytest

from tests.yarn_client.stub import RM1, VERSIONS, Answer, StubTransport, client_of, info, recorded, says
from yarn_client import ClusterInfo, HaState, NotFound, Reply, Request, RmVersion, Timeouts, YarnClient, YarnResource


@pytest.mark.parametrize("version", VERSIONS)
def test_reads_who_it_is(version: str) -> None:
    stub = StubTransport().on(RM1, "/ws/v1/cluster/info", recorded(version, "info"))
    found = YarnClient([RM1], transport=stub).cluster_info()
    assert (found.ha_state, str(found.version), found.started_at.tzinfo) == (HaState.ACTIVE, version, UTC)


def test_becoming_active_moves_the_start() -> None:
    """What a reader of half-full lists must compare: the start of the process is earlier."""
    before, after = (
        json.loads(recorded("3.4.2", name).body)["clusterInfo"]["startedOn"] for name in ("info_initializing", "info")
    )
    assert before < after


def test_the_start_is_aware() -> None:
    stub = StubTransport().on(RM1, "/ws/v1/cluster/info", info(started_ms=1_500))
    assert YarnClient([RM1], transport=stub).cluster_info() == ClusterInfo(
        address=RM1,
        started_at=datetime(1970, 1, 1, 0, 0, 1, 500_000, tzinfo=UTC),
        ha_state=HaState.ACTIVE,
        version=RmVersion(3, 4, 2),
    )


class Conf(StubTransport):
    """An RM whose /conf answers by name."""

    def __init__(self, **reply_by_name: Reply) -> None:
        super().__init__()
        self.on(RM1, "/ws/v1/cluster/info", info())
        self._reply_by_name = reply_by_name

    def send(self, address: str, request: Request, timeouts: Timeouts) -> Answer:
        name = dict(request.query).get("name", "").rpartition(".")[2].replace("-", "_")
        return self._reply_by_name.get(name) or super().send(address, request, timeouts)


@pytest.mark.parametrize("version", VERSIONS)
def test_reads_the_bounds_of_a_request_from_the_configuration(version: str) -> None:
    conf = Conf(
        minimum_allocation_mb=recorded(version, "conf_minimum_memory"),
        minimum_allocation_vcores=recorded(version, "conf_minimum_vcores"),
        maximum_allocation_mb=recorded(version, "conf_maximum_memory"),
        maximum_allocation_vcores=recorded(version, "conf_maximum_vcores"),
    )
    client = YarnClient([RM1], transport=conf)
    assert client.minimum_allocation() == YarnResource(vcores=1, memory_mib=128)
    assert client.maximum_allocation() == YarnResource(vcores=4, memory_mib=2048)


def test_a_configuration_that_does_not_say_is_not_found() -> None:
    missing = recorded("3.4.2", "error_404_conf")
    with pytest.raises(NotFound):
        YarnClient([RM1], transport=Conf(minimum_allocation_vcores=missing)).minimum_allocation()


def test_one_property_is_read_by_its_name() -> None:
    conf = Conf(enable=recorded("3.4.2", "conf_monitor"))
    assert YarnClient([RM1], transport=conf).conf("yarn.resourcemanager.scheduler.monitor.enable") == "false"


def test_a_property_that_is_not_set_is_none() -> None:
    conf = Conf(calculator=recorded("3.4.2", "error_404_conf"))
    assert YarnClient([RM1], transport=conf).conf("yarn.scheduler.capacity.resource.calculator") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3.4.2", RmVersion(3, 4, 2)),
        ("3.4.2-SNAPSHOT", RmVersion(3, 4, 2)),
        ("3.1.1.7.1.7.0-551", RmVersion(3, 1, 1)),
        ("2.10", RmVersion(2, 10, 0)),
    ],
)
def test_versions_are_read_whatever_follows_the_numbers(text: str, expected: RmVersion) -> None:
    assert RmVersion.parse(text) == expected
    assert str(RmVersion.parse(text)) == text


def test_versions_compare_by_number() -> None:
    assert RmVersion.parse("3.10.0-SNAPSHOT") > RmVersion.parse("3.9.9") > RmVersion(3, 4)


def test_what_is_no_version_is_refused() -> None:
    with pytest.raises(ValueError, match="not a version"):
        RmVersion.parse("trunk")


def test_words_that_are_not_known_are_unknown() -> None:
    assert HaState("DAYDREAMING") is HaState.UNKNOWN


def test_fields_that_are_not_known_are_ignored() -> None:
    client, _ = client_of(**{"get-node-labels": says({"nodeLabelInfo": {"name": "a", "mood": {"is": ["good"]}}})})
    assert [label.name for label in client.labels()] == ["a"]
