"""The framing of TFRecord files: length, its checksum, the record, its checksum; over and over."""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from kenspeckle.data.sources.crc32c import crc32c, crc32c_short, masked
from kenspeckle.errors import DataError
from kenspeckle.foreign import open_regular

Checksums = Literal["verify", "ignore"]

MAX_RECORD = 256 << 20  # bytes
_HEADER = 12  # bytes: the length, and its checksum
_FOOTER = 4
_TOGETHER = 1 << 20  # bytes of records whose checksums are calculated in one go
_GZIP = b"\x1f\x8b"
_CHUNK = 1 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Frame:
    """One record."""

    number: int  # the first is 0
    offset: int  # of its bytes in the file
    record: bytes
    is_intact: bool  # as its checksum says; true where nobody asks


def starts_as_tfrecord(path: Path) -> bool:
    """Whether the first length in `path`, compressed or not, has its right checksum."""
    try:
        with open_regular(path) as file:
            header = file.read(_HEADER)
        if header.startswith(_GZIP):
            with open_regular(path) as packed, gzip.GzipFile(fileobj=packed) as content:
                header = content.read(_HEADER)
    except (OSError, EOFError, zlib.error):
        return False
    return len(header) == _HEADER and masked(crc32c_short(header[:8])) == _number(header[8:])


def frames(content: Path, *, path: Path, checksums: Checksums) -> Iterator[Frame]:
    """The records of the file `content`; errors call it `path`.

    Raises `DataError` with number and offset where a length is wrong or the file is cut short, as
    nothing says where the next record would begin.
    """
    try:
        with open_regular(content) as file:
            yield from _frames(file, path, checksums)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error


def _frames(file: BinaryIO, path: Path, checksums: Checksums) -> Iterator[Frame]:
    size = os.fstat(file.fileno()).st_size
    number, offset, waiting = 0, 0, 0
    batch: list[tuple[int, int, bytes, int]] = []
    while offset < size:
        header = file.read(_HEADER)
        where = f"{path}: record {number:,} at byte {offset:,}"
        if len(header) < _HEADER:
            raise DataError(f"{where}: the file ends within its length")
        if checksums == "verify" and masked(crc32c_short(header[:8])) != _number(header[8:]):
            raise DataError(f"{where}: the checksum of its length is wrong; the file is damaged")
        length = _number(header[:8])
        if offset + _HEADER + length + _FOOTER > size:
            raise DataError(
                f"{where}: {length:,} bytes, but the file ends after "
                f"{max(0, size - offset - _HEADER):,} more"
            )
        if length > MAX_RECORD:
            raise DataError(f"{where}: {length:,} bytes, at most {MAX_RECORD:,} can be read")
        record, footer = file.read(length), file.read(_FOOTER)
        batch.append((number, offset + _HEADER, record, _number(footer)))
        waiting += length
        offset += _HEADER + length + _FOOTER
        number += 1
        if waiting >= _TOGETHER or len(batch) >= _TOGETHER >> 8:
            yield from _checked(batch, checksums)
            batch, waiting = [], 0
    yield from _checked(batch, checksums)


def _checked(batch: list[tuple[int, int, bytes, int]], checksums: Checksums) -> Iterator[Frame]:
    if checksums == "ignore":
        sums = [stored for *_, stored in batch]
    else:
        sums = list(map(masked, crc32c([record for _, _, record, _ in batch]).tolist()))
    for (number, offset, record, stored), found in zip(batch, sums, strict=True):
        yield Frame(number=number, offset=offset, record=record, is_intact=found == stored)


def _number(data: bytes) -> int:
    return int.from_bytes(data, "little")
