"""What the first bytes of a picture file say: its format, and how long it should be."""

from __future__ import annotations

import struct
import zlib

_SIGNATURES = {  # of the accepted formats
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"GIF87a": "GIF",
    b"GIF89a": "GIF",
    b"BM": "BMP",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"II+\0": "TIFF",
    b"MM\0+": "TIFF",
}
_FRAMES = (b"\xc0", b"\xc1", b"\xc2")  # of a JPEG: what begins with its size and components


def format_of(data: bytes) -> str:
    """The format whose signature `data` begins with; "" where it is none that is accepted."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    for signature, name in _SIGNATURES.items():
        if data.startswith(signature):
            return name
    return ""


def says_colour(data: bytes) -> bool:
    """Whether the beginning of a JPEG or PNG says that it has colours; of others nothing is known.

    Plain arithmetic on bytes, which no file can harm.
    """
    if format_of(data) == "PNG":
        return data[12:16] == b"IHDR" and data[25:26] in (b"\2", b"\6")
    position = 2 if format_of(data) == "JPEG" else len(data)
    while data[position : position + 1] == b"\xff":
        kind, length = data[position + 1 : position + 2], data[position + 2 : position + 4]
        if kind in _FRAMES:
            return data[position + 9 : position + 10] == b"\3"
        position += 2 + int.from_bytes(length, "big")
    return False


def is_cut(data: bytes) -> bool:
    """Whether the file says that it is longer than `data`, where its format says so at the start.

    The others, PNG, JPEG and GIF, have an end mark, which a decoder misses where it is not there.
    """
    name = format_of(data)
    if name == "WEBP":
        return int.from_bytes(data[4:8], "little") + 8 > len(data)
    return name == "TIFF" and _end_of_directory(data) > len(data)


def _end_of_directory(data: bytes) -> int:
    """Where the first directory of a TIFF ends, which often is the last thing in the file."""
    order = "<" if data[:1] == b"I" else ">"
    is_big = 43 in data[2:4]
    start, count, entry = ("Q", "Q", 20) if is_big else ("I", "H", 12)
    if len(data) < 16:
        return len(data) + 1
    (place,) = struct.unpack_from(order + start, data, 8 if is_big else 4)
    if place + struct.calcsize(count) > len(data):
        return len(data) + 1
    (entries,) = struct.unpack_from(order + count, data, place)
    return int(place) + struct.calcsize(count) + entry * int(entries)


def check_sums(data: bytes) -> None:
    """Raise `ValueError` where a critical chunk of a PNG is damaged; Pillow does not look."""
    position = 8
    while position + 12 <= len(data):
        length, kind = struct.unpack(">I4s", data[position : position + 8])
        end = position + 8 + length
        said = int.from_bytes(data[end : end + 4], "big")
        is_whole = end + 4 <= len(data)  # Pillow tells what is cut short
        if kind[:1].isupper() and is_whole and zlib.crc32(data[position + 4 : end]) != said:
            raise ValueError(f"wrong checksum in chunk {kind!a}")
        if kind == b"IEND":
            return
        position = end + 4
