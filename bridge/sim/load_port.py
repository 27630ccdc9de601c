"""The load signal of a simulated world: what online pods use on each node, and what may go wrong with saying so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bridge.core.load import LoadReading, LoadUnit, Sample
from bridge.ports import Unavailable
from bridge.sim.world import SimWorld


@dataclass(slots=True, kw_only=True)
class SignalFaults:
    """What is wrong with the signal now; a test sets it."""

    is_cut: bool = False
    """It doesn't answer."""
    is_silent: bool = False
    """It answers, and says nothing."""
    frozen_at: datetime | None = None
    """It repeats what it said then."""
    says: float | None = None
    """It says this of everything: 0, or a lie."""
    silent_lenders: frozenset[str] = field(default_factory=frozenset)


class SimLoad:
    """``bridge.ports.LoadSignal`` of a simulated world: a sample a look, of each node, or of all together."""

    def __init__(self, world: SimWorld, *, by_lender: bool = True) -> None:
        self._world = world
        self._by_lender = by_lender
        self._last: LoadReading | None = None
        self.faults = SignalFaults()

    def observe(self) -> LoadReading:
        """Measure now."""
        faults = self.faults
        with self._world.faults.around("load.observe"):
            if faults.is_cut:
                raise Unavailable("the load signal is cut")
        if faults.is_silent:
            return LoadReading(unit=LoadUnit.RATIO)
        if faults.frozen_at is not None and self._last is not None:
            return self._last
        self._last = self._measure()
        return self._last

    def history(self, since: datetime, until: datetime, step: timedelta) -> Sequence[tuple[datetime, LoadReading]]:  # noqa: ARG002
        """Nothing is kept of what was before."""
        return ()

    def _measure(self) -> LoadReading:
        at, says = self._world.now, self.faults.says
        nodes = [node for node in self._world.kube.nodes.values() if node.name not in self.faults.silent_lenders]
        if not nodes:
            return LoadReading(unit=LoadUnit.RATIO)
        if not self._by_lender:
            used = sum(node.online_use_ratio * node.allocatable.cpu_millicores for node in nodes)
            whole = sum(node.allocatable.cpu_millicores for node in nodes)
            return LoadReading(unit=LoadUnit.RATIO, total=Sample(at=at, value=used / whole if says is None else says))
        return LoadReading(
            unit=LoadUnit.RATIO,
            by_lender={
                node.name: Sample(at=at, value=node.online_use_ratio if says is None else says) for node in nodes
            },
        )
