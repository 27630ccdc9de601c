from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8s_pool import QuantityError, quantity

SUFFIXES = ("", "n", "u", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei", "e3", "E-2")
numbers = st.decimals(min_value=0, max_value=10**6, places=3).map(str)
quantities = st.builds(lambda number, suffix: f"{number}{suffix}", numbers, st.sampled_from(SUFFIXES))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", Fraction(0)),
        ("2", Fraction(2)),
        ("500m", Fraction(1, 2)),
        (".5", Fraction(1, 2)),
        ("5.", Fraction(5)),
        ("1e3", Fraction(1000)),
        ("1E3", Fraction(1000)),
        ("1E", Fraction(10**18)),
        ("1.5Gi", Fraction(3 * 512 * 1024**2)),
        ("129M", Fraction(129_000_000)),
        ("100n", Fraction(1, 10**7)),
        ("-1Ki", Fraction(-1024)),
    ],
)
def test_reads_what_kubernetes_writes(text: str, expected: Fraction) -> None:
    assert quantity.parse(text) == expected


@pytest.mark.parametrize(
    "text", ["", "m", "1 Gi", "1gi", "1KI", "0x10", "1e", "1e1000000000", "½", "1\n", "NaN", "1,5"]
)
def test_refuses_what_kubernetes_refuses(text: str) -> None:
    with pytest.raises(QuantityError):
        quantity.parse(text)


@given(quantities)
def test_up_and_down_enclose_the_exact_amount_within_one_unit(text: str) -> None:
    exact = quantity.parse(text)
    for up, down, unit in (
        (quantity.cpu_millicores_up, quantity.cpu_millicores_down, Fraction(1, 1000)),
        (quantity.mib_up, quantity.mib_down, Fraction(1024**2)),
        (quantity.units_up, quantity.units_down, Fraction(1)),
    ):
        assert down(text) * unit <= exact <= up(text) * unit
        assert up(text) - down(text) in (0, 1)


@given(st.integers(min_value=0, max_value=10**9))
def test_whole_amounts_survive_the_way_there_and_back(amount: int) -> None:
    assert quantity.cpu_millicores_up(f"{amount}m") == quantity.cpu_millicores_down(f"{amount}m") == amount
    assert quantity.mib_up(f"{amount}Mi") == quantity.mib_down(f"{amount}Mi") == amount


@given(quantities, quantities)
def test_larger_quantities_never_read_smaller(left: str, right: str) -> None:
    low, high = sorted((left, right), key=quantity.parse)
    assert quantity.mib_up(low) <= quantity.mib_up(high)
    assert quantity.cpu_millicores_down(low) <= quantity.cpu_millicores_down(high)


@given(st.text(max_size=12))
def test_any_text_is_read_or_refused_and_nothing_else(text: str) -> None:
    try:
        quantity.parse(text)
    except QuantityError:
        return
