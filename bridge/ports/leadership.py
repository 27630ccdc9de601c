"""The lease that replicas share, and whether this one leads by it."""

from __future__ import annotations

from typing import Protocol

from bridge.core.election import Claim


class Lease(Protocol):
    """One lease. Every method raises ``PortError``."""

    def read(self) -> Claim | None:
        """Read it as it stands now; None: there is none."""
        ...

    def write(self, claim: Claim, over: Claim | None) -> Claim:
        """Put *claim* in the place of *over*, which was read before (None: there was none); return it as it is then.

        ``Rejected``: it is *over* no more. With any other error it may have been written all the same.
        """
        ...


class Leadership(Protocol):
    """Whether this replica leads."""

    @property
    def me(self) -> str:
        """Return this replica's name, which no other has."""
        ...

    def term(self) -> int | None:
        """Return the term in which this replica leads now, by a monotonic clock; None: it can't be sure to lead."""
        ...


class NotLeader(Exception):
    """A call was refused: the term in which its tick began is over, and another replica may lead.

    It is no ``PortError``. Whoever goes on after a fault of the world mustn't go on after this.
    """
