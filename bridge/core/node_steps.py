"""The next step of one elastic node: what the journal says of it, and what is done.

A node that must go back is taken through cordon, force and deletion by the time left to its deadline, so a controller
that was away for an hour does at once what is due now.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from bridge.core.actions import DeletePod, Purpose, ResizeNode, ResizePod, Step
from bridge.core.drain import Return
from bridge.core.growth import create_pod
from bridge.core.leaving import is_decommissioning, leaves_gracefully
from bridge.core.lifecycle import GROWING, State
from bridge.core.nodes import ElasticNode, is_known
from bridge.core.reasons import Gap, Reason
from bridge.core.resources import NOTHING, Resources, Room, Shape
from bridge.core.sizes import sizes
from bridge.core.snapshot import ElasticPod, Promise, Snapshot, YarnNode, YarnNodeState


def next_step(snapshot: Snapshot, node: ElasticNode, due: Return | None, cordon: bool, reopen: bool) -> Step:
    """Choose what to do with a node by its state."""
    if node.state is State.GONE:
        return _stay(node)
    if node.state is State.DELETING:
        return _delete(snapshot, node, node.promise.reason)
    if due is not None:
        return _give_back(snapshot, node, due)
    if is_decommissioning(node):
        return _delete(snapshot, node, node.promise.reason) if _is_idle(snapshot, node) else _stay(node)
    match node.state:
        case State.REQUESTED:
            return _request(snapshot, node, drop=cordon)
        case State.SERVING if cordon:
            return _resize(snapshot, node, State.CORDONED, _minimum(snapshot), Purpose.CORDON, Reason.NO_WORK_FOR_IT)
        case State.SERVING:
            return _fit(snapshot, node)
        case State.CORDONED | State.EMPTY if reopen:
            return _resize(
                snapshot, node, State.SERVING, node.promise.shape.yarn, Purpose.RECOMMISSION, Reason.WORK_RETURNED
            )
        case State.CORDONED | State.DRAINING:
            return _close(snapshot, node, State.CORDONED, Reason.NO_WORK_FOR_IT)
        case State.EMPTY:
            return _finish(snapshot, node, State.CORDONED, Reason.NO_WORK_FOR_IT)
        case _:
            return _stay(node)


def _give_back(snapshot: Snapshot, node: ElasticNode, due: Return) -> Step:
    """Take a node one step nearer to being free by its deadline."""
    policy, at = snapshot.policy, snapshot.at
    if node.promise.deadline != due.deadline or node.promise.extended_until != due.extended_until:
        told = replace(node.promise, deadline=due.deadline, extended_until=due.extended_until)
        node = replace(node, promise=told)
    if node.state is State.REQUESTED and node.pod is None:
        return _delete(snapshot, node, due.reason)
    if node.state in GROWING and isinstance(node.pod, Gap) and at < due.ends_at - policy.pod_tail:
        # It may serve by now.
        return _stay(node)
    if node.state in GROWING and _is_settled(snapshot):
        return _delete(snapshot, node, due.reason)
    if at >= due.ends_at - policy.pod_tail:
        return _delete(snapshot, node, Reason.DEADLINE_NEAR)
    if node.running is None:
        return _stay(node) if node.state is not State.SERVING else _move(snapshot, node, State.DRAINING, due.reason)
    if leaves_gracefully(snapshot, node, due):
        is_done = is_decommissioning(node) and _is_idle(snapshot, node) and node.running.held_vcore_s == 0
        return _delete(snapshot, node, due.reason) if is_done else _move(snapshot, node, State.DRAINING, due.reason)
    if is_decommissioning(node):
        # No resize reaches it any more; its ApplicationMasters have been told. Whose time isn't known runs out by it.
        has_time = at < due.ends_at - policy.tail and not due.reason.is_urgent and not is_known(snapshot, node)
        return _move(snapshot, node, State.DRAINING, due.reason) if has_time else _delete(snapshot, node, due.reason)
    if node.state is State.FORCED or at >= due.ends_at - policy.tail or due.reason.is_urgent:
        return _force(snapshot, node, node.running, due.reason)
    if node.state is State.EMPTY:
        return _finish(snapshot, node, State.DRAINING, due.reason)
    return _close(snapshot, node, State.DRAINING, due.reason)


def _close(snapshot: Snapshot, node: ElasticNode, closed: State, reason: Reason) -> Step:
    """Keep a node closed; once nothing runs on it, close it to the last vcore."""
    running = node.running
    if running is None:
        return _move(snapshot, node, closed, reason)
    if node.state is closed and _is_idle(snapshot, node):
        return _resize(snapshot, node, State.EMPTY, NOTHING, Purpose.EMPTY, Reason.NOTHING_RUNS_ON_IT, reason)
    return _resize(snapshot, node, closed, _minimum(snapshot), Purpose.CORDON, reason)


def _finish(snapshot: Snapshot, node: ElasticNode, closed: State, reason: Reason) -> Step:
    """Delete a node that was found empty twice; one on which a container came late is opened to it again."""
    running = node.running
    if running is None or not running.is_settled or not _is_settled(snapshot):
        return _stay(node)
    if running.containers > 0:
        return _resize(snapshot, node, closed, _minimum(snapshot), Purpose.CORDON, Reason.CONTAINER_CAME_LATE, reason)
    if running.total.is_empty or running.has_custom_resources:
        # A resize would drop custom resources, so that such a node is never closed to the last vcore.
        return _delete(snapshot, node, reason)
    return _resize(snapshot, node, State.EMPTY, NOTHING, Purpose.EMPTY, Reason.NOTHING_RUNS_ON_IT, reason)


def _force(snapshot: Snapshot, node: ElasticNode, running: YarnNode, reason: Reason) -> Step:
    """Have the ResourceManager preempt what is left.

    It ignores a resize to the amount that a node has already, and forgets the timer when it restarts. A node at nothing
    would then be shut down, its containers lost uncounted. So the amount alternates between the minimum allocation and
    1 MiB more, and only what still fits there after the timer has run is told to leave at once, by 0/0
    (docs/yarn-seen.md).
    """
    if _is_idle(snapshot, node):
        return _delete(snapshot, node, reason)
    total = _forced_total(snapshot, node, running)
    if total is None:
        return _stay(node)
    has_run = total.is_empty and node.state is State.FORCED
    moved = replace(_moved(snapshot, node, State.FORCED, reason), since=snapshot.at)
    told = None if isinstance(snapshot.yarn, Gap) else snapshot.yarn.started_at
    act = ResizeNode(
        node_id=running.node_id,
        total=total,
        overcommit_timeout=timedelta(0) if has_run else _notice(snapshot, reason),
        purpose=Purpose.FORCE,
    )
    return Step(
        promise=replace(moved, told_rm_started_at=None),
        act=act,
        reason=Reason.DEADLINE_NEAR,
        done=replace(moved, told_rm_started_at=told),
    )


def _notice(snapshot: Snapshot, reason: Reason) -> timedelta:
    """How long ApplicationMasters are told ahead: shortly, where it is urgent."""
    policy = snapshot.policy
    return min(policy.spike_timeout, policy.overcommit_timeout) if reason.is_urgent else policy.overcommit_timeout


def _forced_total(snapshot: Snapshot, node: ElasticNode, running: YarnNode) -> Resources | None:
    """Choose the amount that the forced step tells next; None while a timer runs."""
    policy, minimum = snapshot.policy, _minimum(snapshot)
    if isinstance(snapshot.yarn, Gap) or not is_known(snapshot, node):
        # Without a journal nobody knows what was told: nothing is the one amount that is told only once.
        return None if running.total.is_empty else NOTHING
    if node.state is State.FORCED and node.promise.told_rm_started_at == snapshot.yarn.started_at:
        has_run = snapshot.at - node.promise.since >= _notice(snapshot, node.promise.reason) + policy.kill_time
        return NOTHING if has_run and not running.total.is_empty else None
    a_little_more = replace(minimum, memory_mib=minimum.memory_mib + 1)
    return minimum if running.total == a_little_more else a_little_more


def _request(snapshot: Snapshot, node: ElasticNode, *, drop: bool) -> Step:
    """Make the pod of a promise that has none yet: the controller may have died in between."""
    if isinstance(node.pod, Gap) or isinstance(snapshot.promises, Gap):
        return _stay(node)
    if drop or snapshot.pause is not None or node.promise.deadline is None:
        return _delete(snapshot, node, Reason.NO_LONGER_WANTED)
    return Step(promise=node.promise, act=create_pod(snapshot, node.promise), reason=node.promise.reason)


def _fit(snapshot: Snapshot, node: ElasticNode) -> Step:
    """Bring a serving node to its size: smaller in the ResourceManager first, larger in Kubernetes first."""
    shape, running, pod = node.promise.shape, node.running, node.pod
    if running is None or _is_fitted(shape, running, pod):
        return _stay(node)
    if not (isinstance(pod, ElasticPod) and _is_resizable(snapshot, node, pod)):
        return _hold(node, shape.yarn)
    if not running.total.fits_in(shape.yarn):
        return _hold(node, _smaller(shape.yarn, running.total))
    if pod.requested is not None and pod.requested != shape.pod:
        return _resize_pod(node, pod, pod.requested) if running.used.fits_in(shape.yarn) else _stay(node)
    has_grown = pod.allocated is not None and shape.pod.fits_in(pod.allocated)
    return _hold(node, shape.yarn) if has_grown else _stay(node)


def _is_fitted(shape: Shape, running: YarnNode, pod: ElasticPod | Gap | None) -> bool:
    """Say whether both systems have been told a node's size, as they have of most nodes at most times."""
    is_asked = not isinstance(pod, ElasticPod) or pod.requested is None or pod.requested == shape.pod
    return is_asked and running.total == shape.yarn


