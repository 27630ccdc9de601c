"""Builders of facts about tenants. Every default is legal; amounts are cores and GiB, so that a test can be read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from bridge.core.ledger import Ledger, Side
from bridge.core.reasons import Gap
from bridge.core.resources import NO_ROOM, Resources, Room, Shape
from bridge.core.tenants.facts import (
    Leaf,
    LendableFacts,
    NamespaceUse,
    QueueFacts,
    QueueUse,
    RoundFacts,
    RoundMemory,
    TenantPod,
    Told,
)
from bridge.core.tenants.policy import SharePolicy, Tenant

AT = datetime(2026, 3, 2, 23, tzinfo=UTC)


def room(cores: float, gib: float | None = None) -> Room:
    """Make an amount; a GiB a core unless told."""
    return Room(cpu_millicores=round(cores * 1000), memory_mib=round((cores if gib is None else gib) * 1024))


def queue_leaf(path: str) -> Leaf:
    return Leaf(side=Side.YARN, name=path)


def namespace_leaf(name: str) -> Leaf:
    return Leaf(side=Side.KUBERNETES, name=name)


def make_policy(
    tenants: Sequence[Tenant] = (
        Tenant(name="ads", queues=("root.ads",), namespaces=("ads-batch",)),
        Tenant(name="etl", queues=("root.etl",), namespaces=("etl",)),
    ),
    *,
    overhead: Room = NO_ROOM,
    headroom: Room = NO_ROOM,
    dead_band_ratio: float = 0.0,
    max_step_ratio: float = 1.0,
    half_life: timedelta = timedelta(0),
) -> SharePolicy:
    offered = room(4)
    return SharePolicy(
        tenants=tuple(tenants),
        shape=Shape(yarn=Resources(vcores=4, memory_mib=4096), pod=offered + overhead),
        elastic_as_room=offered,
        headroom=headroom,
        dead_band_ratio=dead_band_ratio,
        max_step_ratio=max_step_ratio,
        half_life=half_life,
    )


def make_queue(path: str, *, static: float = 0, elastic: float = 0, waiting: float = 0) -> QueueUse:
    return QueueUse(path=path, used_static=room(static), used_elastic=room(elastic), waiting=room(waiting))


def make_namespace(
    name: str, *, used: float = 0, waiting: float = 0, held_back: float = 0, pods: tuple[TenantPod, ...] = ()
) -> NamespaceUse:
    return NamespaceUse(name=name, used=room(used), waiting=room(waiting), held_back=room(held_back), pods=pods)


def told(leaf: Leaf, cores: float, *, static: float = 0) -> Told:
    return Told(leaf=leaf, room=room(cores), static=room(static), at=AT)


def make_pod(name: str, cores: float = 1, *, namespace: str = "etl", priority: int = 0, minutes: int = 10) -> TenantPod:
    return TenantPod(
        namespace=namespace,
        name=name,
        uid=f"uid-{name}",
        requests=room(cores),
        priority=priority,
        started_at=AT - timedelta(minutes=minutes),
    )


IDLE_QUEUES = (make_queue("root.ads"), make_queue("root.etl"))
IDLE_NAMESPACES = (make_namespace("ads-batch"), make_namespace("etl"))
NO_MEMORY = RoundMemory()


def make_facts(
    *,
    policy: SharePolicy | None = None,
    queues: Sequence[QueueUse] | Gap = IDLE_QUEUES,
    namespaces: Sequence[NamespaceUse] | Gap = IDLE_NAMESPACES,
    static: float = 10,
    lendable: float | Gap = 20,
    window: float | None = None,
    elastic: float = 0,
    told: tuple[Told, ...] | Gap = (),
    ledger: Ledger | None = None,
    obeyed: int = 0,
    memory: RoundMemory = NO_MEMORY,
    at: datetime = AT,
) -> RoundFacts:
    """Make what a round knows: two tenants with a queue and a namespace each, 10 static cores and 20 to lend."""
    return RoundFacts(
        at=at,
        policy=policy or make_policy(),
        queues=queues
        if isinstance(queues, Gap)
        else QueueFacts(static=room(static), minimum=room(0), queues=tuple(queues), preempts=False),
        namespaces=namespaces if isinstance(namespaces, Gap) else tuple(namespaces),
        lendable=lendable
        if isinstance(lendable, Gap)
        else LendableFacts(
            room=room(lendable), window=room(lendable if window is None else window), elastic=room(elastic)
        ),
        told=told,
        ledger=ledger,
        obeyed_by_yarn=obeyed,
        memory=memory,
    )
