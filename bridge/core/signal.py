"""Which samples of a load signal are believed, and how far the signal itself is trusted.

What makes room must last, what takes room counts at once: a fall is believed when it has lasted, at the highest value
of that time; a rise immediately, but one sample alone can't take everything. Zero, and what can't be, is no sample. A
signal whose samples stop is first frozen, then shrinking; back it is when it has spoken twice.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from bridge.core.load import Belief, LoadReading, LoadUnit, Sample, SignalPolicy, SignalReason, SignalState
from bridge.core.reasons import Gap

TOTAL = ""
"""The name of all lenders together."""
FUTURE = timedelta(seconds=60)
"""Samples from further ahead are of a clock that is wrong."""
TOO_HIGH = 10
"""A value above so many times what there is can't be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """What is remembered of one lender's samples: a few numbers, however many samples came."""

    at: datetime
    """When the last sample that counted was measured."""
    believed: int | None = None
    """Millicores; None until a first reading has lasted."""
    low_since: datetime | None = None
    """Since when samples have been below what is believed."""
    low_peak: int = 0
    """The highest of these."""
    is_jumping: bool = False
    """The last sample was higher than one sample alone may take; the next one confirms it."""
    zero_since: datetime | None = None
    """Since when samples have been zero."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalMemory:
    """What the next tick must know of a signal."""

    state: SignalState = SignalState.FROZEN
    since: datetime | None = None
    """Since when it has been in this state; None before the first look."""
    sampled_at: datetime | None = None
    """When the newest sample that counted was measured."""
    returned_at: datetime | None = None
    """When the first sample after a silence was measured."""
    traces: Mapping[str, Trace] = field(default_factory=dict)
    """By lender; under the empty name of all together."""


def believe(
    policy: SignalPolicy,
    memory: SignalMemory,
    reading: LoadReading | Gap,
    at: datetime,
    allocatable: Mapping[str, int],
) -> tuple[Belief, SignalMemory]:
    """Say what *reading* is taken to mean at the instant *at*; *allocatable* is in millicores, by lender."""
    sizes = {**allocatable, TOTAL: sum(allocatable.values())}
    samples = {} if isinstance(reading, Gap) else _millicores(reading, sizes, at)
    known = dict(memory.traces) if not allocatable else _all_heard(policy, memory, samples, sizes)
    after = _state(policy, memory, known, at)
    return _belief(policy, after, reading, at, sizes), after


def _millicores(reading: LoadReading, sizes: Mapping[str, int], at: datetime) -> dict[str, Sample]:
    """Take the samples that can be, in millicores."""
    samples = dict(reading.by_lender)
    if reading.total is not None:
        samples[TOTAL] = reading.total
    found = {}
    for name, sample in samples.items():
        size = sizes.get(name, 0)
        value = sample.value * (size if reading.unit is LoadUnit.RATIO else 1000)
        if size > 0 and math.isfinite(value) and 0 <= value <= TOO_HIGH * size and sample.at <= at + FUTURE:
            found[name] = Sample(at=sample.at, value=math.ceil(round(value, 6)))
    return found


def _all_heard(
    policy: SignalPolicy, memory: SignalMemory, samples: Mapping[str, Sample], sizes: Mapping[str, int]
) -> dict[str, Trace]:
    """Take every lender's sample in, and forget lenders that are gone."""
    found = {}
    for name in memory.traces.keys() | samples.keys():
        trace = _heard(policy, memory.traces.get(name), samples.get(name), sizes[name]) if name in sizes else None
        if trace is not None:
            found[name] = trace
    return found


def _heard(policy: SignalPolicy, trace: Trace | None, sample: Sample | None, size: int) -> Trace | None:
    """Take one sample into what is remembered; one that is no newer than the last is none."""
    if sample is None or (trace is not None and sample.at <= trace.at):
        return trace
    value = int(sample.value)
    if value > 0:
        return _counted(policy, trace, sample.at, value, size)
    since = sample.at if trace is None or trace.zero_since is None else trace.zero_since
    if trace is not None and sample.at - since >= policy.confirm_zero:
        return replace(_counted(policy, trace, sample.at, 0, size), zero_since=since)
    if trace is None:
        return None
    return replace(trace, zero_since=since)


def _counted(policy: SignalPolicy, trace: Trace | None, at: datetime, value: int, size: int) -> Trace:
    """Take in a sample that counts."""
    if trace is None:
        return Trace(at=at, low_since=at, low_peak=value)
    if trace.believed is not None and value >= trace.believed:
        most = trace.believed + math.ceil(policy.jump_ratio * size)
        is_jump = value > most and not trace.is_jumping
        return Trace(at=at, believed=most if is_jump else value, is_jumping=is_jump)
    was_silent = at - trace.at > policy.frozen_after
    if trace.low_since is None or was_silent:
        return Trace(at=at, believed=trace.believed, low_since=at, low_peak=value)
    peak = max(trace.low_peak, value)
    if at - trace.low_since >= policy.confirm:
        return Trace(at=at, believed=peak, low_since=at, low_peak=value)
    return Trace(at=at, believed=trace.believed, low_since=trace.low_since, low_peak=peak)


