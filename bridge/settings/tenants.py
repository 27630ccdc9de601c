"""The settings of tenants and of rebalancing: who owns what, how much it may have, and where that is made to bind."""

from __future__ import annotations

import re
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from bridge.settings.kinds import Cron, DnsLabel, Duration, Ratio, Text, ZoneName, refusal
from bridge.settings.section import Around, Section, choice

_MOST = 10**15
_QUEUE = re.compile(r"root(\.[^.\s]+)+")
ROOT_TENANT = "root"


def _queue_path(written: str) -> str:
    if _QUEUE.fullmatch(written) is None:
        raise refusal("isn't a queue's full path", "write it from the root, such as root.ads")
    return written


QueuePath = Annotated[str, AfterValidator(_queue_path)]
Amount = Annotated[int, Field(strict=True, ge=0, le=_MOST)]


class Amounts(Section):
    """Amounts of both systems together; a key that is absent isn't limited."""

    cpu_millicores: Amount | None = None
    """Thousandths of a core: 200000 is 200 cores. Absent: no such limit."""
    memory_mib: Amount | None = None
    """MiB. Absent: no such limit."""

    @property
    def given(self) -> dict[str, int]:
        """Return what the file says."""
        return {name: value for name, value in self if value is not None}


class TenantShareMode(StrEnum):
    """Whether a guarantee counts toward the fair share (floor) or comes before it (surplus)."""

    FLOOR = "floor"
    SURPLUS = "surplus"


class Tenant(Section):
    """An owner of YARN queues and Kubernetes namespaces, or an organisation above such owners."""

    name: Text
    """What it is called; unique. A tenant called `default` owns what nobody else does."""
    parent: Text | None = None
    """The organisation above it, another tenant's name. null, the default: none."""
    weight: float = Field(default=1.0, strict=True, ge=0, le=1e9)
    """Its part beside its siblings of what guarantees leave. 1 by default; 0 gets nothing beyond its guarantee until
    all others are full."""
    min: Amounts = Amounts()
    """Its guarantee, whenever it asks for it. None by default."""
    max: Amounts = Amounts()
    """The most it may have. Unlimited by default."""
    lending_limit: Amounts = Amounts()
    """How much of its unused guarantee others may use. All of it by default."""
    borrowing_limit: Amounts = Amounts()
    """How much above its guarantee it may have. Up to `max` by default."""
    priority: int = Field(default=0, strict=True, ge=-1000, le=1000)
    """Higher ones share what guarantees leave before lower ones get any of it. 0 by default, for all alike."""
    share_mode: TenantShareMode | None = None
    """`floor` or `surplus` for what is below it; null, the default: as in `rebalance`."""
    yarn_queues: tuple[QueuePath, ...] = ()
    """Full paths of its queues, such as root.ads; each stands for all that is below it."""
    namespaces: tuple[DnsLabel, ...] = ()
    """Its namespaces. Pods there are batch work: use of what is lent, and not a reason to lend less."""
    evict: bool = Field(default=False, strict=True)
    """Whether its pods may be evicted, budgets respected, when others must have back what it borrowed. false by
    default: then a smaller quota waits until they end."""

    @field_validator("name")
    @classmethod
    def _check_name(cls, name: str, info: ValidationInfo) -> str:
        if Around.of(info).tenant_names.count(name) > 1:
            raise refusal("is the name of more than one tenant", "give each a name of its own")
        if name == ROOT_TENANT:
            raise refusal("is the name of the whole", "choose another")
        return name

    @field_validator("parent")
    @classmethod
    def _check_parent(cls, parent: str | None, info: ValidationInfo) -> str | None:
        known = frozenset(Around.of(info).tenant_names)
        if parent is not None and parent not in known:
            raise refusal("isn't a tenant's name", choice(known, "add it"))
        return parent


class Adapter(StrEnum):
    """A place where shares are made to bind."""

    YARN_CAPACITY = "yarn-capacity"
    YARN_FAIR = "yarn-fair"
    RESOURCE_QUOTA = "resource-quota"


class RebalanceMode(StrEnum):
    """What a round may do; the mode of the whole caps it."""

    OBSERVE = "observe"
    ADVISE = "advise"
    ENFORCE = "enforce"


class History(Section):
    """Whether who used much of late counts for less."""

    half_life: Duration | None = None
    """Past use counts half as much after so long. null, the default: the past doesn't count."""
    most: float = Field(default=4.0, strict=True, ge=1, le=1000)
    """A weight is multiplied or divided by no more than this, so that nobody is ever shut out. 1 switches it off."""

    @field_validator("half_life")
    @classmethod
    def _check_half_life(cls, half_life: timedelta | None) -> timedelta | None:
        if half_life == timedelta(0):
            raise refusal("is no time at all", "write a duration such as 6h, or null to switch it off")
        return half_life


