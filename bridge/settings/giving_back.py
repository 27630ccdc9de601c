"""How a pool gives back what it was lent: what it prefers when not both can be had, and at what price."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from pydantic import field_validator

from bridge.settings.kinds import Duration, Ratio, refusal
from bridge.settings.section import Section


class GivingBack(Section):
    """What counts more when room must go back, and how early that begins."""

    prefer: Literal["online", "work"] = "online"
    """`online`: what still runs before a deadline is preempted. `work`: a deadline at a window's end is missed, by at
    most the window's max_extend, for nodes whose tasks are more likely than not to end by then; that is said
    beforehand. online by default, because the room was promised."""
    max_lead: Duration = timedelta(hours=1)
    """How far the lead may grow where tasks are known to take long: nodes are then closed earlier than the window's own
    lead says. 1h by default; a window whose lead is longer keeps it, and 0m keeps every window's own."""
    tolerated_loss_ratio: Ratio = 0.05
    """Which part of busy vcores may still be busy when containers are preempted; where more would be, the lead grows.
    1 switches that off."""
    app_loss_ratio: Ratio = 0.5
    """Which part of its tasks an application may lose before others lose theirs. Half by default; 1 switches it off,
    and then only the work that is lost counts."""

    @field_validator("max_lead")
    @classmethod
    def _check_lead(cls, lead: timedelta) -> timedelta:
        if not timedelta(0) <= lead <= timedelta(hours=12):
            raise refusal("isn't a lead that makes sense", "set it from 0m to 12h")
        return lead
