"""The command ``forecast``: how good the bounds would have been on recorded load."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
import orjson
from rich.console import Console
from rich.table import Table

from bridge.core.forecast.backtest import Backtest, Score, backtest
from bridge.core.forecast.policy import ForecastPolicy
from bridge.core.forecast.values import STEP
from bridge.sim.load import BadTrace, LoadSeries, load_series

_STEP_S = int(STEP.total_seconds())
_DIGITS = 6


@click.group()
def forecast() -> None:
    """Look at the forecast that bounds what is lent."""


@forecast.command("backtest")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, dir_okay=False))
@click.option("--horizon-min", "minutes", default="30,60,120", show_default=True, help="Horizons in minutes.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
def backtest_command(files: Sequence[Path], minutes: str, as_json: bool) -> None:
    """Bound the coming peak at every step of recorded load FILES, from the past alone, and compare with what came.

    A file has the columns timestamp_s and load (a fraction of the CPU; empty: no sample), in steps of 5 minutes or
    less. The first 4 days are warm-up.
    """
    policy = _policy(minutes)
    try:
        found = backtest(
            [(series.name, _steps(file, series)) for file in files for series in (load_series(file),)], policy
        )
    except BadTrace as error:
        raise click.UsageError(str(error)) from error
    except ValueError as error:
        raise click.UsageError(f"{error}: name a longer series") from error
    if as_json:
        click.echo(orjson.dumps(plain(found, policy.horizons), option=orjson.OPT_INDENT_2).decode())
    else:
        Console(highlight=False).print(_table(found, policy.horizons))


def _policy(text: str) -> ForecastPolicy:
    """Read the horizons; each takes the quantile of the shortest default horizon that covers it."""
    try:
        horizons = tuple(sorted({timedelta(minutes=int(part)) for part in text.split(",")}))
    except (ValueError, OverflowError) as error:
        raise click.UsageError(f"--horizon-min: {text!r} isn't a list of minutes; write 30,60,120") from error
    for horizon in horizons:
        if horizon % STEP or not STEP <= horizon <= timedelta(hours=12):
            raise click.UsageError(
                f"--horizon-min: {horizon // timedelta(minutes=1)} isn't a multiple of 5 from 5 to 720; correct it"
            )
    return ForecastPolicy.covering(horizons)


def _steps(file: Path, series: LoadSeries) -> list[float | None]:
    """Return a series in steps of five minutes: the mean of what lies in each."""
    if _STEP_S % series.step_s:
        raise BadTrace(
            f"{file}: line 3, timestamp_s: a step of {series.step_s} s; steps must divide {_STEP_S} s evenly"
        )
    size = _STEP_S // series.step_s
    parts = [series.load[first : first + size] for first in range(0, len(series.load) - size + 1, size)]
    known = [[load for load in part if load is not None] for part in parts]
    return [statistics.fmean(part) if part else None for part in known]


def plain(found: Backtest, horizons: Sequence[timedelta]) -> dict[str, Any]:
    """Return it for JSON. Ratios are rounded, so that equal input gives equal bytes on any machine."""
    means = {str(_minutes(each)): found.mean(each) for each in horizons}
    return {
        "series": [_score(score) for score in found.scores],
        "mean": {
            key: {"violated_ratio": round(violated, _DIGITS), "reclaimed_ratio": round(reclaimed, _DIGITS)}
            for key, (violated, reclaimed) in means.items()
        },
        "worst": {str(_minutes(each)): {"violated_ratio": round(found.worst(each), _DIGITS)} for each in horizons},
    }


def _score(score: Score) -> dict[str, Any]:
    return {
        "name": score.name,
        "horizon_min": _minutes(score.horizon),
        "decisions": score.decisions,
        "violated_ratio": round(score.violated_ratio, _DIGITS),
        "severe_ratio": round(score.severe_ratio, _DIGITS),
        "reclaimed_ratio": round(score.reclaimed_ratio, _DIGITS),
        "oracle_reclaimed_ratio": round(score.oracle_reclaimed_ratio, _DIGITS),
    }


def _minutes(horizon: timedelta) -> int:
    return horizon // timedelta(minutes=1)


def _table(found: Backtest, horizons: Sequence[timedelta]) -> Table:
    """Set the series below each other, and the means and the worst at the end."""
    table = Table(box=None, pad_edge=False)
    table.add_column("series", no_wrap=True)
    for heading in ("min", "decisions", "violated", "severe", "reclaimed", "oracle's"):
        table.add_column(heading, justify="right", no_wrap=True)
    for score in found.scores:
        table.add_row(
            score.name,
            str(_minutes(score.horizon)),
            f"{score.decisions:,}",
            f"{score.violated_ratio:.2%}",
            f"{score.severe_ratio:.2%}",
            f"{score.reclaimed_ratio:.3f}",
            f"{score.oracle_reclaimed_ratio:.3f}",
        )
    table.add_section()
    for horizon in horizons:
        violated, reclaimed = found.mean(horizon)
        table.add_row("mean", str(_minutes(horizon)), "", f"{violated:.2%}", "", f"{reclaimed:.3f}", "", style="bold")
        table.add_row("worst", str(_minutes(horizon)), "", f"{found.worst(horizon):.2%}", "", "", "", style="bold")
    return table
