"""Prints values: JSON for programs, tables and sentences for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from shutil import get_terminal_size
from textwrap import fill
from typing import Any

import click
import orjson
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bridge.cli import words
from bridge.controller import record
from bridge.controller.plain import plain
from bridge.controller.record import Planned
from bridge.core.load import SignalState
from bridge.core.reasons import Gap, Limit, Verdict

_AMOUNTS = ({"cpu_millicores", "memory_mib"}, {"vcores", "memory_mib"})


def as_text(value: Any) -> str:
    """Write JSON with stable keys."""
    return orjson.dumps(plain(value), option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS).decode()


def plans(planned: Mapping[str, Planned], *, as_json: bool) -> None:
    """Print what the next ticks would do."""
    found = [_planned(name, entry) for name, entry in planned.items()]
    for name, seen in planned.items():
        for part, why in seen.gaps.items():
            click.echo(f"tidebridge: {name}: {part} is unknown: {why}{_remedy(seen, part)}", err=True)
    if as_json:
        click.echo(as_text({"pools": found}))
        return
    for entry in found:
        decided = entry["decided"]
        click.echo(f"{entry['pool']}: {_sized(decided)}")
        click.echo(f"  bound by {words.limit(decided['size']['bound_by'])}")
        for reason, steps in groupby(entry["plan"], key=itemgetter("reason")):
            click.echo(f"  because {words.reason(reason)}:")
            for step in steps:
                click.echo(f"    {words.act(step)}")
        for step in entry["refused"]:
            click.echo(f"  refused, because {words.failure(step['refused'])}:\n    {words.act(step)}")
        if not entry["plan"]:
            click.echo("  nothing to do")


def _remedy(planned: Planned, part: str) -> str:
    """Say what to do about a part that could not be read."""
    facts = {"kubernetes": planned.snapshot.kube, "yarn": planned.snapshot.yarn}.get(part)
    return words.remedy(part, facts) if isinstance(facts, Gap) else ""


def _planned(name: str, planned: Planned) -> dict[str, Any]:
    return {
        "pool": name,
        "gaps": dict(planned.gaps),
        "decided": record.decided(planned.decision, planned.snapshot),
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
    return f"{size['open_nodes']} elastic nodes open, {offered}, {wanted}, target {size['target']}"


def statuses(found: Sequence[Mapping[str, Any]], tenants: Mapping[str, Any] | None, *, as_json: bool) -> None:
    """Print what is lent, to whom, until when; as JSON with the tenants' last round."""
    if as_json:
        click.echo(as_text({"pools": list(found), "tenants": tenants}))
        return
    console = Console(highlight=False)
    for entry in found:
        if entry["last_tick"] is None:
            click.echo(f"{entry['pool']}: no tick yet; start the controller with: tidebridge run")
            continue
        console.print(Text.assemble((entry["pool"], "bold"), f"  {_age(entry)}"))
        console.print(_lines(entry))
        if entry["nodes"]:
            console.print(_nodes(entry["nodes"]))


def _age(entry: Mapping[str, Any]) -> str:
    age_s = entry["last_tick"]["age_s"]
    leader = "" if entry["leader"] is None else f" by {entry['leader']}"
    return f"mode {entry['mode']}, last tick {age_s:.0f} s ago{leader}"


