"""The real adapters for tenants on the served world and the direct ports report the same facts, whole and equal."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

import k8s_pool
from bridge.adapters.namespaces import TenantNamespaces
from bridge.adapters.queues import YarnQueues
from bridge.core.resources import Resources
from bridge.core.tenants.evictions import Eviction
from bridge.ports import Namespaces, Queues
from bridge.sim import Preemption, QueueConfig, Served, SimConfig, SimNamespaces, SimQueues, serve
from tests.sim.build import LABEL, NM_SIZE, Pool, make_job, make_quota, make_service, make_work
from yarn_client import YarnClient

NAMES = ("etl", "online", "nowhere")
CONFIG = SimConfig(
    static_nodes=1,
    static_size=Resources(vcores=2, memory_mib=4096),
    queues=(QueueConfig(name="ads", capacity_ratio=0.5), QueueConfig(name="etl", capacity_ratio=0.5)),
)


class Both:
    """The direct ports beside the real adapters."""

    def __init__(self, pool: Pool, served: Served, api: k8s_pool.KubeApi, client: YarnClient) -> None:
        self.pool = pool
        self.world = pool.world
        self.served = served
        self.queues: Queues = SimQueues(pool.world, label=LABEL, shape=NM_SIZE)
        self.namespaces: Namespaces = SimNamespaces(pool.world)
        self.real_queues: Queues = YarnQueues(
            client,
            pool.clock,
            settle=timedelta(seconds=15),
            vcores_per_core=1.0,
            label=LABEL,
            elastic_hosts=frozenset,
            shape=NM_SIZE,
        )
        self.real_namespaces: Namespaces = TenantNamespaces(
            api, lambda: k8s_pool.read_fleet(api, namespace="tidebridge")
        )

    def agree(self) -> None:
        assert self.real_queues.observe() == self.queues.observe()
        assert self.real_namespaces.observe(NAMES) == self.namespaces.observe(NAMES)


def _both(folder: Path, config: SimConfig) -> Iterator[Both]:
    pool = Pool(config)
    with serve(pool.world) as served:
        (folder / "kubeconfig").write_text(served.kubeconfig)
        api = k8s_pool.connect(kubeconfig=folder / "kubeconfig", in_cluster=False)
        client = YarnClient([served.yarn_url])
        yield Both(pool, served, api, client)
        client.close()
        api.close()


@pytest.fixture
def both(tmp_path: Path) -> Iterator[Both]:
    yield from _both(tmp_path, CONFIG)


def test_they_agree_about_queues_through_a_night(both: Both) -> None:
    both.agree()
    both.pool.serve()
    for name in ("ads", "etl"):
        both.world.submit(replace(make_job(tasks=6, task_s=60), queue=name))
    both.world.submit(replace(make_job(size=Resources(vcores=9, memory_mib=1024)), queue="etl"))
    for seconds in (1, 1, 1, 1, 5, 20, 60):
        both.served.pass_time(seconds)
        both.agree()
    assert any(queue.used_elastic.cpu_millicores for queue in both.queues.observe().queues)


def test_they_agree_through_a_restart(both: Both) -> None:
    both.pool.serve()
    both.world.submit(replace(make_job(), queue="ads"))
    both.served.pass_time(20)
    both.world.restart_rm(3)
    both.served.pass_time(3)
    for _ in range(20):
        both.agree()
        both.served.pass_time(1)


def test_they_agree_about_the_monitor(tmp_path: Path) -> None:
    for both in _both(tmp_path, replace(CONFIG, preemption=Preemption())):
        both.agree()
        assert both.queues.observe().preempts


def test_they_agree_about_namespaces_that_use_wait_and_are_held_back(both: Both) -> None:
    both.world.start_service(make_service(0.5))
    both.world.start_work(make_work(3, 30, 1))
    both.world.start_work(make_work(1, 2, name="job", run_s=25))
    both.served.pass_time(1)
    both.agree()
    both.world.kube.quotas.create(make_quota(cpu="52"))
    for _ in range(15):
        both.served.pass_time(17)
        both.agree()


def test_they_agree_about_evictions(both: Both) -> None:
    both.world.start_work(make_work(2, min_available=1))
    both.served.pass_time(5)
    first, second = (Eviction(tenant="etl", pod=pod) for pod in both.namespaces.observe(["etl"])[0].pods)
    assert both.real_namespaces.evict(first)
    both.agree()
    assert not both.namespaces.evict(second)
    assert not both.real_namespaces.evict(second)
    both.served.pass_time(5)
    assert both.namespaces.evict(second)
    assert both.real_namespaces.evict(first)
    assert both.namespaces.evict(first)
    both.agree()
