"""The simulated world with tenants, reached directly and over loopback HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bridge import packaged
from bridge.core.resources import Room
from bridge.core.tenants.writes import Settings
from bridge.ports import Namespaces, Queues
from bridge.sim import QuotaOrder, SimKube, SimNamespaces, SimQueues, SimWorld, SimYarn, TenantWork, serve
from tests.contract.simulated import SimulatedWorld, new_world
from tests.contract.tenants.stage import SECTIONS, Enforcers, built_from
from tests.contract.wiring import VCORES_PER_CORE, opened
from tests.contract.worlds import LABEL, POOL, SHAPE, World
from yarn_client import YarnClient


class SimulatedStage:
    """A ``SimWorld`` with tenants, seen through whichever ports."""

    def __init__(
        self, sim: SimWorld, world: World, queues: Queues, namespaces: Namespaces, enforcers: Enforcers | None = None
    ) -> None:
        self._sim = sim
        self._made = 0
        self.world = world
        self.queues = queues
        self.namespaces = namespaces
        self.enforcers = enforcers

    def new_namespace(self) -> str:
        self._made += 1
        return f"contract-{self._made}"

    def want_pods(self, namespace: str, name: str, count: int, each: Room, *, keep: int = 0) -> None:
        work = TenantWork(namespace=namespace, name=name, replicas=((0, count),), request=each, min_available=keep)
        self._sim.start_work(work)

    def set_quota(self, namespace: str, name: str, hard: Settings) -> None:
        quotas = self._sim.kube.quotas
        found = quotas.all.get((namespace, name))
        labels = found.order.labels if found is not None else {}
        order = QuotaOrder(namespace=namespace, name=name, hard=hard, labels=labels)
        (quotas.replace if found is not None else quotas.create)(order)
        self.world.pass_time(2)


@contextmanager
def direct() -> Iterator[SimulatedStage]:
    """Make a stage whose ports are the simulation's own."""
    sim = new_world()
    world = SimulatedWorld(sim, SimYarn(sim), SimKube(sim, POOL), sim.pass_time)
    queues = SimQueues(sim, label=LABEL, shape=SHAPE.yarn, vcores_per_core=VCORES_PER_CORE)
    yield SimulatedStage(sim, world, queues, SimNamespaces(sim))


@contextmanager
def over_http(folder: Path) -> Iterator[SimulatedStage]:
    """Make a stage whose ports are the real adapters and clients, talking to the served simulation."""
    sim = new_world()
    kubeconfig = folder / "kubeconfig"
    template = packaged.path("config/nodemanager-pod.yaml")
    with serve(sim) as served:
        kubeconfig.write_text(served.kubeconfig, encoding="utf-8")
        with (
            opened(
                folder, rm=served.yarn_url, kubeconfig=kubeconfig, template=template, clock=sim.clock, sections=SECTIONS
            ) as app,
            YarnClient([served.yarn_url]) as administrator,
        ):
            queues, namespaces, *both = built_from(app)
            world = SimulatedWorld(sim, app.pools[0].yarn, app.pools[0].kube, served.pass_time)
            enforcers = Enforcers(queues=both[0], quotas=both[1], administrator=administrator)
            yield SimulatedStage(sim, world, queues, namespaces, enforcers)
