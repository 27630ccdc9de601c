"""What past use does to a weight: who used less than its part of late counts for more, within bounds, and forgets.

Off by default. The factor lies in [1/F, F], so that no past, however greedy, shuts a queue out for good. Weights are
all that it changes: guarantees, limits and the rule itself know nothing of time.

Use decays by half-lives, as in Kueue's admission fair sharing (its KEP 4136). Its entry penalty is there too: what is
admitted between two samples counts at once, else whoever is first to submit much goes unpunished until the next sample
(kubernetes-sigs/kueue#5339).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import exp2


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryPolicy:
    """How long past use is remembered, and how much it may matter."""

    half_life: timedelta | None = None
    """After so long, use counts for half. None: the past doesn't count."""
    sample_every: timedelta = timedelta(minutes=5)
    """How often use is sampled; an admission counts as if it had run for so long. 0: no entry penalty."""
    most: float = 4.0
    """F: a weight is multiplied by at most this, and divided by at most this. 1: the past doesn't count."""

    def __post_init__(self) -> None:
        if self.half_life is not None and self.half_life <= timedelta():
            raise ValueError("half_life must be above 0; None switches the history off")
        if not 1 <= self.most < float("inf"):
            raise ValueError("most must be 1 or more, and finite")


@dataclass(frozen=True, slots=True, kw_only=True)
class PastUse:
    """One queue's use of late: a moving mean of its dominant share, in which old use fades."""

    ratio: float = 0.0
    at: datetime

    def sampled(self, used_ratio: float, at: datetime, policy: HistoryPolicy) -> PastUse:
        """Count that so much was used from the last sample until now; a clock that went back counts as no time."""
        fresh = 1 - _remembered(at - self.at, policy)
        return PastUse(ratio=self.ratio + fresh * (used_ratio - self.ratio), at=max(at, self.at))

    def entered(self, asked_ratio: float, policy: HistoryPolicy) -> PastUse:
        """Count an admission at once, before any sample shows it."""
        return replace(self, ratio=self.ratio + (1 - _remembered(policy.sample_every, policy)) * asked_ratio)


def effective_weights(
    weight_by_queue: Mapping[str, float], past_by_queue: Mapping[str, PastUse], policy: HistoryPolicy
) -> dict[str, float]:
    """Multiply the weights of siblings by what their past makes of them; a queue without a past has used nothing."""
    used = {name: past_by_queue[name].ratio if name in past_by_queue else 0.0 for name in weight_by_queue}
    weights, total = sum(weight_by_queue.values()), sum(used.values())
    if policy.half_life is None or not total or not weights:
        return dict(weight_by_queue)
    return {
        name: weight * factor(entitled_ratio=weight / weights, used_ratio=used[name] / total, most=policy.most)
        for name, weight in weight_by_queue.items()
    }


def factor(*, entitled_ratio: float, used_ratio: float, most: float) -> float:
    """Compare what a queue should have had of all use with what it had: 1 is just, and it is never far from it."""
    if used_ratio * most <= entitled_ratio:
        return most
    return max(1 / most, entitled_ratio / used_ratio)


def _remembered(elapsed: timedelta, policy: HistoryPolicy) -> float:
    """Say what part of earlier use still counts after a while."""
    if policy.half_life is None:
        return 1.0
    return exp2(-max(0.0, elapsed / policy.half_life))
