"""Draws the day as a stack: from the bottom what online pods request, what tenants' pods do, and what is lent to YARN.

Idle cores are above. Colours tell the layers apart; without colours, shades do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import accumulate

from rich.text import Text

from bridge.demo.day import Day
from bridge.demo.moment import Moment

ONLINE, PODS, USED, UNUSED, IDLE = "blue", "magenta", "bright_green", "yellow", "default"
_SHADES = {ONLINE: "░", PODS: "▓", USED: "█", UNUSED: "▒", IDLE: " "}
_LAYERS = {ONLINE: "online", PODS: "tenants' pods", USED: "lent, in use", UNUSED: "lent, unused"}
"""From the bottom up."""
_EIGHTHS = " ▁▂▃▄▅▆▇█"
_HOURS_MARKED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Canvas:
    """How large a chart is, and whether it may use colours."""

    width: int
    height: int
    has_colour: bool


def draw(day: Day, moments: Sequence[Moment], canvas: Canvas) -> list[Text]:
    """Return the chart's lines: *height* of them, an axis of hours, and a legend."""
    columns = [_edges(found, canvas.height) for found in _by_column(day, moments, canvas.width)]
    top = f"{day.lender_cores:>4} ┤"
    lines = []
    for row in reversed(range(canvas.height)):
        line = Text.assemble((top if row == canvas.height - 1 else "   0 ┤" if row == 0 else "     │", "dim"))
        for edges in columns:
            line.append(*_cell(edges, row, has_colour=canvas.has_colour))
        lines.append(line)
    return [*lines, _axis(day, canvas.width), legend(has_colour=canvas.has_colour)]


def legend(*, has_colour: bool) -> Text:
    """Say what the layers are."""
    line = Text.assemble(("cores ", "dim"))
    for layer, what in _LAYERS.items():
        line.append("█" if has_colour else _SHADES[layer], layer)
        line.append(f" {what}  ", "default")
    line.append("blank: idle", "default")
    return line


def _by_column(day: Day, moments: Sequence[Moment], width: int) -> list[list[Moment]]:
    """Deal the moments out to the columns that their times belong to."""
    columns: list[list[Moment]] = [[] for _ in range(width)]
    for moment in moments:
        place = int((moment.at - day.start) / day.length * width)
        columns[min(place, width - 1)].append(moment)
    return columns


def _edges(found: Sequence[Moment], height: int) -> tuple[int, ...]:
    """Say up to which eighth of a row each layer reaches, in the mean of one column's moments."""
    if not found:
        return (0,) * len(_LAYERS)
    whole = max(sum(moment.lender_cores for moment in found), 1.0)
    online = sum(moment.online_cores for moment in found)
    pods = sum(moment.tenant_cores for moment in found)
    lent = sum(moment.lent_cores for moment in found)
    used = min(lent, sum(moment.used_vcores * moment.node_cores / moment.node_vcores for moment in found))
    return tuple(round(edge / whole * height * 8) for edge in accumulate((online, pods, used, lent - used)))


def _cell(edges: tuple[int, ...], row: int, *, has_colour: bool) -> tuple[str, str]:
    """Choose one cell's sign and style: the layer at its foot in front, the layer at its head behind."""
    foot, head = _layer(edges, row * 8), _layer(edges, row * 8 + 7)
    if not has_colour:
        return _SHADES[_layer(edges, row * 8 + 4)], "default"
    if foot == head:
        return (" " if foot == IDLE else "█"), foot
    edge = next(edge for edge in edges if edge > row * 8)
    return _EIGHTHS[edge - row * 8], f"{foot} on {head}"


def _layer(edges: tuple[int, ...], eighth: int) -> str:
    """Return the layer that an eighth belongs to."""
    for edge, layer in zip(edges, _LAYERS, strict=True):
        if eighth < edge:
            return layer
    return IDLE


def _axis(day: Day, width: int) -> Text:
    """Mark full hours below the chart."""
    line = [" "] * (width + 2)
    at = day.local(day.start).replace(minute=0, second=0)
    while at < day.local(day.end):
        place = int((at - day.local(day.start)) / day.length * width)
        if at.hour % _HOURS_MARKED == 0 and 0 <= place <= width - 2:
            line[place : place + 2] = f"{at:%H}"
        at += timedelta(hours=1)
    return Text("      " + "".join(line).rstrip(), style="dim")
