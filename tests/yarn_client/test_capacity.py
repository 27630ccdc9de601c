"""The three ways of writing a queue's capacity, and percentages that total 100."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yarn_client import Absolute, CapacityMode, Percentage, QueueCapacity, Weight, YarnResource, parse_capacity
from yarn_client.capacity import percentages

SMALL = YarnResource(memory_mib=1024, vcores=3)


@pytest.mark.parametrize(
    ("text", "expected", "mode"),
    [
        ("40.5", Percentage(Decimal("40.5")), CapacityMode.PERCENTAGE),
        ("3w", Weight(Decimal(3)), CapacityMode.WEIGHT),
        ("0.25w", Weight(Decimal("0.25")), CapacityMode.WEIGHT),
        ("[memory=1024,vcores=3]", Absolute(amount=SMALL), CapacityMode.ABSOLUTE),
        (
            "[memory=1024,vcores=3,yarn.io/gpu=2]",
            Absolute(amount=SMALL, others=(("yarn.io/gpu", 2),)),
            CapacityMode.ABSOLUTE,
        ),
    ],
)
def test_what_is_read_is_what_is_written(text: str, expected: QueueCapacity, mode: CapacityMode) -> None:
    assert parse_capacity(text) == expected
    assert (str(expected), expected.mode) == (text, mode)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (" 40.500 ", "40.5"),
        ("100", "100"),
        ("1e2", "100"),
        ("-1w", "-1w"),
        ("[ memory-mb = 1024 , vcores=3 ]", "[memory=1024,vcores=3]"),
        ("[vcores=3]", "[memory=0,vcores=3]"),
    ],
)
def test_other_spellings_are_read(text: str, expected: str) -> None:
    assert str(parse_capacity(text)) == expected


@pytest.mark.parametrize(
    "text", ["", "w", "many", "[]", "[memory=1g]", "[memory=1.5]", "[memory=50%,vcores=2w]", "4 0"]
)
def test_what_is_no_capacity_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not "):
        parse_capacity(text)


def test_a_name_stands_once() -> None:
    with pytest.raises(ValueError, match="twice"):
        parse_capacity("[memory=1,memory-mb=2]")


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([1, 1], ("50", "50")),
        ([1, 1, 1], ("33.334", "33.333", "33.333")),
        ([2, 1], ("66.667", "33.333")),
        ([Fraction(1, 8), Fraction(7, 8)], ("12.5", "87.5")),
        ([0, 5], ("0", "100")),
    ],
)
def test_shares_become_percentages(parts: list[int | Fraction], expected: tuple[str, ...]) -> None:
    assert percentages(parts) == expected


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=300).filter(any), st.integers(3, 6))
def test_percentages_total_100_and_are_off_by_less_than_a_step(parts: list[int], places: int) -> None:
    written = [Decimal(text) for text in percentages(parts, places=places)]
    assert sum(written) == 100
    step = Fraction(1, 10**places)
    assert all(
        abs(Fraction(one) - Fraction(100 * part, sum(parts))) < step for one, part in zip(written, parts, strict=True)
    )


@pytest.mark.parametrize("parts", [[], [0, 0], [1, -1]])
def test_parts_that_cannot_be_shared_out_are_refused(parts: list[int]) -> None:
    with pytest.raises(ValueError, match="shared out"):
        percentages(parts)
