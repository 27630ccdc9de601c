"""Which samples of a load signal are believed, and how far the signal itself is trusted.

What makes room must last, what takes room counts at once: a fall is believed when it has lasted, at the highest value
of that time; a rise immediately, but one sample alone can't take everything. Zero, and what can't be, is no sample. A
signal whose samples stop is first frozen, then shrinking; back it is when it has spoken twice. So is a signal that
nobody looked at for as long: what was believed before a silence says nothing of the time after it.
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

    at: datetime | None = None
    """When the last sample that counted was measured; None if none has."""
    believed: int | None = None
    """Millicores; None until a first reading has lasted."""
    low_since: datetime | None = None
    """Since when samples have been below what is believed."""
    low_peak: int = 0
    """The highest of these."""
    is_jumping: bool = False
    """The last sample was higher than one sample alone may take; the next one confirms it."""
    is_back: bool = False
    """The last sample was the first after a silence; the next one confirms that it is over."""
    zero_since: datetime | None = None
    """Since when samples have been zero."""
    zero_at: datetime | None = None
    """When the last of these was measured."""


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
    steps: int = 0
    """How many steps of shrinking have been taken; counted, so that time that nobody saw takes no more than one."""
    stepped_at: datetime | None = None
    """When the last of these was due."""
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
    earlier = {name: _in_order(policy, trace, at) for name, trace in memory.traces.items()}
    known = _all_heard(policy, earlier, samples, sizes) if allocatable else earlier
    after = _state(policy, memory, _of_one_form(policy, known, at), at)
    return _belief(policy, after, reading, at, sizes), after


def _in_order(policy: SignalPolicy, trace: Trace, at: datetime) -> Trace:
    """Make a silence of instants that are still to come: the clock was set back, and would wait for them for long."""
    latest = at + FUTURE
    if not (_is_after(trace.at, latest) or _is_after(trace.zero_at, latest)):
        return trace
    long_ago = at - policy.frozen_after - FUTURE
    return Trace(at=None if trace.at is None else long_ago, believed=trace.believed, low_peak=trace.low_peak)


def _is_after(instant: datetime | None, other: datetime) -> bool:
    return instant is not None and instant > other


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
    policy: SignalPolicy, traces: Mapping[str, Trace], samples: Mapping[str, Sample], sizes: Mapping[str, int]
) -> dict[str, Trace]:
    """Take every lender's sample in, and forget lenders that are gone."""
    found = {name: trace for name, trace in traces.items() if name in sizes}
    for name, sample in samples.items():
        found[name] = _heard(policy, found.get(name, Trace()), sample, sizes[name])
    return found


def _of_one_form(policy: SignalPolicy, traces: dict[str, Trace], at: datetime) -> dict[str, Trace]:
    """Forget the total, or the lenders, once long only the other is told: the query has been changed."""
    total = traces.get(TOTAL)
    lenders = {name: trace for name, trace in traces.items() if name != TOTAL}
    if total is None or not lenders:
        return traces
    total_age = _age(total, at)
    lenders_age = min(_age(trace, at) for trace in lenders.values())
    if total_age <= policy.frozen_after and lenders_age > policy.shrink_after:
        return {TOTAL: total}
    if lenders_age <= policy.frozen_after and total_age > policy.shrink_after:
        return lenders
    return traces


def _age(trace: Trace, at: datetime) -> timedelta:
    """Say how old the last sample that counted is."""
    return timedelta.max if trace.at is None else at - trace.at


def _heard(policy: SignalPolicy, trace: Trace, sample: Sample, size: int) -> Trace:
    """Take one sample into what is remembered; one that is no newer than the last is none."""
    if (trace.at is not None and sample.at <= trace.at) or (trace.zero_at is not None and sample.at <= trace.zero_at):
        return trace
    value = int(sample.value)
    if value > 0:
        return _counted(policy, trace, sample.at, value, size)
    goes_on = trace.zero_at is not None and sample.at - trace.zero_at <= policy.frozen_after
    since = trace.zero_since if goes_on and trace.zero_since is not None else sample.at
    if sample.at > since and sample.at - since >= policy.confirm_zero:
        trace = _counted(policy, trace, sample.at, 0, size)
    return replace(trace, zero_since=since, zero_at=sample.at)


