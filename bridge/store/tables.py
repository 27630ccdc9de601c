"""The tables, as ORM classes that nothing outside this package sees, and how their rows become the core's values.

Change them together with a new revision in ``migrations/versions``; a test compares the two.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import JSON, BigInteger, Dialect, Index, LargeBinary, MetaData
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import DateTime, TypeDecorator

from bridge.core.ledger import Account, Ledger, Side
from bridge.core.ledger import Told as Number
from bridge.core.lifecycle import State
from bridge.core.reasons import Reason, Verdict
from bridge.core.resources import Resources, Room, Shape
from bridge.core.shares import PastUse
from bridge.core.signal import SignalMemory
from bridge.core.snapshot import LeftAlone, Memory, Pause, Promise
from bridge.core.tenants.facts import Leaf, RoundMemory, Smoothed, Told
from bridge.core.waiting import WaitingContainers
from bridge.core.window_load import LoadGates


class UtcInstant(TypeDecorator[datetime]):
    """An aware instant, to the microsecond; SQLite, which knows no time zones, keeps it as UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Turn an aware instant into UTC; a naive one is a bug of the caller."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value} has no time zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Turn what the database gives into an aware instant."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class CompressedJson(TypeDecorator[str]):
    """JSON text, deflated: what is seen of a large fleet is a megabyte a tick, and mostly the same words."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> bytes | None:  # noqa: ARG002
        """Deflate the text."""
        return None if value is None else zlib.compress(value.encode())

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Inflate the text."""
        return None if value is None else zlib.decompress(value).decode()


class Base(DeclarativeBase):
    """The tables' metadata."""

    metadata = MetaData(naming_convention={"ix": "ix_%(table_name)s_%(column_0_N_name)s", "pk": "pk_%(table_name)s"})
    type_annotation_map = {datetime: UtcInstant}  # noqa: RUF012


