"""Makes shares bind in CapacityScheduler: capacities and maximum capacities over its ``scheduler-conf`` interface.

Each set of siblings keeps the mode it has. Amounts (absolute mode) carry both resources; a percentage and a weight are
one number, and carry the scarcer one: what that leaves out is said in a note.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from bridge.adapters.convert import room_of_yarn, vcores_of
from bridge.adapters.yarn_errors import translated
from bridge.core.ledger import Side
from bridge.core.resources import NO_ROOM, Room
from bridge.core.tenants.divide import added
from bridge.core.tenants.facts import Leaf
from bridge.core.tenants.writes import Axis, Change, Draft, InForce, Wanted
from bridge.ports import Rejected
from yarn_client import (
    Absolute,
    CapacityMode,
    ConfChanges,
    QueueReport,
    YarnClient,
    YarnResource,
    parse_capacity,
    percentages,
    problems,
)
from yarn_client.values import CustomResources

_PREFIX = "yarn.scheduler.capacity."
_CAPACITY, _MAXIMUM = "capacity", "maximum-capacity"
_ROOT = "root"
_FIRST_VERSION = 1
_WHOLE = "100"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Family:
    """The children of one queue, with what each shall have."""

    parent: str
    children: tuple[str, ...]
    amounts: Mapping[str, Room]
    ceilings: Mapping[str, Room]
    whole: Room
    """What a maximum is a percentage of."""
    dominant: Axis
    mode: CapacityMode


class CapacityQueues:
    """``bridge.ports.Enforcer`` for one ResourceManager with CapacityScheduler and a mutable store."""

    name = "yarn-capacity"
    side = Side.YARN
    is_lagging = False

    def __init__(self, client: YarnClient, *, vcores_per_core: float, label: str | None = None) -> None:
        """*label*: of elastic nodes whose capacities are divided too (placement ``entitled``); None: only S is."""
        self._client = client
        self._vcores_per_core = vcores_per_core
        self._label = label
        self._conf: Mapping[str, str] = {}

    def read(self, leaves: Sequence[Wanted]) -> InForce:
        """Read settings and effective amounts of these queues and of the queues above them."""
        with translated("read the scheduler's configuration"):
            version = self._client.scheduler_conf_version()
            self._conf = self._client.scheduler_conf()
            reports = {queue.path: queue for queue in self._client.scheduler().root.walk()}
        there = [entry.leaf for entry in leaves if entry.leaf.name in reports]
        return InForce(
            settings={leaf: self._settings(leaf.name) for leaf in there},
            amounts={leaf: amount for leaf in there if (amount := self._effective(reports[leaf.name])) is not None},
            token=str(version),
            # A store that is kept in memory begins again with the ResourceManager, from its file.
            is_pristine=version == _FIRST_VERSION,
        )

    def drafts(self, leaves: Sequence[Wanted], in_force: InForce) -> tuple[Draft, ...]:
        """Put all queues into one draft: the ResourceManager takes it whole or not at all.

        Siblings whose capacities are in a form that isn't written here are a draft of their own, with the problem.
        """
        partitions = [("", leaves, lambda entry: entry.amount)]
        if self._label is not None:
            partitions.append((self._label, leaves, lambda entry: entry.elastic or NO_ROOM))
        values: dict[str, dict[str, str]] = {}
        notes: list[str] = []
        left: list[str] = []
        for partition, entries, amount in partitions:
            for family in self._families(entries, partition, amount):
                for path, written in self._written(family, partition).items():
                    values.setdefault(path, {}).update(written)
                notes += self._notes(family, partition)
                left += self._unwritable(family, partition)
        changes = tuple(self._changes(values))
        wrong = problems(_conf_changes(changes), self._conf)
        written_here = Draft(changes=changes, token=in_force.token, notes=tuple(notes), problems=wrong)
        return (*((written_here,) if changes else ()), *((Draft(changes=(), problems=tuple(left)),) if left else ()))

    def write(self, draft: Draft) -> None:
        """Change everything in one request, unless somebody else changed something since it was drafted.

        What was found wrong is in the draft's problems. The ResourceManager's own ``validate`` isn't asked: it refuses
        every change once a leaf has become a parent at runtime, while the change itself is taken, or rolled back whole
        (3.4.2, docs/yarn-seen.md).
        """
        changes = _conf_changes(draft.changes)
        with translated("change the scheduler's configuration"):
            found = self._client.scheduler_conf_version()
            if str(found) != draft.token:
                raise Rejected(
                    f"the scheduler's configuration went from version {draft.token} to {found} in between; "
                    "the next round looks again"
                )
            self._client.change_scheduler_conf(changes)

    def release(self, leaf: Leaf) -> None:
        """Leave the queue as it is: what its siblings get is decided with it, and another tenant may have it now."""

    # --- Reading

    def _settings(self, path: str) -> dict[str, str]:
        """Return the keys of a queue that are ours, as they are."""
        keys = [_CAPACITY, _MAXIMUM]
        if self._label is not None:
            keys += [_in_label(self._label, key) for key in (_CAPACITY, _MAXIMUM)]
        return {key: value for key in keys if (value := self._conf.get(f"{_PREFIX}{path}.{key}")) is not None}

    def _effective(self, report: QueueReport) -> Room | None:
        capacity = report.capacity()
        if capacity is None or capacity.guaranteed is None:
            return None
        return room_of_yarn(capacity.guaranteed, self._vcores_per_core)

    # --- Drafting

    def _families(
        self, leaves: Sequence[Wanted], partition: str, amount: Callable[[Wanted], Room]
    ) -> Iterator[_Family]:
        """Give each set of siblings that leads to a wanted queue, with the sums of what is below each."""
        wanted = {entry.leaf.name: entry for entry in leaves}
        amounts = {path: amount(entry) for path, entry in wanted.items()}
        whole, sums = added(amounts.values()), _sums(amounts)
        for parent, children in self._children(frozenset(wanted)).items():
            yield _Family(
                parent=parent,
                children=children,
                amounts={child: sums.get(child, NO_ROOM) for child in children},
                ceilings={
                    child: ceiling
                    for child in children
                    if child in wanted and (ceiling := wanted[child].ceiling) is not None
                },
                whole=whole,
                dominant=leaves[0].dominant,
                mode=self._mode(children, partition),
            )

    def _children(self, wanted: frozenset[str]) -> dict[str, tuple[str, ...]]:
        """List the children of every queue that is above a wanted one."""
        found: dict[str, tuple[str, ...]] = {}
        waiting = [_ROOT]
        while waiting:
            parent = waiting.pop()
            names = self._conf.get(f"{_PREFIX}{parent}.queues", "").split(",")
            children = tuple(f"{parent}.{name.strip()}" for name in names if name.strip())
            if children:
                found[parent] = children
                waiting += [child for child in children if child not in wanted]
        return found

    def _mode(self, children: Sequence[str], partition: str) -> CapacityMode:
        """Say how the children's capacities are written; percentages where a label has none yet."""
        for child in children:
            text = self._conf.get(f"{_PREFIX}{child}.{_in_label(partition, _CAPACITY)}")
            if text is not None:
                try:
                    return parse_capacity(text).mode
                except ValueError:
                    return CapacityMode.UNKNOWN
        return CapacityMode.PERCENTAGE

    def _written(self, family: _Family, partition: str) -> dict[str, dict[str, str]]:
        """Write a family's capacities in its mode."""
        parts = [family.dominant.of(family.amounts[child]) for child in family.children]
        if family.mode is CapacityMode.ABSOLUTE:
            capacities = self._absolutes(
                [family.amounts[child] for child in family.children],
                [self._others(child, _in_label(partition, _CAPACITY)) for child in family.children],
            )
        elif family.mode is CapacityMode.UNKNOWN or not any(parts):
            return {}
        elif family.mode is CapacityMode.WEIGHT:
            capacities = tuple(f"{percent}w" for percent in percentages(parts))
        else:
            capacities = percentages(parts)
        written = {
            child: {_in_label(partition, _CAPACITY): capacity}
            for child, capacity in zip(family.children, capacities, strict=True)
        }
        for child in family.ceilings.keys() if not partition else ():
            written[child][_MAXIMUM] = self._maximum(family, child, written[child][_CAPACITY])
        if partition and family.parent == _ROOT:
            written[_ROOT] = {_in_label(partition, _CAPACITY): _WHOLE}
        return written

    def _maximum(self, family: _Family, child: str, capacity: str) -> str:
        """Write to what a queue may grow by itself.

        A percentage is of the parent's maximum, which is all there is; below the capacity's own figure, which is of the
        parent's capacity, it isn't taken.
        """
        ceiling = family.ceilings[child]
        if family.mode is CapacityMode.ABSOLUTE:
            return self._absolutes([ceiling], [self._others(child, _MAXIMUM)])[0]
        whole, most = family.dominant.of(family.whole), family.dominant.of(ceiling)
        if most >= whole:
            return _WHOLE
        maximum = percentages([most, whole - most])[0]
        is_percentage = family.mode is CapacityMode.PERCENTAGE
        return capacity if is_percentage and Decimal(capacity) > Decimal(maximum) else maximum

    def _others(self, path: str, key: str) -> CustomResources:
        """Return the amounts beside CPU and memory that a value has now: they are the administrator's."""
        try:
            found = parse_capacity(self._conf.get(f"{_PREFIX}{path}.{key}", ""))
        except ValueError:
            return ()
        return found.others if isinstance(found, Absolute) else ()

    def _absolutes(self, amounts: Sequence[Room], others: Sequence[CustomResources]) -> tuple[str, ...]:
        """Write amounts; vcores are whole, and their sum is what it was, rounded down."""
        vcores = _apportioned([vcores_of(amount.cpu_millicores, self._vcores_per_core) for amount in amounts])
        return tuple(
            str(Absolute(amount=YarnResource(vcores=count, memory_mib=amount.memory_mib), others=beside))
            for count, amount, beside in zip(vcores, amounts, others, strict=True)
        )

    def _notes(self, family: _Family, partition: str) -> Iterator[str]:
        """Say what one number can't carry."""
        if family.mode in {CapacityMode.PERCENTAGE, CapacityMode.WEIGHT}:
            other = Axis.CPU if family.dominant is Axis.MEMORY else Axis.MEMORY
            yield (
                f"the children of {family.parent}{_where(partition)} are in {family.mode} mode: one number carries the "
                f"target of {family.dominant}, and {other} follows in the same ratio; absolute mode would carry both"
            )

    def _unwritable(self, family: _Family, partition: str) -> Iterator[str]:
        """Say whose capacities can't be written."""
        if family.mode is CapacityMode.UNKNOWN:
            yield (
                f"the children of {family.parent}{_where(partition)} have capacities in a form that isn't written "
                "here: use percentages, weights, or amounts such as [memory=1024,vcores=3]"
            )

    def _changes(self, values: Mapping[str, Mapping[str, str]]) -> Iterator[Change]:
        for path, written in values.items():
            for key, after in written.items():
                before = self._conf.get(f"{_PREFIX}{path}.{key}")
                if before != after:
                    yield Change(leaf=Leaf(side=Side.YARN, name=path), key=key, before=before, after=after)


def _where(partition: str) -> str:
    return f" in {partition}" if partition else ""


def _in_label(partition: str, key: str) -> str:
    return f"accessible-node-labels.{partition}.{key}" if partition else key


def _sums(amounts: Mapping[str, Room]) -> dict[str, Room]:
    """Sum what is wanted for each queue, and for all that are above it."""
    found: dict[str, Room] = {}
    for path, amount in amounts.items():
        above = path
        while above:
            found[above] = found.get(above, NO_ROOM) + amount
            above = above.rpartition(".")[0]
    return found


def _apportioned(parts: Sequence[Fraction]) -> list[int]:
    """Round down, and give what that leaves of the whole sum to the largest remainders, the first of equal ones."""
    floors = [int(part) for part in parts]
    left = int(sum(parts)) - sum(floors)
    by_remainder = sorted(range(len(parts)), key=lambda at: floors[at] - parts[at])
    for at in by_remainder[:left]:
        floors[at] += 1
    return floors


def _conf_changes(changes: Sequence[Change]) -> ConfChanges:
    values: dict[str, dict[str, str]] = {}
    for change in changes:
        values.setdefault(change.leaf.name, {})[change.key] = change.after
    return ConfChanges(values_by_queue=values)
