"""Prints figures as a table, a goal beside each figure that has one."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from rich.console import Console
from rich.table import Table
from rich.text import Text

from benchmarks.figures import Figure

_STYLES = {"met": "green", "met by the median": "yellow", "MISSED": "red"}


def print_table(console: Console, figures: Iterable[Figure]) -> None:
    """Print one table for each part."""
    for part, listed in groupby(figures, key=lambda each: each.part):
        table = Table(title=part, title_justify="left", title_style="bold", box=None, pad_edge=False, padding=(0, 2))
        table.add_column("")
        for name in ("median", "worst", "goal", "rounds"):
            table.add_column(name, justify="right", no_wrap=True)
        table.add_column("")
        for each in listed:
            table.add_row(
                Text(each.what),
                _amount(each.median, each.unit),
                _amount(each.worst, each.unit),
                "" if each.goal is None else f"< {each.goal:g} {each.unit}",
                str(each.rounds),
                Text(each.verdict, style=_STYLES.get(each.verdict, "")),
            )
        console.print()
        console.print(table)


def _amount(amount: float, unit: str) -> str:
    digits = 2 if unit == "s" else 1 if amount < 100 else 0
    return f"{amount:,.{digits}f} {unit}"
