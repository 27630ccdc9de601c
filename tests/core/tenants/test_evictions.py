"""Which pods a borrower loses: the cheapest, and no more than is due."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.resources import NO_ROOM, Room
from bridge.core.tenants.divide import added
from bridge.core.tenants.evictions import victims
from bridge.core.tenants.facts import TenantPod
from tests.core.tenants.build import make_pod, room


@pytest.mark.parametrize(
    ("pods", "due", "expected"),
    [
        pytest.param((make_pod("a"), make_pod("b")), NO_ROOM, (), id="nothing is due"),
        pytest.param((make_pod("a", priority=1), make_pod("b", priority=0)), room(1), ("b",), id="least priority"),
        pytest.param((make_pod("a", minutes=9), make_pod("b", minutes=1)), room(1), ("b",), id="youngest"),
        pytest.param((make_pod("a"), make_pod("b"), make_pod("c")), room(2), ("a", "b"), id="by name, and no more"),
        pytest.param((make_pod("a", 1, minutes=1), make_pod("b", 4)), room(4), ("b",), id="the superfluous is spared"),
        pytest.param((make_pod("a"),), room(3), ("a",), id="what there is"),
    ],
)
def test_the_cheapest_pods_go(pods: tuple[TenantPod, ...], due: Room, expected: tuple[str, ...]) -> None:
    assert tuple(pod.name for pod in victims(pods, due)) == expected


def test_a_pod_that_asks_for_nothing_of_what_is_due_stays() -> None:
    only_memory = Room(cpu_millicores=0, memory_mib=4096)
    pods = (make_pod("cpu"), make_pod("memory", minutes=60))
    small = tuple(pod if pod.name == "memory" else make_pod("cpu", 1, minutes=1) for pod in pods)
    chosen = victims(small, only_memory)
    assert {pod.name for pod in chosen} == {"cpu", "memory"}


sizes = st.lists(st.tuples(st.integers(1, 8), st.integers(0, 3), st.integers(1, 99)), max_size=12)


@given(sizes, st.integers(0, 40))
def test_what_goes_frees_what_is_due_where_it_can_and_nothing_of_it_could_stay(
    sizes: list[tuple[int, int, int]], cores: int
) -> None:
    pods = tuple(
        make_pod(f"p{number}", size, priority=priority, minutes=minutes)
        for number, (size, priority, minutes) in enumerate(sizes)
    )
    due, chosen = room(cores), victims(pods, room(cores))
    freed = added(pod.requests for pod in chosen)
    assert due.fits_in(freed) or len(chosen) == len(pods)
    if due.fits_in(freed):
        assert not any(due.fits_in(freed - pod.requests) for pod in chosen)
