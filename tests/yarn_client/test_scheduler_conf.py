"""CapacityScheduler's configuration over REST: what is sent, what comes back, what is refused."""

from xml.etree import ElementTree as ET

import pytest

from tests.yarn_client.stub import client_of, recorded, says
from yarn_client import BadReply, ConfChanges, Forbidden, NotMutable, Reply, RmRefused, RmUnavailable
from yarn_client.scheduler_conf import change_request, validate_request

HALVES = ConfChanges(values_by_queue={"root.ads": {"capacity": "40.5"}, "root.default": {"capacity": "59.5"}})


def test_reads_the_configuration_by_full_key() -> None:
    client, _ = client_of(**{"scheduler-conf": recorded("3.4.2", "scheduler_conf")})
    conf = client.scheduler_conf()
    assert conf["yarn.scheduler.capacity.root.queues"] == "default,ads"
    assert conf["yarn.scheduler.capacity.resource-calculator"].endswith("DominantResourceCalculator")


def test_a_configuration_without_properties_is_no_answer() -> None:
    client, _ = client_of(**{"scheduler-conf": says({})})
    with pytest.raises(BadReply, match="property"):
        client.scheduler_conf()


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        pytest.param(recorded("3.4.2", "scheduler_conf_version"), 2, id="3.4.2"),
        pytest.param(says({"configversion": {"versionID": 1}}), 1, id="3.5.0"),
    ],
)
def test_reads_the_version_with_and_without_a_root(reply: Reply, expected: int) -> None:
    client, _ = client_of(**{"scheduler-conf/version": reply})
    assert client.scheduler_conf_version() == expected


def test_validating_gives_the_configuration_as_it_would_be() -> None:
    client, stub = client_of(**{"scheduler-conf/validate": recorded("3.4.2", "validate_scheduler_conf")})
    assert client.validate_scheduler_conf(HALVES)["yarn.scheduler.capacity.root.ads.capacity"] == "40.5"
    assert stub.asked[-1] == "rm1 POST /scheduler-conf/validate"


def test_a_change_is_one_put_of_xml() -> None:
    client, stub = client_of(**{"scheduler-conf": recorded("3.4.2", "put_scheduler_conf")})
    client.change_scheduler_conf(HALVES)
    assert stub.asked[-1] == "rm1 PUT /scheduler-conf"
    (request,) = stub.changes
    assert request.content_type == "application/xml"


def test_no_change_sends_nothing() -> None:
    """It would count as a version."""
    client, stub = client_of()
    client.change_scheduler_conf(ConfChanges())
    assert stub.sent == []


def test_queues_and_settings_go_in_the_elements_that_the_rm_reads() -> None:
    changes = ConfChanges(
        values_by_queue={"root.a": {"capacity": "40", "maximum-capacity": "80"}},
        settings={"yarn.scheduler.capacity.maximum-applications": "5000"},
    )
    root = ET.fromstring(change_request(changes).body or b"")
    assert [child.tag for child in root] == ["update-queue", "global-updates"]
    assert root.findtext("update-queue/queue-name") == "root.a"
    entries = [(entry.findtext("key"), entry.findtext("value")) for entry in root.iter("entry")]
    assert entries == [
        ("capacity", "40"),
        ("maximum-capacity", "80"),
        ("yarn.scheduler.capacity.maximum-applications", "5000"),
    ]


def test_what_xml_means_otherwise_is_escaped() -> None:
    odd = 'a<b>&"c"\u00e9'
    body = validate_request(ConfChanges(values_by_queue={odd: {"acl_submit_applications": odd}})).body or b""
    root = ET.fromstring(body)
    assert (root.findtext("update-queue/queue-name"), root.findtext(".//value")) == (odd, odd)


def test_what_xml_cannot_carry_is_refused() -> None:
    with pytest.raises(ValueError, match="XML"):
        change_request(ConfChanges(settings={"a": "\x00"}))


def test_a_change_shows_in_the_configuration_it_is_applied_to() -> None:
    conf = {"yarn.scheduler.capacity.root.a.capacity": "50", "yarn.scheduler.capacity.root.a.state": "STOPPED"}
    changes = ConfChanges(values_by_queue={"root.a": {"capacity": "40", "state": ""}}, settings={"x": "1"})
    assert changes.applied_to(conf) == {"yarn.scheduler.capacity.root.a.capacity": "40", "x": "1"}


def test_a_refused_change_carries_the_rms_reason() -> None:
    client, _ = client_of(**{"scheduler-conf": recorded("3.4.2", "error_400_scheduler_conf_sum")})
    with pytest.raises(RmRefused, match=r"Illegal capacity sum of 0\.9 for children of queue root") as caught:
        client.change_scheduler_conf(HALVES)
    assert type(caught.value) is RmRefused


def test_a_failed_validation_carries_the_rms_reason() -> None:
    client, _ = client_of(**{"scheduler-conf/validate": recorded("3.4.2", "error_400_validate")})
    with pytest.raises(RmRefused, match=r"Illegal capacity sum of 0\.9"):
        client.validate_scheduler_conf(HALVES)


@pytest.mark.parametrize("name", ["error_400_not_mutable", "error_400_not_mutable_put", "error_400_fair"])
def test_a_scheduler_that_takes_no_changes_says_what_to_set(name: str) -> None:
    client, _ = client_of(**{"scheduler-conf": recorded("3.4.2", name)})
    with pytest.raises(NotMutable, match=r"yarn\.scheduler\.configuration\.store\.class"):
        client.change_scheduler_conf(HALVES)
    with pytest.raises(NotMutable, match="allocation file"):
        client.scheduler_conf()


def test_changes_are_for_admins() -> None:
    client, _ = client_of(**{"scheduler-conf": recorded("3.4.2", "error_403_scheduler_conf")})
    with pytest.raises(Forbidden):
        client.change_scheduler_conf(HALVES)


def test_another_text_than_the_success_is_an_outage() -> None:
    """Such as "There is no active RM right now." with 200."""
    client, _ = client_of(**{"scheduler-conf": Reply(status=200, body=b"There is no active RM right now.")})
    with pytest.raises(RmUnavailable) as caught:
        client.change_scheduler_conf(HALVES)
    assert caught.value.may_have_been_applied
