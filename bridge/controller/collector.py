"""Keeps the garbage collector out of a tick's busy parts.

A tick makes some hundred thousand values and drops them; counting references frees them, as they hold no cycles. The
collector would walk them, and each time it keeps some, it comes nearer to walking the whole view of the fleet: a pause
of half a second at 50,000 pods.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

SELDOM = 200_000
"""Values made and not dropped, between two looks at them: some ticks of a large fleet."""


@contextmanager
def passing_over_all_there_is() -> Iterator[None]:
    """Let the collector pass over what is there already until the block ends, and look at the rest seldom."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(SELDOM, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


@contextmanager
def kept_out() -> Iterator[None]:
    """Let nothing be collected until the block ends. Where threads overlap, it comes back early, never late."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
