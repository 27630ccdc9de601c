"""The real adapters on the served world and the direct ports report the same facts, whole and equal."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

import k8s_pool
from bridge.adapters.kube import KubeCluster
from bridge.adapters.yarn import YarnCluster
from bridge.core.snapshot import YarnFacts, YarnNode
from bridge.core.tasks import Task
from bridge.ports import Kube, Yarn
from bridge.sim import Served, serve
from tests.sim.build import LABEL, Pool, make_job, make_service, make_work
from tests.sim.test_http import TEMPLATE
from yarn_client import YarnClient


class Both:
    """A pool's direct ports beside the real adapters."""

    def __init__(self, pool: Pool, served: Served, api: k8s_pool.KubeApi, template: k8s_pool.PodTemplate) -> None:
        self.direct = pool
        self.served = served
        client = YarnClient([served.yarn_url])
        self.yarn: Yarn = YarnCluster(client, pool.clock, settle=timedelta(seconds=15), label=LABEL)
        self.kube: Kube = KubeCluster(
            lambda: k8s_pool.read_fleet(api, namespace="tidebridge"),
            k8s_pool.KubePool(api, "tidebridge"),
            pool.clock,
            pool="night",
            template=template,
            node_selector={"lend": "true"},
            priority_class="tidebridge-elastic",
            env={},
        )

    def agree(self) -> None:
        assert self.kube.observe() == self.direct.kube.observe()
        assert self._known(self.yarn.observe()) == self._known(self.direct.yarn.observe())

    def _known(self, facts: YarnFacts) -> YarnFacts:
        """Leave out what only a later look can tell over HTTP: young tasks, ended ones, and those of static nodes."""
        now = self.direct.clock.now()
        nodes = (replace(node, tasks=tuple(sorted(_begun(node, now), key=repr))) for node in facts.nodes)
        return replace(facts, nodes=tuple(nodes), ended=())


def _begun(node: YarnNode, now: datetime) -> Iterator[Task]:
    return (task for task in node.tasks if task.began < now and node.label == LABEL)


@pytest.fixture
def both(tmp_path: Path) -> Iterator[Both]:
    pool = Pool()
    (tmp_path / "pod.yaml").write_text(TEMPLATE)
    with serve(pool.world) as served:
        (tmp_path / "kubeconfig").write_text(served.kubeconfig)
        api = k8s_pool.connect(kubeconfig=tmp_path / "kubeconfig", in_cluster=False)
        yield Both(pool, served, api, k8s_pool.load(tmp_path / "pod.yaml"))
        api.close()


def test_they_agree_through_a_nodes_life(both: Both) -> None:
    pool, world = both.direct, both.direct.world
    both.agree()
    world.start_service(make_service(0.25, 0.5))
    direct_kube, pool.kube = pool.kube, both.kube
    pool.create()
    pool.kube = direct_kube
    both.agree()
    for seconds in (1, 1, 30):
        both.served.pass_time(seconds)
        both.agree()
    host = pool.pod().ip
    assert host is not None
    both.yarn.map_label(host, LABEL)
    for job in range(3):
        world.submit(make_job(tasks=20, task_s=100, id=f"job{job}"))
    for seconds in (1, 1, 1, 1, 1, 10):
        both.served.pass_time(seconds)
        both.agree()
    pool.resize(f"{host}:8041", 1, 1024)
    both.agree()
    both.served.pass_time(300)
    both.agree()
    pool.delete()
    both.agree()
    both.served.pass_time(5)
    both.agree()


def test_they_agree_about_what_is_made_directly_and_never_starts(both: Both) -> None:
    world = both.direct.world
    world.lose_images("lender-1")
    world.cordon("lender-2")
    world.set_ready("lender-3", False)
    for number in range(1, 4):
        both.direct.create(f"p{number}", f"lender-{number}")
    both.agree()
    both.served.pass_time(10)
    both.agree()


def test_they_agree_through_a_restart(both: Both) -> None:
    pool, world = both.direct, both.direct.world
    pool.serve()
    world.submit(make_job())
    both.served.pass_time(20)
    both.agree()
    world.restart_rm(3)
    both.served.pass_time(3)
    for _ in range(20):
        both.agree()
        both.served.pass_time(1)


def test_they_agree_about_a_killed_and_a_preempted_pod(both: Both) -> None:
    pool, world = both.direct, both.direct.world
    for number in range(3):
        pool.serve(f"p{number}")
    world.start_service(make_service(0.5))
    both.agree()
    world.kill_nodemanager("nm-night-p0")
    both.agree()
    both.served.pass_time(5)
    both.agree()


def test_they_agree_about_tenants_pods(both: Both) -> None:
    pool, world = both.direct, both.direct.world
    pool.serve()
    world.start_work(make_work(4, 40, 2, run_s=70))
    for seconds in (1, 1, 50, 60, 100):
        both.served.pass_time(seconds)
        both.agree()
