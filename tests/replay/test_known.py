"""What a tick knows from the one before spares it work and changes nothing: each decides as it would without."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.controller.tick import Ticked
from bridge.core.check import check
from bridge.core.decide import decide
from bridge.core.plan import plan
from bridge.core.snapshot import Basis
from bridge.replay.report import always_open, default_policy
from bridge.replay.run import play
from bridge.sim import Job, SimWorld
from tests.replay.build import make_stage
from tests.replay.draw import JOBS, LOADS, WINDOWS, changed, make_world


class Watch:
    """Decides each tick's snapshot again, as if it were the first."""

    def __init__(self) -> None:
        self.taken_again = 0
        """Nodes that a tick took as an earlier one had joined them."""
        self._seen: set[int] = set()

    def look(self, ticked: Ticked, _world: SimWorld) -> None:
        snapshot, decision = ticked.planned.snapshot, ticked.planned.decision
        fresh = decide(snapshot)
        assert fresh == decision
        assert fresh.foretold.fates == decision.foretold.fates
        assert check(plan(snapshot, fresh), snapshot) == ticked.planned.plan
        bad = {entry.deadline: entry.verdict for entry in fresh.foretold.statements if entry.verdict.is_bad}
        assert decision.foretold.bad == bad
        self.taken_again += sum(id(node) in self._seen for node in decision.nodes)
        self._seen = {id(node) for node in decision.nodes}


@settings(max_examples=25)
@given(
    load=LOADS,
    jobs=JOBS.map(tuple),
    window=st.sampled_from(sorted(WINDOWS)),
    basis=st.sampled_from(Basis),
    cool_down=st.sampled_from((timedelta(minutes=2), timedelta(minutes=7))),
)
def test_drawn_worlds_are_decided_alike(
    load: tuple[float, ...], jobs: tuple[Job, ...], window: str, basis: Basis, cool_down: timedelta
) -> None:
    stage = make_world(load, jobs)
    play(stage, changed(stage, basis, cool_down), WINDOWS[window], watch=Watch().look)


def test_a_recorded_night_is_decided_alike_and_takes_nodes_again() -> None:
    stage, watch = make_stage(6), Watch()
    play(stage, default_policy(stage), always_open(), watch=watch.look)
    assert watch.taken_again > 0
