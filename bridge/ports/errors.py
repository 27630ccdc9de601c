"""What can go wrong at a port.

::

PortError
├── Unavailable         no answer, or an outage's answer: a gap; the next tick tries again
│   └── Stale           the last view is too old to act upon
├── Denied              a right is missing; the message names verb and resource
├── NotUnderstood       an answer that can't be read
├── Rejected            the world refuses this one act, and says why
└── JournalUnavailable  the database can't be read or written
    └── Superseded      another round of rebalancing has written since this one read
"""

from __future__ import annotations

from bridge.core.reasons import Gap


class PortError(Exception):
    """A part of the world did not do what was asked; ``gap`` is what that means for a snapshot."""

    gap = Gap.UNREACHABLE


class Unavailable(PortError):
    """No answer, or an outage's answer."""


class Stale(Unavailable):
    """The last view is too old to act upon."""

    gap = Gap.STALE


class Denied(PortError):
    """A right is missing."""

    gap = Gap.FORBIDDEN


class NotUnderstood(PortError):
    """An answer that can't be read."""

    gap = Gap.NOT_UNDERSTOOD


class Rejected(PortError):
    """The world refuses this one act."""


class JournalUnavailable(PortError):
    """The database can't be read or written."""


class Superseded(JournalUnavailable):
    """Another round of rebalancing has written since this one read; run it again."""
