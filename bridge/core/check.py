"""The last look at a plan before anything is done: what breaks a limit is taken out, whatever policy asked for it.

It trusts no decision: room, states and gaps are counted again from the snapshot.
"""

from __future__ import annotations

from dataclasses import dataclass

from bridge.core.actions import CreatePod, Plan, Purpose, Refusal, ResizeNode, ResizePod, Step
from bridge.core.allowed import allowed
from bridge.core.lifecycle import State, is_allowed_in_a_tick
from bridge.core.load import SignalState
from bridge.core.reasons import CheckFailure, Gap
from bridge.core.resources import NO_ROOM, Room
from bridge.core.room import coming_room, kind, smallest, sum_of, total_room, whole_of
from bridge.core.sizes import sizes
from bridge.core.snapshot import ElasticPod, Promise, Snapshot, YarnNode

_MAY_BE_UNSEEN = frozenset({State.REQUESTED, State.DELETING})
"""A promise in these states may have a pod that no view has shown."""


def check(plan: Plan, snapshot: Snapshot) -> Plan:
    """Take out the steps that break a limit, and say which limit."""
    if not plan.steps:
        return plan
    world = _World.of(snapshot, takes=any(_takes_room(step) for step in plan.steps))
    kept, refusals = [], list(plan.refusals)
    for step in plan.steps:
        failure = _failure(step, snapshot, world)
        if failure is not None:
            refusals.append(Refusal(step=step, failure=failure))
            continue
        if isinstance(step.act, CreatePod) and not world.holds(step):
            world.take(step.act)
        if isinstance(step.act, ResizePod) and step.act.grows:
            world.take_more(step.act)
        kept.append(step)
    return Plan(steps=_without_half_done(kept, refusals), refusals=tuple(refusals))


def _takes_room(step: Step) -> bool:
    return isinstance(step.act, CreatePod | ResizePod) and step.grows


def _without_half_done(kept: list[Step], refusals: list[Refusal]) -> tuple[Step, ...]:
    """Leave out what else was meant for a node whose step was refused: its record would say that it was done."""
    refused = {entry.step.promise.id for entry in refusals if entry.step.promise is not None}
    return tuple(step for step in kept if step.promise is None or step.promise.id not in refused)


@dataclass(slots=True, kw_only=True)
class _World:
    """What the check counts for itself; what is left falls as the plan's creations are let through."""

    room_left: dict[str, Room]
    pool_left: Room
    nodes_left: int
    recorded: dict[str, Promise]
    yarn_by_id: dict[str, YarnNode]
    pods: dict[str, ElasticPod]

    @classmethod
    def of(cls, snapshot: Snapshot, *, takes: bool) -> _World:
        """Count what the steps of a plan may break; room only where the plan *takes* any."""
        promises = () if isinstance(snapshot.promises, Gap) else snapshot.promises
        nodes = () if isinstance(snapshot.yarn, Gap) else snapshot.yarn.nodes
        held = _held(snapshot, promises) if takes else []
        return cls(
            room_left=_room_left(snapshot, held) if takes else {},
            pool_left=_pool_left(snapshot, held) if takes else NO_ROOM,
            nodes_left=snapshot.policy.max_nodes - len(held),
            recorded={promise.id: promise for promise in promises},
            yarn_by_id={node.node_id: node for node in nodes},
            pods={} if isinstance(snapshot.kube, Gap) else {pod.promise_id: pod for pod in snapshot.kube.pods},
        )

    def take(self, act: CreatePod) -> None:
        """Count a creation that was let through."""
        self.room_left[act.lender] = self.room_left[act.lender] - act.requests
        self.pool_left = self.pool_left - act.requests
        self.nodes_left -= 1

    def take_more(self, act: ResizePod) -> None:
        """Count what a pod grows by."""
        lender, more = self.more(act)
        self.room_left[lender] = self.room_left.get(lender, NO_ROOM) - more
        self.pool_left = self.pool_left - more

    def more(self, act: ResizePod) -> tuple[str, Room]:
        """Say on which lender a pod would take more than it has, and how much."""
        pod = self.pods[act.promise_id]
        return pod.node or pod.lender, (act.requests - pod.requests).at_least_zero()

    def holds(self, step: Step) -> bool:
        """Say whether the step's room was counted already, under a promise from an earlier tick."""
        return step.promise is not None and step.promise.id in self.recorded


def _held(snapshot: Snapshot, promises: tuple[Promise, ...]) -> list[tuple[str, Room]]:
    """List, by lender, what is elastic on it or promised."""
    if isinstance(snapshot.kube, Gap):
        return []
    seen = {pod.promise_id for pod in snapshot.kube.pods}
    there = [(pod.node or pod.lender, pod.requests) for pod in snapshot.kube.pods]
    return there + [
        (promise.lender, promise.shape.pod)
        for promise in promises
        if promise.state in _MAY_BE_UNSEEN and promise.pod_uid is None and promise.id not in seen
    ]


def _room_left(snapshot: Snapshot, held: list[tuple[str, Room]]) -> dict[str, Room]:
    """Count what each lender has left for as long as a new node must last; one that refuses has nothing."""
    if isinstance(snapshot.kube, Gap):
        return {}
    left: dict[str, Room] = {}
    by_kind: dict[tuple[object, ...], Room] = {}
    for lender in snapshot.kube.lenders:
        alike = kind(lender, snapshot)
        if lender.refusal is None and alike not in by_kind:
            by_kind[alike] = coming_room(lender, snapshot, snapshot.policy.lend_for)
        left[lender.name] = by_kind[alike] if lender.refusal is None else NO_ROOM
    for name, amount in held:
        if name in left:
            left[name] = left[name] - amount
    return left


