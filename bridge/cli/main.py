"""The commands. Each reads settings, asks the layers below for values, and prints them."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import click

from bridge import app
from bridge.cli import show, show_round
from bridge.cli.durations import Duration
from bridge.cli.lazy import LazyGroup
from bridge.controller import views
from bridge.controller.loop import Loop
from bridge.controller.pool import Mode, Pool
from bridge.controller.rebalance import ROUNDS
from bridge.controller.rebalance import rebalance as run_round
from bridge.controller.record import Planned
from bridge.controller.round_record import round_sections
from bridge.controller.sharing import plan_round
from bridge.controller.tick import make_plan
from bridge.core.actions import StampPod
from bridge.core.reasons import Gap
from bridge.core.snapshot import Pause
from bridge.ports import Journal, PortError
from bridge.settings import Settings, SettingsError, load
from bridge.store import open_journal, upgrade

REFUSED, BAD_INPUT = 1, 2
LOG_FORMAT = "%(asctime)s.%(msecs)03d %(levelname)s %(message)s"

log = logging.getLogger(__name__)

F = TypeVar("F", bound=Callable[..., Any])


def _config(command: F) -> F:
    return click.option(
        "--config",
        "-c",
        "path",
        type=click.Path(path_type=Path, dir_okay=False),
        default=Path("tidebridge.yaml"),
        envvar="TIDEBRIDGE_CONFIG",
        show_default=True,
        help="The configuration file.",
    )(command)


def _json(command: F) -> F:
    return click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")(command)


def _pool(command: F) -> F:
    return click.option("--pool", "pool_name", default=None, help="One pool; by default all.")(command)


_LAZY = {
    "demo": "bridge.cli.demo:demo",
    "forecast": "bridge.cli.forecast:forecast",
    "replay": "bridge.cli.replay:replay_command",
    "shares": "bridge.cli.shares:shares",
    "windows": "bridge.cli.windows:windows",
}


@click.group(cls=LazyGroup, lazy=_LAZY, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="tidebridge")
def cli() -> None:
    """Lend the idle part of a Kubernetes fleet to Hadoop YARN, and give it back in time."""


def main(words: Sequence[str] | None = None) -> None:
    """Run the command line with *words*, by default the process's own; the entry point of ``tidebridge``."""
    try:
        # Outside its standalone mode click returns the status of an early exit.
        sys.exit(cli(words, prog_name="tidebridge", standalone_mode=False) or 0)
    except click.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except SettingsError as error:
        click.echo(f"tidebridge: {error}", err=True)
        sys.exit(BAD_INPUT)
    except PortError as error:
        click.echo(f"tidebridge: {error}", err=True)
        sys.exit(REFUSED)


@cli.command()
@_config
def run(path: Path) -> None:
    """Run the controller until it is told to stop (SIGTERM or SIGINT)."""
    settings = load(path)
    _log_to_stderr()
    # Nothing is under way yet, and a thread may wait for an answer that doesn't come.
    _when_told_to_stop(lambda: os._exit(0))
    log.info("run.starting config=%s", path.absolute())
    with _connected(path, settings, follow=True) as built:
        app.refuse_unfit_shapes(built)
        loop = Loop(
            built.pools,
            period=timedelta(seconds=settings.tick_s),
            keep=timedelta(days=settings.store.keep_days),
            rebalancing=app.rebalancing(built),
        )
        if built.election is not None:
            built.election.when_gained(loop.wake)
        _when_told_to_stop(loop.stop)
        log.info("run.started mode=%s pools=%s", settings.mode, ",".join(settings.pools))
        loop.run()
    log.info("run.stopped")


