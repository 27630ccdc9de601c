"""ResourceQuotas: what the pods of a namespace may request together, and who is refused.

The API server checks a new pod against a quota's *status*, which a controller brings up to date a second after the spec
has changed; what already runs is left alone, whatever the quota says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from bridge.core.resources import NO_ROOM, Room
from bridge.sim.clock import Timeline
from bridge.sim.errors import ApiRefusal, check_uid
from bridge.sim.pods import Pod, PodOrder
from k8s_pool.quantity import QuantityError, cpu_millicores_down, mib_down, units_down

_SYNC_S = 1
_COUNTED = {
    "requests.cpu": "cpu",
    "cpu": "cpu",
    "requests.memory": "memory",
    "memory": "memory",
    "pods": "pods",
    "count/pods": "pods",
}
"""What each key of a quota counts; other keys are kept, and never bind."""
_PARSE: Mapping[str, Callable[[str], int]] = {"cpu": cpu_millicores_down, "memory": mib_down, "pods": units_down}


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaOrder:
    """A ResourceQuota as it is posted."""

    namespace: str
    name: str
    hard: Mapping[str, str]
    """By the quota's own keys, such as requests.cpu."""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Quota:
    """One ResourceQuota."""

    order: QuotaOrder
    """With amounts in the form in which the API server keeps them."""
    uid: str
    created: int
    version: int
    bound: Mapping[str, str] | None = None
    """The hard limits that new pods are checked against: the status, None until it is known."""


@dataclass(slots=True)
class _Sum:
    requests: Room = NO_ROOM
    pods: int = 0

    def of(self, what: str) -> int:
        if what == "pods":
            return self.pods
        return self.requests.cpu_millicores if what == "cpu" else self.requests.memory_mib


