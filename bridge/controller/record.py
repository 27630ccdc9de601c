"""What is kept of a tick, as plain JSON values: what was seen, decided, planned and done, and why.

The same values feed ``plan``, ``status`` and ``explain``. What changes each second (ages, clocks) is left out, so that
a section that says nothing new is stored once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bridge.controller.act import Outcome
from bridge.controller.formulas import FORMULAS, OFFER, SIZE
from bridge.controller.lender_record import belief, lenders
from bridge.controller.plain import plain
from bridge.core.actions import CreatePod, Plan, Refusal, ResizeNode, StampPod, Step
from bridge.core.decide import Decision
from bridge.core.lifecycle import State
from bridge.core.nodes import ElasticNode
from bridge.core.offer import Bound, Offer
from bridge.core.reasons import Gap
from bridge.core.resources import NO_ROOM, NOTHING
from bridge.core.snapshot import ElasticPod, Snapshot
from bridge.core.statement import Fate, Statement


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """What one look at the world leads to, before anything is done."""

    snapshot: Snapshot
    gaps: Mapping[str, str]
    decision: Decision
    plan: Plan


class Sections(Mapping[str, Any]):
    """The sections of a tick's record, each made when it is first asked for: a journal that keeps none costs none."""

    def __init__(self, makers: Mapping[str, Callable[[], Any]]) -> None:
        self._makers = makers
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._made:
            self._made[name] = self._makers[name]()
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)


def sections(planned: Planned, outcomes: tuple[Outcome, ...]) -> Mapping[str, Any]:
    """Put a tick into the sections of its record."""
    decision = planned.decision
    return Sections(
        {
            "seen": lambda: seen(planned.snapshot, planned.gaps),
            "lenders": lambda: lenders(planned.snapshot, decision),
            "windows": lambda: [plain(span) for span in planned.snapshot.windows],
            "load": lambda: load(decision),
            "running": lambda: [
                running(entry, decision.foretold.fates.get(entry.id), planned.snapshot.at)
                for entry in decision.nodes
                if isinstance(entry.pod, ElasticPod)
            ],
            "statements": lambda: [plain(entry) for entry in decision.foretold.statements],
            "decided": lambda: decided(decision, planned.snapshot),
            "nodes": lambda: [node(entry) for entry in decision.nodes],
            "overdue": lambda: [
                {key: value for key, value in node(entry).items() if key in _OVERDUE} for entry in overdue(planned)
            ],
            "plan": lambda: [step(entry) for entry in planned.plan.acts],
            "moves": lambda: [step(entry) for entry in planned.plan.moves],
            "refused": lambda: [refusal(entry) for entry in planned.plan.refusals],
            "done": lambda: [outcome(entry) for entry in outcomes if entry.step.act is not None],
        }
    )


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
            "cannot_resize": plain(kube.cannot_resize),
            "may_stamp": kube.may_stamp,
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
            "cannot_decommission": plain(yarn.cannot_decommission),
            "excluded": dict(yarn.excluded),
        },
        "load": belief(snapshot),
        "gaps": dict(gaps),
        "paused_until": None if snapshot.pause is None else plain(snapshot.pause.until),
        "pause_reason": None if snapshot.pause is None else snapshot.pause.why,
    }


def load(decision: Decision) -> dict[str, Any]:
    """Sum what is lent and used now; what each elastic node adds stands in ``running``."""
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


def decided(decision: Decision, snapshot: Snapshot) -> dict[str, Any]:
    """Describe the decision with the chain of limits behind it."""
    lend_for_s = None if snapshot.forecast is None else snapshot.policy.lend_for.total_seconds()
    return {
        "window": plain(decision.allowance),
        "offer": offer(decision.offer),
        "lend_for_s": lend_for_s,
        "shape": plain(snapshot.policy.shape),
        "demand": plain(decision.demand),
        "size": size(decision, snapshot),
        "returns": [plain(entry) for entry in decision.returns],
        "cordons": list(decision.cordons),
        "fits": [plain(entry) for entry in decision.fits],
    }


