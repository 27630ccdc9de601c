"""From settings to the core's values. The shape in both systems' words is computed elsewhere."""

from __future__ import annotations

import math
from datetime import timedelta

from bridge.core.resources import NO_ROOM, NOTHING, Room, Shape
from bridge.core.snapshot import PoolPolicy
from bridge.settings.model import Pool, Settings, Spill


def pool_policy(settings: Settings, name: str, *, shape: Shape) -> PoolPolicy:
    """Return the policy of the pool *name*, whose nodes are of *shape*."""
    return policy_of(name, settings.pools[name], tick_s=settings.tick_s, shape=shape)


def notice(pool: Pool, *, tick_s: float) -> timedelta:
    """Return how long before a deadline *pool* closes a node at the latest."""
    return policy_of("", pool, tick_s=tick_s, shape=Shape(yarn=NOTHING, pod=NO_ROOM)).notice


def policy_of(name: str, pool: Pool, *, tick_s: float, shape: Shape) -> PoolPolicy:
    """Translate one pool."""
    lenders, limits = pool.lenders, pool.limits
    return PoolPolicy(
        name=name,
        shape=shape,
        label=pool.placement.label if isinstance(pool.placement, Spill) else None,
        margin_ratio=lenders.margin_ratio,
        keep_free=Room(
            cpu_millicores=math.ceil(lenders.keep_free_cores * 1000), memory_mib=lenders.keep_free_memory_mib
        ),
        max_nodes=limits.max_nodes,
        grow_per_tick=limits.grow_per_tick,
        cool_down=timedelta(seconds=limits.cool_down_s),
        start_timeout=timedelta(seconds=limits.start_timeout_s),
        lost_timeout=timedelta(seconds=limits.lost_timeout_s),
        reclaim_within=timedelta(seconds=limits.reclaim_s),
        overcommit_timeout=timedelta(seconds=limits.overcommit_timeout_s),
        grace=timedelta(seconds=limits.grace_s),
        tick=timedelta(seconds=tick_s),
    )
