"""Stands for election on a thread of its own: renews the lease that this replica has, and takes one that ran out.

A slow tick doesn't keep a renewal waiting, and a renewal no tick. What follows from what is seen is decided in
``bridge.core.election``; here are the calls and the clock.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from types import TracebackType

from bridge.core.election import NOBODY, Claim, Standing, Terms, free_at_s, look_at_s, saw, won
from bridge.ports import Lease, PortError, Rejected

log = logging.getLogger(__name__)


class Election:
    """``bridge.ports.Leadership`` by a lease. As a context it runs its thread, and gives the lease up at the end."""

    def __init__(self, lease: Lease, *, me: str, terms: Terms, now_s: Callable[[], float] = time.monotonic) -> None:
        """*now_s*: a monotonic clock, which goes on while this process is stopped."""
        self._lease = lease
        self._me = me
        self._terms = terms
        self._now_s = now_s
        self._standing = Standing()
        self._told: tuple[int | None, str] | None = None
        """What was last told of who leads."""
        self._error: str | None = None
        self._gained: list[Callable[[], None]] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="election", daemon=True)

    @property
    def me(self) -> str:
        """Return this replica's name."""
        return self._me

    def term(self) -> int | None:
        """Return the term in which this replica leads now; see ``bridge.ports.Leadership``.

        The clock is read last: whoever is stopped in between must find the time that has passed.
        """
        standing = self._standing
        return standing.term_at(self._now_s())

    def when_gained(self, call: Callable[[], None]) -> None:
        """Call it whenever this replica begins to lead, and now if it does already."""
        self._gained.append(call)
        if self.term() is not None:
            call()

    def __enter__(self) -> Election:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        """End, and give the lease up, so that another replica takes it at once. Nothing may act any more by now."""
        self._stop.set()
        self._thread.join()
        self.give_up()

    def look(self) -> None:
        """Read the lease, and write it if it is ours or free."""
        try:
            claim = self._lease.read()
            self._standing = saw(self._standing, claim, self._now_s(), self._me)
            if free_at_s(self._standing, self._terms, self._me) <= self._now_s():
                self._write(claim)
            self._error = None
        except PortError as error:
            self._tell_error(error)
        self._tell()

    def give_up(self) -> None:
        """Write that nobody holds the lease any more, if it is ours."""
        claim = self._standing.claim
        self._standing = Standing(claim=claim, term=self._standing.term)
        if claim is None or claim.holder != self._me:
            return
        try:
            self._lease.write(self._claim(NOBODY, claim.transitions), claim)
            log.info("lease.given_up replica=%s", self._me)
        except PortError as error:
            log.warning("lease.not_given_up replica=%s error=%r", self._me, str(error))

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self.look()
            except Exception:
                log.exception("lease.crashed replica=%s", self._me)
            now_s = self._now_s()
            self._stop.wait(look_at_s(self._standing, self._terms, now_s, self._me) - now_s)

    def _write(self, over: Claim | None) -> None:
        """Take or renew the lease; that another was quicker is no fault, and shows at the next look."""
        changes_hands = over is None or over.holder != self._me
        transitions = 0 if over is None else over.transitions + changes_hands
        sent_s = self._now_s()
        try:
            claim = self._lease.write(self._claim(self._me, transitions), over)
        except Rejected as error:
            log.info("lease.lost_race replica=%s why=%r", self._me, str(error))
            return
        self._standing = won(self._standing, claim, sent_s=sent_s, answered_s=self._now_s(), terms=self._terms)

    def _claim(self, holder: str, transitions: int) -> Claim:
        return Claim(holder=holder, version="", lease_s=self._terms.lease_s, transitions=transitions)

    def _tell(self) -> None:
        """Leave a line in the log when somebody else leads than before; wake whoever waits when it is this replica."""
        term, claim = self.term(), self._standing.claim
        holder = NOBODY if claim is None else claim.holder
        if (term, holder) == self._told:
            return
        self._told = (term, holder)
        if term is None and holder in (NOBODY, self._me):
            log.info("leader.none replica=%s", self._me)
            return
        if term is None:
            log.info("leader.other replica=%s leader=%s", self._me, holder)
            return
        log.info("leader.self replica=%s term=%d", self._me, term)
        for call in self._gained:
            call()

    def _tell_error(self, error: PortError) -> None:
        """Leave a line in the log for the first of several failures."""
        if self._error is None:
            log.warning("lease.failed replica=%s error=%r", self._me, str(error))
        self._error = str(error)
