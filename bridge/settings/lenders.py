"""Which Kubernetes nodes lend, how much they keep, and what counts as taken on them."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from bridge.core.forecast.values import HORIZONS
from bridge.settings.kinds import Count, Duration, Ratio, Text, refusal
from bridge.settings.section import Around, Section, choice


class Expecting(Section):
    """What of the future counts: upper bounds for the load, from each service's own history."""

    enabled: bool | None = Field(default=None, strict=True)
    """Whether the forecast bounds what is lent. null, the default: with the basis usage, where nothing else keeps a
    peak off; with the basis requests only windows and what is requested now count."""
    lend_for: Duration = timedelta(minutes=20)
    """How long room must last, by the forecast, before a node is made on it. As long as most of your tasks run, and a
    start: 20m by default. At most 2h, which is as far as it looks."""
    give_back_ahead: Duration = timedelta(minutes=10)
    """How long before a peak that the forecast doesn't exclude room goes back, so that tasks may end by themselves.
    10m by default, by which most tasks of the recorded jobs end; longer lends less, as more peaks can't be excluded
    (docs/replay.md). At most lend_for, or nodes would be called back that have just been made."""

    @field_validator("lend_for", "give_back_ahead")
    @classmethod
    def _check_horizon(cls, horizon: timedelta) -> timedelta:
        if not timedelta(minutes=5) <= horizon <= HORIZONS[-1]:
            raise refusal("isn't a time that the forecast tells of", "set it from 5m to 2h")
        return horizon

    @field_validator("give_back_ahead")
    @classmethod
    def _check_order(cls, ahead: timedelta, info: ValidationInfo) -> timedelta:
        lend_for = info.data.get("lend_for")
        if lend_for is not None and ahead > lend_for:
            raise refusal(
                "is longer than lend_for, so that nodes would be called back that have just been made",
                "set it to lend_for or less, or make lend_for longer",
            )
        return ahead


class Lenders(Section):
    """Which Kubernetes nodes lend, and how much they keep."""

    node_selector: dict[Text, str] = Field(min_length=1)
    """Labels that a lending node must all have. No default: nothing lends that nobody has marked."""
    basis: Literal["requests", "usage"] = "requests"
    """What counts as taken on a lender: `requests` of its pods, or their measured `usage` of CPU (memory counts as
    requested on either). requests by default, because Kubernetes itself can then always take the node back."""
    cap: Ratio = 0.85
    """With the basis usage: up to which part of a lender's CPU online and elastic pods together may load it. What is
    above keeps online pods quick while a peak is met. 1 switches it off."""
    signal: Text | None = Field(default=None, validate_default=True)
    """Where measured use comes from, a key of signals. Needed with the basis usage; null otherwise."""
    expecting: Expecting = Expecting()
    """What of the future counts."""
    margin_ratio: Ratio = 0.1
    """Part of each lender's allocatable that is never lent (0 to 1); with the basis usage, of its memory. A tenth
    covers an online pod's start without waiting for a drain. 0 switches it off."""
    keep_free_cores: float = Field(default=0.0, ge=0, le=1_000_000, strict=True)
    """Cores kept free over all lenders together; should cover what starts in one reaction (about a minute). 0, the
    default, leaves that to the margin."""
    keep_free_memory_mib: Count = 0
    """MiB kept free over all lenders together. 0, the default, leaves that to the margin."""

    @field_validator("signal")
    @classmethod
    def _check_signal(cls, signal: str | None, info: ValidationInfo) -> str | None:
        known = Around.of(info).signal_names
        if signal is None and info.data.get("basis") == "usage":
            raise refusal("is missing, and the basis usage needs it", choice(known, "add one under signals"))
        if signal is not None and signal not in known:
            raise refusal("isn't a key of signals", choice(known, "add it there"))
        if signal is not None and info.data.get("basis") == "requests":
            raise refusal("isn't read with the basis requests", "set basis to usage, or remove it")
        return signal

    @property
    def is_expecting(self) -> bool:
        """Say whether the forecast bounds what is lent."""
        return self.basis == "usage" if self.expecting.enabled is None else self.expecting.enabled
