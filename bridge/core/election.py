"""Which of several replicas may act: what one of them knows of the lease that they share, and what follows.

Only a replica's own monotonic clock counts, and of the lease only that it has changed: what other clocks show is never
compared. A holder holds from the moment in which it *sent* a renewal that came through; the others wait as long from
the moment in which they *saw* it. So the holder stops first, whatever is slow, lost or frozen in between; and the
margin is what clocks that don't run alike may differ by.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf

NOBODY = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How long a lease holds, in seconds, and how early its holder stops."""

    lease_s: float = 15.0
    renew_s: float = 2.0
    """Between two looks at it."""
    margin_s: float = 2.0
    """So much earlier than the others may take it, its holder makes no call any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The lease as it stands in the world."""

    holder: str
    version: str
    """Another one after each write."""
    lease_s: float
    """For how long its holder means to hold it after each renewal."""
    transitions: int = 0
    """How often it has changed hands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What one replica knows, by its own clock; at first that there was nothing to be seen."""

    claim: Claim | None = None
    """The lease as it was last seen; None: there was none."""
    seen_at_s: float | None = None
    """When it was first seen as it is; None: nobody has looked yet."""
    held_until_s: float = -inf
    """Until when this replica may act."""
    term: int = 0
    """How often this replica began to lead. What was begun in one term isn't carried on in another."""

    def term_at(self, at_s: float) -> int | None:
        """Return the term in which this replica may act at that instant; None: it may not."""
        return self.term if at_s < self.held_until_s else None


def saw(standing: Standing, claim: Claim | None, at_s: float, me: str) -> Standing:
    """Take in the lease as it was read, at the instant of the answer; whoever sees another's name doesn't lead."""
    is_new = standing.seen_at_s is None or claim != standing.claim
    seen_at_s = at_s if is_new else standing.seen_at_s
    is_ours = claim is not None and claim.holder == me
    held_until_s = standing.held_until_s if is_ours else -inf
    return replace(standing, claim=claim, seen_at_s=seen_at_s, held_until_s=held_until_s)


def free_at_s(standing: Standing, terms: Terms, me: str) -> float:
    """Say from when on this replica may try to take or renew the lease.

    A lease that isn't there may have been deleted under its holder, so that is waited for too. One that was given up
    is free at once.
    """
    claim, seen_at_s = standing.claim, standing.seen_at_s
    if seen_at_s is None:
        return inf
    if claim is None:
        return seen_at_s + terms.lease_s
    return -inf if claim.holder in (NOBODY, me) else seen_at_s + claim.lease_s


def won(standing: Standing, claim: Claim, *, sent_s: float, answered_s: float, terms: Terms) -> Standing:
    """Take in that our write came through, which was sent at one instant and answered at another.

    Who leads without a gap goes on in the same term. After a gap a new one begins, even if nobody has led in between:
    what was planned before it is old.
    """
    goes_on = answered_s < standing.held_until_s
    return Standing(
        claim=claim,
        seen_at_s=answered_s,
        held_until_s=sent_s + terms.lease_s - terms.margin_s,
        term=standing.term if goes_on else standing.term + 1,
    )


def look_at_s(standing: Standing, terms: Terms, at_s: float, me: str) -> float:
    """Say when to look next: on the beat, or sooner where the lease may be taken sooner."""
    beat_s, free_s = at_s + terms.renew_s, free_at_s(standing, terms, me)
    return free_s if at_s < free_s < beat_s else beat_s