def _is_resizable(snapshot: Snapshot, node: ElasticNode, pod: ElasticPod) -> bool:
    """Say whether a pod has a size that we gave it, and another one can be asked for."""
    if isinstance(snapshot.kube, Gap) or snapshot.kube.cannot_resize is not None or isinstance(snapshot.yarn, Gap):
        return False
    known = sizes(snapshot.policy, snapshot.yarn.minimum)
    return node.promise.shape in known and any(pod.requested == shape.pod for shape in known)


def _smaller(one: Resources, other: Resources) -> Resources:
    return Resources(vcores=min(one.vcores, other.vcores), memory_mib=min(one.memory_mib, other.memory_mib))


def _resize_pod(node: ElasticNode, pod: ElasticPod, has: Room) -> Step:
    wanted = node.promise.shape.pod
    act = ResizePod(promise_id=node.id, uid=pod.uid, requests=wanted, grows=not wanted.fits_in(has))
    return Step(promise=node.promise, act=act, reason=Reason.AMOUNT_DIFFERS)


def _hold(node: ElasticNode, total: Resources) -> Step:
    """Keep a serving node at its amount: a NodeManager that restarted brings its configured one."""
    running = node.running
    if running is None or running.total == total or running.has_custom_resources or total.is_empty:
        return _stay(node)
    if running.state is not YarnNodeState.RUNNING:
        return _stay(node)
    grows = not total.fits_in(running.total)
    purpose = Purpose.REASSERT if grows else Purpose.SHRINK
    act = ResizeNode(node_id=running.node_id, total=total, overcommit_timeout=None, purpose=purpose)
    return Step(promise=node.promise, act=act, reason=Reason.AMOUNT_DIFFERS)


