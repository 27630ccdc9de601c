"""One tick of the day as it is shown and summed up: what was there, what was decided, and what was done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bridge.controller.act import Outcome
from bridge.controller.enforce import Written
from bridge.controller.rebalance import Rounded
from bridge.controller.tick import Ticked
from bridge.core.actions import (
    AddLabel,
    CreatePod,
    Decommission,
    DeletePod,
    MapLabel,
    Readmit,
    ResizeNode,
    ResizePod,
    StampPod,
    UnmapLabel,
)
from bridge.core.lifecycle import State
from bridge.core.reasons import Gap, Limit, Reason
from bridge.core.resources import NO_ROOM, Room
from bridge.core.snapshot import ElasticPod, Snapshot
from bridge.core.window import Allowance
from bridge.demo.tenants import TenantNow
from bridge.sim import SimWorld


class Phase(StrEnum):
    """Where the window is."""

    CLOSED = "closed"
    OPEN = "open"
    LEAD = "lead"
    """Nothing new is scheduled on what must go."""
    FORCED = "forced"
    """What still runs there is preempted."""


class Kind(StrEnum):
    """A kind of deed."""

    CREATE = "create"
    LABEL = "label"
    CORDON = "cordon"
    RECOMMISSION = "recommission"
    EMPTY = "empty"
    FORCE = "force"
    REASSERT = "reassert"
    SHRINK = "shrink"
    RESIZE = "resize"
    DELETE = "delete"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """What was done to some nodes at once, for one reason."""

    kind: Kind
    reason: Reason
    nodes: int
    has_failed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """The state of affairs at one tick. Cores are Kubernetes', vcores YARN's."""

    at: datetime
    phase: Phase
    back_by: datetime | None
    lead_from: datetime | None
    opens_at: datetime | None
    load: float
    """Of the online service, as recorded."""
    lender_cores: float
    online_cores: float
    """Requested by the online service on the lenders."""
    tenant_cores: float
    """Requested there by the pods of tenants' namespaces."""
    lent_cores: float
    """Requested by NodeManager pods, what these need for themselves included."""
    lent_vcores: int
    used_vcores: int
    node_cores: float
    """What one elastic node takes of a lender."""
    node_vcores: int
    offered_nodes: int
    offer_bound_by: Limit | Gap
    wanted_nodes: int
    waiting: int
    """Containers that wait and that an elastic node could run."""
    nodes: tuple[tuple[str, State], ...]
    """Lender and state of each elastic node, by lender."""
    deeds: tuple[Deed, ...]
    jobs_submitted: int
    jobs_finished: int
    gaps: tuple[str, ...]
    tenants: tuple[TenantNow, ...]
    failed_writes: int
    """Of the round that ran just before the tick, if any."""
    has_rebalanced: bool

    @property
    def idle_cores(self) -> float:
        """What the online service leaves; tenants' pods have some of it."""
        return self.lender_cores - self.online_cores

    @property
    def failed_acts(self) -> int:
        """What was tried in vain, in the tick and in the round before it."""
        return self.failed_writes + sum(deed.nodes for deed in self.deeds if deed.has_failed)

    @property
    def states(self) -> Counter[State]:
        """How many elastic nodes there are of each state."""
        return Counter(state for _, state in self.nodes)


