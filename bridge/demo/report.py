"""The tide report of a played day: what was lent, lost and kept, and what it did for the jobs.

Every number comes from the world's own accounts, the journal's promises, or the moments; none is taken on trust.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bridge.core.lifecycle import State
from bridge.core.snapshot import Promise
from bridge.core.tenants.policy import Tenant
from bridge.demo.day import Day
from bridge.demo.moment import Moment, Phase
from bridge.demo.tally import Tally
from bridge.demo.tenant_day import TenantDay, plain_cores, tenant_days

_HOUR_S = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """Promises that came due, and how many of them were kept."""

    total: int
    met: int

    @property
    def missed(self) -> int:
        """How many were broken."""
        return self.total - self.met


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The tide of one day."""

    day: Day
    ticks: int
    gaps: int
    """Ticks that could not read a part of the world."""
    failed: int
    """Acts that failed, and writes and evictions of rounds."""
    rounds: int
    """Of rebalancing."""
    idle_core_hours: float
    largest_ratio: float
    """Most of the lenders' cores that was lent at a time."""
    mean_ratio: float
    """Mean of it, while a window was open."""
    deadlines: Deadlines
    tenants: tuple[TenantDay, ...]
    tide: Tally
    without: Tally

    @property
    def lent_core_hours(self) -> float:
        """Vcores of elastic nodes, from their place on a lender until they were off it."""
        return self.tide.accounts.lent_core_s / _HOUR_S

    @property
    def useful_core_hours(self) -> float:
        """Of tasks that finished on elastic nodes."""
        return self.tide.accounts.useful_lent_core_s / _HOUR_S

    @property
    def lost_core_hours(self) -> float:
        """Of attempts on elastic nodes that were ended early."""
        return self.tide.accounts.lost_lent_core_s / _HOUR_S

    @property
    def online_short_core_hours(self) -> float:
        """Requests of online pods, for as long as no node had taken them."""
        return self.tide.accounts.online_short_core_s / _HOUR_S

    def plain(self) -> dict[str, Any]:
        """Return the report as JSON values; the keys that ``tidebridge replay`` has too mean the same."""
        accounts = self.tide.accounts
        return {
            "day": {
                "from": self.day.local(self.day.start).isoformat(),
                "to": self.day.local(self.day.end).isoformat(),
                "timezone": str(self.day.zone),
                "online": self.day.online,
                "batch": self.day.batch,
                "lenders": self.day.lenders,
                "lender_cores": self.day.lender_cores,
                "static_nodes": self.day.static_nodes,
                "static_vcores": self.day.static_vcores,
            },
            "idle_core_hours": round(self.idle_core_hours, 2),
            "lent_core_hours": round(self.lent_core_hours, 2),
            "used_core_hours": round(self.useful_core_hours + self.lost_core_hours, 2),
            "useful_core_hours": round(self.useful_core_hours, 2),
            "lost_core_hours": round(self.lost_core_hours, 2),
            "lent_ratio": {"largest": round(self.largest_ratio, 4), "mean_while_open": round(self.mean_ratio, 4)},
            "deadlines": {
                "total": self.deadlines.total,
                "met": self.deadlines.met,
                "missed": self.deadlines.missed,
            },
            "ams_killed": accounts.ams_killed,
            "preempted_containers": accounts.preempted_containers,
            "aborted_containers": accounts.aborted_containers,
            "killed_containers": accounts.killed_containers,
            "elastic_pods_preempted": accounts.elastic_pods_preempted,
            "online_short_core_hours": round(self.online_short_core_hours, 4),
            "jobs": _jobs(self.tide),
            "tenants": [tenant.plain() for tenant in self.tenants],
            "baselines": {"none": self._without()},
            "ticks": self.ticks,
            "rounds": self.rounds,
            "ticks_with_gaps": self.gaps,
            "failed_acts": self.failed,
        }

    def _without(self) -> dict[str, Any]:
        return {
            "jobs": _jobs(self.without),
            "online_short_core_hours": round(self.without.accounts.online_short_core_s / _HOUR_S, 4),
            "tenants": [{"name": one.name, "used_core_hours": plain_cores(one.without)} for one in self.tenants],
        }


def make_report(
    day: Day,
    moments: Sequence[Moment],
    promises: Sequence[Promise],
    held_until: Mapping[str, datetime],
    *,
    tenants: Sequence[Tenant],
    tide: Tally,
    without: Tally,
) -> Report:
    """Sum a day up. *held_until* says of promises when the world last saw their pods hold room."""
    shares = [moment.lent_cores / moment.lender_cores for moment in moments if moment.lender_cores > 0]
    open_shares = [
        moment.lent_cores / moment.lender_cores
        for moment in moments
        if moment.phase is not Phase.CLOSED and moment.lender_cores > 0
    ]
    return Report(
        day=day,
        ticks=len(moments),
        gaps=sum(1 for moment in moments if moment.gaps),
        failed=sum(moment.failed_acts for moment in moments),
        rounds=sum(1 for moment in moments if moment.has_rebalanced),
        idle_core_hours=_idle_core_hours(moments),
        largest_ratio=max(shares, default=0.0),
        mean_ratio=sum(open_shares) / max(1, len(open_shares)),
        deadlines=count_deadlines(promises, held_until, day.end),
        tenants=tenant_days(
            tenants,
            [(moment.at, moment.tenants) for moment in moments],
            tide=tide.accounts,
            without=without.accounts,
        ),
        tide=tide,
        without=without,
    )


def count_deadlines(promises: Sequence[Promise], held_until: Mapping[str, datetime], now: datetime) -> Deadlines:
    """Count the promises that came due and those that were kept.

    A promise comes due when its node is gone, or at its deadline. It is kept if the journal has it verified free by
    then, and the world, which nobody can talk into anything, saw its pod hold no room at the deadline or after.
    """
    made = [promise for promise in promises if promise.pod_uid is not None and promise.deadline is not None]
    due = [promise for promise in made if promise.state is State.GONE or (promise.deadline or now) <= now]
    met = [promise for promise in due if _is_kept(promise, held_until.get(promise.id))]
    return Deadlines(total=len(due), met=len(met))


def _is_kept(promise: Promise, held_until: datetime | None) -> bool:
    deadline = promise.deadline
    if deadline is None or promise.state is not State.GONE or promise.since > deadline:
        return False
    return held_until is None or held_until < deadline


def _idle_core_hours(moments: Sequence[Moment]) -> float:
    """Sum what online left, each moment holding until the next."""
    return sum(
        moment.idle_cores * ((following.at - moment.at) / timedelta(hours=1))
        for moment, following in itertools.pairwise(moments)
    )


def _jobs(tally: Tally) -> dict[str, Any]:
    return {
        "submitted": tally.accounts.jobs_submitted,
        "finished": tally.accounts.jobs_finished,
        "mean_turnaround_s": round(tally.mean_turnaround_s, 1),
        "mean_slowdown": round(tally.mean_slowdown, 2),
    }
