"""Writes the tide report for people: each number with one plain sentence, and the tenants side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta

from rich.console import Group
from rich.table import Table
from rich.text import Text

from bridge.demo.report import Report
from bridge.demo.tally import Tally
from bridge.demo.tenant_day import TenantDay

Row = tuple[str, str, str]
"""A name, a value with its unit, and what it means."""


def write(report: Report) -> Group:
    """Return the report as a heading and two tables."""
    day = report.day
    start, end = day.local(day.start), day.local(day.end)
    heading = Text.assemble(
        ("Tide report", "bold"),
        f"  {start:%a %d %b %Y %H:%M} to {end:%a %H:%M} {day.zone}. {day.lenders} Kubernetes nodes lend from "
        f"{day.lender_cores} cores; YARN has {day.static_vcores} vcores of its own.",
    )
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(overflow="fold")
    for row in rows(report):
        table.add_row(*row)
    return Group(heading, Text(), table, Text(), tenants(report.tenants))


def tenants(days: Sequence[TenantDay]) -> Table:
    """Set what each tenant was entitled to beside what it got, in core hours."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    for _ in days:
        table.add_column(justify="right", no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row("tenants", *(day.name for day in days), "In core hours of both systems together.", style="bold")
    for name, values, sentence in tenant_rows(days):
        table.add_row(name, *values, sentence)
    return table


def tenant_rows(days: Sequence[TenantDay]) -> Iterator[tuple[str, tuple[str, ...], str]]:
    """Yield every number of the tenants with its sentence: a name, a value for each tenant, and what it means."""

    def hours(of: Callable[[TenantDay], float]) -> tuple[str, ...]:
        return tuple(f"{of(day):,.1f}" for day in days)

    def counts(of: Callable[[TenantDay], int]) -> tuple[str, ...]:
        return tuple(f"{of(day):,}" for day in days)

    yield "entitled", hours(lambda day: day.entitled.both), "Granted by the rule for what each wanted;"
    yield "", hours(lambda day: day.entitled.yarn), "of this in YARN"
    yield "", hours(lambda day: day.entitled.pods), "and in Kubernetes."
    yield "got", hours(lambda day: day.used.both), "Had;"
    yield "", hours(lambda day: day.used.yarn), "of this containers in YARN"
    yield "", hours(lambda day: day.used.pods), "and pods in Kubernetes."
    yield "without", hours(lambda day: day.without.both), "Had on the same day without the tide."
    yield "borrowed", hours(lambda day: sum(day.borrowed.values())), "Of others' parts, while these left them;"
    yield "lent", hours(lambda day: day.lent), "of its own, while others used it."
    yield "held back", hours(lambda day: day.held_back), "Pods that were wanted and that a quota refused."
    yield "evicted", counts(lambda day: day.namespaces.pods_evicted), "Pods, when somebody had to have room back."
    yield "preempted", counts(lambda day: day.namespaces.pods_preempted), "Pods, by Kubernetes, for online pods."


def rows(report: Report) -> Iterator[Row]:
    """Yield every number of the report with its sentence."""
    accounts, deadlines = report.tide.accounts, report.deadlines
    yield "idle", _hours(report.idle_core_hours), "What the online service left of the lenders, all day."
    yield "lent", _hours(report.lent_core_hours), "Vcores of elastic nodes, until their room was free again."
    yield "used", _hours(report.useful_core_hours + report.lost_core_hours), "Of these, what YARN's tasks ran on."
    yield "lost", _hours(report.lost_core_hours), "Of these, work that was ended early and had to run again."
    yield "share lent", f"{report.largest_ratio:.0%}", "Of the lenders' cores, at the height of the tide;"
    yield "", f"{report.mean_ratio:.0%}", "and on average while the window was open."
    yield "deadlines", f"{deadlines.met:,} of {deadlines.total:,} met", _deadlines(report)
    yield "AMs killed", f"{accounts.ams_killed:,}", "ApplicationMasters lost; they run on YARN's own nodes."
    yield "preempted", f"{accounts.preempted_containers:,}", "Containers that YARN took back; no failure of the job."
    yield (
        "aborted",
        f"{accounts.aborted_containers:,}",
        "Containers that ended with their node; YARN counts them as nobody's failure.",
    )
    yield (
        "online short",
        _hours(report.online_short_core_hours),
        f"What online pods waited for; without the tide {_hours(report.without.accounts.online_short_core_s / 3600)}.",
    )
    if report.gaps:
        yield (
            "gaps",
            f"{report.gaps:,} of {report.ticks:,} ticks",
            "Could not read a part of the world; nothing here counts.",
        )
    if report.failed:
        yield "failed", f"{report.failed:,} acts", "Refused or lost; the next tick tries again."
    yield "jobs", _finished(report.tide), f"Finished with the tide; {_time(report.tide)}."
    yield "", _finished(report.without), f"Finished without it; {_time(report.without)}."


def _deadlines(report: Report) -> str:
    if report.deadlines.missed:
        return f"{report.deadlines.missed:,} elastic nodes still held room at their deadline."
    return "Each elastic node was gone, and seen to be gone, by its deadline."


def _finished(tally: Tally) -> str:
    return f"{tally.accounts.jobs_finished:,} of {tally.accounts.jobs_submitted:,}"


def _time(tally: Tally) -> str:
    more = "" if tally.accounts.jobs_finished == tally.accounts.jobs_submitted else " or more"
    return f"on average {_span(tally.mean_turnaround_s)}{more} after they came"


def _span(seconds: float) -> str:
    minutes = round(timedelta(seconds=seconds) / timedelta(minutes=1))
    return f"{minutes // 60} h {minutes % 60:02} min" if minutes >= 60 else f"{minutes} min"


def _hours(value: float) -> str:
    return f"{value:,.1f} core hours"