def _log_to_stderr() -> None:
    """Log what the controller does; of the libraries below it only what goes wrong."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format=LOG_FORMAT, datefmt="%FT%T")
    logging.getLogger("bridge").setLevel(logging.INFO)


def _when_told_to_stop(stop: Callable[[], object]) -> None:
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda *_: stop())


@cli.command()
@_config
@_pool
@_json
def plan(path: Path, pool_name: str | None, as_json: bool) -> None:
    """Say what the next tick would do, and why. Changes nothing."""
    settings = load(path)
    names = _names(settings, pool_name)
    with _connected(path, settings, follow=False) as built:
        planned = {pool.name: _plan(pool) for pool in built.pools if pool.name in names}
    show.plans(planned, as_json=as_json)
    if any(entry.gaps for entry in planned.values()):
        raise click.exceptions.Exit(REFUSED)


def _plan(pool: Pool) -> Planned:
    """Plan for a pool whose nodes YARN would take.

    Without stamps: what work is worth follows from what was seen to end, which a single look hasn't.
    """
    planned = make_plan(pool)
    if not isinstance(planned.snapshot.yarn, Gap):
        app.refuse_unfit_shape(pool, planned.snapshot.yarn.minimum)
    steps = tuple(step for step in planned.plan.steps if not isinstance(step.act, StampPod))
    return replace(planned, plan=replace(planned.plan, steps=steps))


@cli.command()
@_config
@_pool
@_json
def status(path: Path, pool_name: str | None, as_json: bool) -> None:
    """Say what is lent, to whom, until when."""
    settings = load(path)
    with _journal(settings) as journal:
        found = [
            views.status(next(iter(journal.ticks(name, 1)), None), journal.memory(name), name, datetime.now(UTC))
            for name in _names(settings, pool_name)
        ]
        tenants = views.tenants_status(next(iter(journal.ticks(ROUNDS, 1)), None), datetime.now(UTC))
    show.statuses(found, tenants, as_json=as_json)
    if tenants is not None and not as_json:
        show_round.summary(tenants)


@cli.command()
@_config
@_pool
@_json
@click.argument("topic")
@click.argument("name", required=False)
def explain(path: Path, pool_name: str | None, as_json: bool, topic: str, name: str | None) -> None:
    """Say a number's inputs, limits and rule.

    window, offer, load, demand, size, lent, plan, lender NAME, node ID;
    shares, ledger, tenant NAME, queue PATH, namespace NAME.
    """
    settings = load(path)
    pools = (ROUNDS,) if views.is_of_round(topic) else _names(settings, pool_name)
    with _journal(settings) as journal:
        records = [record for pool in pools for record in journal.ticks(pool, 1)]
    if not records and pools == (ROUNDS,):
        click.echo("tidebridge: no round is recorded yet; run one with: tidebridge rebalance --now", err=True)
        raise click.exceptions.Exit(REFUSED)
    if not records:
        click.echo("tidebridge: no tick is recorded yet; start the controller with: tidebridge run", err=True)
        raise click.exceptions.Exit(REFUSED)
    try:
        tell = views.explain_round if pools == (ROUNDS,) else views.explain
        found = [tell(record, topic, name) for record in records]
    except views.UnknownTopic as error:
        raise click.UsageError(str(error)) from error
    show.explanations(found, as_json=as_json)


@cli.command()
@_config
@_pool
@_json
@click.option("--for", "length", type=Duration(), default="2h", show_default=True, help="How long; it ends by itself.")
@click.option("--why", default="", help="For those who wonder later.")
def pause(path: Path, pool_name: str | None, as_json: bool, length: timedelta, why: str) -> None:
    """Lend nothing more for a while. What is lent is given back by its deadline as ever."""
    settings = load(path)
    until = datetime.now(UTC) + length
    with _journal(settings) as journal:
        for name in _names(settings, pool_name):
            journal.set_pause(name, Pause(until=until, why=why))
    show.paused(_names(settings, pool_name), until, as_json=as_json)


@cli.command()
@_config
@_pool
@_json
def resume(path: Path, pool_name: str | None, as_json: bool) -> None:
    """End a pause before its time."""
    settings = load(path)
    with _journal(settings) as journal:
        for name in _names(settings, pool_name):
            journal.set_pause(name, None)
    show.paused(_names(settings, pool_name), None, as_json=as_json)


@cli.command()
@_config
@_json
@click.option("--now", "is_now", is_flag=True, help="Run the round; without it nothing is changed.")
@click.option("--take-over", is_flag=True, help="Write over what another hand has changed.")
def rebalance(path: Path, as_json: bool, is_now: bool, take_over: bool) -> None:
    """Say who may have how much of both systems, and what a round of rebalancing would write, or run one."""
    settings = load(path)
    with _connected(path, settings, follow=False) as built:
        if built.sharing is None:
            raise click.UsageError("no tenants are configured; add them under: tenants")
        if is_now:
            rounded = run_round(built.sharing, take_over=take_over)
            planned, sections = rounded.planned, round_sections(rounded.planned, rounded.enforced)
        else:
            planned = plan_round(built.sharing, take_over=take_over)
            sections = round_sections(planned, ())
    is_done = is_now and built.sharing.mode is Mode.ENFORCE
    show_round.rounds(sections, mode=built.sharing.mode, is_done=is_done, as_json=as_json)
    if planned.gaps or any(entry["error"] is not None for entry in sections["done"]):
        raise click.exceptions.Exit(REFUSED)


@cli.group()
def db() -> None:
    """Look after the database."""


@db.command("upgrade")
@_config
@_json
def db_upgrade(path: Path, as_json: bool) -> None:
    """Bring the database to this version's schema; make it if it isn't there."""
    before, after = upgrade(load(path).store.url)
    show.upgraded(before, after, as_json=as_json)


def _names(settings: Settings, pool_name: str | None) -> tuple[str, ...]:
    """Choose one pool or all."""
    if pool_name is None:
        return tuple(settings.pools)
    if pool_name not in settings.pools:
        raise click.UsageError(f"no pool is called {pool_name!r}; there are: {', '.join(settings.pools)}")
    return (pool_name,)


@contextmanager
def _connected(path: Path, settings: Settings, *, follow: bool) -> Iterator[app.App]:
    """Connect what the settings at *path* name; what doesn't fit is told as any other mistake in that file."""
    try:
        with app.running(settings, follow=follow) as built:
            yield built
    except app.SetupError as error:
        raise SettingsError(path.absolute(), (error.problem,)) from error


@contextmanager
def _journal(settings: Settings) -> Iterator[Journal]:
    with closing(open_journal(settings.store.url)) as journal:
        yield journal
