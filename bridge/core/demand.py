"""How many elastic nodes YARN could really use: what runs on them, and what waits that a new one could serve.

Work counts only once it has waited through two readings; so a burst that plain nodes swallow within a tick makes no
node. Idle room on plain nodes isn't subtracted from work that goes on waiting: a queue's limits keep it from there,
while they don't bind on the elastic partition.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

from bridge.core.entitlement import entitled
from bridge.core.lifecycle import GROWING, State
from bridge.core.nodes import ElasticNode, Free
from bridge.core.reasons import Gap
from bridge.core.resources import Resources
from bridge.core.snapshot import PoolPolicy, Snapshot
from bridge.core.waiting import WaitingContainers

_COUNTED = frozenset({State.SERVING, State.CORDONED, *GROWING})


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What YARN could use, in elastic nodes of the pool's shape."""

    nodes: int
    """Wanted in all: busy ones, idle ones that waiting work will fill, and new ones."""
    busy_nodes: int
    filled_nodes: int
    """Idle or starting nodes that waiting work fits on."""
    new_nodes: int
    waiting: int
    """Containers that have waited through two readings and that a node of this shape could serve."""
    waiting_elsewhere: int
    """Containers that wait, but that no elastic node could serve: too large, or for another label; and AMs."""
    served_by_idle: int
    waiting_unentitled: int = 0
    """Containers that a node could serve, but that are beyond their tenants' parts."""
    waiting_too_long: int = 0
    """Containers that a node could serve, but that would more likely than not run on when it has to go."""


def demand(
    snapshot: Snapshot, nodes: tuple[ElasticNode, ...], is_too_long: Callable[[str], bool] = lambda _queue: False
) -> Demand | Gap:
    """Compute the demand, or say why it isn't known. *is_too_long* says of which queues' work nothing is taken on."""
    if isinstance(snapshot.yarn, Gap):
        return snapshot.yarn
    policy, yarn = snapshot.policy, snapshot.yarn
    servable = [entry for entry in yarn.waiting if could_serve(policy, entry)]
    in_time = [entry for entry in servable if not is_too_long(entry.queue)]
    standing = _standing(in_time, snapshot.memory.waiting)
    all_standing = sum(entry.count for entry in standing)
    if snapshot.entitlement is not None:
        standing = entitled(standing, snapshot.entitlement, policy.shape, yarn.elastic_use_by_queue)
    counted = [node for node in nodes if node.is_steady or node.state in _COUNTED]
    busy = sum([1 for node in counted if node.running is not None and node.running.containers > 0])
    rooms = Counter([node.free for node in counted if node.state is not State.CORDONED] if standing else ())
    left, filled = _fill(standing, rooms)
    whole = policy.shape.yarn
    _, new = _fill(left, Counter({(whole.vcores, whole.memory_mib, False): sum(entry.count for entry in left)}))
    waiting = sum(entry.count for entry in standing)
    return Demand(
        nodes=busy + filled + new,
        busy_nodes=busy,
        filled_nodes=filled,
        new_nodes=new,
        waiting=waiting,
        waiting_elsewhere=sum(entry.count for entry in yarn.waiting)
        - sum(entry.count for entry in servable)
        + yarn.ams_waiting,
        served_by_idle=waiting - sum(entry.count for entry in left),
        waiting_unentitled=all_standing - waiting,
        waiting_too_long=sum(entry.count for entry in servable) - sum(entry.count for entry in in_time),
    )


def could_serve(policy: PoolPolicy, entry: WaitingContainers) -> bool:
    """Say whether a node of the pool's shape could run these containers."""
    return entry.label in {"", policy.label or ""} and entry.size.times_in(policy.shape.yarn) > 0


def _standing(now: list[WaitingContainers], before: tuple[WaitingContainers, ...] | None) -> list[WaitingContainers]:
    """Keep what waited at the last reading too. Where there was none, the first reading has to do."""
    if before is None:
        return now
    counts: Counter[tuple[Resources, str, str]] = Counter()
    for entry in before:
        counts[entry.size, entry.label, entry.queue] += entry.count
    kept = []
    for entry in now:
        count = min(entry.count, counts[entry.size, entry.label, entry.queue])
        if count > 0:
            kept.append(replace(entry, count=count))
    return kept


def _fill(waiting: list[WaitingContainers], rooms: Counter[Free]) -> tuple[list[WaitingContainers], int]:
    """Place waiting containers into free room, largest first; return what is left, and how many idle nodes it took.

    Nodes with equal room are handled together, so that the cost depends on how many sizes there are, not nodes.
    """
    left, filled = [], 0
    for entry in sorted(waiting, key=lambda entry: (entry.memory_mib, entry.vcores), reverse=True):
        count = entry.count
        for (vcores, memory_mib, is_busy), nodes in sorted(
            rooms.items(), key=lambda item: (not item[0][2], item[0][0], item[0][1])
        ):
            fits = entry.size.times_in(Resources(vcores=vcores, memory_mib=memory_mib))
            if count <= 0 or fits == 0:
                continue
            full = min(nodes, count // fits)
            rest = count % fits if full < nodes and full == count // fits else 0
            used = full + (1 if rest else 0)
            count -= full * fits + rest
            rooms[vcores, memory_mib, is_busy] -= used
            rooms[vcores - fits * entry.vcores, memory_mib - fits * entry.memory_mib, True] += full
            rooms[vcores - rest * entry.vcores, memory_mib - rest * entry.memory_mib, True] += 1 if rest else 0
            filled += 0 if is_busy else used
        rooms = +rooms
        if count > 0:
            left.append(replace(entry, count=count))
    return left, filled
