"""A Kubernetes Lease behind the port ``Lease``, by ``k8s_pool``."""

from __future__ import annotations

import math

from bridge.adapters.kube_errors import translated
from bridge.core.election import Claim
from bridge.ports import Clock
from k8s_pool import KubeLeases, LeaseOrder, LeaseView


class KubeLease:
    """One Lease by its name. Its times are for people to read; nobody decides by them."""

    def __init__(self, leases: KubeLeases, clock: Clock, *, name: str, lease_s: float) -> None:
        """*lease_s*: how long a claim holds whose writer doesn't say."""
        self._leases = leases
        self._clock = clock
        self._name = name
        self._lease_s = lease_s

    def read(self) -> Claim | None:
        """Read it; see ``bridge.ports.Lease``."""
        with translated(f"read the Lease {self._name}"):
            view = self._leases.get(self._name)
        return None if view is None else self._claim(view)

    def write(self, claim: Claim, over: Claim | None) -> Claim:
        """Write it; see ``bridge.ports.Lease``."""
        order = LeaseOrder(
            holder=claim.holder,
            lease_s=math.ceil(claim.lease_s),
            at=self._clock.now(),
            transitions=claim.transitions,
        )
        with translated(f"write the Lease {self._name}"):
            if over is None:
                return self._claim(self._leases.create(self._name, order))
            uid, _, version = over.version.partition("/")
            return self._claim(self._leases.replace(self._name, order, uid=uid, version=version))

    def _claim(self, view: LeaseView) -> Claim:
        lease_s = self._lease_s if view.lease_s is None else view.lease_s
        version = f"{view.uid}/{view.version}"
        return Claim(holder=view.holder, version=version, lease_s=lease_s, transitions=view.transitions)
