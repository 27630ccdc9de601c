"""A process of its own: planning the give-back of 5,000 elastic nodes with 50,000 tasks, and the naive way beside it.

The naive way makes each task's life table anew, as a rule for a single node would. It is measured on one node in fifty.
"""

from __future__ import annotations

import time
from functools import partial

from benchmarks.figures import Figure, figure, hand_over, in_ms, peak_mib, rounds
from benchmarks.snapshots import TASKS_EACH, YARN_NODES, make_giving_back
from bridge.core.actions import Plan
from bridge.core.check import check
from bridge.core.decide import decide
from bridge.core.outlook import Outlook
from bridge.core.plan import plan
from bridge.core.reasons import Gap
from bridge.core.snapshot import Snapshot

PART = f"giving back {YARN_NODES:,} elastic nodes with {YARN_NODES * TASKS_EACH:,} tasks"
GOAL_MS = 500.0
ONE_IN = 50


def measure() -> list[Figure]:
    """Measure what a tick computes, and what the naive way takes for the tasks' chances alone."""
    world = make_giving_back()
    planned = _think(world)
    said = decide(world).foretold.statements[0]
    words = (
        f"decide, foretell, plan, check: {len(planned.acts):,} acts, "
        f"{said.preempted_tasks:,} tasks expected to be preempted"
    )
    ours = in_ms(rounds(partial(_think, world)))
    return [
        figure(PART, words, ours, "ms", GOAL_MS),
        figure(PART, "the naive way, the chances alone", [_naive_ms(world)], "ms"),
        figure(PART, "peak memory of the process", [peak_mib()], "MiB"),
    ]


def _think(world: Snapshot) -> Plan:
    decision = decide(world)
    assert decision.foretold.statements
    return check(plan(world, decision), world)


def _naive_ms(world: Snapshot) -> float:
    assert not isinstance(world.yarn, Gap)
    until = world.at + world.policy.tail
    began = time.process_time()
    for node in world.yarn.nodes[::ONE_IN]:
        for task in node.tasks:
            Outlook(world.at, world.tasks, [node.tasks]).still_runs(task, until)
    return (time.process_time() - began) * 1000 * ONE_IN


if __name__ == "__main__":
    hand_over(measure())
