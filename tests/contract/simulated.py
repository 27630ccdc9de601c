"""The simulated world, reached directly and over loopback HTTP. Nobody waits here: time is made to pass."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from bridge import packaged
from bridge.core.resources import Resources, Room
from bridge.core.snapshot import ElasticPod
from bridge.ports import Clock, Kube, Yarn
from bridge.sim import Job, QueueConfig, SimConfig, SimKube, SimWorld, SimYarn, Stage, serve
from bridge.sim.pods import PodOrder
from tests.contract.wiring import SETTLE_S, connected
from tests.contract.worlds import AM, EXPIRY, MINIMUM, POOL, QUEUE, STATIC

_NAMESPACE = "tidebridge"
_LENDER = Room(cpu_millicores=2000, memory_mib=24_000)


class SimulatedWorld:
    """A ``SimWorld``, seen through whichever ports."""

    def __init__(self, world: SimWorld, yarn: Yarn, kube: Kube, pass_time: Callable[[int], None]) -> None:
        self._world = world
        self._pass_time = pass_time
        self._online: list[tuple[str, str]] = []
        self._jobs = 0
        self.yarn = yarn
        self.kube = kube
        self.clock: Clock = world.clock

    def pass_time(self, seconds: float) -> None:
        self._pass_time(max(1, math.ceil(seconds)))

    def clean(self) -> None:
        """Do nothing: this world was made for one run."""

    def run_work(self, containers: int, seconds: int, memory_mib: int, queue: str = QUEUE) -> None:
        size = Resources(vcores=1, memory_mib=memory_mib)
        self._submit(Stage(tasks=containers, task_s=seconds, size=size), queue)

    def ask_for_am(self, queue: str = QUEUE) -> None:
        self._submit(Stage(tasks=1, task_s=1, size=AM), queue)

    def _submit(self, stage: Stage, queue: str) -> None:
        self._jobs += 1
        self._world.submit(Job(id=f"contract-{self._jobs}", stages=(stage,), queue=queue))

    def restart_rm(self) -> None:
        self._world.restart_rm()

    def set_online(self, *requests: Room) -> None:
        for key in self._online:
            self._world.kube.delete(*key)
        made = (
            self._world.kube.create(PodOrder(name=f"online-{number}", namespace="default", requests=room))
            for number, room in enumerate(requests)
        )
        self._online = [pod.key for pod in made]

    def copy_by_hand(self, pod: str, name: str) -> None:
        order = self._world.kube.pod(_NAMESPACE, pod).order
        body = order.body and {**order.body, "metadata": {**order.body["metadata"], "name": name}}
        self._world.kube.create(replace(order, name=name, body=body))

    def delete_by_hand(self, pod: str) -> None:
        self._world.kube.delete(_NAMESPACE, pod, grace_s=0)

    def cordon(self, node: str, is_cordoned: bool) -> None:
        self._world.cordon(node, is_cordoned)

    def kill_nodemanager(self, pod: ElasticPod) -> None:
        self._world.kill_nodemanager(pod.name, _NAMESPACE)

    def told(self) -> Collection[tuple[str, str]]:
        return [(reason, message) for _, reason, message in self._world.kube.events]


def new_world() -> SimWorld:
    """Make the world before anybody is on it."""
    config = SimConfig(
        lenders=2,
        lender_size=_LENDER,
        static_nodes=1,
        static_size=STATIC,
        minimum=MINIMUM,
        am_size=AM,
        queues=(QueueConfig(name="ads", capacity_ratio=0.5), QueueConfig(name=QUEUE, capacity_ratio=0.5)),
        expiry_s=int(EXPIRY.total_seconds()),
    )
    return SimWorld(config)


@contextmanager
def direct() -> Iterator[SimulatedWorld]:
    """Make a world whose ports are the simulation's own."""
    world = new_world()
    yarn = SimYarn(world, settling=timedelta(seconds=SETTLE_S), cannot_decommission=None)
    yield SimulatedWorld(world, yarn, SimKube(world, POOL), world.pass_time)


@contextmanager
def over_http(folder: Path) -> Iterator[SimulatedWorld]:
    """Make a world whose ports are the real adapters and clients, talking to the served simulation."""
    world = new_world()
    kubeconfig = folder / "kubeconfig"
    template = packaged.path("config/nodemanager-pod.yaml")
    with serve(world) as served:
        kubeconfig.write_text(served.kubeconfig, encoding="utf-8")
        with connected(folder, rm=served.yarn_url, kubeconfig=kubeconfig, template=template, clock=world.clock) as pool:
            yield SimulatedWorld(world, pool.yarn, pool.kube, served.pass_time)
