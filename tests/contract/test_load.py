"""What every load signal does, whatever is behind it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.ports import Unavailable
from tests.contract.load_sources import CORES, LENDERS, SOURCES, STEP, Source, cores_of


@pytest.fixture(params=SOURCES)
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Source]:
    with SOURCES[request.param](tmp_path) as found:
        found.set(0.25)
        found.pass_time(2 * STEP)
        yield found


def everywhere(load: float) -> dict[str, float]:
    return dict.fromkeys(LENDERS, CORES * load)


def test_it_says_what_online_pods_use_now(source: Source) -> None:
    assert cores_of(source.signal) == everywhere(0.25)
    source.set(0.75)
    source.pass_time(STEP)
    assert cores_of(source.signal) == everywhere(0.75)


def test_a_sample_tells_when_it_was_measured(source: Source) -> None:
    measured = []
    for _ in range(3):
        reading = source.signal.observe()
        samples = [*reading.by_lender.values(), *([] if reading.total is None else [reading.total])]
        assert samples
        assert all(source.clock.now() - STEP < sample.at <= source.clock.now() for sample in samples)
        measured.append(max(sample.at for sample in samples))
        source.pass_time(STEP)
    assert measured == sorted(set(measured))


def test_looking_changes_nothing(source: Source) -> None:
    assert source.signal.observe() == source.signal.observe()


def test_zero_is_said_as_zero(source: Source) -> None:
    source.set(0.0)
    source.pass_time(STEP)
    assert cores_of(source.signal) == everywhere(0.0)


@pytest.mark.parametrize("source", [name for name in SOURCES if name != "metrics"], indirect=True)
def test_what_is_not_measured_is_absent(source: Source) -> None:
    source.set(None)
    source.pass_time(STEP)
    assert cores_of(source.signal) == {}


def test_what_elastic_nodes_use_is_not_load(source: Source) -> None:
    if source.has_elastic_use:
        source.work()
    assert cores_of(source.signal) == everywhere(0.25)


@pytest.mark.parametrize("source", [name for name in SOURCES if name != "recorded"], indirect=True)
def test_a_source_that_is_away_is_said_to_be(source: Source) -> None:
    source.cut()
    with pytest.raises(Unavailable):
        source.signal.observe()


def test_history_is_what_was_measured_in_order_or_nothing(source: Source) -> None:
    start = source.clock.now()
    for load in (0.25, 0.5, 0.75):
        source.set(load)
        source.pass_time(STEP)
    found = source.signal.history(start, start + 3 * STEP, STEP)
    assert [at for at, _ in found] in ([], [start, start + STEP, start + 2 * STEP])
    for at, reading in found:
        samples = [*reading.by_lender.values(), *([] if reading.total is None else [reading.total])]
        assert all(sample.at == at for sample in samples)
    assert source.signal.history(start, start, STEP) == ()
