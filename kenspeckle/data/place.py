"""The bytes of one picture, from a file or from its part of an archive."""

from __future__ import annotations

import os
import stat
import zlib

from kenspeckle.data.listing import Place
from kenspeckle.errors import PictureError

MAX_BYTES = 512 << 20  # of one picture file


def read_place(place: Place, *, name: str, at_most: int = MAX_BYTES + 1) -> bytes:
    """The bytes at `place`, unpacked; raise `PictureError` where they cannot be had."""
    try:
        # a pipe put there in the meantime must not make us wait
        descriptor = os.open(place.path, os.O_RDONLY | os.O_NONBLOCK)
        with open(descriptor, "rb") as file:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                raise PictureError(f"{name}: no regular file", reason="special")
            # room for what there is: that for all that is accepted would come from the system anew
            at_hand = max(0, found.st_size - place.offset) + 1
            file.seek(place.offset)
            wanted = at_most if place.size < 0 or place.unpacked >= 0 else min(place.size, at_most)
            data = file.read(min(at_hand, place.size if place.unpacked >= 0 else wanted))
    except FileNotFoundError as error:
        raise PictureError(f"{name}: is gone", reason="missing") from error
    except OSError as error:
        raise PictureError(
            f"{name}: cannot be read: {error.strerror or error}", reason="unreadable"
        ) from error
    if place.unpacked >= 0:
        data = _inflated(data, place.unpacked, name, at_most)
    elif place.size > len(data) and len(data) < at_most:
        raise PictureError(f"{name}: its file is cut short", reason="truncated")
    whole = place.unpacked if place.unpacked >= 0 else place.size
    if place.checksum >= 0 and len(data) == whole and zlib.crc32(data) != place.checksum:
        raise PictureError(f"{name}: its checksum is wrong", reason="bad-checksum")
    if len(data) > MAX_BYTES:
        raise PictureError(f"{name}: over {MAX_BYTES >> 20} MiB", reason="too-large")
    return data


def _inflated(data: bytes, size: int, name: str, at_most: int) -> bytes:
    try:
        plain = zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, min(size, at_most) + 1)
    except zlib.error as error:
        raise PictureError(f"{name}: damaged in its archive: {error}", reason="damaged") from error
    if len(plain) != size and len(plain) <= at_most:
        raise PictureError(
            f"{name}: {len(plain):,} bytes in its archive, which says {size:,}", reason="damaged"
        )
    return plain