class Quotas:
    """All ResourceQuotas of a cluster, and what each namespace requests."""

    def __init__(self, timeline: Timeline, next_version: Callable[[], int]) -> None:
        self._timeline = timeline
        self._next_version = next_version
        self._sums: dict[str, _Sum] = {}
        self._made = 0
        self.all: dict[tuple[str, str], Quota] = {}

    # --- The API

    def get(self, namespace: str, name: str) -> Quota:
        """Return a quota."""
        if (namespace, name) not in self.all:
            raise ApiRefusal(404, "NotFound", f'resourcequotas "{name}" not found')
        return self.all[namespace, name]

    def create(self, order: QuotaOrder) -> Quota:
        """Make a quota, or refuse because one of that name exists."""
        key = order.namespace, order.name
        if key in self.all:
            raise ApiRefusal(409, "AlreadyExists", f'resourcequotas "{order.name}" already exists')
        self._made += 1
        uid = f"00000000-0000-4000-8001-{self._made:012x}"
        quota = self.all[key] = Quota(_kept(order), uid, self._timeline.now, self._next_version())
        self._sync_later(quota)
        return quota

    def replace(self, order: QuotaOrder, *, uid: str | None = None, version: str | None = None) -> Quota:
        """Replace a quota; refuse it if somebody has changed it since *version*."""
        quota = self.get(order.namespace, order.name)
        check_uid("resourcequotas", order.name, quota.uid, uid)
        if version and version != str(quota.version):
            text = "the object has been modified; please apply your changes to the latest version and try again"
            text = f'Operation cannot be fulfilled on resourcequotas "{order.name}": {text}'
            raise ApiRefusal(409, "Conflict", text, {"name": order.name, "kind": "resourcequotas"})
        order = _kept(order)
        if quota.order != order:
            quota.order, quota.version = order, self._next_version()
            self._sync_later(quota)
        return quota

    def delete(self, namespace: str, name: str, *, uid: str | None = None, version: str | None = None) -> Quota:
        """Take a quota away, if it still is that one."""
        quota = self.get(namespace, name)
        check_uid("resourcequotas", name, quota.uid, uid)
        if version and version != str(quota.version):
            text = f"ResourceVersion in precondition: {version}, ResourceVersion in object meta: {quota.version}"
            text = f'Operation cannot be fulfilled on resourcequotas "{name}": Precondition failed: {text}'
            raise ApiRefusal(409, "Conflict", text)
        return self.all.pop((namespace, name))

    def used(self, quota: Quota) -> dict[str, int]:
        """Return what a quota's keys count now, in millicores, MiB and pieces; nothing has what isn't simulated."""
        found = self._sums.get(quota.order.namespace) or _Sum()
        return {key: found.of(_COUNTED[key]) if key in _COUNTED else 0 for key in quota.bound or ()}

    def requested(self, namespace: str) -> Room:
        """Return what the pods of a namespace that aren't over request."""
        return self._sums[namespace].requests if namespace in self._sums else NO_ROOM

    # --- Pods

    def admit(self, order: PodOrder) -> None:
        """Raise ApiRefusal if a new pod would exceed a quota of its namespace."""
        for quota in self._of(order.namespace):
            self._check_known(quota, order)
            self._check_said(quota, order)
            self._check_fits(quota, order)

    def charge(self, pod: Pod, sign: int) -> None:
        """Count a pod in, or out once it is over."""
        namespace = pod.order.namespace
        found = self._sums.setdefault(namespace, _Sum())
        found.requests += pod.order.requests * sign
        found.pods += sign
        for quota in self._of(namespace):
            quota.version = self._next_version()

    def _of(self, namespace: str) -> Iterator[Quota]:
        return (quota for quota in self.all.values() if quota.order.namespace == namespace)

    def _sync_later(self, quota: Quota) -> None:
        self._timeline.at(self._timeline.now + _SYNC_S, self._sync, quota)

    def _sync(self, quota: Quota) -> None:
        if quota.bound != quota.order.hard:
            quota.bound, quota.version = quota.order.hard, self._next_version()

    def _check_known(self, quota: Quota, order: PodOrder) -> None:
        if quota.bound is None:
            keys = ",".join(sorted(quota.order.hard))
            raise _forbidden(order, f"status unknown for quota: {quota.order.name}, resources: {keys}")

    def _check_said(self, quota: Quota, order: PodOrder) -> None:
        asked = _asked(order)
        missing = [key for key in quota.bound or () if key in _COUNTED and not asked.of(_COUNTED[key])]
        if missing:
            keys = " for: main; ".join(sorted(missing))
            raise _forbidden(order, f"failed quota: {quota.order.name}: must specify {keys} for: main")

    def _check_fits(self, quota: Quota, order: PodOrder) -> None:
        asked, used = _asked(order), self.used(quota)
        counted = sorted(key for key in used if key in _COUNTED)
        over = [key for key in counted if used[key] + asked.of(_COUNTED[key]) > _limit(quota, key)]
        if over:
            requested = ",".join(f"{key}={write_amount(key, asked.of(_COUNTED[key]))}" for key in over)
            taken = ",".join(f"{key}={write_amount(key, used[key])}" for key in over)
            limited = ",".join(f"{key}={(quota.bound or {})[key]}" for key in over)
            text = f"exceeded quota: {quota.order.name}, requested: {requested}, used: {taken}, limited: {limited}"
            raise _forbidden(order, text)


def write_amount(key: str, amount: int) -> str:
    """Write an amount as the API server does: cores, or the largest binary unit that leaves a whole number."""
    what = _COUNTED.get(key, "pods")
    if what == "pods" or not amount:
        return str(amount)
    if what == "cpu":
        return f"{amount}m" if amount % 1000 else str(amount // 1000)
    return f"{amount}Mi" if amount % 1024 else f"{amount // 1024}Gi"


def _limit(quota: Quota, key: str) -> int:
    return _PARSE[_COUNTED[key]]((quota.bound or {})[key])


def _asked(order: PodOrder) -> _Sum:
    return _Sum(order.requests, 1)


def _kept(order: QuotaOrder) -> QuotaOrder:
    """Return an order with amounts in the form in which the API server keeps them; refuse what is none."""
    hard = {key: _kept_amount(order.name, key, text) for key, text in order.hard.items()}
    return replace(order, hard=hard)


def _kept_amount(name: str, key: str, text: str) -> str:
    if text.startswith("-"):
        problem = f"spec.hard[{key}]: Invalid value: {text!r}: must be greater than or equal to 0"
        raise ApiRefusal(422, "Invalid", f'ResourceQuota "{name}" is invalid: {problem}')
    try:
        return write_amount(key, _PARSE[_COUNTED[key]](text)) if key in _COUNTED else text
    except QuantityError as error:
        raise ApiRefusal(400, "BadRequest", str(error)) from error


def _forbidden(order: PodOrder, text: str) -> ApiRefusal:
    return ApiRefusal(403, "Forbidden", f'pods "{order.name}" is forbidden: {text}')
