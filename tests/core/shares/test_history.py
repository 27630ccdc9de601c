"""The past's effect on weights: it fades, it is bounded, and it is off unless asked for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.shares.history import HistoryPolicy, PastUse, effective_weights, factor

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOURLY = HistoryPolicy(half_life=timedelta(hours=1))
ratios = st.floats(0, 1)
weights = st.floats(1e-9, 1e9)


def past(ratio: float, at: datetime = NOON) -> PastUse:
    return PastUse(ratio=ratio, at=at)


def test_it_is_off_by_default() -> None:
    weights = {"greedy": 1.0, "modest": 1.0}
    assert effective_weights(weights, {"greedy": past(0.9), "modest": past(0.1)}, HistoryPolicy()) == weights


def test_who_used_more_than_its_part_counts_for_less() -> None:
    found = effective_weights({"greedy": 1, "modest": 1}, {"greedy": past(0.5), "modest": past(0.25)}, HOURLY)
    assert found == pytest.approx({"greedy": 0.75, "modest": 1.5})


def test_use_in_proportion_to_weights_changes_nothing() -> None:
    found = effective_weights({"large": 3, "small": 1}, {"large": past(0.6), "small": past(0.2)}, HOURLY)
    assert found == pytest.approx({"large": 3, "small": 1})


def test_without_any_use_the_weights_stand() -> None:
    assert effective_weights({"a": 3, "b": 1}, {"a": past(0)}, HOURLY) == {"a": 3, "b": 1}


def test_weight_0_stays_0() -> None:
    assert effective_weights({"last": 0, "first": 1}, {"first": past(1)}, HOURLY)["last"] == 0


def test_use_counts_for_half_after_a_half_life() -> None:
    assert past(0.8).sampled(0, NOON + timedelta(hours=1), HOURLY) == past(0.4, NOON + timedelta(hours=1))


def test_steady_use_is_remembered_as_what_it_is() -> None:
    remembered = past(0)
    for minute in range(1, 24 * 60):
        remembered = remembered.sampled(0.3, NOON + timedelta(minutes=minute), HOURLY)
    assert remembered.ratio == pytest.approx(0.3)


def test_how_often_use_is_sampled_does_not_matter() -> None:
    often = past(0.2)
    for minute in range(1, 61):
        often = often.sampled(0.7, NOON + timedelta(minutes=minute), HOURLY)
    assert often.ratio == pytest.approx(past(0.2).sampled(0.7, NOON + timedelta(hours=1), HOURLY).ratio)


def test_a_clock_that_goes_back_counts_as_no_time() -> None:
    assert past(0.8).sampled(0, NOON - timedelta(days=1), HOURLY) == past(0.8)


def test_an_admission_counts_before_the_next_sample_as_if_it_had_run_since_the_last() -> None:
    sampled = past(0).sampled(0.5, NOON + HOURLY.sample_every, HOURLY)
    assert past(0).entered(0.5, HOURLY).ratio == pytest.approx(sampled.ratio)


@pytest.mark.parametrize("wrong", [{"half_life": timedelta()}, {"most": 0.5}, {"most": float("inf")}])
def test_a_policy_that_would_shut_queues_out_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="must be"):
        HistoryPolicy(**wrong)  # type: ignore[arg-type]


@given(ratios, ratios, st.floats(1, 1e6))
def test_the_factor_is_bounded_and_positive(entitled: float, used: float, most: float) -> None:
    found = factor(entitled_ratio=entitled, used_ratio=used, most=most)
    assert 0 < 1 / most <= found <= most


@given(ratios, ratios, ratios)
def test_who_used_more_never_counts_for_more(entitled: float, used: float, more: float) -> None:
    used, more = sorted((used, more))
    assert factor(entitled_ratio=entitled, used_ratio=more, most=4) <= factor(
        entitled_ratio=entitled, used_ratio=used, most=4
    )


@given(st.dictionaries(st.sampled_from("abcdef"), st.tuples(weights, ratios), min_size=1))
def test_no_weight_changes_by_more_than_the_bound(queues: dict[str, tuple[float, float]]) -> None:
    before = {name: weight for name, (weight, _) in queues.items()}
    after = effective_weights(before, {name: past(ratio) for name, (_, ratio) in queues.items()}, HOURLY)
    for name, weight in before.items():
        assert weight / 4 * (1 - 1e-12) <= after[name] <= weight * 4 * (1 + 1e-12)
