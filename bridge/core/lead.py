"""How long before a deadline nodes are closed, and until when what still runs on them may go on after it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import cached_property

from bridge.core.nodes import ElasticNode
from bridge.core.outlook import Outlook
from bridge.core.snapshot import PoolPolicy

STEP = 1.25
"""By how much the lead grows from one length that is tried to the next."""


class Lead:
    """How long before a deadline nodes are closed: worked out where a deadline is near, or when somebody asks."""

    def __init__(self, policy: PoolPolicy, own: timedelta, nodes: Iterable[ElasticNode], outlook: Outlook) -> None:
        """Take the window's *own* lead, and what runs on *nodes*."""
        self._policy = policy
        self._own = own
        self._nodes = nodes
        self._outlook = outlook

    @property
    def longest(self) -> timedelta:
        """How long it is at most."""
        return max(self._own, self._policy.max_lead)

    @cached_property
    def length(self) -> timedelta:
        """How long it is."""
        return lead_for(self._policy, self._own, self._nodes, self._outlook)

    def has_come(self, deadline: datetime, at: datetime, least: timedelta = timedelta(0)) -> bool:
        """Say whether *at* lies within the lead before a deadline, or within *least*."""
        return at >= deadline - least or (at >= deadline - self.longest and at >= deadline - self.length)


def lead_for(policy: PoolPolicy, lead: timedelta, nodes: Iterable[ElasticNode], outlook: Outlook) -> timedelta:
    """Say how long before a deadline nodes must be closed, so that little enough is preempted.

    That is the window's own *lead*, or longer: up to ``max_lead``, and no further than it helps. What will run on at
    any rate, or of which nobody knows how long it runs, makes it no longer.
    """
    busy: defaultdict[str, int] = defaultdict(int)
    for node in nodes:
        for task in () if node.running is None else node.running.tasks:
            busy[task.queue] += task.vcores
    whole = sum(busy.values())
    if not whole or lead >= policy.max_lead:
        return lead

    def still_busy(lead: timedelta) -> float:
        left = lead - policy.tail
        return sum(vcores * outlook.met_still_runs(queue, left) for queue, vcores in busy.items()) / whole

    enough = max(policy.tolerated_loss_ratio, still_busy(policy.max_lead) + policy.tolerated_loss_ratio / 2)
    found = lead
    while found < policy.max_lead and still_busy(found) > enough:
        found = min(policy.max_lead, found * STEP)
    return found
