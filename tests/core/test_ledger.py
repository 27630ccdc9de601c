"""The ledger: rules by example, and the invariant against two sides behind a network that loses and reorders."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from bridge.core.ledger import Amounts, Ledger, Side

YARN, KUBERNETES = Side.YARN, Side.KUBERNETES
RESOURCES = ("cpu", "memory")


def opened(cpu: int, *, yarn: int = 0, kubernetes: int = 0) -> Ledger:
    """A ledger of processors alone, whose sides were seen to obey these numbers."""
    return Ledger.opened({"cpu": cpu}, {YARN: {"cpu": yarn}, KUBERNETES: {"cpu": kubernetes}})


def told(ledger: Ledger) -> tuple[int, int]:
    return ledger.told(YARN).amounts["cpu"], ledger.told(KUBERNETES).amounts["cpu"]


def test_a_side_is_told_no_more_than_the_other_leaves() -> None:
    ledger = opened(10).tell(YARN, {"cpu": 7}).tell(KUBERNETES, {"cpu": 7})
    assert told(ledger) == (7, 3)


def test_a_lowered_number_counts_until_its_release_is_seen() -> None:
    lowered = opened(10, yarn=10).lower(YARN, {"cpu": 4})
    assert told(lowered.tell(KUBERNETES, {"cpu": 6})) == (4, 0)
    obeyed = lowered.seen(YARN, {"cpu": 9}, version=1)
    assert told(obeyed.tell(KUBERNETES, {"cpu": 6})) == (4, 1), "it obeys, but still uses 9"
    released = obeyed.seen(YARN, {"cpu": 4}, version=1)
    assert told(released.tell(KUBERNETES, {"cpu": 6})) == (4, 6)


def test_idle_isnt_released() -> None:
    ledger = opened(10, yarn=10).seen(YARN, {"cpu": 0}, version=0)
    assert told(ledger.tell(KUBERNETES, {"cpu": 5})) == (10, 0), "it may use its 10 at any moment"


def test_a_late_report_of_an_older_version_changes_nothing() -> None:
    ledger = opened(10, yarn=10).lower(YARN, {"cpu": 4}).seen(YARN, {"cpu": 4}, version=1)
    assert ledger.seen(YARN, {"cpu": 10}, version=0) == ledger


def test_a_repeated_report_changes_nothing() -> None:
    ledger = opened(10, yarn=10).lower(YARN, {"cpu": 4}).seen(YARN, {"cpu": 4}, version=1)
    assert ledger.seen(YARN, {"cpu": 4}, version=1) == ledger


def test_telling_the_same_again_makes_no_new_version() -> None:
    ledger = opened(10).tell(YARN, {"cpu": 7})
    assert ledger.tell(YARN, {"cpu": 7}) == ledger


def test_a_number_that_was_never_told_cannot_have_been_obeyed() -> None:
    with pytest.raises(ValueError, match="yarn reports version 3, but 0 is the last it was told"):
        opened(10).seen(YARN, {}, version=3)


def test_overcommit_stops_both_sides() -> None:
    ledger = opened(10, yarn=5, kubernetes=5).resized({"cpu": 8})
    assert ledger.free() == {"cpu": -2}
    assert told(ledger.aim({YARN: {"cpu": 6}, KUBERNETES: {"cpu": 6}})) == (5, 5)


def test_overcommit_stops_a_side_even_from_taking_back_what_it_gave() -> None:
    lowered = opened(10, yarn=10).lower(YARN, {"cpu": 4}).resized({"cpu": 8})
    assert told(lowered.tell(YARN, {"cpu": 6})) == (4, 0)


def test_what_nobody_has_confirmed_can_be_taken_back() -> None:
    lowered = opened(10, yarn=10).lower(YARN, {"cpu": 4})
    assert told(lowered.tell(YARN, {"cpu": 10})) == (10, 0)


def test_each_resource_is_judged_by_itself() -> None:
    ledger = Ledger.opened({"cpu": 8, "memory": 8}, {YARN: {"cpu": 4, "memory": 8}, KUBERNETES: {"cpu": 0}})
    mixed = ledger.tell(KUBERNETES, {"cpu": 6, "memory": 6})
    assert mixed.told(KUBERNETES).amounts == {"cpu": 4, "memory": 0}


def test_a_side_that_answers_nothing_keeps_no_endless_list() -> None:
    ledger = opened(10)
    for step in range(1000):
        ledger = ledger.tell(YARN, {"cpu": step % 10})
    assert len(ledger.account_by_side[YARN].told) <= 10


@dataclass(slots=True)
class World:
    """A side as it really is: it obeys the highest version that reached it, and lets go of use when it likes."""

    version: int = 0
    believed: Amounts = field(default_factory=dict)
    used: Amounts = field(default_factory=dict)

    def hear(self, version: int, amounts: Amounts) -> None:
        if version > self.version:
            self.version, self.believed = version, amounts

    def use(self, wanted: Amounts) -> None:
        """Use what is wanted, but start nothing that isn't allowed."""
        self.used = {r: min(wanted[r], max(self.used.get(r, 0), self.believed.get(r, 0))) for r in RESOURCES}

    def may_use(self, resource: str) -> int:
        return max(self.believed.get(resource, 0), self.used.get(resource, 0))


