"""Which windows the load keeps closed: they close at once, and open only after a low load has lasted.

Every window with a rule is followed whether the calendar has it open or not, so its state is known when it starts.
What a closed window means where others overlap is decided in ``bridge.core.window``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from bridge.core.window import LoadRule, WindowSpan


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadGates:
    """Which windows the load keeps closed, and since when it has been low enough to open one."""

    closed: frozenset[str] = frozenset()
    opened: frozenset[str] = frozenset()
    """Windows whose load was low for long enough. A window in neither has not been seen, and counts as closed."""
    low_since: tuple[tuple[str, datetime], ...] = ()
    """Closed windows by name, with the first of the instants in a row at which the load was below ``open_below``."""


def not_open(spans: tuple[WindowSpan, ...], gates: LoadGates) -> frozenset[str]:
    """Name the windows with a rule that no tick has seen the load open."""
    return frozenset(span.name for span in spans if span.load is not None) - gates.opened


def closed_by_load(
    spans: tuple[WindowSpan, ...], at: datetime, load_ratio: float | None, memory: LoadGates
) -> LoadGates:
    """Say which windows the load keeps closed at the instant *at*.

    *load_ratio*: what is believed of the lenders' CPU load, 0 to 1; None where it isn't known. Then each window keeps
    its state, a low load must last anew, and a window that never knew its load stays closed.
    A window that no span shows any more is forgotten.
    """
    rules = {span.name: span.load for span in spans if span.load is not None}
    low_since = _low_since(rules, at, load_ratio, memory)
    opened = frozenset(name for name, rule in rules.items() if _is_open(name, rule, at, load_ratio, memory, low_since))
    return LoadGates(
        closed=frozenset(rules) - opened,
        opened=opened,
        low_since=tuple(sorted((name, since) for name, since in low_since.items() if name not in opened)),
    )


def _low_since(
    rules: Mapping[str, LoadRule], at: datetime, load_ratio: float | None, memory: LoadGates
) -> dict[str, datetime]:
    """Say since when the load is below what would open each window, where it is."""
    if load_ratio is None:
        return {}
    before = dict(memory.low_since)
    return {name: before.get(name, at) for name, rule in rules.items() if load_ratio < rule.open_below}


def _is_open(
    name: str,
    rule: LoadRule,
    at: datetime,
    load_ratio: float | None,
    memory: LoadGates,
    low_since: Mapping[str, datetime],
) -> bool:
    """Say whether the load leaves one window open."""
    if name in memory.opened:
        return load_ratio is None or load_ratio <= rule.end_above
    return name in low_since and at - low_since[name] >= rule.confirm
