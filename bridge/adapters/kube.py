"""A real Kubernetes cluster behind the port, for one pool, by ``k8s_pool``."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from bridge.adapters.convert import room_of, shape_from_text
from bridge.adapters.kube_errors import translated
from bridge.core.actions import CreatePod, DeletePod, ResizePod, StampPod
from bridge.core.reasons import LenderRefusal
from bridge.core.resources import NOTHING, Room
from bridge.core.snapshot import (
    CannotResize,
    Claim,
    ElasticPod,
    KubeFacts,
    Lender,
    PodPhase,
    Promise,
    Resizing,
    StuckPod,
)
from bridge.ports import Clock, Rejected, Stale
from k8s_pool import (
    EVICTION_PRIORITY,
    ZERO,
    AlreadyExists,
    ContainerSize,
    FleetView,
    KubeAmount,
    KubeError,
    KubePool,
    LenderRoom,
    PodOrder,
    PodTemplate,
    PodView,
    holders,
    lenders,
    pod_name,
    pod_requests,
    render,
    waiting_for,
)

LENDER = "tidebridge.dev/lender"
SHAPE = "tidebridge.dev/shape"

MOST_STUCK = 500
"""So many pods that wait are placed one by one; more need all the room there is."""
RETRYING_FOR_S = 15.0
"""A view whose watch is broken is trusted this long; a healthy but silent watch much longer."""
SILENT_FOR_S = 180.0
ASK_AGAIN = timedelta(minutes=1)
"""How long it is believed that pods can't be resized, or stamped; that they can is believed for good."""


def template_extra(template: PodTemplate) -> Room:
    """Say what a template's pods request beside the NodeManager's container: sidecars, init containers, overhead."""
    own = KubeAmount(cpu_millicores=1_000_000, memory_mib=100_000_000)
    order = PodOrder(
        pool="any",
        promise="any",
        node="any",
        vcores=1,
        nm_memory_mib=1,
        size=ContainerSize(cpu_request_millicores=own.cpu_millicores, memory_request_mib=own.memory_mib),
        deadline_at=datetime(2000, 1, 1, tzinfo=UTC),
        active_deadline_s=1,
    )
    return room_of(pod_requests(render(template, order)) - own)


class Permission:
    """A right that the API server is asked for until it is there, at most once in a while; then it is believed."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._is_given = False
        self._ask_again_at = datetime.min.replace(tzinfo=UTC)

    def ask(self, question: Callable[[], bool]) -> bool:
        """Say whether the right is there; where nobody answers, it isn't."""
        now = self._clock.now()
        if not self._is_given and now >= self._ask_again_at:
            self._ask_again_at = now + ASK_AGAIN
            with suppress(KubeError):
                self._is_given = question()
        return self._is_given


