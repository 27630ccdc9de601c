"""What the process keeps from one tick of a pool to the next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bridge.core.nodes import NO_NODES, Nodes
from bridge.core.snapshot import Memory, Promise


@dataclass(slots=True)
class Known:
    """What the process keeps from one tick to the next, for as long as it leads.

    The journal has it all, but for what couldn't be written: while the database is away, this stands in for it.
    """

    nodes: Nodes = field(default_factory=lambda: NO_NODES)
    """The last decision's, by id: they make the next one quicker, and change nothing in it."""
    read: tuple[Promise, ...] = ()
    """What was last read of the journal."""
    written: dict[str, Promise] = field(default_factory=dict)
    """What was written since, by id."""
    unwritten: dict[str, Promise] = field(default_factory=dict)
    """What was decided of promises and couldn't be written, by id."""
    memory: Memory | None = None
    """What the last tick left to remember; None before the first."""
    is_memory_written: bool = True

    def forget(self) -> None:
        """Begin anew: another replica may have led meanwhile, and the database knows what it did."""
        self.nodes, self.read, self.written, self.unwritten = NO_NODES, (), {}, {}
        self.memory, self.is_memory_written = None, True

    def amended(self, read: tuple[Promise, ...]) -> tuple[Promise, ...]:
        """Keep what was *read* from the journal, with what couldn't be written of it, and return that.

        What was decided of a promise before it was ever read counts for nothing: the journal knows more of it.
        """
        if not self.unwritten:
            self.read, self.written = read, {}
            return read
        known = {promise.id for promise in self.read} | self.written.keys()
        by_id = {promise.id: promise for promise in read}
        self.unwritten = {id: one for id, one in self.unwritten.items() if id in known or id not in by_id}
        by_id |= self.unwritten
        self.read, self.written = tuple(by_id.values()), {}
        return tuple(promise for promise in self.read if not promise.is_over)

    @property
    def recalled(self) -> Mapping[str, Promise]:
        """What is known of promises while the journal can't be read."""
        return {promise.id: promise for promise in self.read} | self.written | self.unwritten
