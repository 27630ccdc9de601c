"""Plays a day: the real controller, its real clients and journal, on a simulated world behind loopback HTTP.

Time is the world's. Who shows the moments decides how fast they follow each other.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

import yaml

from bridge import app, packaged
from bridge.controller.pool import Pool
from bridge.controller.rebalance import Rounds
from bridge.controller.sharing import Sharing
from bridge.controller.tick import tick
from bridge.demo.day import Day, make_world
from bridge.demo.moment import Moment, make_moment
from bridge.demo.report import Report, make_report
from bridge.demo.tally import Tally, tally
from bridge.demo.tenants import Standing, standings, tenants_now
from bridge.settings import Settings, load
from bridge.sim import Served, SimWorld, serve
from bridge.sim.pods import PROMISE
from bridge.store import open_journal, upgrade

SETTINGS = "tidebridge.yaml"
"""The file in a play's folder that says what was played; ``tidebridge status --config`` reads it afterwards."""

LOOK_EVERY_TICKS = 7
"""How often a round of rebalancing may run: about as often as the cron asks. A look costs as much as two ticks, and
at every third tick, as in ``run``, the demonstration would take too long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Play:
    """A day that is being played: its settings, its one pool, its tenants, and the world that all of it acts upon."""

    day: Day
    settings: Settings
    pool: Pool
    sharing: Sharing
    rounds: Rounds
    served: Served
    held_until: dict[str, datetime]
    """Of each promise, the last tick at which the world saw its pod hold room."""

    @property
    def tick(self) -> timedelta:
        """Simulated time between two ticks."""
        return timedelta(seconds=self.settings.tick_s)

    @property
    def ticks(self) -> int:
        """How many ticks the day has; one at each end."""
        return self.day.length // self.tick + 1

    def moments(self) -> Iterator[Moment]:
        """Let time pass, rebalance when it is due, and tick."""
        world = self.served.world
        standing: tuple[Standing, ...] = ()
        for number in range(self.ticks):
            self.served.advance(self.day.start + number * self.tick)
            self._look(world)
            rounded = self.rounds.run_if_due() if number % LOOK_EVERY_TICKS == 0 else None
            if rounded is not None:
                standing = standings(rounded.planned)
            tenants = tenants_now(standing, world)
            yield make_moment(tick(self.pool), world, rounded=rounded, tenants=tenants)

    def report(self, moments: Sequence[Moment]) -> Report:
        """Sum the day up, and compare it with the same day without lending."""
        with closing(open_journal(self.settings.store.url)) as journal:
            promises = journal.history(self.pool.name)
        return make_report(
            self.day,
            moments,
            promises,
            self.held_until,
            tenants=self.sharing.policy.tenants,
            tide=tally(self.served.world),
            without=play_without(self.day),
        )

    def _look(self, world: SimWorld) -> None:
        """Note, in the world itself, which promises hold room."""
        for pod in world.kube.elastic.values():
            if pod.is_elastic and not pod.phase.is_over:
                self.held_until[pod.order.labels[PROMISE]] = world.now


@contextmanager
def playing(day: Day, folder: Path) -> Iterator[Play]:
    """Set the stage in *folder*, with the packaged ``config/demo.yaml``, and clear it away at the end."""
    world = make_world(day)
    with _no_proxy(), serve(world) as served:
        settings = load(_write_settings(served, folder))
        upgrade(settings.store.url)
        with app.running(settings, follow=False, clock=world.clock, ids=numbered_ids(seed=1)) as built:
            yield _set_up(day, built, served)


def _set_up(day: Day, built: app.App, served: Served) -> Play:
    (pool,), sharing, rounds = built.pools, built.sharing, app.rounds(built)
    if sharing is None or rounds is None:
        raise ValueError("config/demo.yaml has no tenants")
    return Play(
        day=day,
        settings=built.settings,
        pool=pool,
        sharing=sharing,
        rounds=rounds,
        served=served,
        held_until={},
    )


def play_without(day: Day) -> Tally:
    """Let the same day pass without any lending, and with the same tenants and nobody who divides among them."""
    world = make_world(day)
    world.advance(day.end)
    return tally(world)


def numbered_ids(*, seed: int) -> Callable[[], str]:
    """Make ids as random ones look, but the same ones each time."""
    chance = Random(seed)
    return lambda: f"{chance.getrandbits(48):012x}"


@contextmanager
def _no_proxy() -> Iterator[None]:
    """Keep the clients' calls on the loopback interface, whatever proxy the environment names."""
    before = {name: os.environ.get(name) for name in ("NO_PROXY", "no_proxy")}
    os.environ.update(dict.fromkeys(before, "127.0.0.1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _write_settings(served: Served, folder: Path) -> Path:
    """Write ``config/demo.yaml`` with the addresses of this play's world."""
    template = packaged.path("config/demo.yaml")
    values = yaml.safe_load(template.read_text(encoding="utf-8"))
    (folder / "kubeconfig").write_text(served.kubeconfig, encoding="utf-8")
    values["kubernetes"]["kubeconfig"] = "kubeconfig"
    for cluster in values["yarn"]["clusters"].values():
        cluster["resourcemanagers"] = [served.yarn_url]
    for pool in values["pools"].values():
        pool["pod_template"] = str(template.parent / pool["pod_template"])
    file = folder / SETTINGS
    file.write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")
    return file
