"""What the containers on each node have worked so far, read application by application, in turn.

The ResourceManager tells a container's age only in a call of its own for each application (Hadoop 3.0 and later). So in
one tick a bounded part is read: applications that were never read first, then those read longest ago. In between,
what was read grows with the clock. What began since then is young, and counts as nothing; what ended counts until its
application is read again, or its node runs nothing.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from yarn_client import AppReport, RmUnavailable, YarnClient, YarnError

log = logging.getLogger(__name__)

APPS_A_TICK = 20
CONTAINERS_A_TICK = 2000
"""About 650 bytes each in a reply of Hadoop 3.4.2."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Share:
    """What an application holds on one node."""

    node_id: str
    vcores: int
    began: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class _Looked:
    at: datetime
    shares: tuple[_Share, ...]


class WorkDone:
    """Keeps what running applications hold on which node, since when."""

    def __init__(self, client: YarnClient) -> None:
        self._client = client
        self._known: dict[str, _Looked] = {}

    def look(self, now: datetime, apps: Collection[AppReport], nodes: Collection[str]) -> Mapping[str, int]:
        """Read a part of *apps*, the running ones; return vcore seconds by node, of *nodes* alone.

        An application that can't be read keeps what was known of it, and nothing fails: who goes first is then less
        well chosen, and that is all.
        """
        holding = {app.app_id: app for app in apps if app.running_containers > 0 and app.attempt is not None}
        self._known = {app_id: looked for app_id, looked in self._known.items() if app_id in holding}
        if nodes:
            self._read(now, holding)
        done: Counter[str] = Counter()
        for looked in self._known.values():
            for share in looked.shares:
                if share.node_id in nodes:
                    done[share.node_id] += share.vcores * int((now - share.began).total_seconds())
        return done

    def _read(self, now: datetime, holding: Mapping[str, AppReport]) -> None:
        left = CONTAINERS_A_TICK
        order = sorted(holding, key=lambda app_id: (app_id in self._known, self._looked_at(app_id), app_id))
        for app_id in order[:APPS_A_TICK]:
            left -= holding[app_id].running_containers
            try:
                self._known[app_id] = self._looked(now, holding[app_id])
            except RmUnavailable as error:
                log.warning("work.unread error=%r", str(error))
                return
            except YarnError as error:
                before = self._known.get(app_id)
                if before is None:
                    log.info("work.unread app=%s error=%r", app_id, str(error))
                self._known[app_id] = _Looked(at=now, shares=() if before is None else before.shares)
            if left <= 0:
                return

    def _looked_at(self, app_id: str) -> float:
        looked = self._known.get(app_id)
        return 0.0 if looked is None else looked.at.timestamp()

    def _looked(self, now: datetime, app: AppReport) -> _Looked:
        """Read one application; ages are by the RM's clock, so that it may differ from ours."""
        held = self._client.containers(app.app_id, app.attempt or 1)
        return _Looked(
            at=now,
            shares=tuple(
                _Share(node_id=one.node_id, vcores=one.allocated.vcores, began=now - one.elapsed) for one in held
            ),
        )
