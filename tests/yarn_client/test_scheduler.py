"""The queue tree: paths, partitions, and the two schedulers in one shape."""

import pytest

from tests.yarn_client.stub import VERSIONS, client_of, recorded, says
from yarn_client import QueueReport, QueueState, Reply, SchedulerKind, SchedulerReport, YarnResource
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
