"""The two systems and the clock, as one pool's controller sees them."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from bridge.core.actions import CreatePod, Decommission, DeletePod, Readmit, ResizeNode, ResizePod, StampPod
from bridge.core.snapshot import KubeFacts, Promise, YarnFacts


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """Return the present instant, aware, in UTC."""
        ...


class Yarn(Protocol):
    """One YARN cluster. Every method raises ``PortError``."""

    def observe(self) -> YarnFacts:
        """Read nodes, what waits, and labels, once."""
        ...

    def resize(self, act: ResizeNode) -> None:
        """Tell the ResourceManager a node's total. Returning says nothing of the effect: look again."""
        ...

    def add_label(self, label: str) -> None:
        """Make a node label known, not exclusive; one that exists is left as it is."""
        ...

    def map_label(self, host: str, label: str | None) -> None:
        """Map a host, registered or not, to a label; None clears it."""
        ...

    def decommission(self, act: Decommission) -> None:
        """Have nodes run out and end; repeated it changes their times. Look again for the effect."""
        ...

    def readmit(self, act: Readmit) -> None:
        """Let NodeManagers register from these addresses again."""
        ...


class Kube(Protocol):
    """One Kubernetes cluster, for one pool. Every method raises ``PortError``."""

    def observe(self) -> KubeFacts:
        """Read lenders and this pool's pods, once."""
        ...

    def create(self, act: CreatePod, promise: Promise) -> None:
        """Make the pod of a promise; if it is there already, nothing happens."""
        ...

    def resize_pod(self, act: ResizePod) -> None:
        """Ask for another size of the pod with this uid; ``Rejected`` if it is gone. Look again for the effect."""
        ...

    def stamp(self, act: StampPod) -> None:
        """Write on the pod with this uid what its work is worth; ``Rejected`` if it is gone."""
        ...

    def delete(self, act: DeletePod) -> bool:
        """Delete the pod with this uid, or with whichever if it is None; say whether there was one."""
        ...

    def tell(self, reason: str, message: str) -> None:
        """Leave word for people where they look: an Event about the pool's namespace."""
        ...
