"""One round of rebalancing that ends by SIGKILL between the two systems' writes. Run as a process of its own."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bridge import app
from bridge.controller.rebalance import rebalance
from bridge.core.tenants.facts import Leaf
from bridge.core.tenants.writes import Draft, InForce, Wanted
from bridge.ports import Enforcer
from bridge.settings import load


class _Deadly:
    """An enforcer whose first write is the end."""

    def __init__(self, inner: Enforcer) -> None:
        self._inner = inner
        self.name, self.side, self.is_lagging = inner.name, inner.side, inner.is_lagging

    def read(self, leaves: Sequence[Wanted]) -> InForce:
        return self._inner.read(leaves)

    def drafts(self, leaves: Sequence[Wanted], in_force: InForce) -> tuple[Draft, ...]:
        return self._inner.drafts(leaves, in_force)

    def release(self, leaf: Leaf) -> None:
        self._inner.release(leaf)

    def write(self, draft: Draft) -> None:
        print(f"killed before writing {sorted(str(leaf) for leaf in draft.leaves)}", flush=True)
        os.kill(os.getpid(), signal.SIGKILL)


def main(path: Path) -> None:
    with app.running(load(path), follow=False) as built:
        assert built.sharing is not None
        first, second = built.sharing.enforcers
        rebalance(replace(built.sharing, enforcers=(first, _Deadly(second))))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
