"""A process of its own: what it costs to keep a tick, and to read what earlier ones promised."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.figures import Figure, figure, hand_over, in_ms, rounds
from benchmarks.snapshots import make_lead, make_steady
from bridge.controller.record import Planned, sections
from bridge.core.check import check
from bridge.core.decide import decide
from bridge.core.plan import plan
from bridge.core.snapshot import Snapshot
from bridge.ports import Journal, TickRecord
from bridge.store import open_journal, upgrade

PART = "record of such a tick, journal in SQLite on this machine's disk"


def measure() -> list[Figure]:
    """Measure a tick in which much happens, and one in which little does."""
    with _journal() as journal:
        return [
            *_of("whole pool at its lead", make_lead(), journal),
            *_of("steady, states mixed", make_steady(), journal),
            *_promises(make_lead(), journal),
        ]


def _of(name: str, world: Snapshot, journal: Journal) -> list[Figure]:
    planned = _planned(world)
    keep = _keep(planned, journal)
    return [
        figure(PART, f"{name}: put into sections", in_ms(rounds(lambda: dict(sections(planned, ())))), "ms"),
        figure(PART, f"{name}: write, every section new", in_ms(rounds(partial(keep, is_new=True))), "ms"),
        figure(PART, f"{name}: write, nothing new", in_ms(rounds(partial(keep, is_new=False))), "ms"),
    ]


def _planned(world: Snapshot) -> Planned:
    decision = decide(world)
    return Planned(snapshot=world, gaps={}, decision=decision, plan=check(plan(world, decision), world))


def _keep(planned: Planned, journal: Journal) -> Callable[..., None]:
    """Return what writes the tick once more, each time under an id of its own."""
    numbers, described = itertools.count(), dict(sections(planned, ()))

    def keep(*, is_new: bool) -> None:
        number = next(numbers)
        mark = {"mark": number} if is_new else {}
        record = TickRecord(
            id=f"{id(planned):x}-{number}",
            pool="night",
            at=planned.snapshot.at,
            took_ms=0,
            mode="observe",
            sections={name: [value, mark] for name, value in described.items()},
        )
        journal.record(record, planned.decision.memory)

    return keep


def _promises(world: Snapshot, journal: Journal) -> list[Figure]:
    assert isinstance(world.promises, tuple)
    promises, flips = world.promises, itertools.cycle((True, False))
    count = f"{len(promises):,} promises"

    def save() -> None:
        served = next(flips)
        journal.save(*(replace(promise, served=served) for promise in promises))

    saved = in_ms(rounds(save, most=5))
    return [
        figure(PART, f"write {count} at once", saved, "ms"),
        figure(PART, f"read {count}", in_ms(rounds(lambda: journal.promises("night"))), "ms"),
    ]


@contextmanager
def _journal() -> Iterator[Journal]:
    with TemporaryDirectory(prefix="tidebridge-bench-") as folder:
        url = f"sqlite:///{Path(folder) / 'journal.db'}"
        upgrade(url)
        with closing(open_journal(url)) as journal:
            yield journal


if __name__ == "__main__":
    hand_over(measure())
