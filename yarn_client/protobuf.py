"""Protocol buffers' wire format, as far as Hadoop's calls need it: varints and byte strings.

What a field means is left to the callers; what comes from the network is trusted in nothing.
"""

from collections.abc import Iterable

_VARINT, _EIGHT_BYTES, _BYTES, _FOUR_BYTES = 0, 1, 2, 5
_LONGEST_VARINT = 10
_FIXED_LENGTHS = {_EIGHT_BYTES: 8, _FOUR_BYTES: 4}

Field = int | bytes | str
Message = dict[int, list[int | bytes]]
"""What was read: each field's values in their order."""


class NotProtobuf(ValueError):
    """These bytes are no message."""


def encode(*fields: tuple[int, Field]) -> bytes:
    """Write a message; a negative number takes ten bytes, as Java's int32 does."""
    return b"".join(_encode_field(number, value) for number, value in fields)


def delimited(message: bytes) -> bytes:
    """Put a message's length before it."""
    return varint(len(message)) + message


def varint(value: int) -> bytes:
    """Write a number of up to 64 bits."""
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*out, value))


def zigzag(value: int) -> int:
    """Fold a sint32's sign into its lowest bit."""
    return value * 2 if value >= 0 else -value * 2 - 1


def unzigzag(value: int) -> int:
    """Undo ``zigzag``."""
    return -(value + 1) // 2 if value & 1 else value // 2


def decode(message: bytes) -> Message:
    """Read every field of a message; raise NotProtobuf."""
    fields: Message = {}
    at = 0
    while at < len(message):
        key, at = _read_varint(message, at)
        value, at = _read_value(message, at, key & 7)
        fields.setdefault(key >> 3, []).append(value)
    return fields


def split_delimited(data: bytes) -> tuple[bytes, bytes]:
    """Take one message with its length before it off *data*: the message, and the rest."""
    length, at = _read_varint(data, 0)
    return _take(data, at, length), data[at + length :]


def number_in(message: Message, field: int, default: int = 0) -> int:
    """Give a field's last number, as protocol buffers do."""
    value = message.get(field, [default])[-1]
    if isinstance(value, bytes):
        raise NotProtobuf(f"field {field} is no number")
    return value


def bytes_in(message: Message, field: int) -> bytes:
    """Give a field's last byte string."""
    value = message.get(field, [b""])[-1]
    if isinstance(value, int):
        raise NotProtobuf(f"field {field} is no byte string")
    return value


def text_in(message: Message, field: int) -> str:
    """Give a field's last text; what isn't UTF-8 is replaced."""
    return bytes_in(message, field).decode("utf-8", "replace")


def messages_in(message: Message, field: int) -> Iterable[Message]:
    """Read each message of a repeated field."""
    for value in message.get(field, ()):
        if isinstance(value, int):
            raise NotProtobuf(f"field {field} is no message")
        yield decode(value)


def _encode_field(number: int, value: Field) -> bytes:
    if isinstance(value, int):
        return varint(number << 3 | _VARINT) + varint(value)
    content = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | _BYTES) + delimited(content)


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for place, byte in enumerate(data[at : at + _LONGEST_VARINT]):
        value |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return value, at + place + 1
    raise NotProtobuf("a number without an end")


def _read_value(message: bytes, at: int, kind: int) -> tuple[int | bytes, int]:
    if kind == _VARINT:
        return _read_varint(message, at)
    if kind == _BYTES:
        length, at = _read_varint(message, at)
    elif kind in _FIXED_LENGTHS:
        length = _FIXED_LENGTHS[kind]
    else:
        raise NotProtobuf(f"wire type {kind}")
    return _take(message, at, length), at + length


def _take(data: bytes, at: int, length: int) -> bytes:
    if length > len(data) - at:
        raise NotProtobuf(f"{length} bytes announced, {len(data) - at} there")
    return data[at : at + length]
