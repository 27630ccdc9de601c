"""Graceful decommission behind the port: the file first, then the ResourceManager is told; what fails comes again."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bridge.adapters.leaving import ASK_AGAIN, Leaving
from bridge.core.snapshot import CannotDecommission
from bridge.ports import Denied, PortError, Rejected, Unavailable
from yarn_client import AdminRpc, RmUnavailable, RpcForbidden, RpcRefused, YarnError, read_excluded

HOSTS = {"10.0.0.1": 90, "10.0.0.2": 30}
SILENT = RmUnavailable({"rm1:8033": "refused"}, may_have_been_applied=False)


@dataclass
class FakeRpc(AdminRpc):
    """Answers as it is told to, and remembers what the file said when it was told to read it."""

    path: Path
    trouble: YarnError | None = None
    asked: int = 0
    read: list[dict[str, int | None]] = field(default_factory=list)

    def refresh_nodes_gracefully(self, timeout_s: int | None = None) -> None:
        assert timeout_s is None, "the file has a time for each of ours, and others keep the ResourceManager's"
        if self.trouble is not None:
            raise self.trouble
        self.read.append(dict(read_excluded(self.path).ours))

    def decommissioning_nodes(self) -> tuple[str, ...]:
        self.asked += 1
        if self.trouble is not None:
            raise self.trouble
        return ()


@dataclass
class Watch:
    at: datetime = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "exclude.xml"
    file.write_text("<hosts>\n  <host><name>old-1</name></host>\n</hosts>\n")
    return file


@pytest.fixture
def rpc(path: Path) -> FakeRpc:
    return FakeRpc(path)


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def leaving(path: Path, rpc: FakeRpc, watch: Watch) -> Leaving:
    return Leaving(path, rpc, watch)


def test_hosts_are_in_the_file_before_it_is_read_and_out_of_it_before_it_is_read_again(
    leaving: Leaving, rpc: FakeRpc
) -> None:
    leaving.decommission(HOSTS)
    assert leaving.look() == (HOSTS, None)
    leaving.readmit(frozenset({"10.0.0.1"}))
    assert leaving.look() == ({"10.0.0.2": 30}, None)
    assert rpc.read == [HOSTS, {"10.0.0.2": 30}]


@pytest.mark.parametrize(
    ("trouble", "expected"),
    [
        (SILENT, Unavailable),
        (RpcForbidden("AccessControlException", "no"), Denied),
        (RpcRefused("IOException", "no"), Rejected),
    ],
)
def test_a_call_that_fails_says_why_and_the_port_is_left_alone_for_a_while(
    leaving: Leaving, rpc: FakeRpc, watch: Watch, trouble: YarnError, expected: type[PortError]
) -> None:
    assert leaving.look()[1] is None
    rpc.trouble = trouble
    with pytest.raises(expected):
        leaving.decommission(HOSTS)
    asked = rpc.asked
    assert leaving.look() == (HOSTS, CannotDecommission.ADMIN_PORT)
    assert rpc.asked == asked
    rpc.trouble = None
    watch.at += ASK_AGAIN + timedelta(seconds=1)
    assert leaving.look() == (HOSTS, None)


def test_an_address_counts_as_excluded_until_the_resourcemanager_has_read_that_it_isnt(
    leaving: Leaving, rpc: FakeRpc, watch: Watch, path: Path
) -> None:
    leaving.decommission(HOSTS)
    rpc.trouble = SILENT
    with pytest.raises(Unavailable):
        leaving.readmit(frozenset({"10.0.0.1"}))
    assert dict(read_excluded(path).ours) == {"10.0.0.2": 30}
    assert leaving.look()[0] == HOSTS
    rpc.trouble = None
    watch.at += ASK_AGAIN + timedelta(seconds=1)
    leaving.readmit(frozenset({"10.0.0.1"}))
    assert leaving.look() == ({"10.0.0.2": 30}, None)
    assert rpc.read[-1] == {"10.0.0.2": 30}


def test_a_port_that_never_answered_is_asked_once_in_a_while(leaving: Leaving, rpc: FakeRpc, watch: Watch) -> None:
    rpc.trouble = SILENT
    for _ in range(3):
        assert leaving.look() == ({}, CannotDecommission.ADMIN_PORT)
    assert rpc.asked == 1


@pytest.mark.parametrize("content", [None, "<hosts>", "<nodes/>"])
def test_a_file_that_cannot_be_used_is_a_reason_of_its_own(
    leaving: Leaving, path: Path, rpc: FakeRpc, content: str | None
) -> None:
    path.unlink() if content is None else path.write_text(content)
    assert leaving.look() == ({}, CannotDecommission.FILE)
    with pytest.raises(Rejected):
        leaving.decommission(HOSTS)
    assert rpc.read == []