def _state(policy: SignalPolicy, memory: SignalMemory, traces: Mapping[str, Trace], at: datetime) -> SignalMemory:
    """Say how far the signal is trusted after this look."""
    sampled_at = max((trace.at for trace in traces.values()), default=None)
    age = None if sampled_at is None else at - sampled_at
    if age is None or age > policy.frozen_after:
        is_long = age is not None and age > policy.shrink_after
        state, returned_at = SignalState.SHRINKING if is_long else SignalState.FROZEN, None
        if age is None and memory.state is SignalState.SHRINKING:
            state = SignalState.SHRINKING
    elif memory.state is SignalState.FRESH:
        state, returned_at = SignalState.FRESH, None
    else:
        returned_at = memory.returned_at or sampled_at
        has_spoken_twice = sampled_at is not None and returned_at is not None and sampled_at > returned_at
        is_known = any(trace.believed is not None for trace in traces.values())
        state = SignalState.FRESH if has_spoken_twice and is_known else _not_worse(memory.state)
    since = memory.since if state is memory.state and memory.since is not None else at
    return SignalMemory(
        state=state,
        since=since,
        sampled_at=sampled_at,
        returned_at=None if state is SignalState.FRESH else returned_at,
        traces=traces,
    )


def _not_worse(state: SignalState) -> SignalState:
    """A signal that speaks again takes nothing more back."""
    return SignalState.FROZEN if state is SignalState.SHRINKING else state


def _belief(
    policy: SignalPolicy, memory: SignalMemory, reading: LoadReading | Gap, at: datetime, sizes: Mapping[str, int]
) -> Belief:
    """Put what is remembered into what a tick acts upon."""
    lenders = [name for name in sizes if name != TOTAL]
    believed = {name: trace.believed for name, trace in memory.traces.items() if trace.believed is not None}
    total = believed.get(TOTAL)
    if not any(name in memory.traces for name in lenders) and total is not None:
        by_lender = {name: math.ceil(total * sizes[name] / sizes[TOTAL]) for name in lenders}
    else:
        by_lender = {name: believed[name] for name in lenders if name in believed}
        if total is None and len(by_lender) == len(lenders) > 0:
            total = sum(by_lender.values())
    stale = _stale(policy, memory, at, by_lender)
    if memory.state is SignalState.FRESH:
        by_lender |= {name: _inflated(policy, memory.traces[name], at, by_lender[name], sizes[name]) for name in stale}
    return Belief(
        state=memory.state,
        reason=_reason(memory, reading),
        since=memory.since or at,
        changes_at=_changes_at(policy, memory, at),
        sampled_at=memory.sampled_at,
        total_millicores=total,
        by_lender=by_lender,
        keep_ratio=1.0 if memory.state is not SignalState.SHRINKING else _keep_ratio(policy, memory.sampled_at, at),
        stale=stale,
        unconfirmed=tuple(
            sorted(
                name
                for name, trace in memory.traces.items()
                if trace.is_jumping or trace.zero_since is not None or _is_falling(trace)
            )
        ),
    )


def _is_falling(trace: Trace) -> bool:
    """Say whether the newest samples are lower than what is believed."""
    return trace.low_since is not None and (trace.believed is None or trace.low_peak < trace.believed)


def _stale(policy: SignalPolicy, memory: SignalMemory, at: datetime, by_lender: Mapping[str, int]) -> frozenset[str]:
    """Name the lenders whose own samples have stopped."""
    return frozenset(
        name for name in by_lender if name in memory.traces and at - memory.traces[name].at > policy.frozen_after
    )


def _inflated(policy: SignalPolicy, trace: Trace, at: datetime, believed: int, size: int) -> int:
    """Let a lender whose own samples stopped long ago count as fuller, step by step: what is lent there goes back."""
    if at - trace.at <= policy.shrink_after:
        return believed
    return believed + math.ceil(max(0, size - believed) * (1 - _keep_ratio(policy, trace.at, at)))


def _keep_ratio(policy: SignalPolicy, sampled_at: datetime | None, at: datetime) -> float:
    """Say what part of what was lent may stay so long after the last sample."""
    return max(0.0, 1 - policy.shrink_ratio * _steps(policy, sampled_at, at))


def _steps(policy: SignalPolicy, sampled_at: datetime | None, at: datetime) -> int:
    """Count the steps of shrinking up to the instant *at*."""
    if sampled_at is None:
        return 1
    return 1 + max(timedelta(0), at - sampled_at - policy.shrink_after) // policy.shrink_every


def _changes_at(policy: SignalPolicy, memory: SignalMemory, at: datetime) -> datetime | None:
    """Say when the state, or the next step of shrinking, comes if the signal stays silent; None while it speaks."""
    if memory.sampled_at is None or memory.state is SignalState.FRESH:
        return None
    shrinks_at = memory.sampled_at + policy.shrink_after
    if memory.state is SignalState.FROZEN:
        return shrinks_at
    if _keep_ratio(policy, memory.sampled_at, at) <= 0:
        return None
    return shrinks_at + _steps(policy, memory.sampled_at, at) * policy.shrink_every


def _reason(memory: SignalMemory, reading: LoadReading | Gap) -> SignalReason:
    """Say why the signal is in its state."""
    if memory.state is SignalState.FRESH:
        return SignalReason.IN_TIME
    if any(trace.zero_since is not None for trace in memory.traces.values()):
        return SignalReason.ZERO_UNCONFIRMED
    if isinstance(reading, Gap):
        return SignalReason.NO_ANSWER
    if reading.total is None and not reading.by_lender:
        return SignalReason.NO_SAMPLE
    return SignalReason.NEVER_SEEN if memory.sampled_at is None else SignalReason.TOO_OLD