def _counted(policy: SignalPolicy, trace: Trace, at: datetime, value: int, size: int) -> Trace:
    """Take in a sample that counts."""
    is_back = trace.at is not None and at - trace.at > policy.frozen_after
    if trace.believed is not None and value >= trace.believed:
        most = trace.believed + math.ceil(policy.jump_ratio * size)
        is_jump = value > most and not trace.is_jumping
        return Trace(at=at, believed=most if is_jump else value, is_jumping=is_jump, is_back=is_back)
    if trace.low_since is None or is_back:
        return Trace(at=at, believed=trace.believed, low_since=at, low_peak=value, is_back=is_back)
    peak = max(trace.low_peak, value)
    if at - trace.low_since >= policy.confirm:
        return Trace(at=at, believed=peak, low_since=at if value < peak else None, low_peak=value)
    return Trace(at=at, believed=trace.believed, low_since=trace.low_since, low_peak=peak)


def _state(policy: SignalPolicy, memory: SignalMemory, traces: Mapping[str, Trace], at: datetime) -> SignalMemory:
    """Say how far the signal is trusted after this look."""
    sampled_at = max((trace.at for trace in traces.values() if trace.at is not None), default=None)
    returned_at = None
    if sampled_at is None or at - sampled_at > policy.frozen_after:
        state = _silent(policy, memory, sampled_at, at)
    elif memory.state is SignalState.FRESH and not _was_silent(policy, memory, sampled_at, at):
        state = SignalState.FRESH
    else:
        returned_at = _first_of(policy, memory, sampled_at, at)
        is_known = any(trace.believed is not None for trace in traces.values())
        state = SignalState.FRESH if sampled_at > returned_at and is_known else SignalState.FROZEN
    steps, stepped_at = _stepped(policy, memory, at) if state is SignalState.SHRINKING else (0, None)
    return SignalMemory(
        state=state,
        since=at if memory.since is None or state is not memory.state else min(memory.since, at),
        sampled_at=sampled_at,
        returned_at=None if state is SignalState.FRESH else returned_at,
        steps=steps,
        stepped_at=stepped_at,
        traces=traces,
    )


def _silent(policy: SignalPolicy, memory: SignalMemory, sampled_at: datetime | None, at: datetime) -> SignalState:
    """Say what a signal is that doesn't speak: frozen for a while, then shrinking."""
    if sampled_at is None:
        return SignalState.SHRINKING if memory.state is SignalState.SHRINKING else SignalState.FROZEN
    return SignalState.SHRINKING if at - sampled_at > policy.shrink_after else SignalState.FROZEN


def _was_silent(policy: SignalPolicy, memory: SignalMemory, sampled_at: datetime, at: datetime) -> bool:
    """Say whether this sample ends a silence, though nobody may have looked in between."""
    last = memory.sampled_at
    return last is None or last > at + FUTURE or sampled_at - last > policy.frozen_after


def _first_of(policy: SignalPolicy, memory: SignalMemory, sampled_at: datetime, at: datetime) -> datetime:
    """Say when the first sample after the last silence was measured."""
    if memory.returned_at is None or _was_silent(policy, memory, sampled_at, at):
        return sampled_at
    return memory.returned_at


def _stepped(policy: SignalPolicy, memory: SignalMemory, at: datetime) -> tuple[int, datetime]:
    """Count the steps of shrinking: one a look at most, and each as long after the last as the policy says."""
    if memory.state is not SignalState.SHRINKING or memory.stepped_at is None or memory.stepped_at > at:
        return max(1, memory.steps), at
    due = memory.stepped_at + policy.shrink_every
    if at < due:
        return memory.steps, memory.stepped_at
    return memory.steps + 1, due if at < due + policy.shrink_every else at


