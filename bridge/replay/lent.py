"""What is lent in the simulated world, as it really is: which promises hold room until when, and what tasks hold of it.

Pods are looked up again only when something has happened to one; what tasks hold is summed at each look.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from datetime import datetime

from bridge.sim import SimWorld
from bridge.sim.nodes import NodeManager
from bridge.sim.pods import PROMISE


class Lent:
    """Looks at one world, once a minute."""

    def __init__(self, world: SimWorld) -> None:
        self.vcores = 0
        self._world = world
        self._version = -1
        self._looked_at = world.now
        self._held: AbstractSet[str] = frozenset()
        """The promises whose pods hold room."""
        self._held_until: dict[str, datetime] = {}
        """Of those whose pods don't any more."""
        self._by_node: list[tuple[str, NodeManager]] = []

    def look(self) -> None:
        """Take notice of the present minute."""
        if self._version != self._world.kube.version:
            self._version = self._world.kube.version
            self._look_again()
        self._looked_at = self._world.now

    def _look_again(self) -> None:
        """Find the pods that hold room, and the NodeManagers in them."""
        there = [pod for pod in self._world.kube.elastic.values() if not pod.phase.is_over]
        held = {pod.order.labels[PROMISE] for pod in there}
        self._held_until |= dict.fromkeys(self._held - held, self._looked_at)
        self._held = held
        placed = [(pod, pod.node.name, pod.order.nodemanager) for pod in there if pod.node is not None]
        self.vcores = sum(size.vcores for _, _, size in placed if size is not None)
        found = ((name, self._world.nodemanager_of(pod)) for pod, name, size in placed if size is not None)
        self._by_node = [(name, node) for name, node in found if node is not None]

    def used_by_node(self) -> dict[str, int]:
        """Sum the vcores that tasks hold, by Kubernetes node."""
        found: dict[str, int] = {}
        for name, node in self._by_node:
            found[name] = found.get(name, 0) + node.used_vcores
        return found

    def held_until(self, promise_id: str) -> datetime | None:
        """Say at which look a promise last held room; None: at none."""
        return self._looked_at if promise_id in self._held else self._held_until.get(promise_id)
