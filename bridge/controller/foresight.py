"""Keeps one pool's history of load, and says what is to be expected: what a tick takes into its snapshot as forecast.

A step of history is the highest load of five minutes. It is written to the database when it is over; what the database
can't take now is written later. Between two steps the forecast stays as it is.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain
from math import nan

import numpy as np

from bridge.core.forecast import Forecaster, ForecastPolicy
from bridge.core.forecast.values import STEP, Forecast
from bridge.core.load import LoadReading, LoadUnit
from bridge.ports import LoadHistory, PortError

log = logging.getLogger(__name__)

TOTAL = ""
"""The name of the series of all lenders together."""
LOOK_BACK = timedelta(days=14)
"""How much history is read at the start: as much as the forecast looks at."""
_DAY = timedelta(days=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Step = tuple[datetime, Mapping[str, float]]
Earlier = Callable[[datetime, datetime, timedelta], Sequence[tuple[datetime, LoadReading]]]
"""Tells what was measured from one instant to another, at each step."""


class Foresight:
    """Takes in what is believed at each tick, and gives the forecast of the last whole step."""

    def __init__(
        self,
        pool: str,
        history: LoadHistory,
        *,
        policy: ForecastPolicy | None = None,
        earlier: Earlier | None = None,
        keep: timedelta = 2 * LOOK_BACK,
        may_write: bool = True,
    ) -> None:
        """Keep the history of *pool* in *history* for so long; *earlier* tells of the time before it had any.

        *policy* says, among others, for how long ahead the forecast is made.
        """
        self._pool = pool
        self._history = history
        self._policy = policy
        self._earlier = earlier
        self._keep = keep
        self._may_write = may_write
        self._forecaster: Forecaster | None = None
        self._names: tuple[str, ...] = ()
        self._begun: datetime | None = None
        """The start of the step that is under way."""
        self._peaks: dict[str, float] = {}
        self._unwritten: list[Step] = []
        self._forecast: Forecast | None = None

    def look(self, at: datetime, ratios: Mapping[str, float], sizes: Mapping[str, int] | None = None) -> Forecast:
        """Take in the load at the instant *at*, as ratios by series, and return what is to be expected.

        A clock that was set back by more than a step, or that jumped beyond all that counts, starts all anew, from what
        was kept of the time before.

        *sizes*: what lenders can allocate, in millicores, to make ratios of what an earlier source tells in cores.

        Raises ``PortError`` where the history can't be read at the start.
        """
        start = step_of(at)
        if self._begun is not None and not self._begun - STEP <= start <= self._begun + LOOK_BACK:
            log.warning("history.restarted pool=%s was_at=%s now=%s", self._pool, self._begun, at)
            self._forecaster, self._begun, self._peaks, self._forecast = None, None, {}, None
        forecaster = self._forecaster or self._start(start, ratios, sizes or {})
        if self._begun is not None and start > self._begun:
            self._end_step(forecaster, start)
        if self._begun is None or start >= self._begun:
            self._begun = start
            for name, ratio in ratios.items():
                self._peaks[name] = max(ratio, self._peaks.get(name, 0.0))
        self._know(forecaster, ratios)
        if self._forecast is None:
            self._forecast = forecaster.forecast()
        return self._forecast

    def restart(self) -> None:
        """Forget everything, and begin with what the database has: another replica may have led meanwhile."""
        self._forecaster, self._begun, self._peaks, self._forecast, self._unwritten = None, None, {}, None, []

    def _start(self, now: datetime, ratios: Mapping[str, float], sizes: Mapping[str, int]) -> Forecaster:
        """Read what is known of the time before, a day at a time."""
        first_at = now
        steps = iter(self._history.read(self._pool, now - LOOK_BACK))
        first = next(steps, None)
        if first is None and self._earlier is not None:
            filled = self._filled(self._earlier, now, sizes)
            self._unwritten.extend(filled if self._may_write else ())
            steps = iter(filled)
            first = next(steps, None)
        if first is not None and first[0] < now:
            first_at = first[0]
        self._names = tuple(sorted({TOTAL, *ratios, *(() if first is None else first[1])}))
        forecaster = Forecaster(self._names, first_at=first_at, policy=self._policy)
        known = () if first is None else (step for step in chain((first,), steps) if step[0] < now)
        self._catch_up(forecaster, known, first_at, now)
        self._forecaster, self._begun = forecaster, now
        return forecaster

    def _catch_up(self, forecaster: Forecaster, steps: Iterable[Step], first_at: datetime, now: datetime) -> None:
        """Feed what was kept; a step that nobody kept has no load."""
        at, going, waiting = first_at, iter(steps), deque[Step]()
        while at < now:
            until = min(at + _DAY, now)
            for step in going:
                waiting.append(step)
                if step[0] >= until:
                    break
            part = [waiting.popleft() for _ in range(len(waiting)) if waiting[0][0] < until]
            new = sorted({name for _, values in part for name in values} - set(self._names))
            if new:
                forecaster.add(new)
                self._names += tuple(new)
            forecaster.feed(_matrix(self._names, part, at, until))
            at = until

    def _filled(self, earlier: Earlier, now: datetime, sizes: Mapping[str, int]) -> list[Step]:
        """Ask the signal's source what it knows of the time before; one that can't say is asked no more."""
        try:
            found = earlier(now - LOOK_BACK, now, STEP)
        except PortError as error:
            log.warning("history.unfilled pool=%s error=%r", self._pool, str(error))
            return []
        return [(step_of(at), ratios) for at, reading in found if (ratios := ratios_of(reading, sizes))]

    def _know(self, forecaster: Forecaster, ratios: Mapping[str, float]) -> None:
        """Take in lenders that are new."""
        new = tuple(sorted(set(ratios) - set(self._names)))
        if new:
            forecaster.add(new)
            self._names += new
            self._forecast = None

    def _end_step(self, forecaster: Forecaster, now: datetime) -> None:
        """Close the step that was under way; what nobody looked at in between has no load."""
        begun = self._begun or now
        ended: Step = (begun, dict(self._peaks))
        forecaster.feed(_matrix(self._names, [ended], begun, now))
        self._peaks = {}
        self._forecast = None
        if self._may_write:
            self._unwritten.append(ended)
            self._write()

    def prune(self, now: datetime) -> None:
        """Forget what is older than is to be kept. Raises ``PortError``."""
        self._history.prune(now - self._keep)

    def _write(self) -> None:
        """Write what isn't in the database yet, oldest first."""
        try:
            while self._unwritten:
                at, values = self._unwritten[0]
                self._history.append(self._pool, at, values)
                self._unwritten.pop(0)
        except PortError as error:
            log.warning("history.unwritten pool=%s steps=%d error=%r", self._pool, len(self._unwritten), str(error))


