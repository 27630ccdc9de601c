"""The last look at a plan before anything is done: what breaks a limit is taken out, whatever policy asked for it.

It trusts no decision: room, states and gaps are counted again from the snapshot.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from bridge.core.actions import CreatePod, Plan, Purpose, Refusal, ResizeNode, Step
from bridge.core.lifecycle import State, is_allowed
from bridge.core.offer import lender_offer
from bridge.core.reasons import CheckFailure, Gap
from bridge.core.resources import NO_ROOM, Room
from bridge.core.snapshot import Promise, Snapshot, YarnNode


def check(plan: Plan, snapshot: Snapshot) -> Plan:
    """Take out the steps that break a limit, and say which limit."""
    world = _World.of(snapshot)
    kept, refusals = [], list(plan.refusals)
    for step in plan.steps:
        failure = _failure(step, snapshot, world)
        if failure is not None:
            refusals.append(Refusal(step=step, failure=failure))
            continue
        if isinstance(step.act, CreatePod) and not world.holds(step):
            world.room_left[step.act.lender] = world.room_left[step.act.lender] - step.act.requests
        kept.append(step)
    return Plan(steps=tuple(kept), refusals=tuple(refusals))


@dataclass(frozen=True, slots=True, kw_only=True)
class _World:
    """What the check counts for itself; ``room_left`` falls as the plan's creations are let through."""

    room_left: dict[str, Room]
    recorded: dict[str, Promise]
    yarn_by_id: dict[str, YarnNode]

    @classmethod
    def of(cls, snapshot: Snapshot) -> _World:
        promises = () if isinstance(snapshot.promises, Gap) else snapshot.promises
        nodes = () if isinstance(snapshot.yarn, Gap) else snapshot.yarn.nodes
        return cls(
            room_left=_room_left(snapshot, promises),
            recorded={promise.id: promise for promise in promises},
            yarn_by_id={node.node_id: node for node in nodes},
        )

    def holds(self, step: Step) -> bool:
        """Say whether the step's room was counted already, under a promise from an earlier tick."""
        return step.promise is not None and step.promise.id in self.recorded


def _room_left(snapshot: Snapshot, promises: tuple[Promise, ...]) -> dict[str, Room]:
    """Count what each lender has left beside everything elastic that is on it or promised."""
    if isinstance(snapshot.kube, Gap):
        return {}
    left = {lender.name: lender_offer(lender, snapshot.policy).room for lender in snapshot.kube.lenders}
    held: defaultdict[str, Room] = defaultdict(lambda: NO_ROOM)
    seen = set()
    for pod in snapshot.kube.pods:
        held[pod.node or pod.lender] = held[pod.node or pod.lender] + pod.requests
        seen.add(pod.promise_id)
    for promise in promises:
        if promise.state is State.REQUESTED and promise.id not in seen:
            held[promise.lender] = held[promise.lender] + promise.shape.pod
    return {name: room - held[name] for name, room in left.items()}


def _failure(step: Step, snapshot: Snapshot, world: _World) -> CheckFailure | None:
    """Name the first limit that a step breaks."""
    before = None if step.promise is None else world.recorded.get(step.promise.id)
    if before is not None and step.promise is not None and not is_allowed(before.state, step.promise.state):
        return CheckFailure.TRANSITION_NOT_ALLOWED
    match step.act:
        case CreatePod():
            return _bad_create(step, step.act, snapshot, world)
        case ResizeNode():
            return _bad_resize(step.act, world.yarn_by_id.get(step.act.node_id))
        case _:
            return None


def _bad_create(step: Step, act: CreatePod, snapshot: Snapshot, world: _World) -> CheckFailure | None:
    """A new pod needs a full view, a deadline ahead, and room that nobody else holds."""
    if isinstance(snapshot.kube, Gap) or isinstance(snapshot.yarn, Gap) or isinstance(snapshot.promises, Gap):
        return CheckFailure.WORLD_UNKNOWN
    if not snapshot.yarn.minimum.fits_in(act.shape):
        return CheckFailure.SHAPE_BELOW_MINIMUM
    if step.promise is None or step.promise.deadline is None:
        return CheckFailure.NO_DEADLINE
    if step.promise.deadline - snapshot.policy.tail <= snapshot.at:
        return CheckFailure.DEADLINE_PASSED
    left = world.room_left.get(act.lender, NO_ROOM)
    needed = NO_ROOM if world.holds(step) else act.requests
    return None if needed.fits_in(left) else CheckFailure.LENDER_OVERSOLD


def _bad_resize(act: ResizeNode, node: YarnNode | None) -> CheckFailure | None:
    """Only the forced step may kill, and a node with custom resources is never resized by REST."""
    if node is None:
        return CheckFailure.WORLD_UNKNOWN
    if node.has_custom_resources:
        return CheckFailure.CUSTOM_RESOURCES
    if act.purpose is not Purpose.FORCE and act.overcommit_timeout is not None:
        return CheckFailure.KILLS_BEFORE_TIME
    if act.purpose is Purpose.EMPTY and node.containers > 0:
        return CheckFailure.KILLS_BEFORE_TIME
    return None
