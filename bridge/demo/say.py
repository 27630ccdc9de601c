"""What the demonstration says in words. How reasons and limits are called is the command line's business: ``Words``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from bridge.core.reasons import Gap
from bridge.demo.day import Day
from bridge.demo.moment import Deed, Kind, Moment, Phase
from bridge.demo.tenants import TenantNow

_DEEDS = {
    Kind.CREATE: "make {nodes}",
    Kind.LABEL: "label the addresses of {nodes}",
    Kind.CORDON: "close {nodes} to new containers",
    Kind.RECOMMISSION: "open {nodes} again",
    Kind.EMPTY: "close {nodes} to the last vcore",
    Kind.FORCE: "have what still runs on {nodes} preempted",
    Kind.REASSERT: "set {nodes} to the promised size again",
    Kind.SHRINK: "take idle room from {nodes}",
    Kind.RESIZE: "resize {nodes} in place",
    Kind.DELETE: "delete {nodes}",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """How reasons and limits are said."""

    reason: Callable[[str], str]
    limit: Callable[[str], str]
    gap: Callable[[str], str]


def window(moment: Moment, day: Day) -> str:
    """Say where the window is, and what comes next."""

    def clock(at: datetime | None, form: str = "%H:%M") -> str:
        return "-" if at is None else day.local(at).strftime(form)

    back_by = f"all back by {clock(moment.back_by)}"
    match moment.phase:
        case Phase.CLOSED:
            return f"nothing is lent; opens {clock(moment.opens_at, '%a %H:%M')}"
        case Phase.OPEN:
            return f"idle cores may be lent; nothing new from {clock(moment.lead_from)}, {back_by}"
        case Phase.LEAD:
            return f"nothing new starts on lent nodes; {back_by}"
        case Phase.FORCED:
            return f"what still runs on lent nodes is preempted; {back_by}"


def deed(done: Deed, words: Words) -> str:
    """Say what was done, and why."""
    failed = "tried to " if done.has_failed else ""
    return f"{failed}{_DEEDS[done.kind].format(nodes=nodes(done.nodes))}: {words.reason(done.reason)}"


def nodes(count: int) -> str:
    """Count elastic nodes."""
    return "1 elastic node" if count == 1 else f"{count} elastic nodes"


def offer(moment: Moment, words: Words) -> str:
    """Say how much may be lent, and what the limit is."""
    if isinstance(moment.offer_bound_by, Gap):
        return f"unknown: {words.gap(moment.offer_bound_by)}"
    why = words.limit(moment.offer_bound_by).partition(":")[0]
    return f"{moment.offered_nodes * moment.node_vcores} vcores may be lent; the limit: {why}"


def wanted(moment: Moment) -> str:
    """Say what YARN could use."""
    return f"{moment.wanted_nodes * moment.node_vcores:,} vcores; {moment.waiting:,} containers wait"


def tenant(tenant: TenantNow, *, is_long: bool) -> str:
    """Say what a tenant may have, what it has of each system, and whose."""
    used = f"YARN {tenant.used.yarn:.0f} + pods {tenant.used.pods:.0f}"
    target = f"target {tenant.target.both:.0f}"
    if is_long:
        target = f"target {tenant.target.yarn:.0f} + {tenant.target.pods:.0f}, part {tenant.part:.0f}"
    whose = ", ".join(f"{cores:.0f} from {name}" for name, cores in tenant.borrowed.items() if round(cores) > 0)
    return f"{used}; {target}; {f'borrows {whose}' if whose else 'borrows nothing'}"


def hour(moment: Moment, day: Day) -> str:
    """Sum a moment up in one line, for where nothing can be drawn."""
    return (
        f"{day.local(moment.at):%a %H:%M}  window {moment.phase:<6}"
        f"  online {moment.online_cores:3.0f}/{moment.lender_cores:.0f} cores"
        f"  offer {moment.offered_nodes * moment.node_vcores:3}  lent {moment.lent_vcores:3}"
        f"  used {moment.used_vcores:3} vcores  waiting {moment.waiting:6,} containers"
        f"  jobs {moment.jobs_finished:,}/{moment.jobs_submitted:,}"
        + "".join(f"  {one.name} {one.used.both:.0f}/{one.target.both:.0f} cores" for one in moment.tenants)
    )
