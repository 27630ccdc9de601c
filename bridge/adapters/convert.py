"""Where the two systems' units meet: vcores and millicores, a NodeManager's offer and its pod's requests.

Demand rounds up, room rounds down. Nowhere else is one system's amount turned into the other's.
"""

from __future__ import annotations

import math
from fractions import Fraction

from bridge.core.resources import Resources, Room, Shape
from k8s_pool import KubeAmount
from yarn_client import YarnResource


def shape_of(
    *, vcores: int, memory_mib: int, vcores_per_core: float, overhead_millicores: int, overhead_mib: int
) -> Shape:
    """Say what a NodeManager of this size asks of Kubernetes: what it offers, and what it needs for itself."""
    return Shape(
        yarn=Resources(vcores=vcores, memory_mib=memory_mib),
        pod=Room(
            cpu_millicores=math.ceil(vcores * 1000 / vcores_per_core) + overhead_millicores,
            memory_mib=memory_mib + overhead_mib,
        ),
    )


def room_of(amount: KubeAmount) -> Room:
    """Take the two axes that are lent."""
    return Room(cpu_millicores=amount.cpu_millicores, memory_mib=amount.memory_mib)


def resources_of(amount: YarnResource) -> Resources:
    """Take YARN's amount into the core."""
    return Resources(vcores=amount.vcores, memory_mib=amount.memory_mib)


def yarn_resource_of(amount: Resources) -> YarnResource:
    """Give the core's amount to YARN."""
    return YarnResource(vcores=amount.vcores, memory_mib=amount.memory_mib)


def shape_from_text(text: str | None) -> Resources | None:
    """Read a pod's annotation; None where it is absent or not of this form."""
    try:
        parts = dict(part.split("=", 1) for part in (text or "").split(","))
        return Resources(vcores=int(parts["vcores"]), memory_mib=int(parts["memory_mib"]))
    except (KeyError, ValueError):
        return None


def room_of_yarn(amount: YarnResource | Resources, vcores_per_core: float) -> Room:
    """Say in Kubernetes' units what YARN counts; rounded up."""
    cores = Fraction(amount.vcores) / _exact(vcores_per_core)
    return Room(cpu_millicores=math.ceil(cores * 1000), memory_mib=amount.memory_mib)


def vcores_of(cpu_millicores: int, vcores_per_core: float) -> Fraction:
    """Say how many vcores millicores are; not rounded."""
    return Fraction(cpu_millicores, 1000) * _exact(vcores_per_core)


def _exact(number: float) -> Fraction:
    """Take the decimal that was written."""
    return Fraction(repr(number))
