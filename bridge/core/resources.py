"""Amounts of compute on the two sides: what YARN hands out, and what a Kubernetes node has.

Leaves converting one into the other to ``bridge.adapters.convert``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """An amount as YARN counts it. YARN's "MB" is binary: 1024 MiB is 1 GiB."""

    vcores: int
    memory_mib: int

    def __add__(self, other: Resources) -> Resources:
        return Resources(vcores=self.vcores + other.vcores, memory_mib=self.memory_mib + other.memory_mib)

    def __sub__(self, other: Resources) -> Resources:
        return Resources(vcores=self.vcores - other.vcores, memory_mib=self.memory_mib - other.memory_mib)

    def __mul__(self, times: int) -> Resources:
        return Resources(vcores=self.vcores * times, memory_mib=self.memory_mib * times)

    def fits_in(self, room: Resources) -> bool:
        """Say whether this amount fits in *room* on every axis."""
        return self.vcores <= room.vcores and self.memory_mib <= room.memory_mib

    def times_in(self, room: Resources) -> int:
        """Count how often this amount fits into *room*; nothing fits often: an empty amount counts as zero times."""
        return _times(self.vcores, room.vcores, self.memory_mib, room.memory_mib)

    @property
    def is_empty(self) -> bool:
        """Say whether nothing is left on any axis."""
        return self.vcores <= 0 and self.memory_mib <= 0


NOTHING = Resources(vcores=0, memory_mib=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """An amount as Kubernetes counts it: what a node has, a pod requests, a lender can give."""

    cpu_millicores: int
    memory_mib: int

    def __add__(self, other: Room) -> Room:
        return _room(self.cpu_millicores + other.cpu_millicores, self.memory_mib + other.memory_mib)

    def __sub__(self, other: Room) -> Room:
        if other is NO_ROOM:
            return self
        return _room(self.cpu_millicores - other.cpu_millicores, self.memory_mib - other.memory_mib)

    def __mul__(self, times: int) -> Room:
        return Room(cpu_millicores=self.cpu_millicores * times, memory_mib=self.memory_mib * times)

    def fits_in(self, room: Room) -> bool:
        """Say whether this amount fits in *room* on every axis."""
        return self.cpu_millicores <= room.cpu_millicores and self.memory_mib <= room.memory_mib

    def times_in(self, room: Room) -> int:
        """Count how often this amount fits into *room*."""
        return _times(self.cpu_millicores, room.cpu_millicores, self.memory_mib, room.memory_mib)

    def nodes_in(self, room: Room, smaller: Sequence[Room] = ()) -> int:
        """Count the pods of this size that fit in *room* beside others that are there, *smaller* ones first."""
        beside = 0
        for other in smaller:
            if not other.fits_in(room):
                return beside
            room, beside = room - other, beside + 1
        return beside + self.times_in(room)

    def share(self, ratio: float) -> Room:
        """Take *ratio* (0 to 1) of this amount, rounded down."""
        return _share(self.cpu_millicores, self.memory_mib, ratio)

    def largest(self, other: Room) -> Room:
        """Take the greater of both amounts, axis by axis."""
        if other is self:
            return self
        return _room(max(self.cpu_millicores, other.cpu_millicores), max(self.memory_mib, other.memory_mib))

    def at_least_zero(self) -> Room:
        """Lift negative axes to zero: a node that is oversold already has no room."""
        if self.cpu_millicores >= 0 and self.memory_mib >= 0:
            return self
        return Room(cpu_millicores=max(0, self.cpu_millicores), memory_mib=max(0, self.memory_mib))


_make = object.__new__
_set_cpu = Room.__dict__["cpu_millicores"].__set__
_set_memory = Room.__dict__["memory_mib"].__set__


def _room(cpu_millicores: int, memory_mib: int) -> Room:
    """Make a room without the class's own way, which takes twice as long: sums over lenders make thousands a tick."""
    room = _make(Room)
    _set_cpu(room, cpu_millicores)
    _set_memory(room, memory_mib)
    return room


NO_ROOM = Room(cpu_millicores=0, memory_mib=0)


@lru_cache(maxsize=1024)
def _share(cpu_millicores: int, memory_mib: int, ratio: float) -> Room:
    """Take a part of both axes. Lenders come in few sizes, and each tick asks for the same parts of them many times."""
    return Room(cpu_millicores=_part(cpu_millicores, ratio), memory_mib=_part(memory_mib, ratio))


def _times(cpu: int, cpu_left: int, memory: int, memory_left: int) -> int:
    """Count how often an amount fits into what is left; an axis that it doesn't need doesn't count."""
    if cpu > 0 and memory > 0:
        return max(0, min(cpu_left // cpu, memory_left // memory))
    if cpu > 0:
        return max(0, cpu_left // cpu)
    return max(0, memory_left // memory) if memory > 0 else 0


def _part(amount: int, ratio: float) -> int:
    """Round down, but not on the last bits of a binary fraction: 0.29 of 100 is 29."""
    return math.floor(round(amount * ratio, 6))


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """One elastic node's size, said in both systems' words (the pod's holds YARN's and the NodeManager's overhead)."""

    yarn: Resources
    pod: Room
