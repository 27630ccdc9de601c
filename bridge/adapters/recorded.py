"""A recorded load, played from an instant on: for trials without a Prometheus, and for the demonstration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bridge.core.load import LoadReading, LoadUnit, Sample
from bridge.ports import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """Ratios of all lenders' CPU at equal steps; None where there was no sample."""

    first_at: datetime
    """When its first step begins, on the clock that it is played by."""
    step: timedelta
    load: tuple[float | None, ...]

    def at(self, instant: datetime) -> Sample | None:
        """Return the sample of the step that an instant lies in; None outside, and where there was none."""
        index = (instant - self.first_at) // self.step
        if not 0 <= index < len(self.load):
            return None
        value = self.load[index]
        return None if value is None else Sample(at=self.first_at + index * self.step, value=value)


class RecordedLoad:
    """``bridge.ports.LoadSignal`` from a recording; a sample a look."""

    def __init__(self, recording: Recording, clock: Clock) -> None:
        self._recording = recording
        self._clock = clock

    def observe(self) -> LoadReading:
        """Read the step that now lies in, as measured now: a step may be longer than a signal may be silent."""
        now = self._clock.now()
        sample = self._recording.at(now)
        return LoadReading(unit=LoadUnit.RATIO, total=None if sample is None else Sample(at=now, value=sample.value))

    def history(self, since: datetime, until: datetime, step: timedelta) -> Sequence[tuple[datetime, LoadReading]]:
        """Read what the recording has of [since, until)."""
        found, at = [], since
        while at < until:
            sample = self._recording.at(at)
            if sample is not None:
                found.append((at, LoadReading(unit=LoadUnit.RATIO, total=sample)))
            at += step
        return tuple(found)
