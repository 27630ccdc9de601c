"""What hasn't changed is told again as the same value: whoever has looked before is told what a newcomer is."""

from __future__ import annotations

import pytest

from bridge.core.snapshot import KubeFacts, YarnNode
from bridge.ports import PortError
from bridge.sim import SimKube, SimYarn
from tests.sim.build import Pool
from tests.sim.weather import Weather

TICKS = 400


def nodes_of(yarn: SimYarn) -> tuple[YarnNode, ...] | None:
    try:
        return yarn.observe().nodes
    except PortError:
        return None


def facts_of(kube: SimKube) -> KubeFacts | None:
    try:
        return kube.observe()
    except PortError:
        return None


@pytest.mark.parametrize("seed", [100, 101])
def test_who_has_looked_before_is_told_what_a_newcomer_is(seed: int) -> None:
    weather, compared = Weather(seed, TICKS), 0
    yarn, kube = SimYarn(weather.world), SimKube(weather.world, "night")
    for _ in range(TICKS):
        weather.run(1)
        nodes, of_newcomer = nodes_of(yarn), nodes_of(SimYarn(weather.world))
        assert None in (nodes, of_newcomer) or nodes == of_newcomer
        facts, to_newcomer = facts_of(kube), facts_of(SimKube(weather.world, "night"))
        assert None in (facts, to_newcomer) or facts == to_newcomer
        compared += bool(nodes) and facts is not None
    assert compared > TICKS / 4


def test_a_node_that_has_not_changed_is_told_as_the_same_value() -> None:
    pool = Pool()
    assert all(one is other for one, other in zip(pool.yarn.observe().nodes, pool.yarn.observe().nodes, strict=True))
