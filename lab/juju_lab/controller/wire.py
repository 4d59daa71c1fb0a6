"""Bytes that the guest's programs and the controller exchange, as `agent/wire.h` has them."""

import struct
from collections.abc import Sequence
from typing import BinaryIO

_LIMIT = 64 << 20


class WireError(Exception):
    """The stream ended early or holds what it must not."""


def pack_string(text: str | bytes) -> bytes:
    """A length and the bytes."""
    data = text.encode() if isinstance(text, str) else text
    return struct.pack(">I", len(data)) + data


def pack_strings(texts: Sequence[str | bytes]) -> bytes:
    """A count and the strings."""
    return struct.pack(">I", len(texts)) + b"".join(map(pack_string, texts))


def pack_frame(kind: bytes, payload: bytes = b"") -> bytes:
    """A type, a length and the payload."""
    return kind + pack_string(payload)


def read_exactly(stream: BinaryIO, count: int) -> bytes:
    """`count` bytes; WireError when the stream ends before."""
    data = b""
    while len(data) < count:
        more = stream.read(count - len(data))
        if not more:
            raise WireError("stream ended")
        data += more
    return data


def read_string(stream: BinaryIO) -> bytes:
    """A length and that many bytes."""
    (length,) = struct.unpack(">I", read_exactly(stream, 4))
    if length > _LIMIT:
        raise WireError("string too long")
    return read_exactly(stream, length)


def read_strings(stream: BinaryIO, most: int = 65536) -> list[bytes]:
    """A count and that many strings."""
    (count,) = struct.unpack(">I", read_exactly(stream, 4))
    if count > most:
        raise WireError("too many strings")
    return [read_string(stream) for _ in range(count)]


def read_frame(stream: BinaryIO) -> tuple[bytes, bytes]:
    """A frame's type and payload."""
    return read_exactly(stream, 1), read_string(stream)
