"""The table of bad weather in docs/operating.md: each row names tests that there are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
ROWS = [
    line.strip("| \n").split(" | ")
    for line in (TESTS.parent / "docs/operating.md").read_text(encoding="utf-8").splitlines()
    if line.startswith("| ") and "test_" in line
]


def test_there_are_rows() -> None:
    assert len(ROWS) > 25


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_each_row_names_tests_that_there_are(row: list[str]) -> None:
    named = re.findall(r"`([a-z0-9_]+/test_\w+\.py)(?:::(test_\w+))?`", row[-1])
    assert named
    for file, name in named:
        text = (TESTS / file).read_text(encoding="utf-8")
        assert not name or f"def {name}(" in text, f"{file} has no {name}"