def _pool_left(snapshot: Snapshot, held: list[tuple[str, Room]]) -> Room:
    """Count what windows and forecast leave of all lenders together, what is lent already included."""
    if isinstance(snapshot.kube, Gap):
        return NO_ROOM
    allows, _ = allowed(snapshot)
    whole = whole_of(snapshot.kube.lenders, snapshot.policy)
    bounds = [
        whole.allocatable.share(allows.max_ratio),
        allows.max_room,
        total_room(whole, snapshot, snapshot.policy.lend_for),
    ]
    return smallest(bound for bound in bounds if bound is not None) - sum_of(one for _, one in held)


def _failure(step: Step, snapshot: Snapshot, world: _World) -> CheckFailure | None:
    """Name the first limit that a step breaks."""
    before = None if step.promise is None else world.recorded.get(step.promise.id)
    if before is not None and step.promise is not None and not is_allowed_in_a_tick(before.state, step.promise.state):
        return CheckFailure.TRANSITION_NOT_ALLOWED
    if step.grows and any(isinstance(part, Gap) for part in (snapshot.kube, snapshot.yarn, snapshot.promises)):
        return CheckFailure.WORLD_UNKNOWN
    match step.act:
        case CreatePod():
            return _bad_create(step, step.act, snapshot, world)
        case ResizePod(grows=True):
            return _bad_growth(step.act, snapshot, world)
        case ResizeNode():
            bad = _above_its_pod(step, snapshot, world) or _bad_resize(step.act, world.yarn_by_id.get(step.act.node_id))
            return bad or _bad_force(step, snapshot, before)
        case _:
            return None


def _bad_create(step: Step, act: CreatePod, snapshot: Snapshot, world: _World) -> CheckFailure | None:
    """A new pod needs a full view, a deadline ahead, room that nobody holds, and a place in what may be lent in all."""
    if isinstance(snapshot.kube, Gap) or isinstance(snapshot.yarn, Gap) or isinstance(snapshot.promises, Gap):
        return CheckFailure.WORLD_UNKNOWN
    if isinstance(snapshot.forecast, Gap):
        return CheckFailure.WORLD_UNKNOWN
    if snapshot.load is not None and snapshot.load.state is not SignalState.FRESH:
        return CheckFailure.WORLD_UNKNOWN
    if not snapshot.yarn.minimum.fits_in(act.shape):
        return CheckFailure.SHAPE_BELOW_MINIMUM
    if step.promise is None or step.promise.deadline is None:
        return CheckFailure.NO_DEADLINE
    if step.promise.deadline - snapshot.policy.tail <= snapshot.at:
        return CheckFailure.DEADLINE_PASSED
    left = world.room_left.get(act.lender, NO_ROOM)
    needed = NO_ROOM if world.holds(step) else act.requests
    if not needed.fits_in(left):
        return CheckFailure.LENDER_OVERSOLD
    if world.holds(step):
        return None
    return None if needed.fits_in(world.pool_left) and world.nodes_left > 0 else CheckFailure.ABOVE_OFFER


def _bad_growth(act: ResizePod, snapshot: Snapshot, world: _World) -> CheckFailure | None:
    """A pod that grows needs what a new one needs: a load that is known, and room that nobody holds."""
    if act.promise_id not in world.pods or isinstance(snapshot.forecast, Gap):
        return CheckFailure.WORLD_UNKNOWN
    if snapshot.load is not None and snapshot.load.state is not SignalState.FRESH:
        return CheckFailure.WORLD_UNKNOWN
    lender, more = world.more(act)
    if not more.fits_in(world.room_left.get(lender, NO_ROOM)):
        return CheckFailure.LENDER_OVERSOLD
    return None if more.fits_in(world.pool_left) else CheckFailure.ABOVE_OFFER


def _above_its_pod(step: Step, snapshot: Snapshot, world: _World) -> CheckFailure | None:
    """The ResourceManager isn't told of more than a pod of ours has been given by its kubelet."""
    act, promise = step.act, step.promise
    if not isinstance(act, ResizeNode) or not step.grows or promise is None or isinstance(snapshot.yarn, Gap):
        return None
    pod = world.pods.get(promise.id)
    if pod is None or pod.allocated is None or promise.shape not in sizes(snapshot.policy, snapshot.yarn.minimum):
        return None
    return None if promise.shape.pod.fits_in(pod.allocated) else CheckFailure.ABOVE_ITS_POD


def _bad_force(step: Step, snapshot: Snapshot, before: Promise | None) -> CheckFailure | None:
    """The forced step comes in the tail of a deadline; what was forced once may be told again."""
    if not isinstance(step.act, ResizeNode) or step.act.purpose is not Purpose.FORCE or step.promise is None:
        return None
    if before is not None and before.state is State.FORCED:
        return None
    deadline = step.promise.deadline
    if deadline is None:
        return CheckFailure.NO_DEADLINE
    return None if snapshot.at >= deadline - snapshot.policy.tail else CheckFailure.KILLS_BEFORE_TIME


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
