"""The queues at work: what each may have and uses, whose turn it is, and how a new configuration takes effect."""

from __future__ import annotations

from collections.abc import Mapping

from bridge.core.resources import NOTHING, Resources
from bridge.sim.apps import QueueRun
from bridge.sim.capacity import Bounds, QueueError
from bridge.sim.queue_tree import DEFAULT, ROOT, QueueNode, bounds_by_path

Turn = tuple[tuple[float, float, int], ...]
"""A queue's place in the order of service, from the top of the tree down: the smallest is served first."""


class Queues:
    """All queues of one cluster."""

    def __init__(self, tree: QueueNode, totals: Mapping[str, Resources], least: Resources) -> None:
        self._totals = totals
        self._least = least
        self._bounds: dict[str, tuple[Resources, dict[str, Bounds]]] = {}
        self._places: dict[str, int] = {}
        self.tree = tree
        self.by_path: dict[str, QueueRun] = {}
        self.leaves: dict[str, QueueRun] = {}
        """By the last word."""
        self.adopt(tree)

    def adopt(self, tree: QueueNode) -> None:
        """Let the queues be those of *tree*; what runs in one that stays goes on."""
        self.tree = tree
        self._bounds.clear()
        runs: dict[str, QueueRun] = {}
        for node in tree.walk():
            if node.path != ROOT:
                run = self.by_path.get(node.path) or QueueRun(node)
                run.node, run.above = node, runs.get(node.parent)
                runs[node.path] = run
        self.by_path = runs
        self._places = {path: place for place, path in enumerate(runs)}
        self.leaves.clear()
        self.leaves.update({run.node.name: run for run in runs.values() if not run.node.children})

    def check_removed(self, tree: QueueNode) -> None:
        """Raise QueueError if *tree* lacks a queue that still runs."""
        kept = {node.path for node in tree.walk()}
        for path, run in self.by_path.items():
            state = "RUNNING" if not run.node.is_stopped else "DRAINING" if run.apps else "STOPPED"
            if path not in kept and state != "STOPPED":
                raise QueueError(
                    f"{path} cannot be deleted from the capacity scheduler configuration, as the queue is not yet in "
                    f"stopped state. Current State : {state}"
                )

    def bounds(self, label: str) -> Mapping[str, Bounds]:
        """Return, by path, what each queue may have in a partition as large as it is now."""
        total = self._totals.get(label, NOTHING)
        kept = self._bounds.get(label)
        if kept is None or kept[0] is not total:
            kept = self._bounds[label] = total, bounds_by_path(self.tree, label, total)
        return kept[1]

    def turn(self, leaf: QueueRun, label: str) -> Turn:
        """Say where a leaf stands in a partition: at each level, what is used of the guarantee."""
        bounds = self.bounds(label)
        return tuple(self._rank(run, bounds[run.node.path], label) for run in leaf.lineage)

    def _rank(self, run: QueueRun, bounds: Bounds, label: str) -> tuple[float, float, int]:
        use = run.uses.get(label)
        used = bounds.used_ratio(use.vcores, use.mib, self._least) if use is not None else 0.0
        return used, -bounds.absolute_ratio, self._places[run.node.path]

    def allows(self, leaf: QueueRun, label: str, size: Resources) -> bool:
        """Say whether a leaf, and each queue above it, stays within its maximum with one more container."""
        bounds = self.bounds(label)
        run: QueueRun | None = leaf
        while run is not None:
            use, most = run.uses.get(label), bounds[run.node.path].maximum
            vcores, mib = (use.vcores, use.mib) if use is not None else (0, 0)
            if vcores + size.vcores > most.vcores or mib + size.memory_mib > most.memory_mib:
                return False
            run = run.above
        return True

    def allows_am(self, leaf: QueueRun, size: Resources) -> bool:
        """Say whether a leaf may have one more ApplicationMaster on the default partition: one it may always have."""
        most = self.bounds(DEFAULT)[leaf.node.path].maximum
        is_first = not leaf.am_mib
        return is_first or leaf.am_mib + size.memory_mib <= most.memory_mib * leaf.node.am_ratio
