"""Messages between the server and its processes: a JSON header and raw bytes, each with its length.

Nothing in a message can name code. Both sides belong to one installation, so there is no version.
"""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Iterator, Sequence
from typing import Any

_LENGTHS = struct.Struct("<II")  # of the header and of what follows it, in bytes
TOGETHER = 64  # pictures in one message, at most
LARGEST = 1 << 30  # bytes of either; more is a fault, not a message

Header = dict[str, Any]
Payload = bytes | bytearray | memoryview


def packed(header: Header, parts: Sequence[Payload] = ()) -> list[Payload]:
    """The pieces of a message in order; small ones joined, so that one call sends them."""
    text = json.dumps(header).encode()
    size = sum(len(part) for part in parts)
    start = _LENGTHS.pack(len(text), size) + text
    if size <= 1 << 16:
        return [start + b"".join(parts)]
    return [start, *parts]


class Unpacker:
    """Turns what arrives, in whatever pieces, into messages."""

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[Header, bytes]]:
        """Each message that `data` completes; `ValueError` where it is none."""
        self._held += data
        while len(self._held) >= _LENGTHS.size:
            length, size = _LENGTHS.unpack_from(self._held)
            if max(length, size) > LARGEST:
                raise ValueError(f"a message of {max(length, size):,} bytes")
            begin, end = _LENGTHS.size + length, _LENGTHS.size + length + size
            if len(self._held) < end:
                return
            header = json.loads(self._held[_LENGTHS.size : begin])
            payload = bytes(self._held[begin:end])
            del self._held[:end]
            yield header, payload


def send(end: socket.socket, header: Header, parts: Sequence[Payload] = ()) -> None:
    """Send a message, waiting until all of it is gone."""
    for piece in packed(header, parts):
        end.sendall(piece)


def receive(end: socket.socket) -> tuple[Header, memoryview] | None:
    """The next message, waiting for it; None where the other side is gone."""
    lengths = _exactly(end, _LENGTHS.size)
    if lengths is None:
        return None
    length, size = _LENGTHS.unpack(lengths)
    if max(length, size) > LARGEST:
        raise ValueError(f"a message of {max(length, size):,} bytes")
    both = _exactly(end, length + size)
    if both is None:
        return None
    return json.loads(bytes(both[:length])), both[length:]


def _exactly(end: socket.socket, size: int) -> memoryview | None:
    held = memoryview(bytearray(size))
    filled = 0
    while filled < size:
        count = end.recv_into(held[filled:])
        if not count:
            return None
        filled += count
    return held
