"""CapacityScheduler's words for a queue's size, and what they come to in a partition of a given size."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from enum import StrEnum

from bridge.core.resources import NOTHING, Resources

_AMOUNT = re.compile(r"\[([^\[\]]*)\]")
_WHOLE_NUMBER = re.compile(r"-?[0-9]+")
_ROUND_AT = 6
"""Decimals at which a product counts as whole: a binary fraction's last bits must not cost a unit."""


class QueueError(Exception):
    """The scheduler can't be initialised with these queues."""


class Mode(StrEnum):
    """How a capacity is said; the words are those of the REST interface."""

    PERCENTAGE = "percentage"
    WEIGHT = "weight"
    ABSOLUTE = "absolute"


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """A configured capacity. Which field counts is said by the mode."""

    mode: Mode = Mode.PERCENTAGE
    ratio: float = 0.0
    weight: float = -1.0
    amount: Resources = NOTHING

    @property
    def is_set(self) -> bool:
        """Say whether it counts among those that give a set of siblings its mode: no percent is no mode."""
        return self.mode is not Mode.PERCENTAGE or self.ratio > 0


NO_CAPACITY = Capacity()
WHOLE = Capacity(ratio=1.0)


def read_capacity(text: str) -> Capacity:
    """Read a capacity: ``30`` percent, ``2w``, or ``[memory=1024,vcores=1]``."""
    text = text.strip()
    if match := _AMOUNT.fullmatch(text):
        return Capacity(mode=Mode.ABSOLUTE, amount=_read_amount(match[1]))
    if text.endswith("w"):
        return Capacity(mode=Mode.WEIGHT, weight=_number(text[:-1]))
    return Capacity(ratio=_number(text) / 100)


def write_capacity(*, ratio: float = 0.0, amount: Resources | None = None, weight: float | None = None) -> str:
    """Write a capacity as the scheduler's configuration has it."""
    if weight is not None:
        return f"{weight:g}w"
    if amount is not None:
        return f"[memory={amount.memory_mib},vcores={amount.vcores}]"
    return f"{ratio * 100:.10g}"


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise QueueError(f'For input string: "{text}"') from None


def _read_amount(text: str) -> Resources:
    """Read amounts. A unit is passed over: "1g" is 1 MiB."""
    found = {"memory": 0, "vcores": 0}
    for entry in filter(None, text.split(",")):
        key, _, value = entry.partition("=")
        if not (number := _WHOLE_NUMBER.match(value.strip())):
            raise QueueError("empty String")
        found[key.strip().removesuffix("-mb")] = int(number[0])
    return Resources(vcores=found["vcores"], memory_mib=found["memory"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What a queue has in one partition as large as that is now."""

    total: Resources
    """The partition."""
    ratio: float
    """Of the parent's capacity."""
    max_ratio: float
    absolute_ratio: float
    """Of the partition."""
    absolute_max_ratio: float
    normalized_weight: float = 0.0
    guaranteed: Resources
    maximum: Resources

    def used_ratio(self, vcores: int, mib: int, least: Resources) -> float:
        """Return what is used of the guarantee, by the dominant resource; no guarantee counts as *least*."""
        guaranteed = least if self.guaranteed.is_empty else self.guaranteed
        return self._dominant(vcores, mib) / max(self._dominant(guaranteed.vcores, guaranteed.memory_mib), 1e-9)

    def _dominant(self, vcores: int, mib: int) -> float:
        return max(vcores / max(1, self.total.vcores), mib / max(1, self.total.memory_mib))


def root_bounds(total: Resources, ratio: float) -> Bounds:
    """Return what the root has: the partition, or nothing of a label that no capacity has been given to."""
    whole = part(total, ratio)
    return Bounds(
        total=total,
        ratio=ratio,
        max_ratio=1.0,
        absolute_ratio=ratio,
        absolute_max_ratio=ratio,
        guaranteed=whole,
        maximum=whole,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Siblings:
    """What the children of one parent are measured by."""

    parent: Bounds
    weights: float
    amounts: Resources

    def bounds(self, capacity: Capacity, maximum: Capacity) -> Bounds:
        """Return what a child of this capacity has."""
        parent, total = self.parent, self.parent.total
        ratio, guaranteed = self._guaranteed(capacity)
        max_ratio = 1.0 if maximum.mode is Mode.ABSOLUTE else maximum.ratio
        absolute_max = parent.absolute_max_ratio * max_ratio
        most = part(total, absolute_max)
        if maximum.mode is Mode.ABSOLUTE:
            most = _less(maximum.amount, parent.maximum)
        elif max_ratio == 1.0:
            most = parent.maximum
        return Bounds(
            total=total,
            ratio=ratio,
            max_ratio=max_ratio,
            absolute_ratio=parent.absolute_ratio * ratio,
            absolute_max_ratio=absolute_max,
            normalized_weight=ratio if capacity.mode is Mode.WEIGHT else 0.0,
            guaranteed=guaranteed,
            maximum=most,
        )

    def _guaranteed(self, capacity: Capacity) -> tuple[float, Resources]:
        parent = self.parent
        if capacity.mode is Mode.ABSOLUTE:
            amount = self._scaled(_less(capacity.amount, parent.total))
            return parent.used_ratio(amount.vcores, amount.memory_mib, parent.total), amount
        ratio = capacity.ratio
        if capacity.mode is Mode.WEIGHT:
            ratio = capacity.weight / self.weights if self.weights else 0.0
            ratio = ratio if math.isfinite(ratio) else 0.0
        return ratio, part(parent.total, parent.absolute_ratio * ratio)

    def _scaled(self, amount: Resources) -> Resources:
        """Scale an amount down, each resource by itself, where those of all siblings are more than the parent has."""
        have, asked = self.parent.guaranteed, self.amounts
        return Resources(
            vcores=amount.vcores * min(have.vcores, asked.vcores) // max(1, asked.vcores),
            memory_mib=amount.memory_mib * min(have.memory_mib, asked.memory_mib) // max(1, asked.memory_mib),
        )


def siblings(parent: Bounds, capacities: list[Capacity]) -> Siblings:
    """Put together what the children of a parent are measured by."""
    return Siblings(
        parent=parent,
        weights=sum(one.weight for one in capacities if one.mode is Mode.WEIGHT),
        amounts=sum((_less(one.amount, parent.total) for one in capacities), NOTHING),
    )


def part(total: Resources, ratio: float) -> Resources:
    """Take *ratio* of an amount, rounded down."""
    return Resources(
        vcores=math.floor(round(total.vcores * ratio, _ROUND_AT)),
        memory_mib=math.floor(round(total.memory_mib * ratio, _ROUND_AT)),
    )


def _less(one: Resources, other: Resources) -> Resources:
    return Resources(vcores=min(one.vcores, other.vcores), memory_mib=min(one.memory_mib, other.memory_mib))
