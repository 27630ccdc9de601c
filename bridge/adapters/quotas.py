"""Makes shares bind in Kubernetes: one ResourceQuota of ours in each tenant's namespace.

A quota below present use stops new pods and evicts nobody. A namespace whose quota can't be read or written leaves the
others alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from bridge.adapters.kube_errors import translated
from bridge.core.ledger import Side
from bridge.core.resources import Room
from bridge.core.tenants.facts import Leaf
from bridge.core.tenants.writes import Change, Draft, InForce, Wanted
from bridge.ports import PortError, Rejected
from k8s_pool import FleetView, KubeAmount, KubeQuotas, QuotaView, Transport, tenant_loads

CPU, MEMORY = "requests.cpu", "requests.memory"
_NAMED = 5
"""So many pods that a first quota would refuse are named; of the others the number is said."""


class NamespaceQuotas:
    """``bridge.ports.Enforcer`` for tenants' namespaces."""

    name = "resource-quota"
    side = Side.KUBERNETES
    is_lagging = False

    def __init__(self, api: Transport, view: Callable[[], FleetView]) -> None:
        self._quotas = KubeQuotas(api)
        self._view = view
        self._ours: dict[Leaf, QuotaView | None] = {}
        self._failures: dict[Leaf, str] = {}

    def read(self, leaves: Sequence[Wanted]) -> InForce:
        """Read our quota of each namespace. Raises the last error where none could be read."""
        self._ours, self._failures = {}, {}
        failed: PortError | None = None
        for entry in leaves:
            try:
                self._ours[entry.leaf] = self._read(entry.leaf.name)
            except PortError as error:
                failed, self._failures[entry.leaf] = error, str(error)
        if failed is not None and not self._ours:
            raise failed
        there = {leaf: quota for leaf, quota in self._ours.items() if quota is not None}
        return InForce(
            settings={leaf: {} if quota is None else _settings(quota) for leaf, quota in self._ours.items()},
            amounts={leaf: _amount(quota) for leaf, quota in there.items()},
        )

    def drafts(self, leaves: Sequence[Wanted], in_force: InForce) -> tuple[Draft, ...]:
        """Draft each namespace by itself: one that refuses, or couldn't be read, leaves the others alone."""
        return tuple(self._each(leaves, in_force))

    def write(self, draft: Draft) -> None:
        """Write one namespace's quota, unless somebody else changed it since it was read."""
        (leaf,) = draft.leaves
        after = dict(_settings(quota)) if (quota := self._ours[leaf]) is not None else {}
        after |= {change.key: change.after for change in draft.changes}
        hard = KubeAmount(
            cpu_millicores=int(after[CPU].removesuffix("m")), memory_mib=int(after[MEMORY].removesuffix("Mi"))
        )
        with translated(f"write the quota of namespace {leaf.name}"):
            self._ours[leaf] = self._quotas.write(leaf.name, hard, over=quota)

    def release(self, leaf: Leaf) -> None:
        """Delete our quota."""
        quota = self._read(leaf.name)
        if quota is not None:
            with translated(f"delete the quota of namespace {leaf.name}"):
                self._quotas.delete(quota)

    def _read(self, namespace: str) -> QuotaView | None:
        with translated(f"read the quotas of namespace {namespace}"):
            quotas = self._quotas.list(namespace)
        ours = next((quota for quota in quotas if quota.name == "tidebridge"), None)
        if ours is not None and not ours.is_ours:
            raise Rejected(
                f"namespace {namespace} has a ResourceQuota tidebridge that isn't ours: rename it, or label it "
                "app.kubernetes.io/managed-by=tidebridge"
            )
        return ours

    def _each(self, leaves: Sequence[Wanted], in_force: InForce) -> Iterator[Draft]:
        for entry in leaves:
            if entry.leaf in self._failures:
                yield Draft(changes=(), problems=(self._failures[entry.leaf],))
                continue
            now = in_force.settings.get(entry.leaf, {})
            changes = tuple(
                Change(leaf=entry.leaf, key=key, before=now.get(key), after=after)
                for key, after in _written(entry.amount).items()
                if now.get(key) != after
            )
            if changes:
                yield Draft(changes=changes, notes=() if now else tuple(self._first(entry.leaf.name)))

    def _first(self, namespace: str) -> Iterator[str]:
        """Say before a namespace's first quota which of its pods it would refuse."""
        with translated("read the tenants' namespaces"):
            (load,) = tenant_loads(self._view(), (namespace,))
        names = load.without_requests
        if names:
            more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
            yield (
                f"the first quota of namespace {namespace} would refuse pods like {', '.join(names[:_NAMED])}{more}: "
                "they name no request for CPU or memory; add requests, or a LimitRange with defaults"
            )


def _written(amount: Room) -> dict[str, str]:
    return {CPU: f"{amount.cpu_millicores}m", MEMORY: f"{amount.memory_mib}Mi"}


def _settings(quota: QuotaView) -> dict[str, str]:
    """Return the keys of a quota that are ours, as they are written here."""
    written = {CPU: "m", MEMORY: "Mi"}
    return {key: f"{quota.hard[key]}{unit}" for key, unit in written.items() if key in quota.hard}


def _amount(quota: QuotaView) -> Room:
    return Room(cpu_millicores=quota.hard.get(CPU, 0), memory_mib=quota.hard.get(MEMORY, 0))
