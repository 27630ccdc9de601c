"""Changes of queues on a real ResourceManager; needs the lab's environment (`lab/enter`), with CapacityScheduler."""

import os
from collections.abc import Iterator

import pytest

from yarn_client import CapacityMode, ConfChanges, PartitionCapacity, RmRefused, YarnClient, percentages, problems

pytestmark = pytest.mark.lab


def capacities(ads: str, default: str) -> ConfChanges:
    return ConfChanges(values_by_queue={"root.ads": {"capacity": ads}, "root.default": {"capacity": default}})


@pytest.fixture
def yarn() -> Iterator[YarnClient]:
    """The lab's queues are halves again afterwards."""
    if "TIDEBRIDGE_LAB_RM" not in os.environ:
        pytest.fail("start the lab with 'make lab-up', and run this by lab/enter")
    with YarnClient([os.environ["TIDEBRIDGE_LAB_RM"]], user="root") as client:
        yield client
        client.change_scheduler_conf(capacities("50", "50"))


def ads(yarn: YarnClient) -> PartitionCapacity:
    (queue,) = (queue for queue in yarn.scheduler().root.walk() if queue.path == "root.ads")
    assert queue.mode is CapacityMode.PERCENTAGE
    (plain,) = (one for one in queue.capacities if one.partition == "")
    return plain


def test_a_change_is_validated_made_and_read_back(yarn: YarnClient) -> None:
    changes = capacities(*percentages([1, 2]))
    assert problems(changes, yarn.scheduler_conf()) == ()
    version = yarn.scheduler_conf_version()
    assert yarn.validate_scheduler_conf(changes)["yarn.scheduler.capacity.root.ads.capacity"] == "33.333"
    assert yarn.scheduler_conf_version() == version, "validating is no change"
    yarn.change_scheduler_conf(changes)
    assert yarn.scheduler_conf_version() == version + 1
    assert yarn.scheduler_conf()["yarn.scheduler.capacity.root.default.capacity"] == "66.667"
    assert ads(yarn).absolute_capacity_ratio == pytest.approx(0.33333)


def test_what_is_refused_changes_nothing(yarn: YarnClient) -> None:
    version, before = yarn.scheduler_conf_version(), ads(yarn)
    assert problems(capacities("50", "40"), yarn.scheduler_conf()) != ()
    for call in (yarn.validate_scheduler_conf, yarn.change_scheduler_conf):
        with pytest.raises(RmRefused, match=r"Illegal capacity sum of 0\.9"):
            call(capacities("50", "40"))
    assert (yarn.scheduler_conf_version(), ads(yarn)) == (version, before)


def test_text_that_xml_means_otherwise_arrives_as_it_is(yarn: YarnClient) -> None:
    key = "yarn.scheduler.capacity.queue-mappings"
    text = 'u:<odd>&"name":ads'
    assert yarn.validate_scheduler_conf(ConfChanges(settings={key: text}))[key] == text


def test_a_property_of_the_rm_is_read(yarn: YarnClient) -> None:
    assert yarn.conf("yarn.resourcemanager.scheduler.monitor.enable") == "false"
    assert yarn.conf("yarn.scheduler.capacity.resource-calculator") is None
    assert "yarn.scheduler.capacity.resource-calculator" in yarn.scheduler_conf()
