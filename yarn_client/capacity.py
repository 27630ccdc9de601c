"""A queue's capacity as CapacityScheduler's configuration writes it: a percentage, a weight, or amounts.

Numbers are kept as decimals, so that what is written is what was meant; whether they make sense together is decided in
`conf_check`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from fractions import Fraction

from yarn_client.values import CapacityMode, CustomResources, YarnResource

_VECTOR = re.compile(r"\[(.*)\]")
_ENTRY = re.compile(r"\s*([\w./-]+)\s*=\s*(-?[0-9]+)\s*")
_MEMORY = ("memory", "memory-mb")


@dataclass(frozen=True, slots=True)
class Percentage:
    """A part of the parent: "40.5". Those of all children of a queue total 100."""

    percent: Decimal

    @property
    def mode(self) -> CapacityMode:
        """Name the mode."""
        return CapacityMode.PERCENTAGE

    def __str__(self) -> str:
        return _plain(self.percent)


@dataclass(frozen=True, slots=True)
class Weight:
    """A part of the parent, in proportion to the siblings' weights: "3w". Needs 3.4."""

    weight: Decimal

    @property
    def mode(self) -> CapacityMode:
        """Name the mode."""
        return CapacityMode.WEIGHT

    def __str__(self) -> str:
        return f"{_plain(self.weight)}w"


@dataclass(frozen=True, slots=True, kw_only=True)
class Absolute:
    """Amounts: "[memory=1024,vcores=3]". What isn't named is 0, not unlimited."""

    amount: YarnResource
    others: CustomResources = ()

    @property
    def mode(self) -> CapacityMode:
        """Name the mode."""
        return CapacityMode.ABSOLUTE

    def __str__(self) -> str:
        named = (("memory", self.amount.memory_mib), ("vcores", self.amount.vcores), *self.others)
        return f"[{','.join(f'{name}={value}' for name, value in named)}]"


QueueCapacity = Percentage | Weight | Absolute


def parse_capacity(text: str) -> QueueCapacity:
    """Read "40.5", "3w" or "[memory=1024,vcores=3]"; raise ValueError for anything else.

    Negative and infinite numbers are read. Amounts with a unit aren't: the RM takes "1g" for 1 MiB, and that for 0
    (3.4.2).
    """
    text = text.strip()
    if vector := _VECTOR.fullmatch(text):
        return _absolute(vector[1], text)
    try:
        return Weight(Decimal(text[:-1].strip())) if text.endswith("w") else Percentage(Decimal(text))
    except InvalidOperation as error:
        raise ValueError(f"not a capacity such as 40.5, 3w or [memory=1024,vcores=3]: {text!r}") from error


def percentages(parts: Sequence[int | float | Fraction], *, places: int = 3) -> tuple[str, ...]:
    """Write *parts*, in proportion, as percentages of *places* decimals that total exactly 100.

    What rounding down leaves goes to the largest remainders, the first of equal ones. Raise ValueError for a negative
    part, and when all are 0.
    """
    exact = [Fraction(part) for part in parts]
    if any(part < 0 for part in exact) or not sum(exact):
        raise ValueError(f"parts that can't be shared out: {tuple(parts)}")
    steps = 100 * 10**places
    wanted = [part * steps / sum(exact) for part in exact]
    given = [int(part) for part in wanted]
    by_remainder = sorted(range(len(given)), key=lambda at: given[at] - wanted[at])
    for at in by_remainder[: steps - sum(given)]:
        given[at] += 1
    return tuple(_plain(Decimal(count).scaleb(-places)) for count in given)


def _absolute(entries: str, text: str) -> Absolute:
    amounts: dict[str, int] = {}
    for entry in entries.split(","):
        found = _ENTRY.fullmatch(entry)
        if found is None:
            raise ValueError(f"not whole amounts by name, such as [memory=1024,vcores=3]: {text!r}")
        name = _MEMORY[0] if found[1] in _MEMORY else found[1]
        if name in amounts:
            raise ValueError(f"{name} stands there twice: {text!r}")
        amounts[name] = int(found[2])
    amount = YarnResource(memory_mib=amounts.pop("memory", 0), vcores=amounts.pop("vcores", 0))
    return Absolute(amount=amount, others=tuple(amounts.items()))


def _plain(number: Decimal) -> str:
    """Write without exponent and without zeros at the end."""
    if not number.is_finite():
        return str(number)
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
