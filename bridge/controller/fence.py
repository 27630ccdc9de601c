"""Lets a tick's calls out only while the term lasts in which the tick began.

Each port that does something is wrapped by one that asks first (``fenced``). Asking costs a look at the clock, and the
call follows at once: of a replica that is stopped or cut off, at most the one call that was under way can come late.
"""

from __future__ import annotations

from bridge.ports import Leadership, NotLeader


class Fence:
    """For one thread, which ticks or runs rounds."""

    def __init__(self, leadership: Leadership) -> None:
        self._leadership = leadership
        self._term: int | None = None
        self._is_first = True

    @property
    def leader(self) -> str:
        """Return who leads while calls come through: this replica."""
        return self._leadership.me

    @property
    def is_first(self) -> bool:
        """Say whether the tick that is under way is the first of its term: what was known before is old."""
        return self._is_first

    def begin(self) -> int | None:
        """Begin a tick: return the term in which it may act; None: not at all."""
        term = self._leadership.term()
        self._is_first = term != self._term
        self._term = term
        return term

    def check(self) -> None:
        """Raise NotLeader unless the term lasts in which the tick began."""
        if self._term is None or self._leadership.term() != self._term:
            raise NotLeader(f"{self._leadership.me} doesn't lead any more: its term is over")
