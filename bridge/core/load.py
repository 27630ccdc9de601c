"""What the online services use, as it was measured, and how much of that is believed.

Which samples are believed is decided in ``bridge.core.signal``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum


class LoadUnit(StrEnum):
    """What a sample's value counts."""

    CORES = "cores"
    RATIO = "ratio"
    """Of the CPU that the lender, or all lenders together, can allocate: 0 to 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One measurement of the CPU that online pods use; elastic nodes' own use is taken out already."""

    at: datetime
    """When it was measured, not when it was asked for."""
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadReading:
    """What one look at a load signal gave. What the signal doesn't say is absent, never 0."""

    unit: LoadUnit
    total: Sample | None = None
    """Of all lenders together, where the signal says only that, or says it too."""
    by_lender: Mapping[str, Sample] = field(default_factory=dict)


class SignalState(StrEnum):
    """How far a load signal is trusted now."""

    FRESH = "fresh"
    FROZEN = "frozen"
    """Nothing is lent anew; what is lent stays."""
    SHRINKING = "shrinking"
    """What is lent goes back step by step."""


class SignalReason(StrEnum):
    """Why a signal is in its state, or why a sample isn't believed as it is."""

    IN_TIME = "in_time"
    NO_ANSWER = "no_answer"
    """The source could not be asked."""
    NO_SAMPLE = "no_sample"
    """It was asked, and said nothing."""
    TOO_OLD = "too_old"
    """Its samples have stopped."""
    UNCONFIRMED = "unconfirmed"
    """It speaks, for the first time or again; what it says is believed when it has lasted."""
    ZERO_UNCONFIRMED = "zero_unconfirmed"
    """It says zero, which a service that is there doesn't use."""
    NEVER_SEEN = "never_seen"
    """There has been no sample that could be believed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalPolicy:
    """When a signal is trusted, and what becomes of what is lent when it isn't."""

    frozen_after: timedelta = timedelta(seconds=120)
    """Age of the newest sample that counts, from which on nothing more is lent."""
    shrink_after: timedelta = timedelta(seconds=600)
    """Age from which on what is lent goes back, step by step."""
    shrink_every: timedelta = timedelta(seconds=300)
    shrink_ratio: float = 0.25
    """Of what was lent when shrinking began, each step."""
    confirm: timedelta = timedelta(seconds=120)
    """How long a lower reading must last, in at least two samples, before it makes room."""
    confirm_zero: timedelta = timedelta(seconds=900)
    """The same for a reading of zero."""
    jump_ratio: float = 0.125
    """How much of the lenders' CPU one sample alone may take; the next one confirms the rest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Belief:
    """What a signal's samples are taken to mean at one instant."""

    state: SignalState
    reason: SignalReason
    since: datetime
    """Since when it has been in this state."""
    changes_at: datetime | None
    """When the state, or the next step of shrinking, changes by itself if no sample comes."""
    sampled_at: datetime | None
    """When the newest sample that counted was measured."""
    total_millicores: int | None
    """What all lenders together are believed to use; None where no sample has ever been believed."""
    by_lender: Mapping[str, int]
    """Millicores by lender; those of which nothing is known are absent, and lend nothing anew."""
    keep_ratio: float = 1.0
    """The part of what was lent when shrinking began that may still be lent; 1 unless shrinking."""
    stale: frozenset[str] = frozenset()
    """Lenders whose own samples have stopped, have just come back, or jump: nothing is lent there anew; where they
    stopped long ago, what is there goes back."""
    unconfirmed: tuple[str, ...] = ()
    """Lenders (empty text: the total) whose newest sample isn't believed as it is: a drop, a zero or a jump."""
