"""Makes shares bind in FairScheduler: minimum and maximum resources in its allocation file.

FairScheduler gives every queue its minimum first, so a queue's target is written there; weights stay the
administrator's. Only these two elements change, and only where they differ. The ResourceManager reads the file anew
within about 15 s (3.4.2), so what it makes of it is seen by the next round.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from bridge.adapters.convert import room_of_yarn, vcores_of
from bridge.adapters.yarn_errors import translated
from bridge.core.ledger import Side
from bridge.core.resources import Room
from bridge.core.tenants.facts import Leaf
from bridge.core.tenants.writes import Change, Draft, InForce, Wanted
from bridge.ports import NotUnderstood, Rejected, Unavailable
from yarn_client import (
    AllocationFile,
    AllocationsChanged,
    AllocationsUnreachable,
    BadAllocations,
    FairChange,
    SchedulerKind,
    YarnClient,
    YarnResource,
    read_allocations,
    replace_allocations,
)
from yarn_client.allocations import parse_resources

MINIMUM, MAXIMUM = "minResources", "maxResources"


class FairQueues:
    """``bridge.ports.Enforcer`` for one ResourceManager with FairScheduler, by its allocation file."""

    name = "yarn-fair"
    side = Side.YARN
    is_lagging = True

    def __init__(self, client: YarnClient, file: Path, *, vcores_per_core: float) -> None:
        self._client = client
        self._path = file
        self._vcores_per_core = vcores_per_core
        self._file = AllocationFile.parse(b"<allocations/>")

    def read(self, leaves: Sequence[Wanted]) -> InForce:
        """Read the file, and what the ResourceManager has made of it."""
        with translated("read the queues"):
            report = self._client.scheduler()
        if report.kind is not SchedulerKind.FAIR:
            raise Rejected(f"the ResourceManager runs the {report.kind} scheduler; use the adapter yarn-capacity")
        with _reading():
            self._file = read_allocations(self._path)
        minimum_by_path = {
            queue.path: capacity.guaranteed
            for queue in report.root.walk()
            if (capacity := queue.capacity()) is not None and capacity.guaranteed is not None
        }
        there = [entry.leaf for entry in leaves if entry.leaf.name in minimum_by_path]
        return InForce(
            settings={leaf: self._settings(leaf.name) for leaf in there},
            amounts={leaf: room_of_yarn(minimum_by_path[leaf.name], self._vcores_per_core) for leaf in there},
            token=hashlib.sha256(self._file.content).hexdigest(),
        )

    def drafts(self, leaves: Sequence[Wanted], in_force: InForce) -> tuple[Draft, ...]:
        """Put all queues into one draft: the file is replaced whole or not at all."""
        changes = tuple(
            change
            for entry in leaves
            if entry.leaf in in_force.settings
            for change in self._changes(entry, in_force.settings[entry.leaf])
        )
        return (Draft(changes=changes, token=in_force.token),) if changes else ()

    def write(self, draft: Draft) -> None:
        """Write the file beside and rename it, unless somebody else changed it since it was read."""
        with _reading():
            if hashlib.sha256(self._file.content).hexdigest() != draft.token:
                raise Rejected(f"{self._path} was read again since this was drafted; the next round looks again")
            replace_allocations(self._path, self._file, self._file.changed(_fair_changes(draft.changes)))

    def release(self, leaf: Leaf) -> None:
        """Leave the queue as it is: what its siblings get is decided with it, and another tenant may have it now."""

    def _settings(self, path: str) -> dict[str, str]:
        """Return what the file says of a queue, in the one way that is written here."""
        queue = self._file.queue(path)
        if queue is None:
            return {}
        found = {MINIMUM: queue.min_resources, MAXIMUM: queue.max_resources}
        return {key: _uniform(text) for key, text in found.items() if text is not None}

    def _changes(self, entry: Wanted, now: Mapping[str, str]) -> Iterator[Change]:
        wanted = {MINIMUM: self._written(entry.amount)}
        if entry.ceiling is not None:
            wanted[MAXIMUM] = self._written(entry.ceiling)
        for key, after in wanted.items():
            if now.get(key) != after:
                yield Change(leaf=entry.leaf, key=key, before=now.get(key), after=after)

    def _written(self, amount: Room) -> str:
        vcores = int(vcores_of(amount.cpu_millicores, self._vcores_per_core))
        return _text(YarnResource(vcores=vcores, memory_mib=amount.memory_mib))


def _fair_changes(changes: Sequence[Change]) -> dict[str, FairChange]:
    found: dict[str, dict[str, YarnResource | None]] = {}
    for change in changes:
        found.setdefault(change.leaf.name, {})[change.key] = parse_resources(change.after)
    return {path: FairChange(minimum=by.get(MINIMUM), maximum=by.get(MAXIMUM)) for path, by in found.items()}


def _uniform(text: str) -> str:
    amount = parse_resources(text)
    return text if amount is None else _text(amount)


def _text(amount: YarnResource) -> str:
    return f"{amount.memory_mib} mb, {amount.vcores} vcores"


@contextmanager
def _reading() -> Iterator[None]:
    """Turn the file's errors into the ports'."""
    try:
        yield
    except AllocationsUnreachable as error:
        raise Unavailable(f"could not reach the allocation file: {error}") from error
    except BadAllocations as error:
        raise NotUnderstood(f"the allocation file isn't understood, line {error.line}: {error.why}") from error
    except AllocationsChanged as error:
        raise Rejected(str(error)) from error
