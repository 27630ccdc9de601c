"""Hadoop's IPC, version 9, with simple authentication: what one call sends, and what its reply says.

A connection carries one call: an admin's calls are few. Kerberos isn't spoken; such an RM refuses the connection.
"""

from dataclasses import dataclass

from yarn_client.errors import BadReply, RpcForbidden, RpcRefused, RpcStandby
from yarn_client.protobuf import (
    Message,
    NotProtobuf,
    bytes_in,
    decode,
    delimited,
    encode,
    number_in,
    split_delimited,
    text_in,
    zigzag,
)

_GREETING = b"hrpc" + bytes((9, 0, 0))
"""Magic word, version, service class, and no SASL."""
_RPC_KIND_PROTOBUF, _RPC_OP_FINAL = 2, 0
_CONTEXT_CALL_ID, _CALL_ID, _NO_RETRY = -3, 0, -1
_SUCCESS = 0
_LONGEST_MESSAGE = 600
_CLIENT_ID_BYTES = 16
_FORBIDDEN = {"AccessControlException", "AuthorizationException"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One method of one protocol, with its request as protocol buffers."""

    protocol: str
    method: str
    request: bytes = b""
    is_change: bool = False

    def encoded(self, user: str, client_id: bytes) -> bytes:
        """Write everything that the connection sends: greeting, context, and the call."""
        if len(client_id) != _CLIENT_ID_BYTES:
            raise ValueError(f"a client id has {_CLIENT_ID_BYTES} bytes")
        context = encode((2, encode((1, user))), (3, self.protocol))
        head = encode((1, self.method), (2, self.protocol), (3, 1))
        return (
            _GREETING
            + _framed(_header(_CONTEXT_CALL_ID, client_id), context)
            + _framed(_header(_CALL_ID, client_id), head, self.request)
        )


def read_reply(call: Call, frame: bytes) -> Message:
    """Read a reply, without its length of four bytes; raise BadReply, RpcRefused and its leaves."""
    try:
        header_bytes, rest = split_delimited(frame)
        header = decode(header_bytes)
        if number_in(header, 2) != _SUCCESS:
            raise _refusal(text_in(header, 4), text_in(header, 5))
        if number_in(header, 1) != _CALL_ID:
            raise NotProtobuf("the answer to another call")
        answer, _ = split_delimited(rest)
        return decode(answer)
    except NotProtobuf as error:
        raise BadReply(call.method, "reply", str(error)) from error


def encode_reply(answer: bytes) -> bytes:
    """Write a success as a server does, for servers in tests and in the simulated world."""
    return _framed(encode((1, _CALL_ID), (2, _SUCCESS)), answer)


def encode_refusal(exception: str, message: str) -> bytes:
    """Write a refusal as a server does."""
    return _framed(encode((1, _CALL_ID), (2, 1), (4, exception), (5, message)))


def read_call(stream: bytes) -> tuple[str, Call]:
    """Read what ``Call.encoded`` wrote, as a server does: the user, and the call; raise NotProtobuf."""
    if not stream.startswith(_GREETING):
        raise NotProtobuf("no greeting")
    context_frame, rest = _unframed(stream[len(_GREETING) :])
    call_frame, _ = _unframed(rest)
    _, context_rest = split_delimited(context_frame)
    context = decode(split_delimited(context_rest)[0])
    _, call_rest = split_delimited(call_frame)
    head_bytes, request_rest = split_delimited(call_rest)
    head = decode(head_bytes)
    call = Call(protocol=text_in(head, 2), method=text_in(head, 1), request=split_delimited(request_rest)[0])
    return text_in(decode(bytes_in(context, 2)), 1), call


def _header(call_id: int, client_id: bytes) -> bytes:
    return encode(
        (1, _RPC_KIND_PROTOBUF), (2, _RPC_OP_FINAL), (3, zigzag(call_id)), (4, client_id), (5, zigzag(_NO_RETRY))
    )


def _framed(*messages: bytes) -> bytes:
    content = b"".join(delimited(message) for message in messages)
    return len(content).to_bytes(4, "big") + content


def _unframed(stream: bytes) -> tuple[bytes, bytes]:
    end = 4 + int.from_bytes(stream[:4], "big")
    if len(stream) < end:
        raise NotProtobuf("a frame that has no end")
    return stream[4:end], stream[end:]


def _refusal(exception: str, message: str) -> RpcRefused:
    """Tell the refusals apart; the RM wraps some in a YarnException, whose message begins with the real one's name."""
    first_line = message.strip().partition("\n")[0][:_LONGEST_MESSAGE]
    short = _short(exception)
    names = {short, _short(first_line.partition(":")[0])}
    if names & _FORBIDDEN:
        return RpcForbidden(short, first_line)
    if "StandbyException" in names:
        return RpcStandby(short, first_line)
    return RpcRefused(short, first_line)


def _short(exception: str) -> str:
    return exception.rpartition(".")[2]
