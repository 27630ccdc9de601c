"""Amounts: what fits, how often, and which way they round."""

from __future__ import annotations

import pytest

from bridge.core.resources import NO_ROOM, NOTHING, Resources, Room


def yarn(vcores: int, memory_mib: int) -> Resources:
    return Resources(vcores=vcores, memory_mib=memory_mib)


def kube(cpu_millicores: int, memory_mib: int) -> Room:
    return Room(cpu_millicores=cpu_millicores, memory_mib=memory_mib)


@pytest.mark.parametrize(
    ("need", "have", "times"),
    [
        pytest.param((1, 1024), (4, 8192), 4, id="the scarcer axis counts"),
        pytest.param((1, 4096), (4, 8192), 2, id="memory is scarcer"),
        pytest.param((5, 1), (4, 8192), 0, id="too large"),
        pytest.param((1, 1), (-3, 10), 0, id="nothing fits in less than nothing"),
        pytest.param((0, 0), (4, 4), 0, id="nothing is counted as never"),
        pytest.param((0, 2), (0, 5), 2, id="an axis that isn't asked for doesn't count"),
    ],
)
def test_times_in(need: tuple[int, int], have: tuple[int, int], times: int) -> None:
    assert yarn(*need).times_in(yarn(*have)) == times
    assert kube(*need).times_in(kube(*have)) == times


@pytest.mark.parametrize(
    ("amount", "ratio", "share"),
    [
        pytest.param(1001, 0.9, 900, id="rounds down"),
        pytest.param(100_000, 0.29, 29_000, id="isn't cheated by binary fractions"),
        pytest.param(10_000, 1 - 0.9, 1_000, id="nor by a difference of them"),
        pytest.param(7, 0.0, 0, id="nothing"),
        pytest.param(7, 1.0, 7, id="all"),
    ],
)
def test_a_share_rounds_down(amount: int, ratio: float, share: int) -> None:
    assert kube(amount, amount).share(ratio) == kube(share, share)


def test_amounts_add_subtract_and_multiply_by_axis() -> None:
    assert yarn(1, 2) + yarn(3, 4) - yarn(1, 1) == yarn(3, 5)
    assert kube(1, 2) * 3 - kube(4, 4) == kube(-1, 2)
    assert kube(-1, 2).at_least_zero() == kube(0, 2)


def test_empty_is_empty_on_every_axis() -> None:
    assert NOTHING.is_empty
    assert not yarn(0, 1).is_empty
    assert yarn(2, 2).fits_in(yarn(2, 2))
    assert not yarn(2, 3).fits_in(yarn(2, 2))
    assert NO_ROOM.fits_in(kube(0, 0))
