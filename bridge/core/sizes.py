"""The sizes that an elastic node may have: quarters of its pool's shape."""

from __future__ import annotations

import math

from bridge.core.resources import Resources, Room, Shape
from bridge.core.snapshot import PoolPolicy

QUARTERS = 4


def sizes(policy: PoolPolicy, minimum: Resources) -> tuple[Shape, ...]:
    """List the sizes that a node may have, smallest first: quarters of its shape that the ResourceManager accepts."""
    found: list[Shape] = []
    for part in range(1, QUARTERS + 1):
        shape = _part(policy, part)
        if (
            minimum.fits_in(shape.yarn)
            and shape.yarn.vcores > 0
            and (not found or found[-1].yarn.vcores < shape.yarn.vcores)
        ):
            found.append(shape)
    return tuple(found)


def _part(policy: PoolPolicy, part: int) -> Shape:
    """Take so many quarters of the pool's shape; the NodeManager's own need stays, and vcores stay whole."""
    whole, own = policy.shape, policy.overhead
    vcores = whole.yarn.vcores * part // QUARTERS
    lent = whole.pod - own
    return Shape(
        yarn=Resources(vcores=vcores, memory_mib=whole.yarn.memory_mib * part // QUARTERS),
        pod=Room(
            cpu_millicores=own.cpu_millicores + math.ceil(lent.cpu_millicores * vcores / max(1, whole.yarn.vcores)),
            memory_mib=own.memory_mib + math.ceil(lent.memory_mib * part / QUARTERS),
        ),
    )
