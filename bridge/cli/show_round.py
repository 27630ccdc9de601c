"""Prints rounds of rebalancing: who wants, has and is told how much, and what is or would be written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bridge.cli import words
from bridge.cli.show import as_text

_HOLDS = {
    "step_limit": "one round takes no more of a tenant (rebalance.max_step_ratio)",
    "not_released": "others still hold it",
    "dead_band": "too small a change to be written (rebalance.dead_band_ratio)",
    "unknown": "not everything could be read",
}


def rounds(sections: Mapping[str, Any], *, mode: str, is_done: bool, as_json: bool) -> None:
    """Print one round's sections: done, or only planned."""
    for part, why in sections["seen"]["gaps"].items():
        click.echo(f"tidebridge: {part} is unknown: {why}", err=True)
    if as_json:
        shown = {name: value for name, value in sections.items() if name != "question"}
        click.echo(as_text({"mode": mode, "is_done": is_done, **shown}))
        return
    console = Console(highlight=False)
    console.print(_tenants(sections["tenants"]))
    console.print()
    console.print(_leaves(sections["leaves"]))
    for line in (*_ledger(sections["ledger"]), *_changes(sections, mode, is_done), *_warnings(sections)):
        click.echo(line)


def summary(tenants: Mapping[str, Any]) -> None:
    """Print what each tenant wants, may have and uses, as of the last round."""
    console = Console(highlight=False)
    console.print(Text(f"tenants  mode {tenants['mode']}, last round {tenants['last_round']['age_s']:.0f} s ago"))
    console.print(_tenants(tenants["tenants"]))


def _tenants(tenants: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False, title="cores / GiB", title_justify="right")
    table.add_column("tenant", overflow="fold")
    for heading in ("guarantee", "wants", "target", "uses"):
        table.add_column(heading, justify="right", no_wrap=True)
    for tenant in tenants:
        name = tenant["name"] if tenant["is_configured"] else f"{tenant['name']} (nobody configured these)"
        table.add_row(
            Text(name),
            _amount(tenant["guarantee"]),
            _amount(tenant["demand"]),
            _amount(tenant["target"]),
            _amount(tenant["used"]),
        )
    return table


def _leaves(leaves: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("queue or namespace", overflow="fold")
    for heading in ("static", "lendable", "told"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("why not all", overflow="fold")
    for leaf in leaves:
        table.add_row(
            Text(leaf["leaf"]),
            _amount(leaf["granted_static"]),
            _amount(leaf["granted_lendable"]),
            _amount(leaf["told_lendable"]),
            Text("" if leaf["hold"] is None else _HOLDS[leaf["hold"]]),
        )
    return table


def _amount(amount: Mapping[str, int]) -> Text:
    """Write cores and GiB; a dash for what isn't limited."""
    if not amount:
        return Text("-")
    cores = "-" if "cpu_millicores" not in amount else f"{amount['cpu_millicores'] / 1000:g}"
    memory = "-" if "memory_mib" not in amount else f"{amount['memory_mib'] / 1024:.4g}"
    return Text(f"{cores} / {memory}")


def _ledger(ledger: Mapping[str, Any] | None) -> Iterator[str]:
    if ledger is None:
        yield "ledger: what lenders can give isn't known; nobody is told anything else"
        return
    yield f"ledger of {_amount(ledger['capacity'])} (cores / GiB), free {_amount(ledger['free'])}"
    for side, account in ledger["sides"].items():
        yield f"  {side}: told {_amount(account['told'])}, holds {_amount(account['held'])}"


def _changes(sections: Mapping[str, Any], mode: str, is_done: bool) -> Iterator[str]:
    if is_done:
        for entry in sections["done"]:
            yield f"{entry['adapter']}: {entry['result']}{'' if entry['error'] is None else ': ' + entry['error']}"
            yield from _drafted(entry)
    else:
        for adapter in sections["changes"]:
            for entry in adapter["drafts"]:
                yield f"{adapter['adapter']} would change:"
                yield from _drafted(entry)
        if not any(adapter["drafts"] for adapter in sections["changes"]):
            yield "nothing to write"
        if mode != "enforce":
            yield f"mode {mode}: nothing is written"
    for entry in sections["evictions"]:
        yield f"evicted {entry['namespace']}/{entry['pod']} of {entry['tenant']}: {entry['result']}"


def _drafted(entry: Mapping[str, Any]) -> Iterator[str]:
    for change in entry["changes"]:
        before = "none" if change["before"] is None else change["before"]
        yield f"  {change['leaf']} {change['key']}: {before} -> {change['after']}"
    yield from (f"  note: {note}" for note in entry["notes"])
    yield from (f"  refused: {problem}" for problem in entry["problems"])


def _warnings(sections: Mapping[str, Any]) -> Iterator[str]:
    for path in sections["seen"]["missing_queues"]:
        yield f"queue {path}: the ResourceManager has no such queue; correct tenants[].yarn_queues, or add it there"
    namespaces = sections["seen"]["namespaces"]
    for entry in namespaces if isinstance(namespaces, list) else ():
        if entry["trouble"] is not None:
            yield f"namespace {entry['name']}: {entry['trouble']}; its demand counts as before"
    for adapter in sections["changes"]:
        for entry in adapter["foreign"]:
            yield (
                f"{entry['leaf']} was changed by another hand: ours {_settings(entry['ours'])}, found "
                f"{_settings(entry['found'])}; left alone (write over it with: tidebridge rebalance --now --take-over)"
            )
    for entry in sections["mismatches"]:
        wanted, effective = _amount(entry["wanted"]), _amount(entry["effective"])
        yield f"{_leaf(entry['leaf'])}: wrote {wanted}, the system makes {effective} of it"
    for correction in sections["seen"]["corrections"]:
        yield f"correction: {words.flat(correction)}"


def _leaf(leaf: Mapping[str, str]) -> str:
    return f"{'queue' if leaf['side'] == 'yarn' else 'namespace'}:{leaf['name']}"


def _settings(settings: Mapping[str, str]) -> str:
    return ", ".join(f"{key}={value}" for key, value in sorted(settings.items())) or "nothing"
