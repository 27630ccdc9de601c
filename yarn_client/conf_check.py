"""What is wrong with a change of capacities: pure, and asked before the change is sent.

The RM checks little. It answers 200 to a negative or NaN weight, to a maximum below the capacity in percent, to queues
that don't exist, to amounts with a unit, and to absolute amounts above what there is, which it scales down; and a
change of mode can leave a queue at its old size (3.4.2, docs/yarn-seen.md). Labels are partitions with capacities of
their own, and are looked at one by one.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType

from yarn_client.capacity import Absolute, Percentage, QueueCapacity, Weight, parse_capacity
from yarn_client.scheduler_conf import QUEUE_PREFIX, ConfChanges
from yarn_client.values import NOTHING, YarnResource

TOLERANCE_PERCENT = Decimal("0.049")
"""How far from 100 siblings' percentages may total. The RM takes 0.05 in its float arithmetic: 100.049 passes and
100.051 doesn't (3.4.2)."""

_KEY = re.compile(r"(?:accessible-node-labels\.(?P<label>.+)\.)?(?P<which>capacity|maximum-capacity)")
_UNKNOWN_TOTAL: Mapping[str, YarnResource] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class _Place:
    """One queue in one partition."""

    path: str
    partition: str

    def __str__(self) -> str:
        return f"{self.path} in {self.partition}" if self.partition else self.path

    @property
    def parent(self) -> "_Place":
        return _Place(self.path.rpartition(".")[0], self.partition)

    def key(self, which: str) -> str:
        label = f"accessible-node-labels.{self.partition}." if self.partition else ""
        return f"{QUEUE_PREFIX}{self.path}.{label}{which}"


def problems(
    changes: ConfChanges,
    conf: Mapping[str, str],
    *,
    total_by_partition: Mapping[str, YarnResource] = _UNKNOWN_TOTAL,
) -> tuple[str, ...]:
    """List what speaks against making *changes* in *conf*, a sentence each; empty when nothing does.

    *total_by_partition* is what the nodes of each partition have, "" for the default one; absolute amounts of root's
    children are held against it where it is given.
    """
    children = _children_by_parent(conf)
    known = {"root", *(path for paths in children.values() for path in paths)}
    unknown = tuple(f"{path}: no such queue" for path in changes.values_by_queue if path not in known)
    after = changes.applied_to(conf)
    places = _changed_places(changes, known)
    families = (*(place.parent for place in places if place.path != "root"), *(p for p in places if children[p.path]))
    return (
        *unknown,
        *(problem for place in places for problem in _queue_problems(place, conf, after)),
        *(
            problem
            for parent in dict.fromkeys(families)
            for problem in _sibling_problems(parent, children[parent.path], after, total_by_partition)
        ),
    )


def _children_by_parent(conf: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    waiting = ["root"]
    while waiting:
        parent = waiting.pop()
        names = conf.get(f"{QUEUE_PREFIX}{parent}.queues", "").split(",")
        found[parent] = tuple(f"{parent}.{name.strip()}" for name in names if name.strip())
        waiting += found[parent]
    return found


def _changed_places(changes: ConfChanges, known: set[str]) -> tuple[_Place, ...]:
    places = (
        _Place(path, found["label"] or "")
        for path, values in changes.values_by_queue.items()
        for key in values
        if path in known and (found := _KEY.fullmatch(key))
    )
    return tuple(dict.fromkeys(places))


def _queue_problems(place: _Place, before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[str]:
    for which in ("capacity", "maximum-capacity"):
        if (text := after.get(place.key(which))) is not None:
            yield from (f"{place}: {which} {problem}" for problem in _value_problems(text))
    old, new = _capacity(place, "capacity", before), _capacity(place, "capacity", after)
    if old and new and old.mode is not new.mode:
        yield f"{place}: from {old.mode} to {new.mode}; a queue can keep its old size when the mode changes"
    maximum = _capacity(place, "maximum-capacity", after)
    if new and maximum and _is_above(new, maximum):
        yield f"{place}: maximum-capacity {maximum} is below capacity {new}"


def _value_problems(text: str) -> Iterator[str]:
    try:
        capacity = parse_capacity(text)
    except ValueError as error:
        yield f"is {error}"
        return
    if not all(number.is_finite() for number in _numbers(capacity)):
        yield f"{text} is no finite number"
    elif any(number < 0 for number in _numbers(capacity)):
        yield f"{text} is negative"


def _sibling_problems(
    parent: _Place,
    children: tuple[str, ...],
    conf: Mapping[str, str],
    total_by_partition: Mapping[str, YarnResource],
) -> Iterator[str]:
    places = (_Place(path, parent.partition) for path in children)
    found = [capacity for place in places if (capacity := _capacity(place, "capacity", conf))]
    modes = sorted({capacity.mode for capacity in found})
    if len(modes) > 1:
        yield f"{parent}: its children mix {' and '.join(modes)}"
    percents = [capacity.percent for capacity in found if isinstance(capacity, Percentage)]
    if len(modes) == 1 and percents:
        yield from _total_problems(parent, percents)
    amounts = [capacity.amount for capacity in found if isinstance(capacity, Absolute)]
    limit = _limit(parent, conf, total_by_partition)
    together = sum(amounts, NOTHING)
    if amounts and limit is not None and not _fits(together, limit):
        yield f"{parent}: its children have {_words(together)} together, above {_words(limit)}"


def _total_problems(parent: _Place, percents: list[Decimal]) -> Iterator[str]:
    if not all(percent.is_finite() for percent in percents):
        return  # said of the queue itself
    total = sum(percents, Decimal())
    is_unused_label = bool(parent.partition) and not any(percents)
    if abs(total - 100) > TOLERANCE_PERCENT and not is_unused_label:
        yield f"{parent}: its children's capacities total {total.normalize():f}, not 100"


def _limit(
    parent: _Place, conf: Mapping[str, str], total_by_partition: Mapping[str, YarnResource]
) -> YarnResource | None:
    own = _capacity(parent, "capacity", conf)
    if isinstance(own, Absolute):
        return own.amount
    return total_by_partition.get(parent.partition)


def _capacity(place: _Place, which: str, conf: Mapping[str, str]) -> QueueCapacity | None:
    """Read a capacity; None when it isn't set, or can't be read, which is said elsewhere."""
    try:
        return parse_capacity(conf.get(place.key(which), ""))
    except ValueError:
        return None


def _is_above(capacity: QueueCapacity, maximum: QueueCapacity) -> bool:
    """Compare what can be compared: a weight, and a percentage with amounts, depend on the others."""
    match capacity, maximum:
        case Percentage(percent), Percentage(bound):
            return percent.is_finite() and bound.is_finite() and percent > bound
        case Absolute(), Absolute():
            return not _fits(capacity.amount, maximum.amount)
        case _:
            return False


def _numbers(capacity: QueueCapacity) -> tuple[Decimal, ...]:
    match capacity:
        case Percentage(number) | Weight(number):
            return (number,)
        case Absolute():
            amount = capacity.amount
            return tuple(map(Decimal, (amount.memory_mib, amount.vcores, *(count for _, count in capacity.others))))


def _fits(amount: YarnResource, limit: YarnResource) -> bool:
    return amount.memory_mib <= limit.memory_mib and amount.vcores <= limit.vcores


def _words(amount: YarnResource) -> str:
    return f"{amount.memory_mib} MiB and {amount.vcores} vcores"
