"""The tenants' side of both systems: who uses and wants what, and where shares are made to bind."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from bridge.core.ledger import Side
from bridge.core.tenants.evictions import Eviction
from bridge.core.tenants.facts import Leaf, NamespaceUse, QueueFacts
from bridge.core.tenants.writes import Draft, InForce, Wanted


class Queues(Protocol):
    """The queues of one YARN cluster. Every method raises ``PortError``."""

    def observe(self) -> QueueFacts:
        """Read use and demand by queue, and what static nodes have, once."""
        ...


class Namespaces(Protocol):
    """The tenants' namespaces of one Kubernetes cluster. Every method raises ``PortError``."""

    def observe(self, names: Collection[str]) -> tuple[NamespaceUse, ...]:
        """Read use and demand by namespace; one that doesn't exist uses nothing."""
        ...

    def evict(self, eviction: Eviction) -> bool:
        """Evict a pod; False where a disruption budget forbids it now. One that is gone is evicted."""
        ...


class Enforcer(Protocol):
    """One system's settings by which shares bind. Every method raises ``PortError``."""

    @property
    def name(self) -> str:
        """Return the adapter's name in the configuration."""
        ...

    @property
    def side(self) -> Side:
        """Say whose leaves it is for."""
        ...

    @property
    def is_lagging(self) -> bool:
        """Say whether the system takes up what was written only a while later."""
        ...

    def read(self, leaves: Sequence[Wanted]) -> InForce:
        """Read what is in force for these leaves (their amounts don't matter) and for what is between them."""
        ...

    def drafts(self, leaves: Sequence[Wanted], in_force: InForce) -> tuple[Draft, ...]:
        """Say what would have to be written; each draft is atomic, and nothing to write is no draft."""
        ...

    def write(self, draft: Draft) -> None:
        """Write a draft. ``Rejected``: nothing of it was taken, with the system's own words."""
        ...

    def release(self, leaf: Leaf) -> None:
        """Take away what is ours from a leaf that nobody has any more; where it is gone already, nothing happens."""
        ...
