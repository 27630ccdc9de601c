"""What a test of the tenants' ports may do to a world besides using them, as an administrator or a tenant would.

The stages are in ``simulated`` and ``lab``; each has a world of the suite beside it, with its queues ``ads`` and
``default``, half each.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from bridge.app import App
from bridge.core.ledger import Side
from bridge.core.resources import Room
from bridge.core.tenants.facts import Leaf, NamespaceUse
from bridge.core.tenants.writes import InForce, Settings, Wanted
from bridge.ports import Enforcer, Namespaces, Queues
from tests.contract.worlds import World
from yarn_client import ConfChanges, YarnClient

ADS, DEFAULT = Leaf(side=Side.YARN, name="root.ads"), Leaf(side=Side.YARN, name="root.default")
WHOLE = Room(cpu_millicores=200, memory_mib=2048)
"""What the static node has, in Kubernetes' units: a vcore is 50 millicores here."""
LEAST = Room(cpu_millicores=50, memory_mib=128)
"""The minimum allocation."""

SECTIONS: Mapping[str, object] = {
    "tenants": [
        {"name": "ads", "yarn_queues": ["root.ads"], "namespaces": ["contract-ads"]},
        {"name": "etl", "yarn_queues": ["root.default"], "namespaces": ["contract-etl"]},
    ],
    "rebalance": {"adapters": ["yarn-capacity", "resource-quota"]},
}
"""Settings by which the product builds the ports; tests name their namespaces themselves."""

CPU, MEMORY = "requests.cpu", "requests.memory"


@dataclass(frozen=True, slots=True, kw_only=True)
class Enforcers:
    """Where shares bind, and an administrator who writes there too."""

    queues: Enforcer
    quotas: Enforcer
    administrator: YarnClient

    def set_queues(self, **values_by_queue: Mapping[str, str]) -> None:
        """Change queues below the root, as an administrator may."""
        values = {f"root.{name}": values for name, values in values_by_queue.items()}
        self.administrator.change_scheduler_conf(ConfChanges(values_by_queue=values))

    def halve_queues(self, capacity: str, maximum: str) -> None:
        """Give both queues the same."""
        values = {"capacity": capacity, "maximum-capacity": maximum}
        self.set_queues(ads=values, default=values)


class Stage(Protocol):
    """A world with tenants."""

    world: World
    queues: Queues
    namespaces: Namespaces
    enforcers: Enforcers | None
    """None where the world is reached without any wire: there is nothing for the adapters to write to."""

    def new_namespace(self) -> str:
        """Make a namespace, empty, in which the product has its rights."""
        ...

    def want_pods(self, namespace: str, name: str, count: int, each: Room, *, keep: int = 0) -> None:
        """Start a workload that wants so many pods; a budget keeps *keep* of them. A request of 0 isn't named."""
        ...

    def set_quota(self, namespace: str, name: str, hard: Settings) -> None:
        """Make a quota, or change one, as another hand would; return once it is in force."""
        ...


def built_from(app: App) -> tuple[Queues, Namespaces, Enforcer, Enforcer]:
    """Return what the product has built."""
    assert app.sharing is not None
    queues, quotas = app.sharing.enforcers
    return app.sharing.queues, app.sharing.namespaces, queues, quotas


def look(stage: Stage, namespace: str) -> NamespaceUse:
    """Look at one namespace."""
    (found,) = stage.namespaces.observe([namespace])
    return found


def read(enforcer: Enforcer, wanted: tuple[Wanted, ...]) -> tuple[dict[Leaf, dict[str, str]], dict[Leaf, Room]]:
    """Read settings and amounts, so that they compare as values."""
    found: InForce = enforcer.read(wanted)
    return {leaf: dict(settings) for leaf, settings in found.settings.items()}, dict(found.amounts)