def _lines(entry: Mapping[str, Any]) -> Table:
    """Put a word before each fact; long facts go on below their beginning."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for word, style, fact in _facts(entry):
        table.add_row(Text(f"  {word}", style), Text(fact))
    return table


def _facts(entry: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Say what is lent, to whom, until when, and what is wrong: word, style, fact."""
    window = entry["window"]
    if window["max_ratio"] > 0:
        yield "window", "", f"{', '.join(window['windows'])}: open, all back by {words.moment(window['back_by'])}"
    else:
        yield "window", "", f"closed, opens {words.moment(window['opens_at'])}"
    yield "offer", "", f"{_counted(entry['offered_nodes'], entry['offer_bound_by'])}{_until(entry)}"
    if entry["load"] is not None:
        yield "load", "" if entry["load"]["state"] == SignalState.FRESH else "yellow", words.load(entry["load"])
    yield "wanted", "", "unknown" if entry["wanted_nodes"] is None else f"{entry['wanted_nodes']} nodes"
    yield "target", "", _counted(entry["target_nodes"], entry["target_bound_by"])
    if entry["target_bound_by"] == Limit.COOL_DOWN and _is_held_back(entry):
        yield "", "", f"a new node failed to start, last at {words.moment(entry['failed_start_at'])}"
    yield "lent", "", "unknown" if entry["lent"] is None else words.amount(entry["lent"])
    used = "unknown" if entry["used"] is None else f"{words.amount(entry['used'])}, {entry['containers']} containers"
    yield "used", "", used
    if entry["paused_until"] is not None:
        yield "paused", "yellow", f"until {words.moment(entry['paused_until'])}"
    for told in entry["gives_back"]:
        yield "back", "yellow" if Verdict(told["verdict"]).is_bad else "", words.statement(told)
    for node in entry["overdue"]:
        late = f"{node['id']} on {node['lender']} was due back by {words.moment(node['deadline'])}, is {node['state']}"
        yield "overdue", "red", late
    for part, why in entry["gaps"].items():
        yield "unknown", "red", f"{part}: {why}"
    for name in entry["impostors"]:
        yield "not ours", "yellow", f"pod {name} carries this pool's labels; it is left alone"
    for step in entry["failed"]:
        yield "failed", "red", f"{words.step(step)}: {step['error']}"


def _until(entry: Mapping[str, Any]) -> str:
    """Say until when the offer holds, where something tells."""
    return "" if entry["offer_holds_until"] is None else f", holds until {words.moment(entry['offer_holds_until'])}"


def _is_held_back(entry: Mapping[str, Any]) -> bool:
    """Say whether more is wanted than there is to be."""
    return (entry["wanted_nodes"] or 0) > entry["target_nodes"] and entry["failed_start_at"] is not None


def _counted(nodes: int | None, bound_by: str) -> str:
    if nodes is None:
        return f"unknown: {words.gap(bound_by)}"
    return f"{nodes} nodes, bound by {words.limit(bound_by)}"


def _nodes(nodes: Sequence[Mapping[str, Any]]) -> Table:
    """Put a node in a row; only its last cell may take several lines."""
    table = Table(box=None, pad_edge=False)
    for heading in ("elastic node", "lender", "state", "since", "back by"):
        table.add_column(heading, no_wrap=True)
    table.add_column("why", overflow="fold")
    for node in nodes:
        trouble = f"; {node['trouble']}" if node["trouble"] else ""
        table.add_row(
            Text(node["id"]),
            Text(node["lender"]),
            Text(node["state"]),
            Text(words.clock(node["since"])),
            Text(words.clock(node["deadline"])),
            Text(f"{words.reason(node['reason'])}{trouble}"),
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
        if isinstance(entry, Mapping) and set(entry) in _AMOUNTS:
            click.echo(f"{indent}{key}: {words.amount(entry)}")
        elif isinstance(entry, Mapping | list) and entry:
            click.echo(f"{indent}{key}")
            _tree(entry, indent + "  ")
        else:
            width = get_terminal_size().columns
            click.echo(fill(f"{indent}{key}: {_leaf(str(key), entry)}", width, subsequent_indent=indent + "  "))


def _leaf(key: str, value: Any) -> str:
    if value is None or value == []:
        return "-"
    if isinstance(value, str) and key in {"bound_by", "limit"}:
        return f"{value} ({words.limit(value)})"
    if isinstance(value, str) and key == "refusal":
        return f"{value} (it {words.refusal(value)})"
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
        click.echo(f"the database went from {before} to schema {after}")