class PromiseRow(Base):
    """One elastic node. Rows of promises that are over stay until they are pruned: they tell what was lent."""

    __tablename__ = "promise"
    __table_args__ = (Index(None, "pool", "is_over"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    pool: Mapped[str]
    lender: Mapped[str]
    vcores: Mapped[int]
    memory_mib: Mapped[int]
    pod_cpu_millicores: Mapped[int]
    pod_memory_mib: Mapped[int]
    state: Mapped[str]
    made_at: Mapped[datetime]
    since: Mapped[datetime]
    deadline: Mapped[datetime | None]
    reason: Mapped[str]
    pod_uid: Mapped[str | None]
    node_id: Mapped[str | None]
    served: Mapped[bool]
    told_rm_started_at: Mapped[datetime | None]
    extended_until: Mapped[datetime | None]
    label_host: Mapped[str | None]
    is_over: Mapped[bool]

    @classmethod
    def of(cls, promise: Promise) -> PromiseRow:
        """Make the row of *promise*."""
        return cls(
            id=promise.id,
            pool=promise.pool,
            lender=promise.lender,
            vcores=promise.shape.yarn.vcores,
            memory_mib=promise.shape.yarn.memory_mib,
            pod_cpu_millicores=promise.shape.pod.cpu_millicores,
            pod_memory_mib=promise.shape.pod.memory_mib,
            state=promise.state.value,
            made_at=promise.made_at,
            since=promise.since,
            deadline=promise.deadline,
            reason=promise.reason.value,
            pod_uid=promise.pod_uid,
            node_id=promise.node_id,
            served=promise.served,
            told_rm_started_at=promise.told_rm_started_at,
            extended_until=promise.extended_until,
            label_host=promise.label_host,
            is_over=promise.is_over,
        )

    def value(self) -> Promise:
        """Make the promise of this row; raise ValueError for a state or reason of another version."""
        return Promise(
            id=self.id,
            pool=self.pool,
            lender=self.lender,
            shape=Shape(
                yarn=Resources(vcores=self.vcores, memory_mib=self.memory_mib),
                pod=Room(cpu_millicores=self.pod_cpu_millicores, memory_mib=self.pod_memory_mib),
            ),
            state=State(self.state),
            made_at=self.made_at,
            since=self.since,
            deadline=self.deadline,
            reason=Reason(self.reason),
            pod_uid=self.pod_uid,
            node_id=self.node_id,
            served=self.served,
            told_rm_started_at=self.told_rm_started_at,
            extended_until=self.extended_until,
            label_host=self.label_host,
        )


_SIGNAL = TypeAdapter(SignalMemory)
_GATES = TypeAdapter(LoadGates)


class MemoryRow(Base):
    """What a pool's last tick left for the next."""

    __tablename__ = "memory"

    pool: Mapped[str] = mapped_column(primary_key=True)
    waiting: Mapped[list[dict[str, Any]] | None] = mapped_column(JSON(none_as_null=True))
    surplus_since: Mapped[datetime | None]
    failed_start_at: Mapped[datetime | None]
    left_alone: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    obeyed_version: Mapped[int] = mapped_column(server_default="0")
    signal: Mapped[str | None] = mapped_column(CompressedJson)
    gates: Mapped[str | None] = mapped_column(CompressedJson)
    held_when_lost: Mapped[int | None]
    announced: Mapped[dict[str, str] | None] = mapped_column(JSON(none_as_null=True))

    @classmethod
    def of(cls, pool: str, memory: Memory) -> MemoryRow:
        """Make the row of *memory*."""
        return cls(
            pool=pool,
            waiting=None if memory.waiting is None else [asdict(entry) for entry in memory.waiting],
            surplus_since=memory.surplus_since,
            failed_start_at=memory.failed_start_at,
            left_alone=[asdict(entry) | {"until": entry.until.isoformat()} for entry in memory.left_alone],
            obeyed_version=memory.obeyed_version,
            signal=_SIGNAL.dump_json(memory.signal, exclude_defaults=True).decode(),
            gates=_GATES.dump_json(memory.gates).decode(),
            held_when_lost=memory.held_when_lost,
            announced={at.isoformat(): verdict.value for at, verdict in memory.announced.items()},
        )

    def value(self) -> Memory:
        """Make the memory of this row."""
        return Memory(
            waiting=None if self.waiting is None else tuple(WaitingContainers(**entry) for entry in self.waiting),
            surplus_since=self.surplus_since,
            failed_start_at=self.failed_start_at,
            left_alone=tuple(
                LeftAlone(**entry | {"until": datetime.fromisoformat(entry["until"])}) for entry in self.left_alone
            ),
            obeyed_version=self.obeyed_version,
            signal=SignalMemory() if self.signal is None else _SIGNAL.validate_json(self.signal),
            gates=LoadGates() if self.gates is None else _GATES.validate_json(self.gates),
            held_when_lost=self.held_when_lost,
            announced={datetime.fromisoformat(at): Verdict(verdict) for at, verdict in (self.announced or {}).items()},
        )


class PauseRow(Base):
    """An operator's pause of one pool."""

    __tablename__ = "pause"

    pool: Mapped[str] = mapped_column(primary_key=True)
    until: Mapped[datetime]
    why: Mapped[str]

    def value(self) -> Pause:
        """Make the pause of this row."""
        return Pause(until=self.until, why=self.why)


class TickRow(Base):
    """One tick; its sections are facts."""

    __tablename__ = "tick"
    __table_args__ = (Index(None, "pool", "at"), Index(None, "at"))

    number: Mapped[int] = mapped_column(primary_key=True)
    """Tells the order of ticks of one instant."""
    id: Mapped[str]
    pool: Mapped[str]
    at: Mapped[datetime]
    took_ms: Mapped[int]
    mode: Mapped[str]
    digest_by_section: Mapped[dict[str, str]] = mapped_column(JSON)


class FactRow(Base):
    """A section's content, stored once however many ticks have it."""

    __tablename__ = "fact"
    __table_args__ = (Index(None, "last_at"),)

    digest: Mapped[str] = mapped_column(primary_key=True)
    body: Mapped[str] = mapped_column(CompressedJson)
    last_at: Mapped[datetime]
    """The instant of the last tick that has it, or up to an hour before; soon after that tick is pruned, so is this."""

    def value(self) -> Any:
        """Make the section's plain JSON value."""
        return json.loads(self.body)


class ToldRow(Base):
    """What one queue or namespace was promised of the lendable capacity, and what was written for it."""

    __tablename__ = "told"

    side: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    cpu_millicores: Mapped[int] = mapped_column(BigInteger)
    memory_mib: Mapped[int] = mapped_column(BigInteger)
    static_cpu_millicores: Mapped[int] = mapped_column(BigInteger)
    static_memory_mib: Mapped[int] = mapped_column(BigInteger)
    intended: Mapped[dict[str, str]] = mapped_column(JSON)
    confirmed: Mapped[dict[str, str]] = mapped_column(JSON)
    at: Mapped[datetime]

    @classmethod
    def of(cls, told: Told) -> ToldRow:
        """Make the row of *told*."""
        return cls(
            side=told.leaf.side.value,
            name=told.leaf.name,
            cpu_millicores=told.room.cpu_millicores,
            memory_mib=told.room.memory_mib,
            static_cpu_millicores=told.static.cpu_millicores,
            static_memory_mib=told.static.memory_mib,
            intended=dict(told.intended),
            confirmed=dict(told.confirmed),
            at=told.at,
        )

    def value(self) -> Told:
        """Make the promise of this row."""
        return Told(
            leaf=Leaf(side=Side(self.side), name=self.name),
            room=Room(cpu_millicores=self.cpu_millicores, memory_mib=self.memory_mib),
            static=Room(cpu_millicores=self.static_cpu_millicores, memory_mib=self.static_memory_mib),
            intended=self.intended,
            confirmed=self.confirmed,
            at=self.at,
        )


class ToldHistoryRow(Base):
    """Every change of what a leaf was told, so that the sum can be audited at any instant."""

    __tablename__ = "told_history"
    __table_args__ = (Index(None, "at"),)

    number: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    side: Mapped[str]
    name: Mapped[str]
    cpu_millicores: Mapped[int] = mapped_column(BigInteger)
    memory_mib: Mapped[int] = mapped_column(BigInteger)


class LedgerRow(Base):
    """Both sides of the lendable capacity; one row."""

    __tablename__ = "ledger"

    id: Mapped[int] = mapped_column(primary_key=True)
    capacity: Mapped[dict[str, int]] = mapped_column(JSON)
    account_by_side: Mapped[dict[str, Any]] = mapped_column(JSON)

    @classmethod
    def of(cls, ledger: Ledger) -> LedgerRow:
        """Make the row of *ledger*."""
        accounts = {side.value: _account(account) for side, account in ledger.account_by_side.items()}
        return cls(id=1, capacity=dict(ledger.capacity), account_by_side=accounts)

    def value(self) -> Ledger:
        """Make the ledger of this row."""
        return Ledger(
            capacity=self.capacity,
            account_by_side={
                Side(side): Account(
                    told=tuple(Number(version=one["version"], amounts=one["amounts"]) for one in account["told"]),
                    obeyed=account["obeyed"],
                    used=account["used"],
                )
                for side, account in self.account_by_side.items()
            },
        )


def _account(account: Account) -> dict[str, Any]:
    """Write one side as plain JSON values."""
    told = [{"version": one.version, "amounts": dict(one.amounts)} for one in account.told]
    return {"told": told, "obeyed": account.obeyed, "used": dict(account.used)}


class RoundMemoryRow(Base):
    """What the last round of rebalancing left for the next; one row."""

    __tablename__ = "round_memory"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime | None]
    smoothed: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    past: Mapped[dict[str, Any]] = mapped_column(JSON)

    @classmethod
    def of(cls, memory: RoundMemory) -> RoundMemoryRow:
        """Make the row of *memory*."""
        smoothed = [
            {"side": entry.leaf.side.value, "name": entry.leaf.name, **asdict(entry.demand)}
            for entry in memory.smoothed
        ]
        past = {name: {"ratio": use.ratio, "at": use.at.isoformat()} for name, use in memory.past.items()}
        return cls(id=1, at=memory.at, smoothed=smoothed, past=past)

    def value(self) -> RoundMemory:
        """Make the memory of this row."""
        return RoundMemory(
            at=self.at,
            smoothed=tuple(
                Smoothed(
                    leaf=Leaf(side=Side(entry["side"]), name=entry["name"]),
                    demand=Room(cpu_millicores=entry["cpu_millicores"], memory_mib=entry["memory_mib"]),
                )
                for entry in self.smoothed
            ),
            past={
                name: PastUse(ratio=use["ratio"], at=datetime.fromisoformat(use["at"]))
                for name, use in self.past.items()
            },
        )
