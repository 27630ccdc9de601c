"""Kubernetes quantities: "250m", "1.5Gi", "1e3" become integers in the units this package works in.

Demand rounds up and room rounds down, so every function says its direction. The grammar is that of
`k8s.io/apimachinery/pkg/api/resource`: a signed decimal number, then a binary or decimal suffix or an exponent.
"""

import math
import re
from fractions import Fraction
from functools import lru_cache

MIB = 1024 * 1024

_SCALE = {
    "": Fraction(1),
    "n": Fraction(1, 10**9),
    "u": Fraction(1, 10**6),
    "m": Fraction(1, 10**3),
    **{suffix: Fraction(1000**power) for power, suffix in enumerate(("k", "M", "G", "T", "P", "E"), start=1)},
    **{suffix: Fraction(1024**power) for power, suffix in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"), start=1)},
}
_QUANTITY = re.compile(
    r"(?P<number>[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))"
    r"(?:[eE](?P<exponent>[+-]?[0-9]{1,2})|(?P<suffix>[numkMGTPE]|[KMGTPE]i))?"
)


class QuantityError(ValueError):
    """The text isn't a Kubernetes quantity."""


@lru_cache(maxsize=16_384)
def parse(text: str) -> Fraction:
    """Read a quantity exactly, in its base unit: cores for CPU, bytes for memory, pieces for the rest.

    Raises QuantityError. Exponents of three digits and more are refused: no amount needs them.
    """
    match = _QUANTITY.fullmatch(text)
    if match is None:
        raise QuantityError(f"{text!r} is not a Kubernetes quantity such as 500m, 2, 1.5Gi or 1e3")
    number = Fraction(match["number"])
    if match["exponent"] is not None:
        return number * Fraction(10) ** int(match["exponent"])
    return number * _SCALE[match["suffix"] or ""]


def cpu_millicores_up(text: str) -> int:
    """Read an amount of CPU as millicores, rounded up: for what is asked."""
    return math.ceil(parse(text) * 1000)


def cpu_millicores_down(text: str) -> int:
    """Read an amount of CPU as millicores, rounded down: for what is there."""
    return math.floor(parse(text) * 1000)


def mib_up(text: str) -> int:
    """Read an amount of memory or storage as MiB, rounded up: for what is asked."""
    return math.ceil(parse(text) / MIB)


def mib_down(text: str) -> int:
    """Read an amount of memory or storage as MiB, rounded down: for what is there."""
    return math.floor(parse(text) / MIB)


def units_up(text: str) -> int:
    """Read pieces (GPUs, pods) or bytes, rounded up to a whole one: for what is asked."""
    return math.ceil(parse(text))


def units_down(text: str) -> int:
    """Read pieces (GPUs, pods) or bytes, rounded down to a whole one: for what is there."""
    return math.floor(parse(text))
