"""From settings to the core's values. The shape in both systems' words is computed elsewhere."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta

from bridge.core.resources import NO_ROOM, NOTHING, Room, Shape
from bridge.core.shares import HistoryPolicy, ReclaimPolicy, ShareMode
from bridge.core.snapshot import Basis, PoolPolicy
from bridge.core.tenants.policy import SharePolicy
from bridge.core.tenants.policy import Tenant as CoreTenant
from bridge.settings.model import Plain, Pool, Settings
from bridge.settings.tenants import Amounts, Tenant


def pool_policy(settings: Settings, name: str, *, shape: Shape, overhead: Room = NO_ROOM) -> PoolPolicy:
    """Return the policy of the pool *name*, whose nodes are of *shape*; *overhead* of it is the NodeManager's own."""
    pool = settings.pools[name]
    signal = None if pool.lenders.signal is None else settings.signals[pool.lenders.signal].policy
    policy = policy_of(name, pool, tick_s=settings.tick_s, shape=shape)
    return replace(policy, signal=signal, overhead=overhead)


def notice(pool: Pool, *, tick_s: float) -> timedelta:
    """Return how long before a deadline *pool* closes a node at the latest."""
    return policy_of("", pool, tick_s=tick_s, shape=Shape(yarn=NOTHING, pod=NO_ROOM)).notice


def policy_of(name: str, pool: Pool, *, tick_s: float, shape: Shape) -> PoolPolicy:
    """Translate one pool."""
    lenders, limits = pool.lenders, pool.limits
    return PoolPolicy(
        name=name,
        shape=shape,
        label=None if isinstance(pool.placement, Plain) else pool.placement.label,
        basis=Basis(lenders.basis),
        cap_ratio=lenders.cap,
        margin_ratio=lenders.margin_ratio,
        lend_for=lenders.expecting.lend_for,
        give_back_ahead=lenders.expecting.give_back_ahead,
        keep_free=_kept_free(pool),
        max_nodes=limits.max_nodes,
        grow_per_tick=limits.grow_per_tick,
        cool_down=timedelta(seconds=limits.cool_down_s),
        start_timeout=timedelta(seconds=limits.start_timeout_s),
        lost_timeout=timedelta(seconds=limits.lost_timeout_s),
        reclaim_within=timedelta(seconds=limits.reclaim_s),
        overcommit_timeout=timedelta(seconds=limits.overcommit_timeout_s),
        grace=timedelta(seconds=limits.grace_s),
        app_loss_ratio=pool.giving_back.app_loss_ratio,
        tolerated_loss_ratio=pool.giving_back.tolerated_loss_ratio,
        max_lead=pool.giving_back.max_lead,
        prefers_work=pool.giving_back.prefer == "work",
        tick=timedelta(seconds=tick_s),
    )


def share_policy(settings: Settings, *, shape: Shape, elastic_as_room: Room) -> SharePolicy:
    """Translate tenants and rebalancing; *elastic_as_room* is what a node of *shape* offers, in Kubernetes' units."""
    rebalance = settings.rebalance
    return SharePolicy(
        tenants=tuple(_tenant(tenant) for tenant in settings.tenants),
        shape=shape,
        elastic_as_room=elastic_as_room,
        is_plain=isinstance(settings.pools[settings.rebalanced_pool].placement, Plain),
        headroom=_room(rebalance.headroom),
        dead_band_ratio=rebalance.dead_band_ratio,
        max_step_ratio=rebalance.max_step_ratio,
        half_life=rebalance.half_life,
        share_mode=ShareMode(rebalance.share_mode),
        reclaim_policy=ReclaimPolicy(rebalance.reclaim),
        history=HistoryPolicy(half_life=rebalance.history.half_life, most=rebalance.history.most),
    )


def _tenant(tenant: Tenant) -> CoreTenant:
    return CoreTenant(
        name=tenant.name,
        parent=tenant.parent,
        weight=tenant.weight,
        guarantee=tenant.min.given,
        ceiling=tenant.max.given,
        lending_limit=tenant.lending_limit.given,
        borrowing_limit=tenant.borrowing_limit.given,
        priority=tenant.priority,
        share_mode=None if tenant.share_mode is None else ShareMode(tenant.share_mode),
        queues=tenant.yarn_queues,
        namespaces=tenant.namespaces,
        may_evict=tenant.evict,
    )


def _room(amounts: Amounts) -> Room:
    return Room(cpu_millicores=amounts.cpu_millicores or 0, memory_mib=amounts.memory_mib or 0)


def _kept_free(pool: Pool) -> Room:
    return Room(
        cpu_millicores=math.ceil(pool.lenders.keep_free_cores * 1000), memory_mib=pool.lenders.keep_free_memory_mib
    )
