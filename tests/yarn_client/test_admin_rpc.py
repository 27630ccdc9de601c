"""The admin port: the bytes that are sent, the answers that come, and what is made of those that make no sense."""

from __future__ import annotations

import random

import pytest

from tests.yarn_client.ipc_server import serving
from yarn_client import HaState, NoReply, RmUnavailable, Timeouts
from yarn_client.admin_rpc import ADMIN, HA, AdminRpc, refresh_call
from yarn_client.errors import BadReply, RpcForbidden, RpcRefused, RpcStandby, YarnError
from yarn_client.ipc import Call, encode_refusal, encode_reply, read_call, read_reply
from yarn_client.ipc_transport import LONGEST_REPLY_BYTES
from yarn_client.protobuf import encode

ID = bytes(range(16))
STANDBY = encode_refusal("org.apache.hadoop.ipc.StandbyException", "ResourceManager rm2 is not Active!")
LEAVING = encode((1, encode((1, "10.0.0.1"), (2, 8041))), (1, encode((1, "10.0.0.2"), (2, 8041))))
CHECK = Call(protocol=ADMIN, method="checkForDecommissioningNodes")
RECORDED_EMPTY = b"\x1a\x08\x00\x10\x00\x18\t:\x10" + bytes(16) + b"@\x01\x00"
"""What 3.4.2 answers to refreshNodes, and to checkForDecommissioningNodes when no node leaves."""
RECORDED_REFUSAL = (
    b'\x6e\x08\x00\x10\x01\x18\t".org.apache.hadoop.ipc.RpcNoSuchMethodException*'
    b"\x36Unknown method nope called on protocol.\n\tat org.apache"
)
"""The same's answer to a method that it hasn't, its 900 bytes of stack cut and the two lengths with it."""
SHORT = Timeouts(connect_s=5, read_s=0.2)


class StubIpc:
    """Answers by address, and keeps what was sent."""

    def __init__(self, by_address: dict[str, bytes | NoReply]) -> None:
        self._by_address = by_address
        self.sent: list[tuple[str, str, Call]] = []

    def send(self, address: str, data: bytes, timeouts: Timeouts) -> bytes | NoReply:
        user, call = read_call(data)
        self.sent.append((address, user, call))
        answer = self._by_address[address]
        return answer if isinstance(answer, NoReply) else answer[4:]


def rms(**by_name: bytes | NoReply) -> tuple[AdminRpc, StubIpc]:
    stub = StubIpc({f"{name}:8033": answer for name, answer in by_name.items()})
    return AdminRpc([f"{name}:8033" for name in by_name], user="yarn", transport=stub), stub


def test_a_call_is_written_as_hadoop_reads_it() -> None:
    sent = refresh_call(25).encoded("yarn", ID)
    context = b"\x1a\x08\x02\x10\x00\x18\x05\x22\x10" + ID + b"\x28\x01"
    assert sent.startswith(b"hrpc\x09\x00\x00" + (0x6F).to_bytes(4, "big") + context)
    assert sent.endswith(b"\x0crefreshNodes\x12\x49" + ADMIN.encode() + b"\x18\x01\x04\x08\x02\x10\x19")


@pytest.mark.parametrize(
    ("timeout_s", "request_bytes"), [(None, b"\x08\x02"), (0, b"\x08\x02\x10\x00"), (300, b"\x08\x02\x10\xac\x02")]
)
def test_nodes_end_after_a_timeout_ours_or_the_resourcemanagers(timeout_s: int | None, request_bytes: bytes) -> None:
    assert refresh_call(timeout_s).request == request_bytes


def test_nodes_end_at_once() -> None:
    assert refresh_call(is_graceful=False).request == b"\x08\x01"


def test_a_server_reads_what_was_asked_and_by_whom() -> None:
    assert read_call(refresh_call(7).encoded("alice", ID)) == (
        "alice",
        Call(protocol=ADMIN, method="refreshNodes", request=b"\x08\x02\x10\x07"),
    )


def test_nodes_on_their_way_out_are_named() -> None:
    rpc, _ = rms(rm1=encode_reply(LEAVING))
    assert rpc.decommissioning_nodes() == ("10.0.0.1:8041", "10.0.0.2:8041")


def test_the_next_address_is_asked_when_one_is_a_standby_or_away() -> None:
    rpc, stub = rms(
        rm1=STANDBY, rm2=NoReply(why="no connection", may_have_arrived=False), rm3=encode_reply(b""), rm4=STANDBY
    )
    rpc.refresh_nodes()
    assert [(address, user) for address, user, _ in stub.sent] == [(f"rm{n}:8033", "yarn") for n in (1, 2, 3)]


def test_no_active_rm_says_what_each_address_did_and_whether_a_change_may_have_arrived() -> None:
    rpc, _ = rms(rm1=STANDBY, rm2=NoReply(why="no answer in time", may_have_arrived=True))
    with pytest.raises(RmUnavailable) as raised:
        rpc.refresh_nodes_gracefully(10)
    assert raised.value.by_address == {
        "rm1:8033": "StandbyException: ResourceManager rm2 is not Active!",
        "rm2:8033": "no answer in time",
    }
    assert raised.value.may_have_been_applied


