"""Nodes are told to leave on a real ResourceManager; needs the lab's environment (`lab/enter`)."""

import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from yarn_client import AdminRpc, exclude, read_excluded, readmit
from yarn_client.errors import RpcRefused

pytestmark = pytest.mark.lab
NOBODY = "10.88.0.98"
"""An address that no NodeManager has."""


@pytest.fixture
def rpc() -> AdminRpc:
    if "TIDEBRIDGE_LAB_RM" not in os.environ:
        pytest.fail("start the lab with 'make lab-up', and run this by lab/enter")
    return AdminRpc([address()], user="root")


@pytest.fixture
def path() -> Iterator[Path]:
    """The lab's exclude file, without our entry afterwards."""
    file = Path(os.environ["TIDEBRIDGE_LAB_EXCLUDE"])
    yield file
    readmit(file, frozenset({NOBODY}))


def address() -> str:
    return f"{urlsplit(os.environ['TIDEBRIDGE_LAB_RM']).hostname}:8033"


def test_the_exclude_file_is_read_by_either_way_and_nobody_leaves_who_isnt_in_it(rpc: AdminRpc, path: Path) -> None:
    assert exclude(path, {NOBODY: 30})
    rpc.refresh_nodes_gracefully(30)
    assert rpc.decommissioning_nodes() == ()
    assert read_excluded(path).ours == {NOBODY: 30}
    assert readmit(path, frozenset({NOBODY}))
    rpc.refresh_nodes()


def test_without_high_availability_the_rm_has_no_state_to_tell(rpc: AdminRpc) -> None:
    with pytest.raises(RpcRefused) as raised:
        rpc.service_state(address())
    assert raised.value.exception == "RpcNoSuchProtocolException"
