"""A process of its own: how long decide, plan and check take on large snapshots, and how much memory."""

from __future__ import annotations

from functools import partial

from benchmarks.figures import Figure, figure, hand_over, in_ms, peak_mib, rounds
from benchmarks.snapshots import WORLDS
from bridge.core.actions import Plan
from bridge.core.check import check
from bridge.core.decide import decide
from bridge.core.plan import plan
from bridge.core.snapshot import Snapshot

PART = "decide + plan + check, snapshot of 5,000 YARN nodes, 5,000 lenders, 50,000 pods, 2,500 elastic nodes"
GOAL_MS = 200.0
GOAL_MIB = 300.0


def measure() -> list[Figure]:
    """Measure each world; memory is the peak over all of them."""
    figures = []
    for name, make in WORLDS.items():
        world = make()
        planned = _think(world)
        words = f"{name} ({len(planned.acts):,} acts, {len(planned.moves):,} moves)"
        figures.append(figure(PART, words, in_ms(rounds(partial(_think, world))), "ms", GOAL_MS))
    figures.append(figure(PART, "peak memory of the process", [peak_mib()], "MiB", GOAL_MIB))
    return figures


def _think(world: Snapshot) -> Plan:
    return check(plan(world, decide(world)), world)


if __name__ == "__main__":
    hand_over(measure())