@pytest.mark.parametrize(
    ("exception", "message", "kind"),
    [
        ("org.apache.hadoop.security.AccessControlException", "User nobody doesn't have permission", RpcForbidden),
        (
            "org.apache.hadoop.yarn.exceptions.YarnException",
            "org.apache.hadoop.security.AccessControlException: User nobody doesn't have permission\n\tat a.b.C",
            RpcForbidden,
        ),
        ("org.apache.hadoop.security.authorize.AuthorizationException", "User a is not authorized", RpcForbidden),
        ("org.apache.hadoop.ipc.StandbyException", "ResourceManager rm2 is not Active!", RpcStandby),
        ("java.io.FileNotFoundException", "/etc/AccessControlException: absent", RpcRefused),
        ("", "", RpcRefused),
    ],
)
def test_a_refusal_is_told_by_its_kind(exception: str, message: str, kind: type[RpcRefused]) -> None:
    with pytest.raises(RpcRefused) as raised:
        read_reply(CHECK, encode_refusal(exception, message)[4:])
    assert type(raised.value) is kind
    assert "\n" not in raised.value.message


@pytest.mark.parametrize(
    ("state", "said"),
    [(0, HaState.INITIALIZING), (1, HaState.ACTIVE), (2, HaState.STANDBY), (3, HaState.UNKNOWN), (99, HaState.UNKNOWN)],
)
def test_the_state_of_one_rm_is_read(state: int, said: HaState) -> None:
    rpc, stub = rms(rm1=encode_reply(encode((1, state), (2, 1))))
    assert rpc.service_state("rm1:8033") is said
    assert stub.sent[0][2].protocol == HA


def test_recorded_replies_are_read() -> None:
    assert read_reply(CHECK, RECORDED_EMPTY) == {}
    with pytest.raises(RpcRefused, match=r"^RpcNoSuchMethodException: Unknown method nope called on protocol\.$"):
        read_reply(CHECK, RECORDED_REFUSAL)


def test_a_transition_is_asked_of_the_one_address() -> None:
    rpc, stub = rms(rm1=STANDBY, rm2=encode_reply(b""))
    rpc.make_active("rm2:8033")
    rpc.make_standby("rm2:8033")
    assert [(address, call.method) for address, _, call in stub.sent] == [
        ("rm2:8033", "transitionToActive"),
        ("rm2:8033", "transitionToStandby"),
    ]


def test_every_part_of_a_reply_is_a_bad_reply_and_no_accident() -> None:
    whole = encode_reply(LEAVING)[4:]
    for end in range(len(whole)):
        with pytest.raises(BadReply):
            read_reply(CHECK, whole[:end])


def test_garbage_gives_a_typed_error_or_an_answer() -> None:
    whole = bytearray(encode_reply(LEAVING)[4:])
    chance = random.Random(8033)
    for _ in range(5000):
        mangled = bytearray(whole)
        for _ in range(chance.randint(1, 4)):
            mangled[chance.randrange(len(mangled))] = chance.randrange(256)
        rpc, _ = rms(rm1=b"\0\0\0\0" + bytes(mangled))
        try:
            nodes = rpc.decommissioning_nodes()
        except YarnError:
            continue
        assert all(isinstance(node, str) for node in nodes)


def test_the_answer_to_another_call_is_no_answer() -> None:
    other = encode((1, 5), (2, 0))
    with pytest.raises(BadReply, match="another call"):
        read_reply(CHECK, bytes((len(other),)) + other + b"\0")


@pytest.mark.parametrize("address", ["rm1", "rm1:", ":8033", "rm1:0", "rm1:http", "rm1:70000"])
def test_an_address_needs_host_and_port(address: str) -> None:
    with pytest.raises(ValueError, match="host:port"):
        AdminRpc([address], user="yarn")


# --- Over a real connection


def test_a_call_goes_over_tcp_and_back() -> None:
    with serving(encode_reply(LEAVING), encode_reply(b"")) as server:
        rpc = AdminRpc([server.address], user="yarn")
        assert rpc.decommissioning_nodes() == ("10.0.0.1:8041", "10.0.0.2:8041")
        rpc.refresh_nodes_gracefully(3)
    assert [(user, call.method) for user, call in server.calls] == [("yarn", CHECK.method), ("yarn", "refreshNodes")]


@pytest.mark.parametrize(
    ("answer", "is_silent", "why"),
    [
        pytest.param(b"", False, "hung up after 0 of 4 bytes", id="hangs up"),
        pytest.param(encode_reply(LEAVING)[:-1], False, "hung up after", id="hangs up in the middle"),
        pytest.param(b"\xff\xff\xff\xff", True, "a reply of 4294967295 bytes announced", id="a huge length"),
        pytest.param(
            (LONGEST_REPLY_BYTES + 1).to_bytes(4, "big"), True, "bytes announced", id="a length above the limit"
        ),
        pytest.param(b"HTTP/1.1 400 Bad Request\r\n", True, "bytes announced", id="another protocol"),
        pytest.param(b"\0\0", True, "no answer in time", id="stays silent"),
    ],
)
def test_a_connection_that_gives_no_reply_is_an_outage(answer: bytes, is_silent: bool, why: str) -> None:
    with serving(answer, is_silent=is_silent) as server:
        rpc = AdminRpc([server.address], user="yarn", timeouts=SHORT)
        with pytest.raises(RmUnavailable) as raised:
            rpc.refresh_nodes()
    assert why in raised.value.by_address[server.address]
    assert raised.value.may_have_been_applied


def test_a_port_where_nobody_listens_is_an_outage_that_changed_nothing() -> None:
    with serving() as server:
        address = server.address
    with pytest.raises(RmUnavailable) as raised:
        AdminRpc([address], user="yarn").refresh_nodes()
    assert not raised.value.may_have_been_applied