def ratios_of(reading: LoadReading, sizes: Mapping[str, int]) -> dict[str, float]:
    """Make ratios of a reading of the past; the total, where it isn't told, of the lenders that are."""
    whole = {**sizes, TOTAL: sum(sizes.values())}
    samples = dict(reading.by_lender) if reading.total is None else {**reading.by_lender, TOTAL: reading.total}
    factor = {name: 1.0 if reading.unit is LoadUnit.RATIO else 1000 / max(whole.get(name, 0), 1) for name in samples}
    ratios = {name: sample.value * factor[name] for name, sample in samples.items() if whole.get(name, 0) > 0}
    if TOTAL not in ratios and ratios:
        ratios[TOTAL] = sum(ratios[name] * whole[name] for name in ratios) / sum(whole[name] for name in ratios)
    return ratios


def step_of(at: datetime) -> datetime:
    """Return the start of the step that *at* lies in."""
    return at - (at - _EPOCH) % STEP


def _matrix(
    names: Sequence[str], steps: Sequence[Step], first_at: datetime, until: datetime
) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """Put steps side by side, one column for every five minutes in [first_at, until); what is missing is NaN."""
    found = np.full((len(names), max(0, (until - first_at) // STEP)), nan, dtype=np.float32)
    row_of = {name: row for row, name in enumerate(names)}
    for at, values in steps:
        column = (at - first_at) // STEP
        if 0 <= column < found.shape[1]:
            rows = [row_of[name] for name in values]
            found[rows, column] = list(values.values())
    return found