amounts = st.fixed_dictionaries({resource: st.integers(0, 20) for resource in RESOURCES})
sides = st.sampled_from(Side)
picks = st.integers(0, 2**16)


class TwoSides(RuleBasedStateMachine):
    """Numbers and reports are sent at any time, and arrive at any later time, any number of times, or never."""

    def __init__(self) -> None:
        super().__init__()
        self.worlds = {side: World() for side in Side}
        self.ledger = Ledger.opened({}, {side: {} for side in Side})
        self.told: list[tuple[Side, int, Amounts]] = []
        self.reports: list[tuple[Side, int, Amounts]] = []

    @initialize(capacity=amounts)
    def open(self, capacity: Amounts) -> None:
        self.ledger = self.ledger.resized(capacity)

    @rule(side=sides, wanted=amounts)
    def tell(self, side: Side, wanted: Amounts) -> None:
        before = self.ledger
        self.ledger = before.tell(side, wanted)
        for resource, free in before.free().items():
            grown = self.ledger.told(side).amounts.get(resource, 0) - before.told(side).amounts.get(resource, 0)
            assert free >= 0 or grown <= 0
            assert self.ledger.free()[resource] >= min(free, 0)

    @rule(side=sides, most=amounts)
    def lower(self, side: Side, most: Amounts) -> None:
        before = self.ledger
        self.ledger = before.lower(side, most)
        assert self.ledger.free() == before.free()

    @rule(yarn=amounts, kubernetes=amounts)
    def aim(self, yarn: Amounts, kubernetes: Amounts) -> None:
        self.ledger = self.ledger.aim({YARN: yarn, KUBERNETES: kubernetes})

    @rule(capacity=amounts)
    def resize(self, capacity: Amounts) -> None:
        self.ledger = self.ledger.resized(capacity)

    @rule(side=sides)
    def send(self, side: Side) -> None:
        now = self.ledger.told(side)
        self.told.append((side, now.version, now.amounts))

    @precondition(lambda self: self.told)
    @rule(pick=picks)
    def hear(self, pick: int) -> None:
        side, version, heard = self.told[pick % len(self.told)]
        self.worlds[side].hear(version, heard)

    @rule(side=sides, wanted=amounts)
    def use(self, side: Side, wanted: Amounts) -> None:
        self.worlds[side].use(wanted)

    @rule(side=sides)
    def look(self, side: Side) -> None:
        world = self.worlds[side]
        self.reports.append((side, world.version, world.used))

    @precondition(lambda self: self.reports)
    @rule(pick=picks)
    def see(self, pick: int) -> None:
        side, version, used = self.reports[pick % len(self.reports)]
        self.ledger = self.ledger.seen(side, used, version)

    @rule()
    def calm(self) -> None:
        """Once everything arrives, a side holds its present number, or its use where that is more."""
        for side, world in self.worlds.items():
            now = self.ledger.told(side)
            world.hear(now.version, now.amounts)
            self.ledger = self.ledger.seen(side, world.used, world.version)
            for resource, held in self.ledger.held(side).items():
                assert held == world.may_use(resource)

    @invariant()
    def nobody_can_use_more_than_the_ledger_counts(self) -> None:
        for side, world in self.worlds.items():
            held = self.ledger.held(side)
            assert all(world.may_use(resource) <= held.get(resource, 0) for resource in RESOURCES)

    @invariant()
    def the_sides_together_never_exceed_the_capacity(self) -> None:
        """Unless it shrank; and then the ledger says so."""
        for resource in RESOURCES:
            claimed = sum(world.may_use(resource) for world in self.worlds.values())
            overcommit = -min(0, self.ledger.free().get(resource, 0))
            assert claimed <= self.ledger.capacity.get(resource, 0) + overcommit


TwoSides.TestCase.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)
TestTwoSides = TwoSides.TestCase
