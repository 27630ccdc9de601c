"""Keeps the garbage collector out while a list is read, until the last thread that reads one is done.

A page of a list is a tree of a hundred thousand containers, freed by counting references; walking it again and again
for cycles it can't have took more than half the time of a list of 50,000 pods.
"""

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Collector:
    """The process' garbage collector, seen by several threads that want it out of the way."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._readers = 0
        self._was_enabled = False

    @contextmanager
    def kept_out(self) -> Iterator[None]:
        """Let nothing be collected until the block ends, here and in every other thread."""
        with self._lock:
            if self._readers == 0:
                self._was_enabled = gc.isenabled()
                gc.disable()
            self._readers += 1
        try:
            yield
        finally:
            with self._lock:
                self._readers -= 1
                if self._readers == 0 and self._was_enabled:
                    gc.enable()


COLLECTOR = Collector()
"""There is one in a process."""
