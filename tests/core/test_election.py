"""Election: a table of standings, and that two replicas never may act at one instant, whatever is slow or frozen."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.core.election import NOBODY, Claim, Standing, Terms, free_at_s, look_at_s, saw, won

TERMS = Terms(lease_s=15, renew_s=2, margin_s=2)
OURS = Claim(holder="me", version="1", lease_s=15)
THEIRS = Claim(holder="other", version="1", lease_s=20)
FREE = Claim(holder=NOBODY, version="1", lease_s=15)
FRESH = Standing()


@pytest.mark.parametrize(
    ("claim", "free_s"),
    [
        pytest.param(OURS, -inf, id="ours is renewed at once"),
        pytest.param(FREE, -inf, id="given up: at once"),
        pytest.param(THEIRS, 120, id="another's: as long as they hold it, from when it was seen"),
        pytest.param(None, 115, id="none: it may have been deleted under its holder"),
    ],
)
def test_when_a_lease_may_be_taken(claim: Claim | None, free_s: float) -> None:
    assert free_at_s(saw(FRESH, claim, 100, "me"), TERMS, "me") == free_s


def test_nothing_is_taken_that_nobody_has_looked_at() -> None:
    assert free_at_s(FRESH, TERMS, "me") == inf


def test_a_lease_runs_out_from_when_it_was_last_seen_to_change() -> None:
    seen = saw(FRESH, THEIRS, 100, "me")
    assert saw(seen, THEIRS, 110, "me") == seen
    renewed = saw(seen, replace(THEIRS, version="2"), 110, "me")
    assert free_at_s(renewed, TERMS, "me") == 130


def test_a_renewal_holds_from_when_it_was_sent_and_less_the_margin() -> None:
    held = won(FRESH, OURS, sent_s=100, answered_s=103, terms=TERMS)
    assert [held.term_at(at_s) for at_s in (103, 112.9, 113)] == [1, 1, None]


@pytest.mark.parametrize(
    ("answered_s", "term"),
    [
        pytest.param(112, 1, id="in time: the same term"),
        pytest.param(113, 2, id="after a gap: a new one, though nobody has led in between"),
    ],
)
def test_a_term_goes_on_while_it_is_renewed_in_time(answered_s: float, term: int) -> None:
    held = won(FRESH, OURS, sent_s=100, answered_s=101, terms=TERMS)
    again = won(held, replace(OURS, version="2"), sent_s=111, answered_s=answered_s, terms=TERMS)
    assert again.term_at(answered_s) == term


@pytest.mark.parametrize("claim", [THEIRS, FREE, None], ids=["another's", "nobody's", "deleted"])
def test_who_sees_that_the_lease_isnt_theirs_stops_at_once(claim: Claim | None) -> None:
    held = won(FRESH, OURS, sent_s=100, answered_s=101, terms=TERMS)
    assert saw(held, claim, 102, "me").term_at(102) is None
    assert saw(held, OURS, 102, "me").term_at(102) == 1


@pytest.mark.parametrize(
    ("claim", "at_s", "look_s"),
    [
        pytest.param(THEIRS, 100, 102, id="on the beat"),
        pytest.param(THEIRS, 119.5, 120, id="sooner, when it runs out sooner"),
        pytest.param(THEIRS, 120, 122, id="on the beat again, when it could not be taken"),
        pytest.param(OURS, 100, 102, id="the holder, on the beat"),
    ],
)
def test_when_to_look_next(claim: Claim, at_s: float, look_s: float) -> None:
    assert look_at_s(saw(FRESH, claim, 100, "me"), TERMS, at_s, "me") == look_s


# Two replicas in true time -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Trip:
    """One call: how long it takes to the server, there and back; which way it is lost, if it is."""

    there_s: float
    back_s: float
    is_lost: bool
    is_answer_lost: bool
    pause_s: float
    """For how long the replica is frozen after it."""


@dataclass
class Server:
    """The lease in the world."""

    claim: Claim | None = None
    versions: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def write(self, claim: Claim, over: Claim | None) -> Claim | None:
        """Write over what was read; None: it is another now."""
        if over != self.claim:
            return None
        self.claim = replace(claim, version=str(next(self.versions)))
        return self.claim


@dataclass
class Replica:
    """One replica, whose clock is off and runs at a rate of its own."""

    name: str
    offset_s: float
    rate: float
    trips: Iterator[Trip]
    standing: Standing = FRESH

    def clock_s(self, true_s: float) -> float:
        return self.offset_s + true_s * self.rate

    def may_act(self, true_s: float) -> bool:
        return self.standing.term_at(self.clock_s(true_s)) is not None


Event = Callable[[float], None]


class World:
    """Lets things happen in the order of true time."""

    def __init__(self, replicas: tuple[Replica, ...]) -> None:
        self.server = Server()
        self.replicas = replicas
        self.terms_begun = 0
        self._events: list[tuple[float, int, Event]] = []
        self._order = itertools.count()
        for replica in replicas:
            self.at(0.0, lambda true_s, replica=replica: self.look(replica, true_s))  # type: ignore[misc]

    def delete(self, _: float) -> None:
        """Let a hand that knows no better take the lease away."""
        self.server.claim = None

    def at(self, true_s: float, event: Event) -> None:
        heapq.heappush(self._events, (true_s, next(self._order), event))

    def run(self, until_s: float) -> None:
        while self._events and self._events[0][0] <= until_s:
            true_s, _, event = heapq.heappop(self._events)
            event(true_s)
            acting = [replica.name for replica in self.replicas if replica.may_act(true_s)]
            assert len(acting) <= 1, f"both may act at {true_s:.3f} s"

    def call(
        self,
        replica: Replica,
        sent_s: float,
        do: Callable[[], Claim | None],
        then: Callable[[Claim | None, float], None],
    ) -> None:
        """Send a call; its effect comes when it arrives, even if its sender has given it up by then."""
        trip = next(replica.trips)
        arrives_s, back_s = sent_s + trip.there_s, sent_s + trip.there_s + trip.back_s + trip.pause_s
        answer: list[Claim | None] = []
        if not trip.is_lost:
            self.at(arrives_s, lambda _: answer.append(do()))
        if trip.is_lost or trip.is_answer_lost:
            self.at(back_s, lambda true_s: self.rest(replica, true_s))
        else:
            self.at(back_s, lambda true_s: then(answer[0], true_s))

    def look(self, replica: Replica, true_s: float) -> None:
        self.call(replica, true_s, lambda: self.server.claim, lambda claim, at_s: self.decide(replica, claim, at_s))

    def decide(self, replica: Replica, claim: Claim | None, true_s: float) -> None:
        now_s = replica.clock_s(true_s)
        replica.standing = saw(replica.standing, claim, now_s, replica.name)
        if free_at_s(replica.standing, TERMS, replica.name) > now_s:
            self.rest(replica, true_s)
            return
        wanted = Claim(holder=replica.name, version="", lease_s=TERMS.lease_s)
        self.call(
            replica,
            true_s,
            lambda: self.server.write(wanted, claim),
            lambda written, at_s: self.take(replica, written, true_s, at_s),
        )

    def take(self, replica: Replica, claim: Claim | None, sent_s: float, true_s: float) -> None:
        if claim is not None:
            before = replica.standing.term
            sent, now_s = replica.clock_s(sent_s), replica.clock_s(true_s)
            replica.standing = won(replica.standing, claim, sent_s=sent, answered_s=now_s, terms=TERMS)
            self.terms_begun += replica.standing.term != before
        self.rest(replica, true_s)

    def rest(self, replica: Replica, true_s: float) -> None:
        now_s = replica.clock_s(true_s)
        next_s = look_at_s(replica.standing, TERMS, now_s, replica.name)
        self.at(true_s + max(0.001, (next_s - now_s) / replica.rate), lambda at_s: self.look(replica, at_s))


QUICK = st.floats(0.001, 1.0)
SLOW = st.floats(0.001, 40.0)
RATES = st.sampled_from((0.95, 1.0, 1.05))
TRIPS = st.builds(
    Trip,
    there_s=st.one_of(QUICK, QUICK, QUICK, SLOW),
    back_s=st.one_of(QUICK, QUICK, QUICK, SLOW),
    is_lost=st.sampled_from((False, False, False, False, True)),
    is_answer_lost=st.sampled_from((False, False, False, False, True)),
    pause_s=st.one_of(st.just(0.0), st.just(0.0), st.just(0.0), SLOW),
)


def replicas_of(
    trips: tuple[list[Trip], list[Trip]], offsets_s: tuple[float, float], rates: tuple[float, float]
) -> World:
    return World(
        tuple(
            Replica(name=f"r{number}", offset_s=offsets_s[number], rate=rates[number], trips=itertools.cycle(some))
            for number, some in enumerate(trips)
        )
    )


@settings(max_examples=300, deadline=None)
@given(
    trips=st.tuples(st.lists(TRIPS, min_size=1, max_size=40), st.lists(TRIPS, min_size=1, max_size=40)),
    offsets_s=st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)),
    rates=st.tuples(RATES, RATES),
    deleted_s=st.lists(st.floats(0, 600), max_size=3),
)
def test_two_never_may_act_at_one_instant(
    trips: tuple[list[Trip], list[Trip]],
    offsets_s: tuple[float, float],
    rates: tuple[float, float],
    deleted_s: list[float],
) -> None:
    """Their clocks are set apart by days and run apart by a tenth; calls are slow, lost or answered in vain."""
    world = replicas_of(trips, offsets_s, rates)
    for true_s in deleted_s:
        world.at(true_s, world.delete)
    world.run(600)


def test_the_same_model_lets_each_lead_in_turn() -> None:
    """Otherwise the property would hold because nobody ever leads."""
    well = Trip(there_s=0.1, back_s=0.1, is_lost=False, is_answer_lost=False, pause_s=0)
    frozen = replace(well, pause_s=40)
    world = replicas_of(([*[well] * 20, frozen], [*[well] * 33, frozen]), (0.0, 1000.0), (1.0, 1.0))
    world.run(600)
    assert world.terms_begun >= 6


def test_the_margin_covers_clocks_that_run_apart() -> None:
    """A leader with a slow clock is cut off; another with a quick one takes the lease as early as it ever may."""
    well = Trip(there_s=0.001, back_s=0.001, is_lost=False, is_answer_lost=False, pause_s=0)
    cut_off = replace(well, is_lost=True)
    first, second = [*[well] * 40, *[cut_off] * 400], [*[cut_off] * 3, *[well] * 400]
    world = replicas_of((first, second), (0.0, 0.0), (0.95, 1.05))
    world.run(200)
    assert world.terms_begun == 2
