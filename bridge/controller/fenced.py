"""The ports that do something, each behind a fence. Reading goes through; what writes asks first."""

# ruff: noqa: D102 - the ports say what each method does
from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from bridge.controller.fence import Fence
from bridge.controller.pool import Pool
from bridge.controller.sharing import Sharing
from bridge.core.actions import CreatePod, Decommission, DeletePod, Readmit, ResizeNode, ResizePod, StampPod
from bridge.core.ledger import Ledger
from bridge.core.snapshot import KubeFacts, Memory, Pause, Promise, YarnFacts
from bridge.core.tasks import TaskHistory
from bridge.core.tenants.evictions import Eviction
from bridge.core.tenants.facts import Leaf, NamespaceUse, RoundMemory, Told
from bridge.core.tenants.writes import Draft, InForce, Wanted
from bridge.ports import (
    Booked,
    Enforcer,
    Journal,
    Kube,
    LoadHistory,
    Namespaces,
    ShareJournal,
    TaskLengths,
    TickRecord,
    Yarn,
)


def fenced_pool(pool: Pool, fence: Fence) -> Pool:
    """Put what a tick calls behind a fence; its history of load is behind one from the beginning."""
    return replace(
        pool,
        kube=FencedKube(pool.kube, fence),
        yarn=FencedYarn(pool.yarn, fence),
        journal=FencedJournal(pool.journal, fence),
        begin=fence.begin,
    )


def fenced_sharing(sharing: Sharing, fence: Fence) -> Sharing:
    """Put what a round calls behind a fence; its pool is behind the same one already."""
    return replace(
        sharing,
        namespaces=FencedNamespaces(sharing.namespaces, fence),
        enforcers=tuple(FencedEnforcer(enforcer, fence) for enforcer in sharing.enforcers),
        shares=FencedShares(sharing.shares, fence),
    )


class FencedKube:
    """``bridge.ports.Kube``."""

    def __init__(self, inner: Kube, fence: Fence) -> None:
        self._inner = inner
        self._fence = fence

    def observe(self) -> KubeFacts:
        return self._inner.observe()

    def create(self, act: CreatePod, promise: Promise) -> None:
        self._fence.check()
        self._inner.create(act, promise)

    def resize_pod(self, act: ResizePod) -> None:
        self._fence.check()
        self._inner.resize_pod(act)

    def stamp(self, act: StampPod) -> None:
        self._fence.check()
        self._inner.stamp(act)

    def delete(self, act: DeletePod) -> bool:
        self._fence.check()
        return self._inner.delete(act)

    def tell(self, reason: str, message: str) -> None:
        self._fence.check()
        self._inner.tell(reason, message)


class FencedYarn:
    """``bridge.ports.Yarn``."""

    def __init__(self, inner: Yarn, fence: Fence) -> None:
        self._inner = inner
        self._fence = fence

    def observe(self) -> YarnFacts:
        return self._inner.observe()

    def resize(self, act: ResizeNode) -> None:
        self._fence.check()
        self._inner.resize(act)

    def add_label(self, label: str) -> None:
        self._fence.check()
        self._inner.add_label(label)

    def map_label(self, host: str, label: str | None) -> None:
        self._fence.check()
        self._inner.map_label(host, label)

    def decommission(self, act: Decommission) -> None:
        self._fence.check()
        self._inner.decommission(act)

    def readmit(self, act: Readmit) -> None:
        self._fence.check()
        self._inner.readmit(act)


