"""Graceful decommission behind the YARN port: the exclude file that the admin gives, and the RM's admin port."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bridge.core.snapshot import CannotDecommission
from bridge.ports import Clock, Denied, Rejected, Unavailable
from yarn_client import (
    AdminRpc,
    BadExcludeFile,
    ExcludeFileUnreachable,
    RmUnavailable,
    RpcForbidden,
    YarnError,
    exclude,
    read_excluded,
    readmit,
)

log = logging.getLogger(__name__)

ASK_AGAIN = timedelta(minutes=1)
"""How long the admin port is left alone after it failed; meanwhile nodes are closed by a resize."""


class Leaving:
    """Who leaves one cluster by its exclude file, an XML one, where each host has a time of its own.

    The file is the record: what Tidebridge has put there is marked, and other hands' entries are left alone. Each call
    has the ResourceManager read all of it.
    """

    def __init__(self, path: Path, rpc: AdminRpc, clock: Clock) -> None:
        self._path = path
        self._rpc = rpc
        self._clock = clock
        self._unread: dict[str, int] = {}
        """Hosts that are out of the file, and that the ResourceManager may not know to be."""
        self._is_file_bad = False
        self._works = False
        """The admin port answered when it was asked last."""
        self._ask_again_at = datetime.min.replace(tzinfo=UTC)

    def look(self) -> tuple[Mapping[str, int], CannotDecommission | None]:
        """Read whom Tidebridge has excluded, and whether it can go on so."""
        try:
            ours = read_excluded(self._path).ours
        except (BadExcludeFile, ExcludeFileUnreachable) as error:
            if not self._is_file_bad:
                log.warning("exclude_file.unread error=%r", str(error))
            self._is_file_bad = True
            return {}, CannotDecommission.FILE
        self._is_file_bad = False
        excluded = {host: timeout_s for host, timeout_s in ours.items() if timeout_s is not None}
        return {**self._unread, **excluded}, None if self._admin_port_works() else CannotDecommission.ADMIN_PORT

    def decommission(self, timeout_s_by_host: Mapping[str, int]) -> None:
        """Put hosts into the file, and have it read."""
        with self._translated("decommission nodes"):
            exclude(self._path, timeout_s_by_host)
            self._have_it_read()

    def readmit(self, hosts: frozenset[str]) -> None:
        """Take hosts out of the file, and have it read."""
        with self._translated("readmit addresses"):
            there = read_excluded(self._path).ours
            self._unread |= {host: there[host] or 0 for host in hosts if host in there}
            readmit(self._path, hosts)
            self._have_it_read()

    def _have_it_read(self) -> None:
        self._rpc.refresh_nodes_gracefully()
        self._unread.clear()

    def _admin_port_works(self) -> bool:
        now = self._clock.now()
        if not self._works and now >= self._ask_again_at:
            self._ask_again_at = now + ASK_AGAIN
            try:
                self._rpc.decommissioning_nodes()
                self._works = True
            except YarnError as error:
                log.warning("admin_port.unusable error=%r", str(error))
        return self._works

    @contextmanager
    def _translated(self, what: str) -> Iterator[None]:
        """Turn the client's errors into the ports'; after one the admin port has to prove itself again."""
        try:
            yield
        except YarnError as error:
            self._works, self._ask_again_at = False, self._clock.now() + ASK_AGAIN
            if isinstance(error, RmUnavailable):
                raise Unavailable(f"could not {what}: {error}") from error
            if isinstance(error, RpcForbidden):
                raise Denied(f"not allowed to {what}: {error}; add the bridge's user to yarn.admin.acl") from error
            raise Rejected(f"could not {what}: {error}") from error