def _belief(
    policy: SignalPolicy, memory: SignalMemory, reading: LoadReading | Gap, at: datetime, sizes: Mapping[str, int]
) -> Belief:
    """Put what is remembered into what a tick acts upon."""
    lenders = [name for name, size in sizes.items() if name != TOTAL and size > 0]
    believed = {name: trace.believed for name, trace in memory.traces.items() if trace.believed is not None}
    total = believed.get(TOTAL)
    is_spread = total is not None and not any(name in memory.traces for name in lenders)
    if is_spread and total is not None:
        by_lender = {name: math.ceil(total * sizes[name] / sizes[TOTAL]) for name in lenders}
    else:
        by_lender = {name: believed[name] for name in lenders if name in believed}
    has_total = total is not None and _age(memory.traces[TOTAL], at) <= policy.frozen_after
    if not has_total and len(by_lender) == len(lenders) > 0:
        total = sum(by_lender.values())
    trace_by_lender = {name: memory.traces[TOTAL if is_spread else name] for name in by_lender}
    stale = frozenset(name for name, trace in trace_by_lender.items() if _is_doubtful(policy, trace, at))
    if memory.state is SignalState.FRESH and not is_spread:
        by_lender |= {name: _inflated(policy, memory, name, at, sizes[name]) for name in stale}
    return Belief(
        state=memory.state,
        reason=_reason(policy, memory, reading, at),
        since=memory.since or at,
        changes_at=_changes_at(policy, memory),
        sampled_at=memory.sampled_at,
        total_millicores=total,
        by_lender=by_lender,
        keep_ratio=max(0.0, 1 - policy.shrink_ratio * memory.steps),
        stale=stale,
        unconfirmed=tuple(sorted(name for name, trace in memory.traces.items() if _is_unconfirmed(trace))),
    )


def _is_unconfirmed(trace: Trace) -> bool:
    """Say whether the newest sample isn't believed as it is: a jump, a zero, or lower than what is believed."""
    is_falling = trace.low_since is not None and (trace.believed is None or trace.low_peak < trace.believed)
    return trace.is_jumping or trace.is_back or trace.zero_since is not None or is_falling


def _is_doubtful(policy: SignalPolicy, trace: Trace, at: datetime) -> bool:
    """Say whether a lender's load may be higher than is believed: its samples stopped, came back, or jump."""
    return trace.is_back or trace.is_jumping or _age(trace, at) > policy.frozen_after


def _inflated(policy: SignalPolicy, memory: SignalMemory, name: str, at: datetime, size: int) -> int:
    """Let a lender whose own samples stopped long ago count as fuller, step by step: what is lent there goes back.

    Steps count from when the signal as a whole was trusted again, where that came later: none is made up for.
    """
    trace = memory.traces[name]
    believed = trace.believed or 0
    if trace.at is None or at - trace.at <= policy.shrink_after:
        return believed
    begun = max(trace.at + policy.shrink_after, memory.since or at)
    keep_ratio = max(0.0, 1 - policy.shrink_ratio * (1 + (at - begun) // policy.shrink_every))
    return believed + math.ceil(max(0, size - believed) * (1 - keep_ratio))


def _changes_at(policy: SignalPolicy, memory: SignalMemory) -> datetime | None:
    """Say when the state, or the next step of shrinking, comes if the signal stays silent; None while it speaks."""
    if memory.state is SignalState.FROZEN:
        return None if memory.sampled_at is None else memory.sampled_at + policy.shrink_after
    if memory.stepped_at is None or policy.shrink_ratio * memory.steps >= 1:
        return None
    return memory.stepped_at + policy.shrink_every


def _reason(policy: SignalPolicy, memory: SignalMemory, reading: LoadReading | Gap, at: datetime) -> SignalReason:
    """Say why the signal is in its state."""
    if memory.state is SignalState.FRESH:
        return SignalReason.IN_TIME
    if isinstance(reading, Gap):
        return SignalReason.NO_ANSWER
    zeros = (trace.zero_at for trace in memory.traces.values() if trace.zero_at is not None)
    if memory.returned_at is not None:
        return SignalReason.UNCONFIRMED
    if any(at - zero_at <= policy.frozen_after for zero_at in zeros):
        return SignalReason.ZERO_UNCONFIRMED
    if reading.total is None and not reading.by_lender:
        return SignalReason.NO_SAMPLE
    return SignalReason.NEVER_SEEN if memory.sampled_at is None else SignalReason.TOO_OLD
