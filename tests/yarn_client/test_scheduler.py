"""The queue tree: paths, partitions, and the two schedulers in one shape."""

import pytest

from tests.yarn_client.stub import VERSIONS, client_of, recorded, says
from yarn_client import CapacityMode, QueueReport, QueueState, Reply, SchedulerKind, SchedulerReport, YarnResource
from yarn_client.errors import BadReply

NOTHING = YarnResource(vcores=0, memory_mib=0)


def scheduler(reply: Reply) -> SchedulerReport:
    client, _ = client_of(scheduler=reply)
    return client.scheduler()


def queues(version: str, name: str) -> dict[str, QueueReport]:
    return {queue.path: queue for queue in scheduler(recorded(version, name)).root.walk()}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", ["scheduler_empty", "scheduler_capacity"])
def test_paths_are_built_while_walking(version: str, name: str) -> None:
    """3.3.6 gives the last words only."""
    assert set(queues(version, name)) == {"root", "root.default", "root.team", "root.team.ads", "root.team.etl"}


@pytest.mark.parametrize("version", VERSIONS)
def test_leaves_are_those_without_children(version: str) -> None:
    leaves = {path for path, queue in queues(version, "scheduler_capacity").items() if queue.is_leaf}
    assert leaves == {"root.default", "root.team.ads", "root.team.etl"}


@pytest.mark.parametrize("version", VERSIONS)
def test_use_and_pending_are_per_partition(version: str) -> None:
    ads = {use.partition: use for use in queues(version, "scheduler_capacity")["root.team.ads"].uses}
    assert ads["k8s"].pending == YarnResource(vcores=1, memory_mib=256)
    assert (ads[""].pending, ads["k8s"].used) == (NOTHING, NOTHING)


@pytest.mark.parametrize("version", VERSIONS)
def test_the_root_is_the_sum_of_its_children(version: str) -> None:
    """No version gives `resources` for it."""
    found = queues(version, "scheduler_capacity")
    for use in found["root"].uses:
        below = [one for child in found["root"].children for one in child.uses if one.partition == use.partition]
        assert use.used == sum((one.used for one in below), NOTHING)
        assert use.pending == sum((one.pending for one in below), NOTHING)
    assert {use.partition for use in found["root"].uses} == {"", "k8s"}


@pytest.mark.parametrize("version", VERSIONS)
def test_capacities_are_ratios_and_amounts(version: str) -> None:
    (plain,) = [one for one in queues(version, "scheduler_capacity")["root.team.ads"].capacities if not one.partition]
    assert plain.capacity_ratio == pytest.approx(0.6)
    assert plain.absolute_capacity_ratio == pytest.approx(0.18)
    assert plain.max_capacity_ratio == pytest.approx(1.0)
    assert plain.guaranteed == YarnResource(vcores=2, memory_mib=737)
    assert plain.maximum == YarnResource(vcores=16, memory_mib=4096)


@pytest.mark.parametrize("version", VERSIONS)
def test_leaves_say_what_their_ams_may_use(version: str) -> None:
    (plain,) = [use for use in queues(version, "scheduler_capacity")["root.default"].uses if not use.partition]
    assert plain.am_used == YarnResource(vcores=1, memory_mib=256)
    assert plain.am_limit == YarnResource(vcores=13, memory_mib=3328)


@pytest.mark.parametrize("version", VERSIONS)
def test_queues_have_a_state(version: str) -> None:
    found = queues(version, "scheduler_capacity")
    assert {found[path].state for path in found if path != "root"} == {QueueState.RUNNING}


@pytest.mark.parametrize("version", VERSIONS)
def test_fair_scheduler_waits_for_what_it_demands_beyond_what_it_uses(version: str) -> None:
    report = scheduler(recorded(version, "scheduler_fair"))
    found = {queue.path: queue for queue in report.root.walk()}
    assert report.kind is SchedulerKind.FAIR
    assert set(found) - {"root.default"} == {"root", "root.ads", "root.team", "root.team.etl"}
    (use,) = found["root.ads"].uses
    assert use.used + use.pending == YarnResource(vcores=7, memory_mib=7168)
    (capacity,) = found["root.ads"].capacities
    assert (capacity.guaranteed, capacity.capacity_ratio) == (YarnResource(vcores=1, memory_mib=512), None)
    assert capacity.fair_share is not None


