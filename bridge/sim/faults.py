"""Failures that a test or a schedule asks for: outages, and single calls that fail before or after their effect.

A call is known by its name at the port: ``yarn.observe``, ``yarn.resize``, ``yarn.add_label``, ``yarn.map_label``,
``yarn.configure``, ``yarn.decommission``, ``kube.observe``, ``kube.create``, ``kube.resize``, ``kube.stamp``,
``kube.delete``, ``kube.tell``, ``kube.quota``, ``kube.evict``, ``kube.lease``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

from bridge.ports import PortError, Unavailable


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One failure of one call."""

    error: PortError
    took_effect: bool = False
    """The call did its work; only the answer was lost."""


_WELL = nullcontext()
"""Around a call for which nothing is planned."""


class Faults:
    """What is to go wrong next, by the call's name, and until when a whole system gives no answer."""

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self._next: dict[str, deque[Fault]] = {}
        self._down_until: dict[str, int] = {}

    def fail_next(self, call: str, error: PortError, *, took_effect: bool = False, times: int = 1) -> None:
        """Make the next *times* calls of that name fail."""
        fault = Fault(error=error, took_effect=took_effect)
        self._next.setdefault(call, deque()).extend([fault] * times)

    def take_down(self, system: str, until: int) -> None:
        """Let *system* ("yarn" or "kube") answer nothing until the simulated second *until*."""
        self._down_until[system] = until

    def is_down(self, system: str) -> bool:
        """Say whether *system* answers nothing now."""
        return self._now() < self._down_until.get(system, 0)

    def around(self, call: str) -> AbstractContextManager[None]:
        """Let the planned failure happen before or after the call in this block."""
        return self._failing(call) if self._down_until or self._next.get(call) else _WELL

    @contextmanager
    def _failing(self, call: str) -> Iterator[None]:
        system = call.partition(".")[0]
        if self.is_down(system):
            raise Unavailable(f"{system} doesn't answer")
        planned = self._next.get(call)
        fault = planned.popleft() if planned else None
        if fault and not fault.took_effect:
            raise fault.error
        yield
        if fault:
            raise fault.error
