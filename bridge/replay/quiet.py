"""Which ticks of a replay can be left out: those that would find the world as the last one left it, and do nothing.

A tick that found all nodes serving, nothing to make, to give back or to end decides the same a minute later, unless one
of the facts below has changed, or a time has come that it waits for. What single tasks do doesn't count among them, as
long as some node is idle, or none is, as before. Nor does waiting work, where all nodes are busy and the offer has no
place for more.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from bridge.controller.record import Planned
from bridge.core.forecast.values import STEP
from bridge.core.lifecycle import State
from bridge.core.load import SignalState
from bridge.core.offer import Offer
from bridge.core.reasons import Gap
from bridge.core.snapshot import Snapshot
from bridge.ports import LoadSignal
from bridge.sim import SimWorld


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a tick depends on that may change between two times that it waits for."""

    kube_version: int
    """Counts what happened to Kubernetes' nodes and pods."""
    yarn_version: int
    """Counts NodeManagers that came, went, or were given another amount or label."""
    load: float | None
    is_node_idle: bool
    """There is a surplus."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rest:
    """What a tick left that had nothing to do."""

    until: datetime
    facts: Facts
    can_grow: bool
    """The offer has a place for more nodes."""

    def lasts(self, at: datetime, world: SimWorld, signal: LoadSignal | None) -> bool:
        """Say whether a tick at the instant *at* would have nothing to do either."""
        return at < self.until and facts_of(world, signal) == self.facts and not self.wakes(world)

    def wakes(self, world: SimWorld) -> bool:
        """Say whether work waits that idle or new nodes could take."""
        return (self.can_grow or self.facts.is_node_idle) and bool(world.yarn.work.waiting())


def rest_after(planned: Planned, until: datetime | None, world: SimWorld, signal: LoadSignal | None) -> Rest | None:
    """Say what lasts after a tick that does nothing until an instant; None where it doesn't."""
    if until is None or not isinstance(planned.decision.offer, Offer):
        return None
    can_grow = planned.decision.offer.ceiling > planned.decision.size.open_nodes
    rest = Rest(until=until, facts=facts_of(world, signal), can_grow=can_grow)
    return None if rest.wakes(world) else rest


def facts_of(world: SimWorld, signal: LoadSignal | None) -> Facts:
    """Look at the world, which costs less than observing it."""
    sample = None if signal is None else signal.observe().total
    return Facts(
        kube_version=world.kube.version,
        yarn_version=world.yarn.scheduler.version,
        load=None if sample is None else sample.value,
        is_node_idle=_is_node_idle(world),
    )


def _is_node_idle(world: SimWorld) -> bool:
    # The first question settles it for most.
    return any(not node.containers and node.is_lent and node.is_serving for node in world.yarn.nodes.values())


def quiet_until(planned: Planned) -> datetime | None:
    """Say before which instant a tick does nothing while the facts stay the same; None: something is under way."""
    is_done = not planned.plan.steps and not planned.plan.refusals
    return min(_times(planned)) if is_done and _is_at_rest(planned) else None


def _is_at_rest(planned: Planned) -> bool:
    """Say whether what a tick saw is all known, and nothing of it is on its way to something else."""
    snapshot, decision = planned.snapshot, planned.decision
    parts = (snapshot.kube, snapshot.promises, snapshot.forecast, decision.offer, decision.demand)
    if isinstance(snapshot.yarn, Gap) or any(isinstance(part, Gap) for part in parts):
        return False
    return (
        not snapshot.yarn.is_settling
        and _is_load_steady(snapshot)
        and snapshot.pause is None
        and snapshot.entitlement is None
        and not decision.memory.gates.low_since
        and not decision.returns
        and all([node.is_steady or node.state is State.SERVING for node in decision.nodes])
        and all([node.running is not None and node.running.is_settled for node in decision.nodes])
    )


def _is_load_steady(snapshot: Snapshot) -> bool:
    """Say whether the same load again changes nothing, but for a lower one that lasts (see ``_times``)."""
    load = snapshot.load
    if load is None:
        return True
    doubts = (trace.is_jumping or trace.is_back or trace.zero_since for trace in snapshot.signal.traces.values())
    return load.state is SignalState.FRESH and not load.stale and not any(doubts)


def _times(planned: Planned) -> Iterator[datetime]:
    """Yield the times at which a tick may decide otherwise on the same facts."""
    snapshot, decision = planned.snapshot, planned.decision
    policy, memory, forecast = snapshot.policy, decision.memory, snapshot.forecast
    leads = {policy.notice, policy.max_lead, *(span.lead for span in snapshot.windows)}
    edges = {edge for span in snapshot.windows for edge in (span.start, span.back_by)}
    yield snapshot.at + STEP
    if forecast is not None and not isinstance(forecast, Gap):
        yield forecast.made_at + STEP
    if policy.signal is not None:
        for trace in snapshot.signal.traces.values():
            yield from () if trace.at is None else (trace.at + policy.signal.frozen_after,)
            yield from () if trace.low_since is None else (trace.low_since + policy.signal.confirm,)
    if memory.surplus_since is not None:
        yield memory.surplus_since + policy.cool_down
    yield from (entry.until for entry in memory.left_alone)
    changes = (moment for edge in edges for moment in (edge, *(edge - lead for lead in leads)))
    yield from (moment for moment in changes if moment > snapshot.at)
    deadlines = {node.promise.deadline for node in decision.nodes}
    yield from (deadline - max(leads) for deadline in deadlines if deadline is not None)