class KubeCluster:
    """Reads one pool's lenders and pods from a shared view of the fleet, and makes and deletes its pods."""

    def __init__(
        self,
        view: Callable[[], FleetView],
        pods: KubePool,
        clock: Clock,
        *,
        pool: str,
        template: PodTemplate,
        node_selector: Mapping[str, str],
        priority_class: str,
        env: Mapping[str, str],
        tenant_namespaces: frozenset[str] = frozenset(),
        requested: Room | None = None,
    ) -> None:
        """*requested*: what the NodeManager's container requests, with the basis ``usage``; None: all that it takes."""
        self._view = view
        self._pods = pods
        self._clock = clock
        self._pool = pool
        self._template = template
        self._node_selector = node_selector
        self._priority_class = priority_class
        self._env = env
        self._tenant_namespaces = tenant_namespaces
        self._requested = requested
        self._ephemeral_mib = pod_requests(template.body).ephemeral_mib
        self._extra = template_extra(template)
        self._may_stamp = Permission(clock)
        self._cannot_resize: CannotResize | None = CannotResize.UNKNOWN
        self._ask_again_at = datetime.min.replace(tzinfo=UTC)

    def observe(self) -> KubeFacts:
        """Read lenders and pods; see ``bridge.ports.Kube``."""
        with translated("read nodes and pods"):
            view = self._view()
        refuse_stale(view)
        rooms = lenders(
            view,
            node_selector=self._node_selector,
            tolerations=self._template.tolerations,
            tenant_namespaces=self._tenant_namespaces,
        )
        ours = tuple(pod for pod in view.elastic if pod.pool == self._pool)
        others = tuple(pod for pod in view.elastic if pod.pool != self._pool and not pod.phase.is_terminal)
        elsewhere = _taken_by_lender(others)
        own_by_node = Counter(pod.node for pod in ours if not pod.phase.is_terminal)
        claims = self._claims(view.elastic) if others else {}
        return KubeFacts(
            lenders=tuple(
                _lender(
                    room,
                    self._slots(room, own_by_node[room.node.name], elsewhere),
                    elsewhere,
                    claims.get(room.node.name, ()),
                )
                for room in rooms
            ),
            pods=tuple(_pod(pod) for pod in sorted(ours, key=lambda pod: pod.name)),
            online_waiting=room_of(waiting_for(rooms, view.pending)),
            online_stuck=_stuck(rooms, view.pending),
            impostors=tuple(sorted(pod.name for pod in view.impostors if pod.pool == self._pool)),
            other_addresses=frozenset(pod.ip for pod in others if pod.ip is not None),
            cannot_resize=self._resize_hindrance(),
            may_stamp=self._may_stamp.ask(self._pods.may_stamp),
        )

    def urgent(self) -> frozenset[str]:
        """Name what can't wait for the next tick; nothing, where that can't be seen now.

        These are pods that the scheduler has found no room for, and nodes under pressure that elastic pods stay on.
        """
        try:
            view = self._view()
        except KubeError:
            return frozenset()
        stuck = {f"{pod.namespace}/{pod.name}" for pod in view.pending if pod.lacks_room}
        short = {name for name, node in view.nodes.items() if node.pressures}
        staying = (pod for pod in view.elastic if pod.pool == self._pool and pod.deleting_since is None)
        return frozenset(stuck | {f"node {pod.node}" for pod in staying if pod.node in short})

    def _resize_hindrance(self) -> CannotResize | None:
        """Say why pods can't be resized, asking the API server at most once in a while."""
        now = self._clock.now()
        if self._cannot_resize is not None and now >= self._ask_again_at:
            self._ask_again_at = now + ASK_AGAIN
            try:
                said = self._pods.cannot_resize()
            except KubeError:
                self._cannot_resize = CannotResize.UNKNOWN
            else:
                self._cannot_resize = None if said is None else CannotResize(said.value)
        return self._cannot_resize

    def _size(self, takes: Room) -> ContainerSize:
        """Say what the NodeManager's container requests, and is held to, in a pod that takes so much of its lender."""
        own = takes - self._extra
        requested = own if self._requested is None else self._requested
        return ContainerSize(
            cpu_request_millicores=requested.cpu_millicores,
            cpu_limit_millicores=None if self._requested is None else own.cpu_millicores,
            memory_request_mib=requested.memory_mib,
            memory_limit_mib=own.memory_mib,
        )

    def _claims(self, elastic: Iterable[PodView]) -> Mapping[str, list[Claim]]:
        """List what all pools' pods claim, by the lender that they are on or made for.

        One that is being deleted comes after those that were there when that began.
        """
        found: dict[str, list[Claim]] = defaultdict(list)
        for pod in elastic:
            if not pod.phase.is_terminal:
                since = pod.deleting_since or pod.created_at or self._clock.now()
                claim = Claim(since, str(pod.pool), pod.name, pod.pool == self._pool, room_of(_taken(pod)))
                found[_made_for(pod)].append(claim)
        return found

    def _slots(self, room: LenderRoom, own: int, elsewhere: Mapping[str, KubeAmount]) -> int:
        """Say how many of the pool's pods the scheduler would take there, the *own* ones that are there included."""
        slots = room.pod_slots_left + own
        if self._ephemeral_mib > 0 and room.allocatable.ephemeral_mib > 0:
            theirs = room.online + room.tenants + elsewhere.get(room.node.name, ZERO)
            left_mib = room.allocatable.ephemeral_mib - theirs.ephemeral_mib
            slots = min(slots, max(0, left_mib) // self._ephemeral_mib)
        if self._requested is not None:
            # Measured use may leave room where requests leave none, and even a small request must fit.
            left = room_of(room.room - room.tenants - room.elastic)
            slots = min(slots, own + (self._requested + self._extra).times_in(left))
        return slots

    def create(self, act: CreatePod, promise: Promise) -> None:
        """Make a promise's pod; see ``bridge.ports.Kube``."""
        if promise.deadline is None:
            raise Rejected(f"promise {promise.id} has no deadline")
        order = PodOrder(
            pool=self._pool,
            promise=act.promise_id,
            node=act.lender,
            vcores=act.shape.vcores,
            nm_memory_mib=act.shape.memory_mib,
            size=self._size(act.requests),
            node_label=act.label or "",
            env=self._env,
            deadline_at=promise.deadline,
            active_deadline_s=math.ceil(act.lives_at_most.total_seconds()),
            grace_s=math.ceil(act.grace.total_seconds()),
            priority_class_name=self._priority_class,
            annotations={LENDER: act.lender},
        )
        with translated(f"create pod {order.name}"):
            try:
                self._pods.create_pod(render(self._template, order))
            except AlreadyExists:
                return

    def resize_pod(self, act: ResizePod) -> None:
        """Ask for another size of a promise's pod; see ``bridge.ports.Kube``."""
        name = pod_name(self._pool, act.promise_id)
        with translated(f"resize pod {name}"):
            self._pods.resize_pod(name, uid=act.uid, size=self._size(act.requests))

    def stamp(self, act: StampPod) -> None:
        """Write on a promise's pod what its work is worth; see ``bridge.ports.Kube``."""
        name = pod_name(self._pool, act.promise_id)
        with translated(f"stamp pod {name}"):
            self._pods.stamp_pod(name, uid=act.uid, priority=act.worth)

    def delete(self, act: DeletePod) -> bool:
        """Delete a promise's pod; see ``bridge.ports.Kube``."""
        name = pod_name(self._pool, act.promise_id)
        with translated(f"delete pod {name}"):
            return self._pods.delete_pod(name, uid=act.uid, grace_s=math.ceil(act.grace.total_seconds()))

    def tell(self, reason: str, message: str) -> None:
        """Leave an Event about the namespace; see ``bridge.ports.Kube``."""
        with translated("write an Event"):
            self._pods.emit_event(reason=reason, message=message, at=self._clock.now())


def refuse_stale(view: FleetView) -> None:
    """Raise Stale for a view that is too old to act upon."""
    fresh = view.freshness
    age_s = max(fresh.nodes_stale_s, fresh.pods_stale_s)
    limit_s = SILENT_FOR_S if fresh.last_error is None else RETRYING_FOR_S
    if age_s > limit_s:
        raise Stale(
            f"nodes and pods were last confirmed {age_s:.0f} s ago: {fresh.last_error or 'the watch is silent'}"
        )


def _stuck(rooms: Sequence[LenderRoom], pending: Iterable[PodView]) -> tuple[StuckPod, ...]:
    """List the pods that the scheduler has given up on for now, and that a lender could hold, largest first."""
    stuck = [pod for pod in pending if pod.lacks_room]
    stuck.sort(key=lambda pod: (pod.requests.cpu_millicores, pod.requests.memory_mib, pod.key), reverse=True)
    found = zip(stuck, holders(rooms, stuck[:MOST_STUCK]), strict=False)
    return tuple(StuckPod(requests=room_of(pod.requests), lenders=names) for pod, names in found if names)


def _taken(pod: PodView) -> KubeAmount:
    """Say what an elastic pod takes of the room lent: what it is held to, however little of it is requested."""
    return pod.requests if pod.sizes is None else pod.sizes.counted


def _made_for(pod: PodView) -> str:
    """Name the lender that an elastic pod is on, or is made for."""
    return pod.node or pod.annotations.get(LENDER, "")


def _taken_by_lender(pods: tuple[PodView, ...]) -> Mapping[str, KubeAmount]:
    """Sum what other pools' pods take, by the lender that they are on or made for."""
    found: dict[str, KubeAmount] = {}
    for pod in pods:
        lender = _made_for(pod)
        found[lender] = found.get(lender, ZERO) + _taken(pod)
    return found


def _lender(room: LenderRoom, slots: int, elsewhere: Mapping[str, KubeAmount], claims: Iterable[Claim] = ()) -> Lender:
    return Lender(
        name=room.node.name,
        allocatable=room_of(room.allocatable),
        online=room_of(room.online + room.tenants),
        tenants=room_of(room.tenants),
        pod_slots=slots,
        elsewhere=room_of(elsewhere.get(room.node.name, ZERO)),
        claims=tuple(sorted(claims)),
        batch_room=None if room.batch_room is None else room_of(room.batch_room),
        refusal=None if room.refusal is None else LenderRefusal(room.refusal.value),
    )


def _pod(pod: PodView) -> ElasticPod:
    created_at = pod.created_at
    if created_at is None or pod.promise is None:
        raise Rejected(f"pod {pod.name} carries no creation time or no promise")
    trouble = pod.waiting_reason or pod.unschedulable_reason or pod.disruption_reason or pod.ended_reason
    return ElasticPod(
        name=pod.name,
        uid=pod.uid,
        promise_id=pod.promise,
        lender=_made_for(pod),
        requests=room_of(_taken(pod)),
        worth=_worth(pod),
        shape=shape_from_text(pod.annotations.get(SHAPE)) or NOTHING,
        phase=PodPhase(pod.phase.value),
        deadline=pod.deadline_at,
        created_at=created_at,
        node=pod.node,
        ip=pod.ip,
        deleting_since=pod.deleting_since,
        trouble=trouble,
        requested=None if pod.sizes is None else room_of(pod.sizes.asked),
        allocated=None if pod.sizes is None or pod.sizes.in_force is None else room_of(pod.sizes.in_force),
        resizing=Resizing.NONE if pod.sizes is None else Resizing(pod.sizes.resizing.value),
    )


_WORTH_DIGITS = 11
"""No 32-bit number has more, its sign included."""


def _worth(pod: PodView) -> int | None:
    """Read what a pod says that its work is worth; a word that isn't a number says nothing."""
    said = pod.annotations.get(EVICTION_PRIORITY, "")
    return int(said) if len(said) <= _WORTH_DIGITS and said.removeprefix("-").isdecimal() else None
