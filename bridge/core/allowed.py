"""What the windows allow now, with what the load says of them."""

from __future__ import annotations

from bridge.core.reasons import Gap
from bridge.core.room import taken_ratios
from bridge.core.snapshot import Snapshot
from bridge.core.window import Allowance, allowance
from bridge.core.window_load import LoadGates, closed_by_load


def allowed(snapshot: Snapshot) -> tuple[Allowance, LoadGates]:
    """Say what may be lent now and until when, and which windows the load keeps closed.

    Where the journal can't be read nobody knows which were open: then the load closes none. Nothing is lent anew
    without a journal, and nothing is called back because of it.
    """
    ratio = _load_ratio(snapshot) if any(span.load is not None for span in snapshot.windows) else None
    gates = closed_by_load(snapshot.windows, snapshot.at, ratio, snapshot.memory.gates)
    closed = frozenset[str]() if isinstance(snapshot.promises, Gap) else gates.closed
    return allowance(snapshot.windows, snapshot.at, snapshot.policy.notice, closed), gates


def _load_ratio(snapshot: Snapshot) -> float | None:
    """Say how much of the lenders' CPU online services take, by the pool's basis; None where nobody knows."""
    if isinstance(snapshot.kube, Gap):
        return None
    return taken_ratios(snapshot.kube, snapshot.policy.basis, snapshot.load).get("")
