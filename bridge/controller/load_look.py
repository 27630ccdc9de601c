"""Looks at the load between ticks that are further apart than a reaction to a spike may take."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

from bridge.core.load import LoadUnit, Sample
from bridge.core.snapshot import PoolPolicy
from bridge.ports import Kube, LoadSignal, PortError

EVERY_S = 10.0
"""How often the load is asked for; ticks that follow each other as fast need no look between them."""


class LoadLook:
    """Says which lenders' online load is over the cap while elastic pods are there; of what can't be read it says no.

    It only brings the next tick forward: what of a sample is believed is decided there.
    """

    def __init__(
        self, kube: Kube, signal: LoadSignal, policy: PoolPolicy, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._kube, self._signal, self._policy, self._now_s = kube, signal, policy, now_s
        self._asked_s = now_s()
        self._over = frozenset[str]()

    def over(self) -> frozenset[str]:
        """Name what is over the cap, by a look that is at most ten seconds old."""
        now_s = self._now_s()
        if now_s - self._asked_s >= EVERY_S:
            self._asked_s = now_s
            self._over = self._look()
        return self._over

    def _look(self) -> frozenset[str]:
        try:
            reading, facts = self._signal.observe(), self._kube.observe()
        except PortError:
            return frozenset()
        sizes = {lender.name: lender.allocatable.cpu_millicores for lender in facts.lenders}
        held = Counter(pod.node or pod.lender for pod in facts.pods if not pod.phase.is_over)
        samples = {name: sample for name, sample in reading.by_lender.items() if held[name] > 0 and name in sizes}
        over = {
            f"load of {name}" for name, sample in samples.items() if self._is_over(sample, reading.unit, sizes[name])
        }
        if reading.total is not None and held and self._is_over(reading.total, reading.unit, sum(sizes.values())):
            over.add("load of all lenders")
        return frozenset(over)

    def _is_over(self, sample: Sample, unit: LoadUnit, millicores: int) -> bool:
        ratio = sample.value if unit is LoadUnit.RATIO else sample.value * 1000 / max(1, millicores)
        return ratio > self._policy.cap_ratio
