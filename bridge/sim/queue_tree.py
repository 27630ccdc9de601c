"""The queues as the scheduler's configuration has them: its properties become a tree, or a refusal.

The checks and their words are those of Hadoop 3.4 in its legacy queue mode (AbstractParentQueue.java).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from bridge.core.resources import NOTHING, Resources
from bridge.sim.capacity import (
    NO_CAPACITY,
    WHOLE,
    Bounds,
    Capacity,
    Mode,
    QueueError,
    read_capacity,
    root_bounds,
    siblings,
    write_capacity,
)
from bridge.sim.config import LabelShare, QueueConfig

PREFIX = "yarn.scheduler.capacity."
ROOT = "root"
DEFAULT = ""
"""The partition of nodes without a label."""
_LABELS = "accessible-node-labels."
_CALCULATOR = "org.apache.hadoop.yarn.util.resource.DominantResourceCalculator"
_AM_RATIO = "maximum-am-resource-percent"
_PRECISION = 0.0005


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueNode:
    """A queue and those below it, as configured."""

    path: str
    children: tuple[QueueNode, ...] = ()
    capacity: Mapping[str, Capacity] = field(default_factory=dict)
    """By label."""
    maximum: Mapping[str, Capacity] = field(default_factory=dict)
    am_ratio: float = 0.1
    ordering: Literal["fifo", "fair"] = "fifo"
    is_stopped: bool = False
    labels: tuple[str, ...] = ("*",)
    """Those that its applications may name; all by default."""

    @property
    def name(self) -> str:
        """The last word of the path."""
        return self.path.rpartition(".")[2]

    @property
    def parent(self) -> str:
        """The path above; "" for the root."""
        return self.path.rpartition(".")[0]

    def capacity_on(self, label: str) -> Capacity:
        """Return the capacity in a partition."""
        return self.capacity.get(label, NO_CAPACITY)

    def maximum_on(self, label: str) -> Capacity:
        """Return the maximum in a partition: all that the parent may have, unless it is configured."""
        return self.maximum.get(label, WHOLE)

    def walk(self) -> Iterator[QueueNode]:
        """Give this queue and all below it, parents first."""
        yield self
        for child in self.children:
            yield from child.walk()


def bounds_by_path(root: QueueNode, label: str, total: Resources) -> dict[str, Bounds]:
    """Return what each queue has in a partition of that size."""
    found = {root.path: root_bounds(total, root.capacity_on(label).ratio)}
    for node in root.walk():
        shared = siblings(found[node.path], [child.capacity_on(label) for child in node.children])
        for child in node.children:
            found[child.path] = shared.bounds(child.capacity_on(label), child.maximum_on(label))
    return found


# --- Properties


def write_queues(queues: Sequence[QueueConfig]) -> dict[str, str]:
    """Write queues as the properties of capacity-scheduler.xml."""
    found = {"resource-calculator": _CALCULATOR}
    for path in dict.fromkeys([ROOT, *(queue.parent for queue in queues)]):
        found[f"{path}.queues"] = ",".join(queue.name for queue in queues if queue.parent == path)
    for queue in queues:
        found |= {f"{queue.parent}.{queue.name}.{key}": text for key, text in _written(queue).items()}
    return {PREFIX + key: text for key, text in found.items()}


def _written(queue: QueueConfig) -> dict[str, str]:
    own = LabelShare(
        capacity_ratio=queue.capacity_ratio,
        max_ratio=queue.max_ratio,
        capacity=queue.capacity,
        maximum=queue.maximum,
    )
    written = _sizes("", own)
    if queue.weight is not None:
        written["capacity"] = write_capacity(weight=queue.weight)
    for label, share in queue.labels.items():
        written |= _sizes(f"{_LABELS}{label}.", share)
    written[_AM_RATIO] = f"{queue.am_ratio:g}"
    written["ordering-policy"] = queue.ordering
    return written


def _sizes(prefix: str, share: LabelShare) -> dict[str, str]:
    return {
        f"{prefix}capacity": write_capacity(ratio=share.capacity_ratio, amount=share.capacity),
        f"{prefix}maximum-capacity": write_capacity(ratio=share.max_ratio, amount=share.maximum),
    }


def read_tree(properties: Mapping[str, str]) -> QueueNode:
    """Read the tree; raise QueueError where the ResourceManager would refuse it."""
    root = _with_labels(_read(properties, ROOT))
    _check_names(root)
    for node in root.walk():
        if node.children:
            _check_children(node)
    _check_maxima(root)
    return root


def _read(properties: Mapping[str, str], path: str) -> QueueNode:
    own = f"{PREFIX}{path}."
    named = properties.get(f"{own}queues", "").split(",")
    found = {key.removeprefix(own): text for key, text in properties.items() if key.startswith(own)}
    is_fair = found.get("ordering-policy") == "fair"
    am_ratio = found.get(_AM_RATIO) or properties.get(f"{PREFIX}{_AM_RATIO}") or 0.1
    return QueueNode(
        path=path,
        children=tuple(_read(properties, f"{path}.{name.strip()}") for name in named if name.strip()),
        capacity=dict(_by_label(found, "capacity")),
        maximum=dict(_by_label(found, "maximum-capacity")),
        am_ratio=float(am_ratio),
        ordering="fair" if is_fair else "fifo",
        is_stopped=found.get("state") == "STOPPED",
        labels=tuple(found.get("accessible-node-labels", "*").split(",")),
    )


def _with_labels(root: QueueNode) -> QueueNode:
    """Give the root the whole of every partition that a queue has a capacity for, unless it is configured."""
    named = (label for node in root.walk() for label in node.capacity)
    return replace(root, capacity={DEFAULT: WHOLE, **dict.fromkeys(named, WHOLE), **root.capacity})


def _by_label(found: Mapping[str, str], what: str) -> Iterator[tuple[str, Capacity]]:
    if what in found:
        yield DEFAULT, read_capacity(found[what])
    for key, text in found.items():
        if key.startswith(_LABELS) and key.endswith(f".{what}"):
            yield key.removeprefix(_LABELS).removesuffix(f".{what}"), read_capacity(text)


# --- Checks


def _check_names(root: QueueNode) -> None:
    """Refuse two leaves of one name: jobs name their queue by its last word."""
    leaves = [node.name for node in root.walk() if not node.children]
    if len(set(leaves)) < len(leaves):
        raise QueueError(f"leaf queues of one name: {', '.join(sorted(leaves))}")


def _check_children(node: QueueNode) -> None:
    for label in dict.fromkeys([*node.capacity, *(label for child in node.children for label in child.capacity)]):
        mode, own = _mode_of(node, label), node.capacity_on(label).mode
        if Mode.ABSOLUTE in (mode, own):
            _check_amounts(node, label, is_mixed=mode is not own and node.path != ROOT)
        if mode is Mode.PERCENTAGE:
            _check_percent(node, label, own)


def _mode_of(node: QueueNode, label: str) -> Mode:
    """Return the one mode that all children have in a partition."""
    said = [(child, child.capacity_on(label)) for child in node.children if child.capacity_on(label).is_set]
    modes = {capacity.mode for _, capacity in said}
    if len(modes) > 1:
        uses = "".join(f"{{Queue={child.path}, label={label} uses {one.mode} mode}}. " for child, one in said)
        raise QueueError(
            f"Parent queue '{node.path}' have children queue used mixed of  weight mode, percentage and absolute mode, "
            f"it is not allowed, please double check, details:{uses}"
        )
    return next(iter(modes), Mode.PERCENTAGE)


def _check_amounts(node: QueueNode, label: str, *, is_mixed: bool) -> None:
    if is_mixed:
        raise QueueError(
            f"Parent={node.path}: When absolute minResource is used, we must make sure both parent and child all use "
            "absolute minResource"
        )
    have = node.capacity_on(label).amount
    asked = sum((child.capacity_on(label).amount for child in node.children), NOTHING)
    if have != NOTHING and not asked.fits_in(have):
        text = f"Parent Queues capacity: {_shown(have)} is less than to its children:{_shown(asked)}"
        raise QueueError(f"{text} for queue:{node.name}")


def _shown(amount: Resources) -> str:
    return f"<memory:{amount.memory_mib}, vCores:{amount.vcores}>"


def _check_percent(node: QueueNode, label: str, own: Mode) -> None:
    total = sum(child.capacity_on(label).ratio for child in node.children)
    has_some = own is not Mode.PERCENTAGE or node.capacity_on(label).ratio > 0
    text = f"Illegal capacity sum of {float(f'{total:.7g}')} for children of queue {node.name} for label={label}. "
    if abs(total - 1) <= _PRECISION:
        if not has_some:
            text += f"queue={node.name} has zero capacity, but childqueues have positive capacities"
            raise QueueError(text)
    elif total > _PRECISION:
        raise QueueError(f"{text}It should be either 0 or 1.0")
    elif own is Mode.PERCENTAGE and has_some:
        text += "It is set to 0, but parent percent != 0, and doesn't allow children capacity to set to 0"
        raise QueueError(text)


def _check_maxima(root: QueueNode) -> None:
    """Refuse an amount above its maximum. A percentage above its maximum is taken."""
    for node in root.walk():
        for label, most in node.maximum.items():
            least = node.capacity_on(label).amount
            if most.mode is Mode.ABSOLUTE and not least.fits_in(most.amount):
                raise QueueError(
                    f"Min resource configuration {_shown(least)} is greater than its max value:{_shown(most.amount)} "
                    f"in queue:{node.path}"
                )
