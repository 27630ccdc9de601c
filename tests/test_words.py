"""Every reason, limit, gap and refusal has a sentence."""

from enum import StrEnum

import pytest

from bridge.cli import words
from bridge.core.reasons import CheckFailure, Gap, LenderRefusal, Limit, Reason, Verdict


@pytest.mark.parametrize(
    ("kind", "sentences"),
    [
        (Reason, words.REASONS),
        (Limit, words.LIMITS),
        (Gap, words.GAPS),
        (LenderRefusal, words.REFUSALS),
        (Verdict, words.VERDICTS),
        (CheckFailure, words.FAILURES),
    ],
)
def test_every_word_has_a_sentence(kind: type[StrEnum], sentences: dict[StrEnum, str]) -> None:
    assert set(sentences) == set(kind)
