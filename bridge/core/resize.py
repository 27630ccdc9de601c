"""Growing and shrinking elastic nodes in place, by quarters of the pool's shape, where both systems allow it.

A lender that needs room gets what is idle on its nodes before any of them goes back as a whole; later a node that was
made smaller grows again before a new one is made. What the systems are told, and in which order, is for ``node_steps``:
smaller in the ResourceManager first, larger in Kubernetes first.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from bridge.core.left_alone import REFUSED, lenders_left_alone
from bridge.core.lifecycle import State
from bridge.core.nodes import ElasticNode, fit_in, grouped
from bridge.core.reasons import Gap, Reason
from bridge.core.resources import NO_ROOM, Room, Shape
from bridge.core.room import Rooms, smallest, sum_of
from bridge.core.sizes import sizes
from bridge.core.snapshot import ElasticPod, PoolPolicy, Resizing, Snapshot, YarnNodeState

_ENDING = frozenset({State.GONE, State.DELETING})


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """A decision to give one node another size."""

    node_id: str
    shape: Shape
    reason: Reason


def shrinks(
    snapshot: Snapshot, nodes: Sequence[ElasticNode], pressing: Mapping[str, Room] = MappingProxyType({})
) -> tuple[Fit, ...]:
    """Choose the nodes that give back idle room, on lenders that need room; and those that couldn't grow.

    *pressing*: what must be freed at once, by lender.
    """
    if isinstance(snapshot.kube, Gap) or isinstance(snapshot.yarn, Gap) or snapshot.kube.cannot_resize is not None:
        return ()
    known = sizes(snapshot.policy, snapshot.yarn.minimum)
    by_lender = grouped([node for node in nodes if node.state not in _ENDING])
    found: list[Fit] = []
    rooms, changing = Rooms(snapshot), {node.promise.lender for node in nodes if not node.is_steady}
    for lender in snapshot.kube.lenders:
        held = by_lender.get(lender.name)
        if not held or lender.refusal is not None:
            continue
        if lender.name in changing:
            found += _refused(held, known)
        room, missing = rooms.now(lender), pressing.get(lender.name, NO_ROOM)
        if missing != NO_ROOM or not fit_in(held, room):
            found += _given_up(held, known, room, missing)
    return tuple({fit.node_id: fit for fit in found}.values())


def _given_up(held: Sequence[ElasticNode], known: tuple[Shape, ...], room: Room, missing: Room) -> Iterator[Fit]:
    """Take idle room, from the idlest node first, until the rest fits; nothing if even all of it doesn't make it fit.

    Then whole nodes go back, and with them their idle room.
    """
    over = sum_of(node.promise.shape.pod for node in held)
    if missing != NO_ROOM:
        room = smallest((room, (over - missing).at_least_zero()))
    if over.fits_in(room):
        return
    fits: list[Fit] = []
    for node in sorted((node for node in held if can_resize(node, known)), key=_use):
        smaller = _smallest_for(node, known)
        if smaller is None:
            continue
        over = over - node.promise.shape.pod + smaller.pod
        fits.append(Fit(node_id=node.id, shape=smaller, reason=Reason.KUBERNETES_NEEDS_ROOM))
        if over.fits_in(room):
            yield from _no_more_than_needed(fits, node, over, room, known)
            return


def _no_more_than_needed(
    fits: list[Fit], last: ElasticNode, over: Room, room: Room, known: tuple[Shape, ...]
) -> Iterator[Fit]:
    """Leave the last node as much as there is room for."""
    *others, fit = fits
    rest = over - fit.shape.pod
    fitting = [
        shape
        for shape in known
        if fit.shape.pod.fits_in(shape.pod)
        and shape.pod.fits_in(last.promise.shape.pod)
        and (rest + shape.pod).fits_in(room)
    ]
    yield from others
    yield replace(fit, shape=fitting[-1] if fitting else fit.shape)


def _smallest_for(node: ElasticNode, known: tuple[Shape, ...]) -> Shape | None:
    """Find the smallest size that holds what runs on a node; None where that is the size it has."""
    used = None if node.running is None else node.running.used
    for shape in known:
        if used is not None and used.fits_in(shape.yarn):
            return None if node.promise.shape.pod.fits_in(shape.pod) else shape
    return None


def _refused(held: Sequence[ElasticNode], known: tuple[Shape, ...]) -> Iterator[Fit]:
    """Give up growing where the kubelet has no room: back to the largest size that the pod has."""
    for node in held:
        pod = node.pod
        if not isinstance(pod, ElasticPod) or pod.resizing not in REFUSED:
            continue
        has = [shape for shape in known if pod.allocated is not None and shape.pod.fits_in(pod.allocated)]
        if has and not node.promise.shape.pod.fits_in(has[-1].pod) and can_resize(node, known):
            yield Fit(node_id=node.id, shape=has[-1], reason=Reason.RESIZE_REFUSED)


def grows(
    snapshot: Snapshot, nodes: Sequence[ElasticNode], lasting: Mapping[str, Room], missing: int
) -> tuple[Fit, ...]:
    """Choose the nodes that grow again, for about as much work as *missing* whole nodes would serve.

    *lasting*: by lender that lends, what elastic pods may take for as long as a new node must last.
    """
    if isinstance(snapshot.kube, Gap) or isinstance(snapshot.yarn, Gap) or snapshot.kube.cannot_resize is not None:
        return ()
    known, left_alone = sizes(snapshot.policy, snapshot.yarn.minimum), lenders_left_alone(snapshot)
    smaller = [node for node in nodes if known and _is_larger(known[-1], node)]
    if not smaller:
        return ()
    held: defaultdict[str, Room] = defaultdict(lambda: Room(cpu_millicores=0, memory_mib=0))
    for node in nodes:
        if node.state is not State.GONE:
            held[node.promise.lender] += node.holds
    wanted = missing * snapshot.policy.shape.yarn.vcores
    found: list[Fit] = []
    for node in smaller:
        lender = node.promise.lender
        may_grow = lender in lasting and lender not in left_alone and _is_at_rest(node) and can_resize(node, known)
        if wanted <= 0 or not may_grow:
            continue
        free = lasting[lender] - held[lender]
        larger = [shape for shape in known if _is_larger(shape, node) and (shape.pod - node.holds).fits_in(free)]
        if larger:
            held[lender] += larger[-1].pod - node.holds
            wanted -= larger[-1].yarn.vcores - node.promise.shape.yarn.vcores
            found.append(Fit(node_id=node.id, shape=larger[-1], reason=Reason.WORK_IS_WAITING))
    return tuple(found)


def _is_at_rest(node: ElasticNode) -> bool:
    """Say whether a pod has what was last asked for."""
    return isinstance(node.pod, ElasticPod) and node.pod.resizing is Resizing.NONE


def _is_larger(shape: Shape, node: ElasticNode) -> bool:
    return shape.yarn.vcores > node.promise.shape.yarn.vcores


def can_resize(node: ElasticNode, known: tuple[Shape, ...]) -> bool:
    """Say whether a node is open and of a size of ours in both systems, with nothing that a resize would drop."""
    pod, running = node.pod, node.running
    return (
        node.state is State.SERVING
        and isinstance(pod, ElasticPod)
        and pod.requested is not None
        and pod.allocated is not None
        and running is not None
        and running.state is YarnNodeState.RUNNING
        and not running.has_custom_resources
        and running.is_settled
        and node.promise.shape in known
        and any(pod.requested == shape.pod for shape in known)
    )


def fitted(nodes: tuple[ElasticNode, ...], fits: Iterable[Fit]) -> tuple[ElasticNode, ...]:
    """Give nodes the sizes that were decided."""
    shapes = {fit.node_id: fit.shape for fit in fits}
    if not shapes:
        return nodes
    return tuple(
        replace(node, promise=replace(node.promise, shape=shapes[node.id])) if node.id in shapes else node
        for node in nodes
    )


def smaller_by_lender(policy: PoolPolicy, nodes: Iterable[ElasticNode]) -> Mapping[str, tuple[Room, ...]]:
    """List, by lender, what nodes of other sizes than the pool's take: they are counted as they are."""
    found: defaultdict[str, list[Room]] = defaultdict(list)
    for node in nodes:
        if (
            node.promise.shape is not policy.shape
            and node.promise.shape != policy.shape
            and node.state is not State.GONE
        ):
            found[node.promise.lender].append(node.promise.shape.pod)
    return {lender: tuple(sorted(rooms, key=lambda room: room.cpu_millicores)) for lender, rooms in found.items()}


def _use(node: ElasticNode) -> tuple[int, int, str]:
    running = node.running
    return (0, 0, node.id) if running is None else (running.used.vcores, running.used.memory_mib, node.id)
