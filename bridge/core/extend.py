"""Where a pool prefers work: until when a deadline is missed on purpose, as far as its window allows."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from bridge.core.drain import Return
from bridge.core.lifecycle import State
from bridge.core.nodes import ElasticNode
from bridge.core.outlook import Outlook
from bridge.core.reasons import Reason
from bridge.core.snapshot import Snapshot

_TOO_LATE = frozenset({State.FORCED, State.EMPTY, State.DELETING})
"""Where nothing runs any more, or what runs has been told to leave."""


def extended(
    snapshot: Snapshot, returns: tuple[Return, ...], nodes: Iterable[ElasticNode], outlook: Outlook
) -> tuple[Return, ...]:
    """Extend the returns whose forced step is due and whose tasks are more likely than not to end in the time added.

    An extension is given once, and kept; what has been forced isn't extended.
    """
    by_id = {node.id: node for node in nodes} if returns else {}
    return tuple(_extended(snapshot, entry, by_id[entry.node_id], outlook) for entry in returns)


def extended_until(
    snapshot: Snapshot, deadline: datetime, nodes: Collection[ElasticNode], outlook: Outlook, *, is_needed: bool
) -> datetime | None:
    """Say until when a deadline is, or is going to be, extended; None where it isn't.

    What will run on a node that is still open nobody knows; of one that is closed it is known whether it will end.
    """
    given = [node.promise.extended_until for node in nodes if node.promise.extended_until is not None]
    if given:
        return max(given)
    longest = longest_extension(snapshot, deadline)
    until = deadline + longest
    if not longest or not is_needed:
        return None
    helped = (node for node in nodes if node.state not in _TOO_LATE)
    helps = (node.state is not State.DRAINING or _will_end(snapshot, node, until, outlook) for node in helped)
    return until if any(helps) else None


def _extended(snapshot: Snapshot, entry: Return, node: ElasticNode, outlook: Outlook) -> Return:
    if node.promise.extended_until is not None:
        return replace(entry, extended_until=node.promise.extended_until)
    is_due = snapshot.at >= entry.deadline - snapshot.policy.tail and node.state is not State.FORCED
    longest = longest_extension(snapshot, entry.deadline)
    if not (entry.reason is Reason.WINDOW_ENDS and is_due and longest):
        return entry
    until = entry.deadline + longest
    return replace(entry, extended_until=until) if _will_end(snapshot, node, until, outlook) else entry


def longest_extension(snapshot: Snapshot, deadline: datetime) -> timedelta:
    """Say for how long a deadline may be missed on purpose: as the windows that end with it allow, if at all."""
    if not snapshot.policy.prefers_work:
        return timedelta(0)
    return max((span.max_extend for span in snapshot.windows if span.back_by == deadline), default=timedelta(0))


def _will_end(snapshot: Snapshot, node: ElasticNode, until: datetime, outlook: Outlook) -> bool:
    """Say whether a task on a node is more likely than not to end before it would be preempted at *until*."""
    tasks = () if node.running is None else node.running.tasks
    return any(outlook.still_runs(task, until - snapshot.policy.tail) < 0.5 for task in tasks)
