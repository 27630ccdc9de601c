"""What is there before a block is passed over in it, and counts again after it."""

from __future__ import annotations

import gc

from bridge.controller.collector import passing_over_all_there_is


def test_what_was_there_is_passed_over_until_the_block_ends() -> None:
    with passing_over_all_there_is():
        assert gc.get_freeze_count() > 1000
    assert gc.get_freeze_count() == 0
