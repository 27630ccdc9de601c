"""Two tenants on both systems, behind the ports of a round: with a list of every call and a place to break at."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NoReturn

from bridge.controller.pool import Mode, Pool
from bridge.controller.rebalance import Rounded, rebalance
from bridge.controller.sharing import Sharing
from bridge.core.ledger import Ledger, Side
from bridge.core.resources import NO_ROOM, Room
from bridge.core.snapshot import ElasticPod, KubeFacts, Lender, Memory, PoolPolicy
from bridge.core.tenants.divide import added, at_least
from bridge.core.tenants.evictions import Eviction
from bridge.core.tenants.facts import Leaf, NamespaceUse, QueueFacts, RoundMemory, Told
from bridge.core.tenants.policy import SharePolicy
from bridge.core.tenants.tree import room as as_room
from bridge.core.tenants.writes import Change, Draft, InForce, Wanted
from bridge.core.window import WindowSpan
from bridge.ports import Booked, Superseded, TickRecord
from tests.build import make_pod as make_elastic_pod
from tests.core.tenants.build import AT, make_pod, make_policy, make_queue, namespace_leaf, room

LENDABLE = room(20)


@dataclass(slots=True, kw_only=True)
class SharingWorld:
    """Both systems and the journal, as one mutable truth. Namespaces want so much, and use what their quotas allow."""

    policy: SharePolicy = field(default_factory=make_policy)
    wants: dict[str, int] = field(default_factory=lambda: {"ads-batch": 0, "etl": 0})
    uses: dict[str, int] = field(default_factory=lambda: {"ads-batch": 0, "etl": 0})
    queue_wants: dict[str, int] = field(default_factory=lambda: {"root.ads": 0, "root.etl": 0})
    elastic: int = 0
    obeyed: int = 0
    settings: dict[Leaf, dict[str, str]] = field(default_factory=dict)
    """What is in force in either system."""
    pristine: bool = False
    """Whether the systems' stores began anew."""
    told: dict[Leaf, Told] = field(default_factory=dict)
    ledger: Ledger | None = None
    memory: RoundMemory = field(default_factory=RoundMemory)
    records: list[TickRecord] = field(default_factory=list)
    calls: list[tuple[str, ...]] = field(default_factory=list)
    before: Callable[[int, tuple[str, ...]], None] = lambda _count, _call: None
    after: Callable[[int, tuple[str, ...]], None] = lambda _count, _call: None
    now: datetime = AT
    ids: Iterator[int] = field(default_factory=itertools.count)

    @contextmanager
    def call(self, *words: str) -> Iterator[None]:
        """Note a call, and break before or after its effect where a test says so."""
        count = len(self.calls)
        self.calls.append(words)
        self.before(count, words)
        yield
        self.after(count, words)

    def sharing(self, mode: Mode = Mode.ENFORCE) -> Sharing:
        """Start a controller anew: it knows nothing but what is in the world."""
        return Sharing(
            policy=self.policy,
            pool=Pool(
                policy=PoolPolicy(name="night", shape=self.policy.shape, label="k8s"),
                windows=lambda at: (_always(at),),
                kube=_Kube(self),
                yarn=_Nothing(),  # type: ignore[arg-type]
                journal=_Journal(self),  # type: ignore[arg-type]
                clock=_Clock(self),
                new_id=lambda: f"id{next(self.ids)}",
                mode=mode,
            ),
            queues=_Queues(self),
            namespaces=_Namespaces(self),
            enforcers=(_Enforcer(self, "yarn-capacity", Side.YARN), _Enforcer(self, "quotas", Side.KUBERNETES)),
            shares=_Shares(self),
            mode=mode,
        )

    def round(self, mode: Mode = Mode.ENFORCE, *, take_over: bool = False) -> Rounded:
        """Run one round with a new controller, then let the systems do what they were told."""
        try:
            return rebalance(self.sharing(mode), take_over=take_over)
        finally:
            self.settle()

    def settle(self) -> None:
        """Let pods come where quotas have room, the pool obey its number, and a minute pass."""
        for name, wanted in self.wants.items():
            quota = self.settings.get(namespace_leaf(name), {}).get("requests.cpu")
            most = wanted if quota is None else int(quota.removesuffix("m")) // 1000
            self.uses[name] = max(min(self.uses[name], wanted), min(wanted, most))
        if self.ledger is not None:
            number = self.ledger.told(Side.YARN)
            self.obeyed = number.version
            self.elastic = min(self.elastic, as_room(number.amounts).cpu_millicores // 1000)
        self.now += timedelta(minutes=1)

    @property
    def promised(self) -> Room:
        """What both systems may use of the lendable capacity, by what is in force and what is there."""
        namespaces = added(at_least(self.quota(name), room(cores)) for name, cores in self.uses.items())
        number = NO_ROOM if self.ledger is None else as_room(self.ledger.told(Side.YARN).amounts)
        return namespaces + at_least(number, room(self.elastic))

    def quota(self, name: str) -> Room:
        """Return a namespace's quota; nothing where there is none."""
        found = self.settings.get(namespace_leaf(name), {})
        return Room(
            cpu_millicores=int(found.get("requests.cpu", "0m").removesuffix("m")),
            memory_mib=int(found.get("requests.memory", "0Mi").removesuffix("Mi")),
        )


def _always(at: datetime) -> WindowSpan:
    return WindowSpan(
        name="always",
        start=at - timedelta(hours=1),
        back_by=at + timedelta(hours=10),
        lead=timedelta(minutes=5),
        max_ratio=1.0,
        max_extend=timedelta(0),
    )


class _Nothing:
    """Nobody asks for it in a round."""


@dataclass(frozen=True, slots=True)
class _Clock:
    world: SharingWorld

    def now(self) -> datetime:
        return self.world.now


@dataclass(frozen=True, slots=True)
class _Kube:
    world: SharingWorld

    def observe(self) -> KubeFacts:
        with self.world.call("observe", "kubernetes"):
            tenants = added(room(cores) for cores in self.world.uses.values())
            lender = Lender(name="node", allocatable=LENDABLE, online=tenants, tenants=tenants, pod_slots=100)
            pods = tuple(self._elastic_pod(number) for number in range(self.world.elastic))
            return KubeFacts(lenders=(lender,), pods=pods)

    def _elastic_pod(self, number: int) -> ElasticPod:
        return make_elastic_pod(name=f"elastic-{number}", requests=room(1))

    def create(self, *_: object) -> NoReturn:
        raise AssertionError("a round makes no pod")

    delete = resize_pod = stamp = create

    def tell(self, reason: str, message: str) -> None:
        with self.world.call("tell", reason, message):
            pass


@dataclass(frozen=True, slots=True)
class _Journal:
    world: SharingWorld

    def memory(self, pool: str) -> Memory:
        with self.world.call("memory"):
            return Memory(obeyed_version=self.world.obeyed)

    def record(self, tick: TickRecord, memory: Memory | None) -> None:
        with self.world.call("record"):
            self.world.records.append(tick)


@dataclass(frozen=True, slots=True)
class _Queues:
    world: SharingWorld

    def observe(self) -> QueueFacts:
        with self.world.call("observe", "queues"):
            queues = tuple(make_queue(path, waiting=cores) for path, cores in self.world.queue_wants.items())
            return QueueFacts(static=room(10), minimum=room(0), queues=queues, preempts=False)


@dataclass(frozen=True, slots=True)
class _Namespaces:
    world: SharingWorld

    def observe(self, names: Collection[str]) -> tuple[NamespaceUse, ...]:
        with self.world.call("observe", "namespaces"):
            return tuple(self._use(name) for name in names)

    def _use(self, name: str) -> NamespaceUse:
        uses = self.world.uses[name]
        return NamespaceUse(
            name=name,
            used=room(uses),
            held_back=room(max(0, self.world.wants[name] - uses)),
            pods=tuple(make_pod(f"{name}-{number}", namespace=name) for number in range(uses)),
        )

    def evict(self, eviction: Eviction) -> bool:
        with self.world.call("evict", eviction.pod.name):
            self.world.uses[eviction.pod.namespace] -= 1
            return True


@dataclass(frozen=True, slots=True)
class _Enforcer:
    world: SharingWorld
    name: str
    side: Side
    is_lagging: bool = False

    def read(self, leaves: Sequence[Wanted]) -> InForce:
        with self.world.call("read", self.name):
            there = {entry.leaf: dict(self.world.settings.get(entry.leaf, {})) for entry in leaves}
            amounts = {leaf: _amount(found) for leaf, found in there.items() if found}
            return InForce(settings=there, amounts=amounts, is_pristine=self.world.pristine)

    def drafts(self, leaves: Sequence[Wanted], in_force: InForce) -> tuple[Draft, ...]:
        drafts = (self._draft(entry, in_force.settings[entry.leaf]) for entry in leaves)
        return tuple(draft for draft in drafts if draft.changes)

    def _draft(self, entry: Wanted, now: object) -> Draft:
        after = {
            "requests.cpu": f"{entry.amount.cpu_millicores}m",
            "requests.memory": f"{entry.amount.memory_mib}Mi",
        }
        before = dict(now)  # type: ignore[call-overload]
        return Draft(
            changes=tuple(
                Change(leaf=entry.leaf, key=key, before=before.get(key), after=value)
                for key, value in after.items()
                if before.get(key) != value
            )
        )

    def write(self, draft: Draft) -> None:
        (leaf,) = draft.leaves
        with self.world.call("write", str(leaf)):
            self.world.settings.setdefault(leaf, {}).update({one.key: one.after for one in draft.changes})

    def release(self, leaf: Leaf) -> None:
        with self.world.call("release", str(leaf)):
            self.world.settings.pop(leaf, None)


def _amount(found: dict[str, str]) -> Room:
    return Room(
        cpu_millicores=int(found["requests.cpu"].removesuffix("m")),
        memory_mib=int(found["requests.memory"].removesuffix("Mi")),
    )


@dataclass(frozen=True, slots=True)
class _Shares:
    world: SharingWorld

    def told(self) -> tuple[Told, ...]:
        with self.world.call("told"):
            return tuple(self.world.told.values())

    def ledger(self) -> Ledger | None:
        with self.world.call("ledger"):
            return self.world.ledger

    def tell(self, *told: Told, at: datetime, ledger: Booked | None = None) -> None:
        with self.world.call("tell journal"):
            if ledger is not None and ledger.before != self.world.ledger:
                raise Superseded("another round")
            self.world.told |= {entry.leaf: entry for entry in told}
            self.world.ledger = self.world.ledger if ledger is None else ledger.after

    def forget(self, *leaves: Leaf, at: datetime) -> None:
        with self.world.call("forget"):
            for leaf in leaves:
                self.world.told.pop(leaf, None)

    def prune(self, before: datetime) -> None:
        with self.world.call("prune"):
            pass

    def memory(self) -> RoundMemory:
        with self.world.call("round memory"):
            return self.world.memory

    def remember(self, memory: RoundMemory) -> None:
        with self.world.call("remember"):
            self.world.memory = memory


def fits(world: SharingWorld) -> bool:
    """Say whether no unit of the lendable capacity is promised twice."""
    return world.promised.fits_in(LENDABLE)
