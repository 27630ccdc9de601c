"""Between ticks that are far apart: load over the cap, where elastic pods are, brings the next tick forward."""

from __future__ import annotations

from typing import Any, cast

import pytest

from bridge.controller.load_look import EVERY_S, LoadLook
from bridge.core.load import LoadReading, LoadUnit, Sample
from bridge.core.snapshot import Basis, KubeFacts
from bridge.ports import Kube, LoadSignal, PortError, Unavailable
from tests.build import AT, make_elastic, make_lender, make_policy, make_snapshot, room

POLICY = make_policy(basis=Basis.USAGE, cap_ratio=0.8)
KUBE = make_snapshot(
    make_elastic("p1", lender="a"),
    lenders=(make_lender("a", allocatable=room(10, 40)), make_lender("b", allocatable=room(30, 40))),
).kube


class Source:
    """Answers with what it is given, or fails; counts how often it was asked."""

    def __init__(self, answer: object) -> None:
        self.answer, self.asked = answer, 0

    def observe(self) -> Any:
        self.asked += 1
        if isinstance(self.answer, PortError):
            raise self.answer
        return self.answer


def reading(unit: LoadUnit = LoadUnit.CORES, total: float | None = None, **by_lender: float) -> LoadReading:
    return LoadReading(
        unit=unit,
        total=None if total is None else Sample(at=AT, value=total),
        by_lender={name: Sample(at=AT, value=value) for name, value in by_lender.items()},
    )


def over(answer: LoadReading | PortError, kube: object = KUBE) -> frozenset[str]:
    times = iter((0.0, EVERY_S))
    look = LoadLook(cast(Kube, Source(kube)), cast(LoadSignal, Source(answer)), POLICY, lambda: next(times))
    return look.over()


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param(reading(a=8.0), set(), id="at the cap"),
        pytest.param(reading(a=8.1), {"load of a"}, id="over it"),
        pytest.param(reading(LoadUnit.RATIO, a=0.81), {"load of a"}, id="a ratio"),
        pytest.param(reading(b=29.0), set(), id="nothing to take back there"),
        pytest.param(reading(gone=99.0), set(), id="no lender of ours"),
        pytest.param(reading(total=32.0), set(), id="all together at the cap"),
        pytest.param(reading(total=32.1), {"load of all lenders"}, id="all together over it"),
        pytest.param(reading(LoadUnit.RATIO, 0.81), {"load of all lenders"}, id="all together, a ratio"),
        pytest.param(reading(), set(), id="silence"),
        pytest.param(Unavailable("away"), set(), id="no answer"),
    ],
)
def test_what_is_over_the_cap_where_elastic_pods_are(answer: LoadReading | PortError, expected: set[str]) -> None:
    assert over(answer) == expected


def test_without_elastic_pods_nothing_is_urgent() -> None:
    assert isinstance(KUBE, KubeFacts)
    assert over(reading(total=99.0), KubeFacts(lenders=KUBE.lenders, pods=())) == set()


def test_it_is_asked_for_once_in_ten_seconds() -> None:
    signal = Source(reading(a=9.0))
    times = iter((0.0, EVERY_S - 1, EVERY_S, EVERY_S + 1, 2 * EVERY_S - 1, 2 * EVERY_S))
    look = LoadLook(cast(Kube, Source(KUBE)), cast(LoadSignal, signal), POLICY, lambda: next(times))
    seen = [(look.over(), signal.asked) for _ in range(5)]
    over_a = frozenset({"load of a"})
    assert seen == [(frozenset(), 0), (over_a, 1), (over_a, 1), (over_a, 1), (over_a, 2)]