def make_moment(ticked: Ticked, world: SimWorld, *, rounded: Rounded | None, tenants: tuple[TenantNow, ...]) -> Moment:
    """Take from a tick, and from the world for what the controller doesn't look at, what there is to show.

    *rounded*: the round of rebalancing that ran just before the tick, if any.
    """
    planned = ticked.planned
    snapshot, decision = planned.snapshot, planned.decision
    holding = [node for node in decision.nodes if isinstance(node.pod, ElasticPod)]
    allocatable, online, of_tenants = _lenders(snapshot)
    offer, demand, allowed = decision.offer, decision.demand, decision.allowance
    lent = _sum(node.promise.shape.pod for node in holding)
    return Moment(
        at=snapshot.at,
        phase=phase_of(allowed, snapshot),
        back_by=allowed.back_by,
        lead_from=allowed.lead_from,
        opens_at=allowed.opens_at,
        load=max((service.load for service in world.services), default=0.0),
        lender_cores=allocatable.cpu_millicores / 1000,
        online_cores=online.cpu_millicores / 1000,
        tenant_cores=of_tenants.cpu_millicores / 1000,
        lent_cores=lent.cpu_millicores / 1000,
        lent_vcores=sum(node.promise.shape.yarn.vcores for node in holding),
        used_vcores=sum(node.running.used.vcores for node in holding if node.running is not None),
        node_cores=snapshot.policy.shape.pod.cpu_millicores / 1000,
        node_vcores=snapshot.policy.shape.yarn.vcores,
        offered_nodes=0 if isinstance(offer, Gap) else offer.nodes,
        offer_bound_by=offer if isinstance(offer, Gap) else offer.bound_by,
        wanted_nodes=0 if isinstance(demand, Gap) else demand.nodes,
        waiting=0 if isinstance(demand, Gap) else demand.waiting,
        nodes=tuple(sorted((node.promise.lender, node.state) for node in holding)),
        deeds=_deeds(ticked.outcomes),
        jobs_submitted=world.accounts.jobs_submitted,
        jobs_finished=world.accounts.jobs_finished,
        gaps=tuple(sorted({*planned.gaps, *(rounded.planned.gaps if rounded is not None else ())})),
        tenants=tenants,
        failed_writes=_failed_writes(rounded),
        has_rebalanced=rounded is not None,
    )


def phase_of(allowed: Allowance, snapshot: Snapshot) -> Phase:
    """Say where the window is at a snapshot's instant."""
    if not allowed.is_open:
        return Phase.CLOSED
    if allowed.back_by is not None and snapshot.at >= allowed.back_by - snapshot.policy.tail:
        return Phase.FORCED
    return Phase.LEAD if allowed.is_ending(snapshot.at) else Phase.OPEN


def _lenders(snapshot: Snapshot) -> tuple[Room, Room, Room]:
    """Sum what lenders have, and what online pods and tenants' pods ask of it."""
    lenders = () if isinstance(snapshot.kube, Gap) else snapshot.kube.lenders
    of_tenants = _sum(lender.tenants for lender in lenders)
    online = _sum(lender.online for lender in lenders) - of_tenants
    return _sum(lender.allocatable for lender in lenders), online, of_tenants


def _sum(rooms: Iterable[Room]) -> Room:
    return sum(rooms, NO_ROOM)


def _failed_writes(rounded: Rounded | None) -> int:
    """Count what a round tried in vain; a disruption budget that forbids an eviction has done its duty."""
    enforced = rounded.enforced if rounded is not None else ()
    results = [outcome.result for done in enforced for outcome in done.drafts]
    results += [outcome.result for done in enforced for outcome in done.evictions]
    return sum(1 for result in results if result not in {Written.DONE, Written.BUDGET})


def _deeds(outcomes: tuple[Outcome, ...]) -> tuple[Deed, ...]:
    """Put together what was done for the same reason; in the order in which it was done."""
    counts: Counter[tuple[Kind, Reason, bool]] = Counter()
    for outcome in outcomes:
        kind = _kind(outcome)
        if kind is not None:
            counts[kind, outcome.step.reason, outcome.error is not None] += 1
    return tuple(
        Deed(kind=kind, reason=reason, nodes=nodes, has_failed=failed)
        for (kind, reason, failed), nodes in counts.items()
    )


def _kind(outcome: Outcome) -> Kind | None:
    match outcome.step.act:
        case CreatePod():
            return Kind.CREATE
        case DeletePod():
            return Kind.DELETE
        case ResizeNode(purpose=purpose):
            return Kind(purpose.value)
        case ResizePod():
            return Kind.RESIZE
        case Decommission():
            return Kind.CORDON
        case MapLabel() | UnmapLabel() | AddLabel() | Readmit():
            return Kind.LABEL
        case StampPod() | None:
            return None
