"""The command ``demo``: plays a recorded day, shows it, and prints the tide report."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import click
from rich.console import Console
from rich.live import Live

from bridge.cli import words
from bridge.cli.show import as_text
from bridge.demo import Day, Moment, Play, Report, chart, playing, say, summary, view
from bridge.demo.moment import Phase

REFUSED = 1
_WORDS = say.Words(reason=words.reason, limit=words.limit, gap=words.gap)
_FRAME_S = 0.12
"""Between two frames at least."""
_PACE = {Phase.CLOSED: 0.7, Phase.OPEN: 1.4, Phase.LEAD: 3.0, Phase.FORCED: 6.0}
"""How long a tick is shown, compared with the mean: longer where something happens."""

Show = Callable[[list[Moment]], None]
"""Shows the last of the moments so far."""


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the report only, as JSON for programs.")
@click.option("--no-view", is_flag=True, help="On a terminal too, print a line a simulated hour.")
@click.option(
    "--seconds",
    type=click.FloatRange(min=0),
    default=50,
    show_default=True,
    help="About how long the live view takes at least; 0: as quick as it goes.",
)
@click.option(
    "--keep",
    type=click.Path(path_type=Path, file_okay=False),
    help="Keep settings and journal in this folder, for: tidebridge status --config FOLDER/tidebridge.yaml",
)
def demo(as_json: bool, no_view: bool, seconds: float, keep: Path | None) -> None:
    """Play a recorded day in a minute: the real controller on two simulated clusters, over real HTTP."""
    _rarely_collect()
    console = Console(highlight=False)
    with _folder(keep) as folder:
        report = perform(Day(), folder, console, as_json=as_json, seconds=None if no_view else seconds)
    if exit_status(report) != 0:
        raise click.exceptions.Exit(exit_status(report))


def perform(day: Day, folder: Path, console: Console, *, as_json: bool, seconds: float | None) -> Report:
    """Play *day*, with settings and journal in *folder*, and print it; *seconds* None: without the live view."""
    started = time.monotonic()
    with playing(day, folder) as play:
        if as_json:
            report, _ = _play(play, lambda _: None)
            console.out(as_text({**report.plain(), "wall_s": round(time.monotonic() - started, 1)}))
            return report
        if seconds is not None and console.is_terminal and not console.is_dumb_terminal:
            report, moments = _play_live(play, console, seconds)
        else:
            report, moments = _play_plain(play, console)
    _print(report, moments, console)
    console.print(f"{report.ticks} ticks of the controller in {time.monotonic() - started:.0f} s")
    return report


def exit_status(report: Report) -> int:
    """Say how the command ends: 1 if a deadline was missed, or a part of the world could not be read."""
    return REFUSED if report.deadlines.missed or report.gaps else 0


def _play(play: Play, show: Show) -> tuple[Report, list[Moment]]:
    """Play the day, and show each moment."""
    moments: list[Moment] = []
    for moment in play.moments():
        moments.append(moment)
        show(moments)
    return play.report(moments), moments


def _play_plain(play: Play, console: Console) -> tuple[Report, list[Moment]]:
    """Print a line each simulated hour."""

    def show(moments: list[Moment]) -> None:
        if moments[-1].at.minute == 0:
            console.out(say.hour(moments[-1], play.day))

    return _play(play, show)


def _play_live(play: Play, console: Console, seconds: float) -> tuple[Report, list[Moment]]:
    """Draw a frame for each moment, or as many as can be seen; the whole takes *seconds* at least."""
    due_at = drawn_at = time.monotonic()

    def show(moments: list[Moment]) -> None:
        nonlocal due_at, drawn_at
        due_at += seconds / play.ticks * _PACE[moments[-1].phase]
        if time.monotonic() - drawn_at >= _FRAME_S or len(moments) == play.ticks:
            live.update(view.frame(play.day, moments, _screen(console), _WORDS), refresh=True)
            drawn_at = time.monotonic()
        time.sleep(max(0.0, due_at - time.monotonic()))

    with Live(console=console, screen=True, auto_refresh=False) as live:
        return _play(play, show)


def _print(report: Report, moments: list[Moment], console: Console) -> None:
    """Print the whole day as a picture, and the tide report."""
    for line in chart.draw(report.day, moments, _screen(console).canvas()):
        console.print(line)
    console.print()
    console.print(summary.write(report))


def _rarely_collect() -> None:
    """Look for garbage less often: each tick reads a thousand applications and keeps none of them."""
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def _screen(console: Console) -> view.Screen:
    has_colour = console.color_system is not None and not console.no_color
    return view.Screen(columns=console.width, lines=console.height, has_colour=has_colour)


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    """Choose where settings and journal go: a folder to keep, which must have neither yet, or one for the time."""
    if keep is None:
        with TemporaryDirectory(prefix="tidebridge-demo-") as folder:
            yield Path(folder)
        return
    if keep.is_dir() and any(keep.iterdir()):
        raise click.UsageError(f"{keep} isn't empty; name a new folder, or empty it")
    keep.mkdir(parents=True, exist_ok=True)
    yield keep.absolute()
