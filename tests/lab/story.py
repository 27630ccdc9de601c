"""A story that reads as a log: each line a time and a sentence."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime


class Story:
    """Tells what happens, with the time since its beginning."""

    def __init__(self, title: str) -> None:
        self._began = time.monotonic()
        print(f"\n{title}")

    def tell(self, sentence: str) -> None:
        """Print one line."""
        print(f"  {time.monotonic() - self._began:6.1f} s  {datetime.now(UTC):%H:%M:%S}  {sentence}", flush=True)


def wait_until(instant: datetime) -> None:
    """Wait for an instant."""
    time.sleep(max(0.0, (instant - datetime.now(UTC)).total_seconds()))


class Watcher:
    """Looks at something twice a second in the background, and keeps what it saw and when."""

    def __init__(self, look: Callable[[], object]) -> None:
        self._look = look
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.seen: list[tuple[datetime, object]] = []
        self._thread.start()

    def stop(self) -> None:
        """Stop looking."""
        self._stopped.set()
        self._thread.join(15)

    def _run(self) -> None:
        while not self._stopped.wait(0.5):
            try:
                self.seen.append((datetime.now(UTC), self._look()))
            except Exception as error:  # noqa: BLE001 - the ResourceManager is down on purpose in one story
                self.seen.append((datetime.now(UTC), error))
