"""What is wrong with a settings file: every problem at once, each with its remedy."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong; ``value`` is as people may see it, and None where there is none."""

    key: str
    """The path of keys, such as ``pools.night.limits.max_nodes``; "" for the whole file."""
    value: str | None
    why: str
    remedy: str

    def __str__(self) -> str:
        where = self.key if self.value is None else f"{self.key} is {self.value}"
        return f"{where}: {self.why}; {self.remedy}" if where else f"{self.why}; {self.remedy}"


class SettingsError(Exception):
    """The settings file can't be used; the text has a line for each problem."""

    def __init__(self, file: Path, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(f"{file}: {problem}" for problem in problems))
        self.file = file
        self.problems = problems