def statement(entry: Statement) -> str:
    """Say in fields what will come of a deadline."""
    fields = {
        "deadline": plain(entry.deadline),
        "verdict": entry.verdict,
        "ready_at": plain(entry.ready_at) or "unknown",
        "free_vcores": f"{entry.free_vcores}/{entry.vcores}",
        "free_by": plain(entry.told_at),
        "preempted_tasks": entry.preempted_tasks,
        "preempted_apps": entry.preempted_apps,
        "lost_vcore_s": entry.lost_vcore_s,
    }
    return " ".join(f"{key}={value}" for key, value in fields.items())


def size(decision: Decision, snapshot: Snapshot) -> dict[str, Any]:
    """Describe the size with what damps the way to it."""
    policy, found = snapshot.policy, decision.size
    return {
        "open_nodes": found.open_nodes,
        "target": found.target,
        "bound_by": plain(found.bound_by),
        "formula": SIZE,
        "bound_formula": FORMULAS[found.bound_by],
        "inputs": {
            "grow_per_tick": policy.grow_per_tick,
            "cool_down_s": policy.cool_down.total_seconds(),
            "surplus_since": plain(found.surplus_since),
            "failed_start_at": plain(snapshot.memory.failed_start_at),
        },
    }


def offer(offer: Offer | Gap) -> Any:
    """Describe the offer without its lenders, which have a section of their own."""
    if isinstance(offer, Gap):
        return str(offer)
    return {
        "nodes": offer.nodes,
        "lasting": offer.lasting,
        "staying": offer.staying,
        "ceiling": offer.ceiling,
        "bound_by": plain(offer.bound_by),
        "formulas": OFFER,
        "chain": [bound(entry) for entry in offer.chain],
        "growth": [bound(entry) for entry in offer.growth],
    }


def bound(entry: Bound) -> dict[str, Any]:
    """Describe one limit: what it allows, by which formula, from which inputs, and when that will change."""
    return {
        "limit": entry.limit.value,
        "nodes": entry.nodes,
        "room": plain(entry.room),
        "formula": FORMULAS[entry.limit],
        "inputs": plain(entry.inputs),
        "changes_at": plain(entry.changes_at),
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


def running(entry: ElasticNode, fate: Fate | None, at: datetime) -> dict[str, Any]:
    """Describe what an elastic node with a pod adds to what is lent and used."""
    found, pod = entry.running, entry.promise.shape.pod
    return {
        "id": entry.id,
        "lender": entry.promise.lender,
        "state": str(entry.state),
        "lent": plain(entry.promise.shape.yarn),
        "lent_room": plain(pod),
        "used": None if found is None else plain(found.used),
        "containers": None if found is None else found.containers,
        "has_am": None if found is None else found.has_am,
        "work_vcore_s": None if found is None else found.work_vcore_s(at),
        "held_vcore_s": None if found is None else found.held_vcore_s,
        "tasks_read": None if found is None else len(found.tasks),
        "deadline": None if fate is None else plain(fate.deadline),
        "expected": None
        if fate is None
        else {
            "busy_vcores": round(fate.busy_vcores, 3),
            "tasks": round(fate.tasks, 3),
            "lost_vcore_s": round(fate.lost_vcore_s),
        },
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
    return entry.is_unseen or (isinstance(entry.pod, Gap) and entry.state not in {State.REQUESTED, State.GONE})


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
    if isinstance(step.act, StampPod):
        described["promise"] = step.act.promise_id
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
    "ResizePod": "resize_pod",
    "StampPod": "stamp_pod",
    "DeletePod": "delete_pod",
    "AddLabel": "add_label",
    "MapLabel": "map_label",
    "UnmapLabel": "unmap_label",
    "Decommission": "decommission",
    "Readmit": "readmit",
}
