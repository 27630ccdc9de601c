"""The two-sided ledger: how much of one capacity each system may believe to be its own, whatever messages were lost.

YARN and Kubernetes are told numbers over a network that loses, delays, repeats and reorders. So a side *holds* the
largest number that it may still believe, or its use where that is more, until it has been seen to obey a newer number.
What one side holds the other can't be told. Lowering a number frees nothing until the release is seen.

The ledger is a value. A caller journals it before it sends what `told` says, tags each message with the version, and
reports what it observes with `seen`. A side obeys the highest version that it has heard of. How much each side should
have is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

Amounts = Mapping[str, int]
"""Amounts by resource; one that is absent is 0."""


class Side(StrEnum):
    """A system that uses the common capacity."""

    YARN = "yarn"
    KUBERNETES = "kubernetes"

    @property
    def other(self) -> Side:
        """Name the system across."""
        return Side.KUBERNETES if self is Side.YARN else Side.YARN


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A number that was sent, or will be; of two, a side obeys the one with the higher version."""

    version: int
    amounts: Amounts

    def covers(self, other: Told) -> bool:
        """Say whether nothing in *other* is more."""
        return all(amount <= self.amounts.get(resource, 0) for resource, amount in other.amounts.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One side: what it may still believe, and what it was doing when it was last seen."""

    told: tuple[Told, ...]
    """Oldest first, the present number last; older ones only where they may still be obeyed and were more."""
    obeyed: int = 0
    """The version that it was seen to obey."""
    used: Amounts = field(default_factory=dict)

    def held(self, resource: str) -> int:
        """Say how much may be in use, now or before the next report."""
        believed = max(told.amounts.get(resource, 0) for told in self.told)
        return max(believed, self.used.get(resource, 0))

    def with_told(self, amounts: Amounts) -> Account:
        """Add a number to those that it may believe."""
        latest = Told(version=self.told[-1].version + 1, amounts=amounts)
        return replace(self, told=(*(told for told in self.told if not latest.covers(told)), latest))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """A capacity and its two sides."""

    capacity: Amounts
    account_by_side: Mapping[Side, Account]

    @classmethod
    def opened(cls, capacity: Amounts, believed_by_side: Mapping[Side, Amounts]) -> Ledger:
        """Begin with sides that may believe so much. What they believe isn't nothing because nobody remembers it."""
        accounts = {side: Account(told=(Told(version=0, amounts=believed_by_side[side]),)) for side in Side}
        return cls(capacity=capacity, account_by_side=accounts)

    def told(self, side: Side) -> Told:
        """Say what the side should be told now; telling it again does no harm."""
        return self.account_by_side[side].told[-1]

    def held(self, side: Side) -> dict[str, int]:
        """Say what the side may be using, now or before its next report."""
        return {resource: self.account_by_side[side].held(resource) for resource in self._resources()}

    def free(self) -> dict[str, int]:
        """Say what nobody holds. Below 0 the capacity is overcommitted, and no side can be told more of it."""
        return {resource: self._free(resource) for resource in self._resources()}

    def tell(self, side: Side, wanted: Amounts) -> Ledger:
        """Set the side's number as near to what is wanted as the other side's holding allows, resource by resource."""
        before = self.told(side).amounts
        names = {*self._resources(), *wanted}
        return self._told(side, {name: self._allowed(side, name, before.get(name, 0), wanted) for name in names})

    def lower(self, side: Side, most: Amounts) -> Ledger:
        """Lower the side's number to *most*, where it is named and less. Room comes free when its release is seen."""
        before = self.told(side).amounts
        return self._told(side, {name: min(amount, most.get(name, amount)) for name, amount in before.items()})

    def aim(self, wanted_by_side: Mapping[Side, Amounts]) -> Ledger:
        """Go one round toward what both sides should have."""
        ledger = self
        for side, wanted in sorted(wanted_by_side.items()):
            ledger = ledger.tell(side, wanted)
        return ledger

    def seen(self, side: Side, used: Amounts, version: int) -> Ledger:
        """Take note that the side obeyed a version and used so much.

        Any such report stays true as an upper bound: use grows only up to a number obeyed since. So a repeated or late
        one is safe to take; one of an older version says less than is known already.
        """
        account = self.account_by_side[side]
        if version > account.told[-1].version:
            raise ValueError(
                f"{side} reports version {version}, but {account.told[-1].version} is the last it was told"
            )
        if version < account.obeyed:
            return self
        newer = tuple(told for told in account.told if told.version >= version)
        return self._with(side, Account(told=newer, obeyed=version, used=used))

    def resized(self, capacity: Amounts) -> Ledger:
        """Change the capacity. A shrink below what is held overcommits it until enough has been released."""
        return replace(self, capacity=capacity)

    def _resources(self) -> list[str]:
        accounts = self.account_by_side.values()
        named = {name for account in accounts for told in account.told for name in told.amounts}
        return sorted(named.union(self.capacity, *(account.used for account in accounts)))

    def _free(self, resource: str) -> int:
        held = sum(account.held(resource) for account in self.account_by_side.values())
        return self.capacity.get(resource, 0) - held

    def _allowed(self, side: Side, resource: str, before: int, wanted: Amounts) -> int:
        """Allow every lower number, and a higher one as far as nothing is overcommitted."""
        after = wanted.get(resource, 0)
        if after <= before or self._free(resource) < 0:
            return min(after, before)
        other = self.account_by_side[side.other].held(resource)
        return min(after, self.capacity.get(resource, 0) - other)

    def _told(self, side: Side, amounts: dict[str, int]) -> Ledger:
        """Add a number to those that the side may believe, unless it is the present one."""
        account = self.account_by_side[side]
        before = account.told[-1].amounts
        if all(before.get(name, 0) == amount for name, amount in amounts.items()):
            return self
        return self._with(side, account.with_told(amounts))

    def _with(self, side: Side, account: Account) -> Ledger:
        return replace(self, account_by_side={**self.account_by_side, side: account})