def test_the_type_of_a_queue_may_be_a_list() -> None:
    """As 2.x prints it."""
    leaf = {"queueName": "a", "type": ["capacitySchedulerLeafQueueInfo"], "state": "STOPPED"}
    root = {"type": "capacityScheduler", "queueName": "root", "queues": {"queue": leaf}}
    (child,) = scheduler(says({"scheduler": {"schedulerInfo": root}})).root.children
    assert (child.path, child.state) == ("root.a", QueueState.STOPPED)


@pytest.mark.parametrize(
    ("kind", "expected"), [("fifoScheduler", SchedulerKind.FIFO), ("another", SchedulerKind.UNKNOWN)]
)
def test_a_scheduler_without_queues_has_a_root_without_numbers(kind: str, expected: SchedulerKind) -> None:
    report = scheduler(says({"scheduler": {"schedulerInfo": {"type": kind}}}))
    assert (report.kind, report.root.uses, report.root.children) == (expected, (), ())


def test_a_capacity_that_is_no_number_is_none() -> None:
    """An RM without nodes can divide by zero, and writes NaN."""
    body = b'{"scheduler":{"schedulerInfo":{"type":"capacityScheduler","queueName":"root","capacities":'
    body += b'{"queueCapacitiesByPartition":[{"partitionName":"","capacity":NaN}]}}}}'
    (capacity,) = scheduler(Reply(status=200, body=body)).root.capacities
    assert capacity.capacity_ratio is None


def test_a_queue_without_a_name_is_a_bad_reply() -> None:
    root = {"type": "capacityScheduler", "queueName": "root", "queues": {"queue": [{"state": "RUNNING"}]}}
    with pytest.raises(BadReply, match=r"schedulerInfo\.queues\.queue\.queueName"):
        scheduler(says({"scheduler": {"schedulerInfo": root}}))


@pytest.mark.parametrize(
    ("name", "mode", "weight", "guaranteed"),
    [
        ("scheduler_weight", CapacityMode.WEIGHT, 3.0, YarnResource(vcores=3, memory_mib=1536)),
        ("scheduler_absolute", CapacityMode.ABSOLUTE, None, YarnResource(vcores=2, memory_mib=1024)),
        ("scheduler_labelled", CapacityMode.PERCENTAGE, None, YarnResource(vcores=1, memory_mib=829)),
    ],
)
def test_a_queue_says_how_it_is_configured_and_what_came_of_it(
    name: str, mode: CapacityMode, weight: float | None, guaranteed: YarnResource
) -> None:
    ads = queues("3.4.2", name)["root.ads"]
    plain = ads.capacity()
    assert plain is not None
    assert (ads.mode, plain.weight, plain.guaranteed) == (mode, weight, guaranteed)


def test_in_weight_mode_the_absolute_capacity_is_the_one_to_read() -> None:
    plain = queues("3.4.2", "scheduler_weight")["root.ads"].capacity()
    assert plain is not None
    assert (plain.capacity_ratio, plain.absolute_capacity_ratio) == (0.0, 0.75)


def test_a_label_has_a_capacity_of_its_own() -> None:
    ads = queues("3.4.2", "scheduler_labelled")["root.ads"]
    there = ads.capacity("k8s")
    assert there is not None
    assert (there.capacity_ratio, there.guaranteed) == (0.25, YarnResource(vcores=2, memory_mib=1024))
    assert ads.capacity("gpu") is None


def test_before_3_4_no_mode_is_said() -> None:
    assert queues("3.3.6", "scheduler_capacity")["root.default"].mode is CapacityMode.UNKNOWN


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("scheduler_fair_before", {"root", "root.default", "root.ads"}),
        ("scheduler_fair_after", {"root", "root.default", "root.ads", "root.team", "root.team.etl"}),
    ],
)
def test_a_change_of_the_allocation_file_shows_in_the_queues(name: str, expected: set[str]) -> None:
    found = queues("3.4.2", name)
    assert set(found) == expected
    ads = found["root.ads"].capacity()
    assert ads is not None
    is_after = "root.team" in expected
    assert ads.guaranteed == (YarnResource(vcores=1, memory_mib=512) if is_after else NOTHING)
