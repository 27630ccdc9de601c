"""What is kept of a tick, as plain JSON values: what was seen, decided, planned and done, and why.

The same values feed ``plan``, ``status`` and ``explain``. What changes each second (ages, clocks) is left out, so that
a section that says nothing new is stored once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime, timedelta
from enum import Enum
from functools import cache
from types import NoneType
from typing import Any

from bridge.controller.act import Outcome
from bridge.core.actions import CreatePod, Plan, Refusal, ResizeNode, Step
from bridge.core.decide import Decision
from bridge.core.lifecycle import State
from bridge.core.nodes import ElasticNode
from bridge.core.offer import Offer
from bridge.core.reasons import Gap
from bridge.core.remember import lenders_left_alone
from bridge.core.resources import NO_ROOM, NOTHING
from bridge.core.snapshot import ElasticPod, Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """What one look at the world leads to, before anything is done."""

    snapshot: Snapshot
    gaps: Mapping[str, str]
    decision: Decision
    plan: Plan


def sections(planned: Planned, outcomes: tuple[Outcome, ...]) -> Mapping[str, Any]:
    """Put a tick into the sections of its record."""
    decision = planned.decision
    return {
        "seen": seen(planned.snapshot, planned.gaps),
        "lenders": lenders(planned.snapshot, decision),
        "load": load(decision),
        "decided": decided(decision),
        "nodes": [node(entry) for entry in decision.nodes],
        "overdue": [
            {key: value for key, value in node(entry).items() if key in _OVERDUE} for entry in overdue(planned)
        ],
        "plan": [step(entry) for entry in planned.plan.acts],
        "moves": [step(entry) for entry in planned.plan.moves],
        "refused": [refusal(entry) for entry in planned.plan.refusals],
        "done": [outcome(entry) for entry in outcomes if entry.step.act is not None],
    }


def seen(snapshot: Snapshot, gaps: Mapping[str, str]) -> dict[str, Any]:
    """Describe the facts that a decision rested on."""
    kube, yarn = snapshot.kube, snapshot.yarn
    return {
        "kubernetes": str(kube)
        if isinstance(kube, Gap)
        else {
            "lenders": len(kube.lenders),
            "lenders_refusing": sum(1 for lender in kube.lenders if lender.refusal is not None),
            "elastic_pods": len(kube.pods),
            "online_waiting": plain(kube.online_waiting),
            "impostors": list(kube.impostors),
        },
        "yarn": str(yarn)
        if isinstance(yarn, Gap)
        else {
            "rm_started_at": plain(yarn.started_at),
            "is_settling": yarn.is_settling,
            "nodes": len(yarn.nodes),
            "minimum_allocation": plain(yarn.minimum),
            "waiting": [plain(entry) for entry in yarn.waiting],
            "ams_waiting": yarn.ams_waiting,
        },
        "gaps": dict(gaps),
        "paused_until": None if snapshot.pause is None else plain(snapshot.pause.until),
        "pause_reason": None if snapshot.pause is None else snapshot.pause.why,
    }


def lenders(snapshot: Snapshot, decision: Decision) -> list[dict[str, Any]]:
    """Describe each lender: what it has, what online pods ask, what is left for elastic pods."""
    if isinstance(snapshot.kube, Gap) or isinstance(decision.offer, Gap):
        return []
    by_lender, left_alone = decision.offer.by_lender, lenders_left_alone(snapshot)
    held: Counter[str] = Counter(entry.promise.lender for entry in decision.nodes if entry.state is not State.GONE)
    return [
        {
            "name": lender.name,
            "allocatable": plain(lender.allocatable),
            "online": plain(lender.online),
            "other_pools": plain(lender.elsewhere),
            "room": plain(by_lender[lender.name].room),
            "nodes_fit": by_lender[lender.name].nodes,
            "nodes_held": held[lender.name],
            "refusal": plain(lender.refusal),
            "left_alone": lender.name in left_alone,
        }
        for lender in snapshot.kube.lenders
    ]


def load(decision: Decision) -> dict[str, Any]:
    """Sum what is lent and used now."""
    holding = [entry for entry in decision.nodes if isinstance(entry.pod, ElasticPod)]
    lent_room, lent, used = NO_ROOM, NOTHING, NOTHING
    containers = 0
    for entry in holding:
        lent_room = lent_room + entry.promise.shape.pod
        lent = lent + entry.promise.shape.yarn
        if entry.running is not None:
            used = used + entry.running.used
            containers += entry.running.containers
    return {
        "lent": plain(lent),
        "lent_room": plain(lent_room),
        "used": plain(used),
        "containers": containers,
        "nodes_by_state": dict(sorted(Counter(str(entry.state) for entry in decision.nodes).items())),
    }


def decided(decision: Decision) -> dict[str, Any]:
    """Describe the decision with the chain of limits behind it."""
    return {
        "window": plain(decision.allowance),
        "offer": offer(decision.offer),
        "demand": plain(decision.demand),
        "size": {
            "open_nodes": decision.size.open_nodes,
            "target": decision.size.target,
            "bound_by": plain(decision.size.bound_by),
        },
        "returns": [plain(entry) for entry in decision.returns],
        "cordons": list(decision.cordons),
    }


def offer(offer: Offer | Gap) -> Any:
    """Describe the offer without its lenders, which have a section of their own."""
    if isinstance(offer, Gap):
        return str(offer)
    return {
        "nodes": offer.nodes,
        "lasting": offer.lasting,
        "ceiling": offer.ceiling,
        "bound_by": plain(offer.bound_by),
        "chain": [plain(entry) for entry in offer.chain],
    }


def node(entry: ElasticNode) -> dict[str, Any]:
    """Describe an elastic node; what it runs changes each tick and is summed in ``load``."""
    pod = entry.pod if isinstance(entry.pod, ElasticPod) else None
    return {
        "id": entry.id,
        "lender": entry.promise.lender,
        "state": str(entry.state),
        "since": plain(entry.promise.since),
        "reason": str(entry.promise.reason),
        "deadline": plain(entry.promise.deadline),
        "pod": None if pod is None else pod.name,
        "node_id": entry.promise.node_id,
        "trouble": None if pod is None else pod.trouble,
    }


def overdue(planned: Planned) -> tuple[ElasticNode, ...]:
    """Find the nodes whose deadline has passed and whose room isn't known to be free.

    A pod that has ended holds no room; one that could not be looked for may.
    """
    return tuple(
        entry
        for entry in planned.decision.nodes
        if entry.promise.deadline is not None and entry.promise.deadline < planned.snapshot.at and _may_hold_room(entry)
    )


def _may_hold_room(entry: ElasticNode) -> bool:
    if isinstance(entry.pod, ElasticPod):
        return not entry.pod.phase.is_over
    return isinstance(entry.pod, Gap) and entry.state not in {State.REQUESTED, State.GONE}


def step(step: Step) -> dict[str, Any]:
    """Describe a step: what is done, to what, and why."""
    described: dict[str, Any] = {
        "do": "move" if step.act is None else _SNAKE[type(step.act).__name__],
        "reason": str(step.reason),
        "promise": None if step.promise is None else step.promise.id,
        "state": None if step.promise is None else str(step.promise.state),
        "deadline": None if step.promise is None else plain(step.promise.deadline),
    }
    if step.act is not None:
        described |= {key: value for key, value in plain(step.act).items() if key != "promise_id"}
    if isinstance(step.act, CreatePod):
        # It counts down with the clock, and follows from the deadline.
        described.pop("lives_at_most_s")
    if isinstance(step.act, ResizeNode) and step.act.overcommit_timeout is None:
        described |= {"overcommit_timeout_s": -1}
        described.pop("overcommit_timeout")
    return described


def refusal(entry: Refusal) -> dict[str, Any]:
    """Describe a step that the check took out."""
    return {**step(entry.step), "refused": str(entry.failure)}


def outcome(entry: Outcome) -> dict[str, Any]:
    """Describe what became of a step."""
    return {**step(entry.step), "result": str(entry.result), "error": entry.error}


def advice(plan: Plan) -> str | None:
    """Say in one sentence what a plan would do; None when it would do nothing."""
    counts = Counter(_SNAKE[type(entry.act).__name__] for entry in plan.acts)
    if not counts:
        return None
    reasons = ", ".join(sorted({str(entry.reason) for entry in plan.acts}))
    return f"would {', '.join(f'{name} {count}' for name, count in sorted(counts.items()))} ({reasons})"


_OVERDUE = frozenset({"id", "lender", "deadline", "state"})
_SNAKE = {
    "CreatePod": "create_pod",
    "ResizeNode": "resize_node",
    "DeletePod": "delete_pod",
    "AddLabel": "add_label",
    "MapLabel": "map_label",
    "UnmapLabel": "unmap_label",
}


_PLAIN = frozenset({str, int, float, bool, NoneType})


def plain(value: Any) -> Any:
    """Turn a core value into JSON: times in RFC 3339, durations as ``…_s``."""
    if type(value) in _PLAIN:
        return value
    match value:
        case Enum():
            return value.value
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case timedelta():
            return value.total_seconds()
        case Mapping():
            return {str(key): plain(entry) for key, entry in value.items()}
        case tuple() | list() | frozenset():
            return [plain(entry) for entry in value]
        case _ if is_dataclass(value) and not isinstance(value, type):
            parts = ((name, getattr(value, name)) for name in _names(type(value)))
            return {_named(name, part): plain(part) for name, part in parts}
        case _:
            return value


@cache
def _names(kind: type[Any]) -> tuple[str, ...]:
    """List a dataclass's fields."""
    return tuple(field.name for field in fields(kind))


def _named(name: str, value: Any) -> str:
    """Put the unit into a duration's name."""
    return f"{name}_s" if isinstance(value, timedelta) else name
