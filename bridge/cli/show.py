"""Prints values: JSON for programs, tables and sentences for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import click
import orjson
from rich.console import Console
from rich.table import Table

from bridge.cli import words
from bridge.controller import record
from bridge.controller.record import Planned, plain


def as_text(value: Any) -> str:
    """Write JSON with stable keys."""
    return orjson.dumps(plain(value), option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS).decode()


def plans(planned: Mapping[str, Planned], *, as_json: bool) -> None:
    """Print what the next ticks would do."""
    found = [_planned(name, entry) for name, entry in planned.items()]
    if as_json:
        click.echo(as_text({"pools": found}))
        return
    for entry in found:
        for part, why in entry["gaps"].items():
            click.echo(f"{entry['pool']}: {part} is unknown: {why}", err=True)
        decided = entry["decided"]
        click.echo(f"{entry['pool']}: {_sized(decided)}")
        for step in entry["plan"]:
            click.echo(f"  {words.step(step)}")
        for step in entry["refused"]:
            click.echo(f"  refused: {words.step(step)}: {words.failure(step['refused'])}")
        if not entry["plan"]:
            click.echo("  nothing to do")


def _planned(name: str, planned: Planned) -> dict[str, Any]:
    return {
        "pool": name,
        "gaps": dict(planned.gaps),
        "decided": record.decided(planned.decision),
        "plan": [_without_fresh_id(record.step(step), planned) for step in planned.plan.acts],
        "moves": [record.step(step) for step in planned.plan.moves],
        "refused": [record.refusal(entry) for entry in planned.plan.refusals],
    }


def _without_fresh_id(step: dict[str, Any], planned: Planned) -> dict[str, Any]:
    """Leave out the id of a promise that is not made yet: the next look would draw another."""
    return {**step, "promise": None} if step["promise"] in planned.snapshot.fresh_ids else step


def _sized(decided: Mapping[str, Any]) -> str:
    """Say the size in one sentence."""
    size, offer = decided["size"], decided["offer"]
    offered = f"{offer['nodes']} offered" if isinstance(offer, Mapping) else f"offer unknown ({words.gap(offer)})"
    demand = decided["demand"]
    wanted = f"{demand['nodes']} wanted" if isinstance(demand, Mapping) else f"demand unknown ({words.gap(demand)})"
    return (
        f"{size['open_nodes']} elastic nodes open, {offered}, {wanted}, target {size['target']} "
        f"(bound by {words.limit(size['bound_by'])})"
    )


def statuses(found: Sequence[Mapping[str, Any]], *, as_json: bool) -> None:
    """Print what is lent, to whom, until when."""
    if as_json:
        click.echo(as_text({"pools": list(found)}))
        return
    console = Console(highlight=False)
    for entry in found:
        if entry["last_tick"] is None:
            console.print(f"{entry['pool']}: no tick yet; start the controller with: tidebridge run")
            continue
        _status(console, entry)


def _status(console: Console, entry: Mapping[str, Any]) -> None:
    last, window = entry["last_tick"], entry["window"]
    console.print(f"[bold]{entry['pool']}[/]  mode {entry['mode']}, last tick {last['age_s']:.0f} s ago")
    if window["max_ratio"] > 0:
        console.print(f"  window  {', '.join(window['windows'])}: open, all back by {words.moment(window['back_by'])}")
    else:
        console.print(f"  window  closed, opens {words.moment(window['opens_at'])}")
    console.print(f"  offer   {entry['offered_nodes']} nodes, bound by {words.limit(entry['offer_bound_by'])}")
    console.print(f"  wanted  {entry['wanted_nodes']} nodes")
    console.print(f"  target  {entry['target_nodes']} nodes, bound by {words.limit(entry['target_bound_by'])}")
    console.print(f"  lent    {words.amount(entry['lent'])}")
    console.print(f"  used    {words.amount(entry['used'])}, {entry['containers']} containers")
    if entry["paused_until"] is not None:
        console.print(f"  paused until {words.moment(entry['paused_until'])}")
    for part, why in entry["gaps"].items():
        console.print(f"  [red]unknown[/] {part}: {why}")
    for name in entry["impostors"]:
        console.print(f"  [yellow]not ours[/] pod {name} carries this pool's labels; it is left alone")
    for step in entry["failed"]:
        console.print(f"  [red]failed[/] {words.step(step)}: {step['error']}")
    if entry["nodes"]:
        console.print(_nodes(entry["nodes"]))


def _nodes(nodes: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("elastic node", "lender", "state", "since", "back by", "YARN node", "why"):
        table.add_column(heading)
    for node in nodes:
        why = words.reason(node["reason"]) + (f"; {node['trouble']}" if node["trouble"] else "")
        table.add_row(
            node["id"],
            node["lender"],
            node["state"],
            words.moment(node["since"]),
            words.moment(node["deadline"]),
            node["node_id"] or "-",
            why,
        )
    return table


def explanations(found: Sequence[Mapping[str, Any]], *, as_json: bool) -> None:
    """Print what a number comes from."""
    if as_json:
        click.echo(as_text({"explanations": list(found)}))
        return
    for entry in found:
        click.echo(f"{entry['pool']}: {entry['topic']}, as of {words.moment(entry['at'])}")
        _tree(entry["explained"], "  ")


def _tree(value: Any, indent: str) -> None:
    """Print nested values, one a line; limits and reasons as sentences."""
    items = (
        value.items() if isinstance(value, Mapping) else ((f"{number + 1}.", one) for number, one in enumerate(value))
    )
    for key, entry in items:
        if isinstance(entry, Mapping | list) and entry:
            click.echo(f"{indent}{key}")
            _tree(entry, indent + "  ")
        else:
            click.echo(f"{indent}{key}: {_leaf(str(key), entry)}")


def _leaf(key: str, value: Any) -> str:
    if value is None or value == []:
        return "-"
    if isinstance(value, str) and key in {"bound_by", "limit"}:
        return f"{value} ({words.limit(value)})"
    if isinstance(value, str) and key == "reason":
        return f"{value} ({words.reason(value)})"
    return str(value)


def paused(pools: Sequence[str], until: datetime | None, *, as_json: bool) -> None:
    """Print what a pause does now."""
    if as_json:
        click.echo(as_text({"pools": list(pools), "paused_until": until}))
    elif until is None:
        click.echo(f"{', '.join(pools)}: lending goes on with the next tick")
    else:
        click.echo(f"{', '.join(pools)}: nothing more is lent until {words.moment(plain(until))}")


def upgraded(before: str, after: str, *, as_json: bool) -> None:
    """Print which schema the database has now."""
    if as_json:
        click.echo(as_text({"from": before, "to": after}))
    elif before == after:
        click.echo(f"the database has schema {after} already")
    else:
        click.echo(f"the database went from schema {before or 'none'} to {after}")
