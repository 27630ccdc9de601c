"""Draws a replay: how loaded the nodes were, what was expected, what was offered, lent and used, and given back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from math import isnan, nan
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from matplotlib.figure import Figure

from bridge.replay.run import Minute

_ONLINE, _USED, _LENT, _BOUND, _OFFER, _CAP, _BACK, _OVER = (
    "#9db7d5",
    "#2e8b57",
    "#c7e6c9",
    "#c0392b",
    "#1b5e20",
    "#444444",
    "#e67e22",
    "#d81b60",
)
_HOW_TO_READ = (
    "What online services leave idle (above the blue) is lent to YARN (green), as far as the bound for the load to "
    "come allows; before the load rises it is called back (orange)."
)
KINDS = (".png", ".svg")


def draw(minutes: Sequence[Minute], path: Path, *, title: str, cap: float) -> None:
    """Write a picture to *path*, whose name ends in .png or .svg; the same minutes give the same bytes."""
    with mpl.rc_context({"svg.hashsalt": "tidebridge", "font.size": 9}):
        figure = Figure(figsize=(14, 6.2), layout="constrained")
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[5, 1])
        _capacity(upper, minutes, cap)
        _given_back(lower, minutes)
        figure.suptitle(f"{title}\n{_HOW_TO_READ}", x=0.01, ha="left", fontsize=10)
        if path.suffix == ".svg":
            FigureCanvasSVG(figure).print_svg(str(path), metadata={"Date": None})
        else:
            FigureCanvasAgg(figure).print_png(str(path), metadata={"Software": None})


def _capacity(axes: Axes, minutes: Sequence[Minute], cap: float) -> None:
    """Stack what is used on what is online; the offer and the bound as lines."""
    at = [_place(minute.at) for minute in minutes]
    online = [minute.load for minute in minutes]
    used = [minute.load + minute.used for minute in minutes]
    lent = [minute.load + minute.lent for minute in minutes]
    axes.fill_between(at, 0, online, color=_ONLINE, lw=0, label="online services use this")
    axes.fill_between(at, online, used, color=_USED, lw=0, label="lent to YARN, and tasks run on it")
    axes.fill_between(at, used, lent, color=_LENT, lw=0, label="lent, and no task runs on it now")
    offered = [nan if one.offered is None else one.load + one.offered for one in minutes]
    axes.plot(at, offered, color=_OFFER, lw=0.8, label="offered now, above the online load")
    bounds = [nan if one.bound is None else one.bound for one in minutes]
    if not all(isnan(bound) for bound in bounds):
        axes.plot(at, bounds, color=_BOUND, lw=1.0, label="bound: the load to come is expected below")
    axes.axhline(cap, color=_CAP, lw=1, ls="--", label=f"cap: all together stay below {cap:.0%}")
    over = [one for one in minutes if one.used > 0 and one.highest > cap + 1e-9]
    if over:
        marks = [min(1.02, one.highest) for one in over]
        axes.plot(
            [_place(one.at) for one in over], marks, ls="", marker="v", ms=5, color=_OVER, label="a node above the cap"
        )
    axes.set_ylim(0, 1.05)
    axes.set_ylabel("part of all nodes' CPU")
    axes.yaxis.set_major_formatter(lambda value, _position: f"{value:.0%}")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, 1.17), ncols=4, frameon=False, fontsize=8)


def _given_back(axes: Axes, minutes: Sequence[Minute]) -> None:
    """Draw a bar for each minute in which nodes were called back."""
    back = [minute for minute in minutes if minute.given_back]
    axes.vlines([_place(one.at) for one in back], 0, [one.given_back for one in back], color=_BACK, lw=1.2)
    axes.set_ylabel("elastic nodes\ncalled back")
    axes.set_ylim(bottom=0)
    locator = AutoDateLocator()
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    axes.set_xlabel("time (UTC)")


def _place(at: datetime) -> float:
    """Say where an instant is on the axis of time."""
    return float(date2num(at))
