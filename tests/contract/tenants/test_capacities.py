"""What every world holds of ``Enforcer`` for CapacityScheduler's queues, in amounts and in percent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from bridge.core.ledger import Side
from bridge.core.resources import Room
from bridge.core.tenants.writes import Change, Draft, Wanted, mismatches
from bridge.ports import Rejected
from tests.contract.tenants.stage import ADS, DEFAULT, LEAST, WHOLE, Enforcers, read

HALVES = {"percentage": ("50", "100"), "absolute": ("[memory=1024,vcores=2]", "[memory=2048,vcores=4]")}
"""Capacity and maximum of both queues."""
HALF = Room(cpu_millicores=100, memory_mib=1024)
TARGETS = {
    "three quarters": Room(cpu_millicores=150, memory_mib=1536),
    "not whole vcores": Room(cpu_millicores=70, memory_mib=717),
    "nearly nothing": Room(cpu_millicores=1, memory_mib=20),
}


@pytest.fixture(params=HALVES)
def mode(request: pytest.FixtureRequest, enforcers: Enforcers) -> Iterator[str]:
    """How capacities are written: half each. They are halves in percent again afterwards."""
    enforcers.halve_queues(*HALVES[request.param])
    yield request.param
    enforcers.halve_queues(*HALVES["percentage"])


def wanted(ads: Room) -> tuple[Wanted, ...]:
    """Give one queue an amount, and the other what is left."""
    return (Wanted(leaf=ADS, amount=ads, ceiling=WHOLE), Wanted(leaf=DEFAULT, amount=WHOLE - ads, ceiling=WHOLE))


def draft(enforcers: Enforcers, ads: Room) -> Draft:
    """Return the one draft that an amount needs."""
    (found,) = enforcers.queues.drafts(wanted(ads), enforcers.queues.read(wanted(ads)))
    assert found.problems == ()
    return found


def test_it_says_whose_and_what_it_is(enforcers: Enforcers) -> None:
    queues = enforcers.queues
    assert (queues.name, queues.side, queues.is_lagging) == ("yarn-capacity", Side.YARN, False)


def test_settings_are_read_as_written_and_amounts_as_they_came_out(mode: str, enforcers: Enforcers) -> None:
    capacity, maximum = HALVES[mode]
    halves = {"capacity": capacity, "maximum-capacity": maximum}
    assert read(enforcers.queues, wanted(HALF)) == ({ADS: halves, DEFAULT: halves}, {ADS: HALF, DEFAULT: HALF})


def test_a_queue_that_isnt_there_has_neither(mode: str, enforcers: Enforcers) -> None:
    nowhere = (Wanted(leaf=replace(ADS, name="root.nowhere"), amount=HALF),)
    assert read(enforcers.queues, nowhere) == ({}, {})


def test_what_is_in_force_needs_no_draft(mode: str, enforcers: Enforcers) -> None:
    in_force = enforcers.queues.read(wanted(HALF))
    assert enforcers.queues.drafts(wanted(HALF), in_force) == ()


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_what_is_written_is_in_force_to_within_one_minimum_allocation(
    mode: str, target: Room, enforcers: Enforcers
) -> None:
    enforcers.queues.write(draft(enforcers, target))
    in_force = enforcers.queues.read(wanted(target))
    assert mismatches({entry.leaf: entry.amount for entry in wanted(target)}, in_force, LEAST) == ()
    assert enforcers.queues.drafts(wanted(target), in_force) == ()


def test_a_draft_says_what_one_number_leaves_out(mode: str, enforcers: Enforcers) -> None:
    (found,) = enforcers.queues.drafts(wanted(LEAST), enforcers.queues.read(wanted(LEAST)))
    assert any("one number carries the target of memory_mib" in note for note in found.notes) == (mode == "percentage")


def test_a_draft_is_rejected_once_somebody_has_written_in_between(mode: str, enforcers: Enforcers) -> None:
    late = draft(enforcers, LEAST)
    enforcers.halve_queues(*HALVES[mode])
    before = read(enforcers.queues, wanted(LEAST))
    with pytest.raises(Rejected, match=f"went from version {late.token} to "):
        enforcers.queues.write(late)
    assert read(enforcers.queues, wanted(LEAST)) == before


def test_what_is_refused_leaves_everything_as_it_was(mode: str, enforcers: Enforcers) -> None:
    before, token = read(enforcers.queues, wanted(HALF)), enforcers.queues.read(wanted(HALF)).token
    too_much = {"percentage": "70", "absolute": "[memory=4096,vcores=2]"}[mode]
    changes = (
        Change(leaf=DEFAULT, key="maximum-capacity", before=None, after=HALVES[mode][0]),
        Change(leaf=ADS, key="capacity", before=None, after=too_much),
    )
    with pytest.raises(Rejected, match="the ResourceManager would not"):
        enforcers.queues.write(Draft(changes=changes, token=token))
    assert read(enforcers.queues, wanted(HALF)) == before
    assert enforcers.queues.read(wanted(HALF)).token == token
