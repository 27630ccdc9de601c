"""Keeps how long tasks took, and learns it from what has ended: what a tick takes into its snapshot as ``tasks``.

What an application's tasks took is kept for as long as it runs; what a queue's took is kept in the database.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from bridge.core.lifecycle import State
from bridge.core.reasons import Gap
from bridge.core.resources import Resources
from bridge.core.snapshot import Promise, YarnFacts, YarnNode, YarnNodeState
from bridge.core.tasks import TaskHistory
from bridge.ports import PortError, TaskLengths

log = logging.getLogger(__name__)

WRITE_EVERY = timedelta(minutes=5)
"""A crash forgets no more than that."""
_CUT_SHORT = frozenset({State.FORCED, State.DELETING, State.LOST, State.GONE})
"""Where a task that isn't there any more may not have come to its end."""


_RUN_ON = frozenset({YarnNodeState.RUNNING, YarnNodeState.DECOMMISSIONING})


class Lifetimes:
    """One pool's knowledge of tasks."""

    def __init__(self, pool: str, lengths: TaskLengths, *, may_write: bool = True) -> None:
        """Keep it in *lengths*."""
        self._pool = pool
        self._lengths = lengths
        self._may_write = may_write
        self._history: TaskHistory | None = None
        self._unwritten_since: datetime | None = None

    def look(self, at: datetime, yarn: YarnFacts | Gap, promises: tuple[Promise, ...] | Gap) -> TaskHistory:
        """Take in what has ended by the instant *at*, and return what is known. Raises ``PortError`` at the start."""
        if self._history is None:
            self._history = self._lengths.read(self._pool)
        if isinstance(yarn, Gap) or isinstance(promises, Gap) or yarn.is_settling:
            return self._history
        may_end = _where_tasks_may_end(yarn, promises)
        ended = [task for task in yarn.ended if task.node_id in may_end]
        self._history = self._history.learned(at, ended, yarn.apps)
        if ended and self._unwritten_since is None:
            self._unwritten_since = at
        self._write(at, self._history)
        return self._history

    def restart(self) -> None:
        """Forget everything, and begin with what the database has."""
        self._history, self._unwritten_since = None, None

    def _write(self, at: datetime, history: TaskHistory) -> None:
        """Write what is due; what the database can't take now is written later."""
        since = self._unwritten_since
        if since is None or not self._may_write or at - since < WRITE_EVERY:
            return
        try:
            self._lengths.write(self._pool, history)
            self._unwritten_since = None
        except PortError as error:
            log.warning("task_lengths.unwritten pool=%s error=%r", self._pool, str(error))
            self._unwritten_since = at


def _where_tasks_may_end(yarn: YarnFacts, promises: tuple[Promise, ...]) -> frozenset[str]:
    """List the nodes of ended tasks on which what isn't there any more has come to its end.

    That isn't so of a node whose work is being preempted. Of nodes that aren't this pool's, another's perhaps, nobody
    here knows: they don't count while they are closed, that is, resized to the minimum.
    """
    looked_for = {task.node_id for task in yarn.ended}
    own = {promise.node_id: promise.state for promise in promises if promise.node_id in looked_for}
    least = yarn.minimum + Resources(vcores=0, memory_mib=1)

    def may_end(node: YarnNode) -> bool:
        if node.node_id in own:
            return node.state in _RUN_ON and own[node.node_id] not in _CUT_SHORT
        return node.state is YarnNodeState.RUNNING and not node.total.fits_in(least)

    return frozenset(node.node_id for node in yarn.nodes if node.node_id in looked_for and may_end(node))
