"""Pools of one node each, whose windows end at times of their own, so that each meets something else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bridge.core.lifecycle import State
from bridge.settings import load
from bridge.store import open_journal
from k8s_pool.identity import pod_name
from tests.lab.controller import Controller, Night, configuration, window
from tests.lab.lab import pods, within
from tests.lab.story import Watcher

VCORES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A pool's window: on which lender, from when to when, in seconds of the story."""

    lender: str
    opens_s: int
    back_by_s: int


def pods_by_pool() -> dict[str, dict[str, Any]]:
    """Return the elastic pods by pool, those on their way out too."""
    return {pod["metadata"]["labels"]["tidebridge.dev/pool"]: pod for pod in pods()}


def pod_names() -> Mapping[str, str]:
    """Return the pool of each elastic pod that holds room, by its name."""
    holding = (pod for pod in pods() if pod["status"].get("phase") not in {"Succeeded", "Failed"})
    return {pod["metadata"]["name"]: pod["metadata"]["labels"]["tidebridge.dev/pool"] for pod in holding}


def _looks(seen: Watcher) -> Iterator[tuple[datetime, Mapping[str, str]]]:
    """Give each look that succeeded, and when it began."""
    return ((at, look) for at, look in seen.seen if isinstance(look, dict))


def gone_at(seen: Watcher, pool: str) -> datetime:
    """Say when a pool's pod was first seen to be gone for good."""
    found = list(_looks(seen))
    last = max(number for number, (_, look) in enumerate(found) if pool in look.values())
    return found[last + 1][0]


def names_seen(seen: Watcher) -> Mapping[str, str]:
    """Return the pool of each pod that was ever seen, by its name."""
    return {name: pool for _, look in _looks(seen) for name, pool in look.items()}


def alive(controller: Controller, pool: str) -> tuple[object, ...]:
    """Return the promises of a pool that aren't over."""
    with closing(open_journal(load(controller.config).store.url)) as journal:
        return journal.promises(pool)


def check_promises(controller: Controller, back_by: Mapping[str, datetime], names: Mapping[str, str]) -> None:
    """Compare pods and promises: one of each for each pool, all over, none with another deadline than its window's."""
    assert sorted(names.values()) == sorted(back_by), "one pod for each pool, never a second"
    with closing(open_journal(load(controller.config).store.url)) as journal:
        for pool, deadline in back_by.items():
            (promise,) = journal.history(pool)
            assert names.get(pod_name(pool, promise.id)) == pool
            assert promise.state is State.GONE
            assert promise.deadline == deadline
    # The tick that saw the last node go names it; the next one doesn't.
    within(
        10, lambda: not any(one["gives_back"] or one["nodes"] for one in controller.ask_all("status")), "all is over"
    )


def settings(windows: Mapping[str, Window], opens: datetime, lead: timedelta) -> str:
    """Write the pools, each of one node on one lender: four vcores are a quarter of a core, and 50 m go besides."""
    whole = configuration(night(opens, lead), VCORES).replace("vcores_per_core: 4.0", "vcores_per_core: 16.0")
    head, rest = whole.split("pools:\n")
    body = rest.split("windows:\n")[0].replace("  night:\n", "").replace("max_nodes: 4", "max_nodes: 1")
    body = body.replace("overhead_millicores: 100", "overhead_millicores: 50")
    body = body.replace("start_timeout_s: 60", "start_timeout_s: 120")
    body += "    giving_back: {max_lead: 0m}\n"
    pools, spans = "", ""
    for name, its in windows.items():
        lender = f"{{kubernetes.io/hostname: {its.lender}}}"
        pools += f"  {name}:\n" + body.replace('{lend: "true"}', lender)
        start, end = (opens + timedelta(seconds=after_s) for after_s in (its.opens_s, its.back_by_s))
        spans += window(name, name, Night(opens=start, back_by=end, lead=lead), max_ratio=1.0)
    return f"{head}pools:\n{pools}windows:\n{spans}"


def night(opens: datetime, lead: timedelta) -> Night:
    """Say when the first window opens; each pool has an end of its own."""
    return Night(opens=opens, back_by=opens + timedelta(minutes=5), lead=lead)
