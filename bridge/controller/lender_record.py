"""What a tick's record keeps of each lender and of the load signal: numbers, inputs and formulas."""

from __future__ import annotations

from collections import Counter
from typing import Any

from bridge.controller.formulas import LASTING_ROOM, LENDER_ROOM, NODES_FIT, USED_AS_SAMPLED, USED_OF_TOTAL
from bridge.controller.plain import plain
from bridge.core.decide import Decision
from bridge.core.left_alone import lenders_left_alone
from bridge.core.lifecycle import State
from bridge.core.offer import LenderOffer
from bridge.core.reasons import Gap
from bridge.core.signal import TOTAL
from bridge.core.snapshot import Basis, Lender, Snapshot


def lenders(snapshot: Snapshot, decision: Decision) -> list[dict[str, Any]]:
    """Describe each lender: what it has, what online pods ask, what is left for elastic pods."""
    if isinstance(snapshot.kube, Gap) or isinstance(decision.offer, Gap):
        return []
    by_lender, left_alone, policy = decision.offer.by_lender, lenders_left_alone(snapshot), snapshot.policy
    held: Counter[str] = Counter(entry.promise.lender for entry in decision.nodes if entry.state is not State.GONE)
    return [
        {
            "name": lender.name,
            "allocatable": plain(lender.allocatable),
            "online": plain(lender.online),
            "other_pools": plain(lender.elsewhere),
            "basis": policy.basis.value,
            "margin_ratio": policy.margin_ratio,
            **_measured(lender, snapshot),
            "room": plain(by_lender[lender.name].room),
            "room_formula": LENDER_ROOM[policy.basis],
            **_expected(lender, snapshot, by_lender[lender.name]),
            "node_takes": plain(policy.shape.pod),
            "pod_slots": lender.pod_slots,
            "nodes_fit": by_lender[lender.name].nodes,
            "nodes_fit_formula": NODES_FIT,
            "nodes_held": held[lender.name],
            "refusal": plain(by_lender[lender.name].refusal),
            "left_alone": lender.name in left_alone,
        }
        for lender in snapshot.kube.lenders
    ]


def _measured(lender: Lender, snapshot: Snapshot) -> dict[str, Any]:
    """Describe what a lender is believed to use, where that counts."""
    if snapshot.policy.basis is Basis.REQUESTS:
        return {}
    used = None if snapshot.load is None else snapshot.load.by_lender.get(lender.name)
    samples = snapshot.signal.traces.get(lender.name)
    return {
        "cap_ratio": snapshot.policy.cap_ratio,
        "batch_room": plain(lender.batch_room),
        "used_millicores": used,
        "used_formula": USED_AS_SAMPLED if samples is not None else USED_OF_TOTAL,
        "samples": plain(samples),
        "is_confirmed": snapshot.load is not None and lender.name not in snapshot.load.unconfirmed,
    }


def _expected(lender: Lender, snapshot: Snapshot, found: LenderOffer) -> dict[str, Any]:
    """Describe what a lender is expected to take, where there is a forecast."""
    if snapshot.forecast is None:
        return {}
    if isinstance(snapshot.forecast, Gap):
        return {"forecast": None}
    series = snapshot.forecast.by_lender.get(lender.name)
    return {
        "forecast": None if series is None else plain(series),
        "forecast_made_at": plain(snapshot.forecast.made_at),
        "lend_for_s": snapshot.policy.lend_for.total_seconds(),
        "give_back_ahead_s": snapshot.policy.give_back_ahead.total_seconds(),
        "lasting_room": plain(found.lasting_room),
        "lasting_formula": LASTING_ROOM,
        "lasting_nodes": found.lasting_nodes,
        "staying_nodes": found.staying_nodes,
    }


def belief(snapshot: Snapshot) -> dict[str, Any] | None:
    """Describe how far the load signal is trusted; what each lender uses stands with the lenders."""
    load = snapshot.load
    if load is None:
        return None
    return {
        "state": load.state.value,
        "reason": load.reason.value,
        "limits": plain(snapshot.policy.signal),
        "since": plain(load.since),
        "changes_at": plain(load.changes_at),
        "sampled_at": plain(load.sampled_at),
        "total_millicores": load.total_millicores,
        "total_samples": plain(snapshot.signal.traces.get(TOTAL)),
        "keep_ratio": load.keep_ratio,
        "stale": sorted(load.stale),
        "unconfirmed": list(load.unconfirmed),
    }