class FencedJournal:
    """``bridge.ports.Journal``; each tick's record says who led."""

    def __init__(self, inner: Journal, fence: Fence) -> None:
        self._inner = inner
        self._fence = fence

    def promises(self, pool: str) -> tuple[Promise, ...]:
        return self._inner.promises(pool)

    def save(self, *promises: Promise) -> None:
        self._fence.check()
        self._inner.save(*promises)

    def memory(self, pool: str) -> Memory:
        return self._inner.memory(pool)

    def pause(self, pool: str, at: datetime) -> Pause | None:
        return self._inner.pause(pool, at)

    def set_pause(self, pool: str, pause: Pause | None) -> None:
        self._fence.check()
        self._inner.set_pause(pool, pause)

    def record(self, tick: TickRecord, memory: Memory | None) -> None:
        self._fence.check()
        led = replace(tick, sections={**tick.sections, "leader": self._fence.leader})
        self._inner.record(led, memory)

    def prune(self, before: datetime) -> int:
        self._fence.check()
        return self._inner.prune(before)

    def ticks(self, pool: str, limit: int) -> Sequence[TickRecord]:
        return self._inner.ticks(pool, limit)


class FencedHistory:
    """``bridge.ports.LoadHistory``."""

    def __init__(self, inner: LoadHistory, fence: Fence) -> None:
        self._inner = inner
        self._fence = fence

    def append(self, pool: str, at: datetime, values: Mapping[str, float]) -> None:
        self._fence.check()
        self._inner.append(pool, at, values)

    def read(self, pool: str, since: datetime) -> Iterable[tuple[datetime, Mapping[str, float]]]:
        return self._inner.read(pool, since)

    def prune(self, before: datetime) -> None:
        self._fence.check()
        self._inner.prune(before)


class FencedTaskLengths:
    """``bridge.ports.TaskLengths``."""

    def __init__(self, inner: TaskLengths, fence: Fence) -> None:
        self._inner = inner
        self._fence = fence

    def read(self, pool: str) -> TaskHistory:
        return self._inner.read(pool)

    def write(self, pool: str, history: TaskHistory) -> None:
        self._fence.check()
        self._inner.write(pool, history)


class FencedShares:
    """``bridge.ports.ShareJournal``."""

    def __init__(self, inner: ShareJournal, fence: Fence) -> None:
        self._inner = inner
        self._fence = fence

    def told(self) -> tuple[Told, ...]:
        return self._inner.told()

    def ledger(self) -> Ledger | None:
        return self._inner.ledger()

    def tell(self, *told: Told, at: datetime, ledger: Booked | None = None) -> None:
        self._fence.check()
        self._inner.tell(*told, at=at, ledger=ledger)

    def forget(self, *leaves: Leaf, at: datetime) -> None:
        self._fence.check()
        self._inner.forget(*leaves, at=at)

    def memory(self) -> RoundMemory:
        return self._inner.memory()

    def remember(self, memory: RoundMemory) -> None:
        self._fence.check()
        self._inner.remember(memory)

    def prune(self, before: datetime) -> None:
        self._fence.check()
        self._inner.prune(before)


class FencedNamespaces:
    """``bridge.ports.Namespaces``."""

    def __init__(self, inner: Namespaces, fence: Fence) -> None:
        self._inner = inner
        self._fence = fence

    def observe(self, names: Collection[str]) -> tuple[NamespaceUse, ...]:
        return self._inner.observe(names)

    def evict(self, eviction: Eviction) -> bool:
        self._fence.check()
        return self._inner.evict(eviction)


class FencedEnforcer:
    """``bridge.ports.Enforcer``."""

    def __init__(self, inner: Enforcer, fence: Fence) -> None:
        self._inner = inner
        self._fence = fence
        self.name, self.side, self.is_lagging = inner.name, inner.side, inner.is_lagging

    def read(self, leaves: Sequence[Wanted]) -> InForce:
        return self._inner.read(leaves)

    def drafts(self, leaves: Sequence[Wanted], in_force: InForce) -> tuple[Draft, ...]:
        return self._inner.drafts(leaves, in_force)

    def write(self, draft: Draft) -> None:
        self._fence.check()
        self._inner.write(draft)

    def release(self, leaf: Leaf) -> None:
        self._fence.check()
        self._inner.release(leaf)
