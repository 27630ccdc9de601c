"""What became of a world: its accounts, and how long its jobs took, those that aren't finished included."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.sim import Accounts, SimWorld


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """The truth about a world up to now."""

    accounts: Accounts
    unfinished_s: int
    """Sum over unfinished jobs of the time since their submission."""

    @property
    def mean_slowdown(self) -> float:
        """Of finished jobs: how much longer they took than if nothing had held them up."""
        return self.accounts.slowdown_sum / max(1, self.accounts.jobs_finished)

    @property
    def mean_turnaround_s(self) -> float:
        """Of all jobs, from submission to end; an unfinished one counts up to now, so this is the least it can be."""
        return (self.accounts.turnaround_s + self.unfinished_s) / max(1, self.accounts.jobs_submitted)


def tally(world: SimWorld) -> Tally:
    """Look at a world."""
    now = world.timeline.now
    return Tally(
        accounts=world.totals(), unfinished_s=sum(now - app.submitted for app in world.yarn.work.apps.values())
    )
