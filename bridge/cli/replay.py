"""The command ``replay``: the whole controller on recorded load and recorded jobs, beside three baselines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import click
import orjson
from rich.console import Console
from rich.table import Table

from bridge import app
from bridge.core.resources import Room
from bridge.core.snapshot import PoolPolicy
from bridge.replay import picture
from bridge.replay.report import Replayed, Summary, Windows, always_open, default_policy, replay
from bridge.replay.stage import WARM_UP, Stageset
from bridge.settings import load, pool_policy
from bridge.sim.load import BadTrace, load_jobs, load_series

_DAY_S = 86_400


@click.command("replay")
@click.option("--online", required=True, type=click.Path(path_type=Path, dir_okay=False), help="Recorded load (CSV).")
@click.option("--batch", required=True, type=click.Path(path_type=Path, dir_okay=False), help="Recorded jobs (CSV).")
@click.option("--nodes", required=True, type=click.IntRange(1, 10_000), help="Kubernetes nodes that lend.")
@click.option("--vcores-per-node", "vcores", required=True, type=click.IntRange(1, 1024), help="Their cores.")
@click.option("--memory-mib-per-node", "memory_mib", required=True, type=click.IntRange(1024), help="Their memory.")
@click.option("--keep-one-in", default=1, show_default=True, type=click.IntRange(1), help="Keep one job in so many.")
@click.option("--task-scale", default=1.0, show_default=True, type=float, help="Multiply the tasks' run time.")
@click.option("--cap", default=0.85, show_default=True, type=click.FloatRange(0, 1), help="How full a node may be.")
@click.option("--days", type=click.IntRange(1), help="Days after the warm-up; by default to the end of the load.")
@click.option("--config", "config", type=click.Path(path_type=Path, dir_okay=False), help="Its first pool and windows.")
@click.option(
    "--picture", "drawn", type=click.Path(path_type=Path, dir_okay=False), help="Draw to a .png or .svg file."
)
@click.option("--baselines/--no-baselines", default=True, show_default=True, help="Play what others would do as well.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
def replay_command(
    online: Path,
    batch: Path,
    nodes: int,
    vcores: int,
    memory_mib: int,
    keep_one_in: int,
    task_scale: float,
    cap: float,
    days: int | None,
    config: Path | None,
    drawn: Path | None,
    baselines: bool,
    as_json: bool,
) -> None:
    """Play recorded load and jobs with the real controller on simulated clusters, a tick a minute.

    The load is the same part of every node's CPU. Its first 4 days are known to the forecast; jobs start at the first
    midnight (UTC) after them, and come again each day, or after the length of their file if that is longer.
    """
    if drawn is not None and drawn.suffix not in picture.KINDS:
        raise click.UsageError(f"--picture: {drawn} ends in {drawn.suffix or 'nothing'}; name a .png or .svg file")
    if not 0 < task_scale < 1000:
        raise click.UsageError(f"--task-scale: {task_scale} isn't above 0 and below 1000; correct it")
    try:
        stage = Stageset(
            series=load_series(online),
            jobs=load_jobs(batch, keep_one_in=keep_one_in, task_scale=task_scale),
            nodes=nodes,
            node_size=Room(cpu_millicores=vcores * 1000, memory_mib=memory_mib),
            cap=cap,
            days=days,
        )
    except BadTrace as error:
        raise click.UsageError(str(error)) from error
    if stage.end <= stage.start:
        raise click.UsageError(
            f"{online}: has {stage.series.length_s / _DAY_S:.1f} days; nothing is left after {WARM_UP.days} days of "
            "warm-up and the next midnight: name a longer series"
        )
    policy, windows = (default_policy(stage), always_open()) if config is None else _configured(config, stage)
    found = replay(stage, policy, windows, with_baselines=baselines)
    if drawn is not None:
        title = f"{online.stem} with {batch.stem}: {nodes} nodes of {vcores} cores"
        picture.draw(found.minutes, drawn, title=title, cap=cap)
    if as_json:
        click.echo(orjson.dumps(found.plain(), option=orjson.OPT_INDENT_2).decode())
    else:
        Console(highlight=False).print(_table(found))


def _configured(config: Path, stage: Stageset) -> tuple[PoolPolicy, Windows]:
    """Take the first pool of a settings file and its windows; the replay's nodes, cap and tick stay."""
    settings = load(config)
    name = next(iter(settings.pools))
    usual = default_policy(stage)
    policy = pool_policy(settings, name, shape=usual.shape)
    policy = replace(policy, tick=usual.tick, label=usual.label, cap_ratio=stage.cap, basis=usual.basis)
    return policy, app.windows_around(app.window_rules(settings, name))


def _table(found: Replayed) -> Table:
    """Set the tide beside its baselines."""
    worlds = {"tide": found.tide, **found.baselines}
    table = Table(box=None, pad_edge=False)
    table.add_column("", no_wrap=True)
    for name in worlds:
        table.add_column(name.replace("_", " "), justify="right", no_wrap=True)
    oracle = found.baselines.get("oracle")
    most = None if oracle is None else oracle.useful_core_hours
    rows: list[tuple[str, Callable[[Summary], str]]] = [
        ("idle, core hours", lambda one: f"{one.idle_core_hours:,.0f}"),
        ("lent, core hours", lambda one: f"{one.lent_core_hours:,.0f}"),
        ("useful, core hours", lambda one: f"{one.useful_core_hours:,.0f}"),
        ("  of the oracle's", lambda one: _part(one.useful_core_hours, most)),
        ("lost, of the work lent", lambda one: _part(one.lost_core_hours, one.useful_core_hours + one.lost_core_hours)),
        ("minutes above the cap", lambda one: f"{one.over_cap_minutes:,} of {one.ticks:,}"),
        ("deadlines met", lambda one: f"{one.deadlines['met']:,} of {one.deadlines['total']:,}"),
        ("ApplicationMasters killed", lambda one: f"{one.ams_killed:,}"),
        ("jobs finished", lambda one: f"{one.jobs['finished']:,} of {one.jobs['submitted']:,}"),
        ("mean slowdown", lambda one: f"{one.jobs['mean_slowdown']:,.2f}" if one.jobs["finished"] else "-"),
    ]
    for title, tell in rows:
        table.add_row(title, *(tell(one) for one in worlds.values()))
    return table


def _part(amount: float, whole: float | None) -> str:
    return f"{amount / whole:.1%}" if whole else "-"
