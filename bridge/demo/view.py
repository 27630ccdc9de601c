"""One frame of the live view: the day so far, the present moment, tenants, elastic nodes, and what was done last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from rich.console import Group
from rich.text import Text

from bridge.core.lifecycle import State
from bridge.demo import chart, say
from bridge.demo.chart import Canvas
from bridge.demo.day import Day
from bridge.demo.moment import Deed, Kind, Moment, Phase
from bridge.demo.say import Words
from bridge.demo.tenants import TenantNow

_SIGNS = {
    State.REQUESTED: ("·", "cyan"),
    State.STARTING: ("○", "cyan"),
    State.SERVING: ("●", "bright_green"),
    State.CORDONED: ("◐", "yellow"),
    State.DRAINING: ("▼", "magenta"),
    State.FORCED: ("✖", "bright_red"),
    State.EMPTY: ("□", "yellow"),
    State.DELETING: ("×", "dim"),
    State.LOST: ("?", "bright_red"),
}
_IN_LEGEND = (
    State.STARTING,
    State.SERVING,
    State.CORDONED,
    State.DRAINING,
    State.FORCED,
    State.EMPTY,
    State.DELETING,
)
_PHASES = {Phase.CLOSED: "dim", Phase.OPEN: "bright_green", Phase.LEAD: "yellow", Phase.FORCED: "bright_red"}
WIDE = 96
"""Columns from which a terminal counts as wide."""
_FIXED_LINES = 14
"""Of a frame, besides the chart, the tenants and the deeds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """How large the terminal is, and whether it has colours."""

    columns: int
    lines: int
    has_colour: bool

    @property
    def deeds(self) -> int:
        """How many of the last deeds there is room for."""
        return 3 if self.lines < 30 else 5

    def canvas(self, *, tenants: int = 0) -> Canvas:
        """What is left for the chart beside the lines of so many tenants."""
        height = max(3, min(12, self.lines - _FIXED_LINES - self.deeds - tenants))
        return Canvas(width=72 if self.columns >= WIDE else 48, height=height, has_colour=self.has_colour)


def frame(day: Day, moments: Sequence[Moment], screen: Screen, words: Words) -> Group:
    """Draw the last of *moments*, and the day up to it. No line is wider than the screen."""
    moment = moments[-1]
    canvas = screen.canvas(tenants=len(moment.tenants))
    lines = [
        _title(day, moment),
        _window(day, moment),
        Text(),
        *chart.draw(day, moments, canvas),
        *_bars(moment, canvas.width // 3, words),
        *_tenants(day, moment, canvas.width // 3, is_wide=screen.columns >= WIDE),
        Text(),
        _nodes(moment, day, screen.columns),
        _legend(),
        *_last_deeds(day, moments, screen.deeds, words),
    ]
    for line in lines:
        line.no_wrap, line.overflow = True, "ellipsis"
        line.truncate(screen.columns, overflow="ellipsis")
    return Group(*lines)


def _title(day: Day, moment: Moment) -> Text:
    at = day.local(moment.at)
    line = Text.assemble(("tidebridge demo", "bold"), f"  {at:%a %d %b %Y} ", (f"{at:%H:%M}", "bold reverse"))
    line.append(f"  jobs: {moment.jobs_finished:,} of {moment.jobs_submitted:,} finished")
    return line


def _window(day: Day, moment: Moment) -> Text:
    style = _PHASES[moment.phase]
    return Text.assemble("window ", (moment.phase.upper(), f"bold {style}"), f"  {say.window(moment, day)}")


def _bars(moment: Moment, width: int, words: Words) -> list[Text]:
    """Draw what there is now, all on the scale of the lenders' cores."""
    scale = moment.node_cores / moment.node_vcores
    rows = (
        ("online", moment.online_cores, chart.ONLINE, f"{moment.online_cores:.0f} cores; load {moment.load:.0%}"),
        ("offer", moment.offered_nodes * moment.node_cores, "cyan", say.offer(moment, words)),
        ("lent", moment.lent_cores, "green", f"{moment.lent_vcores} vcores on {say.nodes(len(moment.nodes))}"),
        ("used", moment.used_vcores * scale, chart.USED, f"{moment.used_vcores} vcores by YARN's containers"),
        ("wanted", moment.wanted_nodes * moment.node_cores, "white", say.wanted(moment)),
    )
    return [_bar(name, value / max(moment.lender_cores, 1), style, text, width) for name, value, style, text in rows]


def _tenants(day: Day, moment: Moment, width: int, *, is_wide: bool) -> list[Text]:
    """Draw what each tenant uses, on the scale of both clusters' cores: YARN's part, then its pods'."""
    return [_tenant(tenant, day.lender_cores + day.static_vcores, width, is_wide=is_wide) for tenant in moment.tenants]


def _tenant(tenant: TenantNow, cores: float, width: int, *, is_wide: bool) -> Text:
    yarn, both = (round(min(used / cores, 1.0) * width) for used in (tenant.used.yarn, tenant.used.both))
    line = Text.assemble(
        (f"{tenant.name:>6.6} ", "default"), ("█" * yarn, chart.USED), ("▓" * (both - yarn), chart.PODS)
    )
    line.append(" " * (width - both + 2))
    return line.append(say.tenant(tenant, is_long=is_wide))


def _bar(name: str, ratio: float, style: str, text: str, width: int) -> Text:
    eighths = round(min(ratio, 1.0) * width * 8)
    bar = "█" * (eighths // 8) + (" ▏▎▍▌▋▊▉"[eighths % 8] if eighths % 8 else "")
    more = "▶" if ratio > 1 else " "
    return Text.assemble((f"{name:>6} ", "default"), (f"{bar:<{width}}", style), (more, style), f" {text}")


def _nodes(moment: Moment, day: Day, columns: int) -> Text:
    """Draw one sign an elastic node, lender by lender."""
    line = Text.assemble((" nodes", "dim"))
    by_lender = {name: [state for _, state in nodes] for name, nodes in groupby(moment.nodes, key=lambda node: node[0])}
    for number in range(1, day.lenders + 1):
        line.append(f" {number}", "dim")
        states = by_lender.get(f"lender-{number}", [])
        for state in states:
            line.append(*_SIGNS.get(state, ("?", "default")))
        line.append("·" * (5 - len(states)), "dim")
    return line.append("  one sign an elastic node" if columns >= WIDE else "", "dim")


def _legend() -> Text:
    line = Text("      ")
    for state in _IN_LEGEND:
        line.append(" ")
        line.append(*_SIGNS[state])
        line.append(f" {state}", "dim")
    return line


def _last_deeds(day: Day, moments: Sequence[Moment], count: int, words: Words) -> list[Text]:
    """List the last deeds, newest first; what concerns labels alone is left out."""
    found: list[Text] = []
    for moment in reversed(moments):
        for deed in reversed(moment.deeds):
            if len(found) == count:
                return found
            if deed.kind is not Kind.LABEL:
                found.append(_deed(day, moment, deed, words, name="" if found else "last"))
    return [*found, *(Text() for _ in range(count - len(found)))]


def _deed(day: Day, moment: Moment, deed: Deed, words: Words, *, name: str) -> Text:
    style = "bright_red" if deed.kind is Kind.FORCE or deed.has_failed else "default"
    return Text.assemble((f"{name:>6} {day.local(moment.at):%H:%M} ", "dim"), (say.deed(deed, words), style))