def _delete(snapshot: Snapshot, node: ElasticNode, reason: Reason) -> Step:
    """Delete the pod; one that is already on its way out is left to end.

    One that was asked for and never seen may have been made, and the view be behind: it is deleted by its name until
    the API server says that there is none.
    """
    moved = node.promise if node.state is State.DELETING else _moved(snapshot, node, State.DELETING, reason)
    leaving = isinstance(node.pod, ElasticPod) and node.pod.deleting_since is not None
    if leaving or (node.pod is None and moved.pod_uid is not None):
        return Step(promise=moved, act=None, reason=reason)
    act = DeletePod(promise_id=node.id, uid=moved.pod_uid, grace=snapshot.policy.grace)
    if moved.pod_uid is not None:
        return Step(promise=moved, act=act, reason=reason)
    gone = replace(moved, state=State.GONE, since=snapshot.at, reason=Reason.VERIFIED_FREE)
    return Step(promise=moved, act=act, reason=reason, done=gone)


def _resize(
    snapshot: Snapshot,
    node: ElasticNode,
    state: State,
    total: Resources,
    purpose: Purpose,
    why: Reason,
    reason: Reason | None = None,
) -> Step:
    """Move a node to *state*, and resize it without a timeout where it hasn't the amount yet."""
    moved = _moved(snapshot, node, state, reason or why)
    running = node.running
    if running is None or running.total == total or running.has_custom_resources:
        return Step(promise=moved, act=None, reason=why)
    act = ResizeNode(node_id=running.node_id, total=total, overcommit_timeout=None, purpose=purpose)
    return Step(promise=moved, act=act, reason=why)


def _move(snapshot: Snapshot, node: ElasticNode, state: State, reason: Reason) -> Step:
    return Step(promise=_moved(snapshot, node, state, reason), act=None, reason=reason)


def _stay(node: ElasticNode) -> Step:
    return Step(promise=node.promise, act=None, reason=node.promise.reason)


def _moved(snapshot: Snapshot, node: ElasticNode, state: State, reason: Reason) -> Promise:
    """Change a promise's state; the time and the reason change with it."""
    if node.state is state:
        return node.promise
    return replace(node.promise, state=state, since=snapshot.at, reason=reason)


def _minimum(snapshot: Snapshot) -> Resources:
    """The amount of a closed node: at nothing, an RM restart would end it with all its containers."""
    return NOTHING if isinstance(snapshot.yarn, Gap) else snapshot.yarn.minimum


def _is_settled(snapshot: Snapshot) -> bool:
    return not isinstance(snapshot.yarn, Gap) and not snapshot.yarn.is_settling


def _is_idle(snapshot: Snapshot, node: ElasticNode) -> bool:
    """Say whether nothing runs on a node, and the ResourceManager has had time to know."""
    return node.is_idle and _is_settled(snapshot)