class Rebalance(Section):
    """When targets are computed anew, and where they are written."""

    mode: RebalanceMode = RebalanceMode.ENFORCE
    """`observe`: compute and show. `advise`: also show what would be written. `enforce`: write. enforce by default,
    capped by the mode of the whole, which is observe by default."""
    cron: Cron = "*/15 * * * *"
    """When a round runs at the latest: five fields as in Unix cron. Every quarter of an hour by default; demand that
    moves starts one earlier."""
    timezone: ZoneName = "UTC"
    """The time zone of the cron."""
    adapters: tuple[Adapter, ...] = ()
    """Where targets are written: `yarn-capacity`, `yarn-fair`, `resource-quota`. None by default: targets are shown,
    and YARN's part of what is lent still follows them."""
    pool: Text | None = None
    """The pool whose lenders both systems share. null, the default: the only one."""
    allocation_file: Path | None = None
    """FairScheduler's allocation file, where the adapter `yarn-fair` reaches it; the ResourceManager reads it anew
    within about 15 s."""
    share_mode: TenantShareMode = TenantShareMode.FLOOR
    """Whether a guarantee counts toward the fair share (`floor`) or comes before it (`surplus`)."""
    reclaim: Literal["fair_share", "guarantee_only"] = "fair_share"
    """For whom borrowers pay: for whoever is below its share, or below its guarantee alone."""
    dead_band_ratio: Ratio = 0.05
    """Demand or targets that move by less than this part start and change nothing. 0 switches it off."""
    max_step_ratio: float = Field(default=0.5, strict=True, gt=0, le=1)
    """The part of a tenant's amount that one round may take, unless a guarantee is to be met. 1 switches it off."""
    half_life: Duration = timedelta(minutes=10)
    """Demand that went down counts half as much after so long. 0s believes it at once."""
    history: History = History()
    """Whether past use changes weights. It doesn't, by default."""
    headroom: Amounts = Amounts(cpu_millicores=1000, memory_mib=1024)
    """Added to what each namespace uses and waits for, so that its next pod isn't refused before anybody has seen
    it wanted. A core and a GiB by default; 0 relies on workloads alone."""

    @field_validator("pool")
    @classmethod
    def _check_pool(cls, pool: str | None, info: ValidationInfo) -> str | None:
        known = Around.of(info).notice_by_pool
        if pool is not None and pool not in known:
            raise refusal("isn't a key of pools", choice(known, "add it there"))
        return pool

    @field_validator("adapters")
    @classmethod
    def _check_adapters(cls, adapters: tuple[Adapter, ...]) -> tuple[Adapter, ...]:
        if len(set(adapters)) < len(adapters):
            raise refusal("names one twice", "name each once")
        if {Adapter.YARN_CAPACITY, Adapter.YARN_FAIR} <= set(adapters):
            raise refusal("names two schedulers, and a ResourceManager has one", "keep the one that it runs")
        return adapters

    @field_validator("allocation_file")
    @classmethod
    def _resolve(cls, file: Path | None, info: ValidationInfo) -> Path | None:
        return None if file is None else Around.of(info).file(file)

    @model_validator(mode="after")
    def _check_file(self) -> Rebalance:
        if Adapter.YARN_FAIR in self.adapters and self.allocation_file is None:
            raise refusal("has the adapter yarn-fair and no allocation_file", "name FairScheduler's allocation file")
        return self


def refuse_shared(tenants: tuple[Tenant, ...]) -> None:
    """Refuse tenants that claim the same queue or namespace, a queue below another's, and a circle of parents."""
    owner: dict[str, str] = {}
    for tenant in tenants:
        for claimed in (*tenant.yarn_queues, *(f"namespace {name}" for name in tenant.namespaces)):
            if claimed in owner:
                raise refusal(f"{claimed} is claimed by {owner[claimed]} and {tenant.name}", "leave it to one of them")
            owner[claimed] = tenant.name
    for path, name in owner.items():
        above = path.rpartition(".")[0]
        while above and above not in owner:
            above = above.rpartition(".")[0]
        if above:
            raise refusal(f"{path} of {name} lies below {above} of {owner[above]}", "claim either the one or the other")
    _refuse_circles(tenants)


def _refuse_circles(tenants: tuple[Tenant, ...]) -> None:
    parent_by_name = {tenant.name: tenant.parent for tenant in tenants}
    for name, parent in parent_by_name.items():
        seen, above = {name}, parent
        while above is not None:
            if above in seen:
                raise refusal(f"{name} is below itself", "let one of the circle have no parent")
            seen.add(above)
            above = parent_by_name.get(above)
