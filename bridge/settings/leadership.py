"""Whether other replicas run beside this one, and by which lease one of them leads."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from bridge.core.election import Terms
from bridge.settings.kinds import DnsLabel, refusal
from bridge.settings.section import Section


class Alone(Section):
    """One controller at a time, and whoever starts it sees to that."""

    kind: Literal["none"]


class ByLease(Section):
    """Several replicas of the same settings, of which the one acts that holds a Lease."""

    kind: Literal["lease"]
    name: DnsLabel = "tidebridge"
    """The Lease's name. Bridges that share a namespace need different ones."""
    namespace: DnsLabel | None = None
    """Where the Lease is. null, the default: kubernetes.namespace."""
    lease_s: int = Field(default=15, strict=True, ge=5, le=300)
    """Seconds that a renewal holds. Another replica takes over so long after a leader's death, and renew_s. 15 by
    default, as Kubernetes' own controllers. Longer survives longer silences of the API server."""
    renew_s: float = Field(default=2.0, strict=True, gt=0, le=60)
    """Seconds between two renewals, and between two looks of a standby."""
    margin_s: float = Field(default=2.0, strict=True, gt=0, le=60)
    """Seconds that a leader which can't renew stops before others may begin: for clocks that don't run alike, and for
    the way of a call."""

    @model_validator(mode="after")
    def _check_times(self) -> ByLease:
        if self.lease_s < self.margin_s + 3 * self.renew_s:
            raise refusal(
                f"has a lease of {self.lease_s} s, which one renewal that fails would end",
                f"set lease_s to {self.margin_s + 3 * self.renew_s:g} or more: margin_s and three times renew_s",
            )
        return self

    @property
    def terms(self) -> Terms:
        """The same in the core's words."""
        return Terms(lease_s=self.lease_s, renew_s=self.renew_s, margin_s=self.margin_s)


Leadership = Annotated[Alone | ByLease, Field(discriminator="kind")]
