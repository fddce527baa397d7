"""The central directory of a zip archive, with zip64, and where the content of each member lies."""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

import numpy as np

from kenspeckle.data.sources.members import MAX_MEMBERS
from kenspeckle.errors import DataError

MAX_DIRECTORY = 256 << 20  # bytes
_END = struct.Struct("<4s4H2LH")
_END_64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR = struct.Struct("<4sLQL")
_CENTRAL = struct.Struct("<4s4B4HL2L5H2L")
_LOCAL = struct.Struct("<4s5HL2L2H")
_MAX_COMMENT = 0xFFFF
_FULL = 0xFFFFFFFF  # the value is in a zip64 record instead
_ENCRYPTED = 1 | 1 << 6 | 1 << 13  # of the flags: content, strong, names
_UTF_8 = 1 << 11


class Entry(NamedTuple):
    """One member; a tuple, because there may be a million."""

    name: str  # with "/" between folders, whatever wrote it
    flags: int
    method: int  # 0 = stored, 8 = deflated
    checksum: int  # CRC-32 of its content, unpacked
    packed: int  # bytes in the archive
    unpacked: int
    mode: int  # as `os.stat` gives it; 0 = the archive does not say
    header: int  # where its local header begins

    @property
    def is_encrypted(self) -> bool:
        """Whether its content needs a password."""
        return bool(self.flags & _ENCRYPTED) or self.method == 99  # 99 = AES


class _Span(NamedTuple):
    """Where the directory is, and how many members it names."""

    start: int
    size: int
    named: int
    exact: bool  # false where the count is known modulo 65,536 only


def entries(file: BinaryIO) -> Iterator[tuple[Entry, int | None]]:
    """Each member with the offset of its content; None where its local header is damaged.

    Raises `DataError` where the directory is damaged or too large, or members overlap.
    """
    span = _span(file)
    file.seek(span.start)
    data = file.read(span.size)
    if len(data) < span.size:
        raise DataError("cut short within its directory")
    starts, ends = array("q"), array("q")
    for count, entry in enumerate(_listed(data, span), start=1):
        if count > MAX_MEMBERS:
            raise DataError(f"more than the {MAX_MEMBERS:,} members that can be read")
        offset = _content(file, entry, span.start)
        if offset is not None:
            starts.append(entry.header)
            ends.append(offset + entry.packed)
        yield entry, offset
    _refuse_overlaps(starts, ends)


def _span(file: BinaryIO) -> _Span:
    length = file.seek(0, 2)
    tail_start = file.seek(max(0, length - _MAX_COMMENT - _END.size - _LOCATOR.size))
    tail = file.read()
    at = len(tail)
    while (at := tail.rfind(b"PK\5\6", 0, at)) >= 0:
        if at + _END.size > len(tail):
            continue
        _, disks, here, count, size, start, comment = _unpack_end(tail, at)
        if at + _END.size + comment == len(tail):
            break
    else:
        raise DataError("cut short or damaged: the end of its directory is missing")
    exact = False
    end = tail_start + at
    locator = tail[at - _LOCATOR.size : at] if at >= _LOCATOR.size else b""
    if locator.startswith(b"PK\6\7"):
        _, _, end, _ = _LOCATOR.unpack(locator)
        disks, here, count, size, start = _end_64(file, end, length)
        exact = True
    if disks or here != count:
        raise DataError("a part of an archive in several files; join or pack it again")
    if size > MAX_DIRECTORY:
        raise DataError(f"a directory of {size:,} bytes, at most {MAX_DIRECTORY:,} are read")
    if count > MAX_MEMBERS:
        raise DataError(f"{count:,} members, at most {MAX_MEMBERS:,} are read")
    if start + size != end:
        raise DataError("damaged: its directory does not end where it should")
    return _Span(start, size, count, exact)


def _unpack_end(tail: bytes, at: int) -> tuple[bytes, int, int, int, int, int, int]:
    mark, disk, first, here, count, size, start, comment = _END.unpack_from(tail, at)
    # values that are all ones come from the zip64 record, which replaces all of them
    return mark, max(disk, first), here, count, size, start, comment


def _end_64(file: BinaryIO, at: int, length: int) -> tuple[int, int, int, int, int]:
    if at + _END_64.size > length:
        raise DataError("damaged: the end of its directory is not where it should be")
    file.seek(at)
    values = _END_64.unpack(file.read(_END_64.size))
    if values[0] != b"PK\6\6":
        raise DataError("damaged: the end of its directory is not where it should be")
    disk, first, here, count, size, start = values[4:]
    return max(disk, first), here, count, size, start


def _listed(data: bytes, span: _Span) -> Iterator[Entry]:
    position = count = 0
    while position < len(data):
        if position + _CENTRAL.size > len(data):
            raise DataError("damaged: an entry of its directory is cut short")
        (mark, _, _, _, _, flags, method, _, _, checksum, packed, unpacked, name_size, extra_size,
         comment_size, _, _, attributes, header) = _CENTRAL.unpack_from(data, position)  # fmt: skip
        name_end = position + _CENTRAL.size + name_size
        extra_end = name_end + extra_size
        if mark != b"PK\1\2" or extra_end + comment_size > len(data):
            raise DataError("damaged: an entry of its directory is damaged")
        raw = data[position + _CENTRAL.size : name_end]
        if _FULL in (packed, unpacked, header):
            extra = data[name_end:extra_end]
            unpacked, packed, header = _large(extra, unpacked, packed, header)
        name = _text(raw, flags)
        yield Entry(name, flags, method, checksum, packed, unpacked, attributes >> 16, header)
        count += 1
        position = extra_end + comment_size
    if count != span.named and (span.exact or count & 0xFFFF != span.named):
        raise DataError(f"damaged: {span.named:,} members announced, its directory has {count:,}")


def _large(extra: bytes, *values: int) -> Iterator[int]:
    """`values`, those that are all ones from the zip64 field in `extra`."""
    wide = b""
    while len(extra) >= 4:
        kind, size = struct.unpack_from("<2H", extra)
        if kind == 1:
            wide = extra[4 : 4 + size]
            break
        extra = extra[4 + size :]
    for value in values:
        if value == _FULL:
            if len(wide) < 8:
                raise DataError("damaged: a size of over 4 GiB is missing")
            value, wide = int.from_bytes(wide[:8], "little"), wide[8:]
        yield value


def _text(raw: bytes, flags: int) -> str:
    """The name; many programs write UTF-8 without saying so, and DOS letters are the standard."""
    try:
        name = raw.decode()
    except UnicodeDecodeError:
        name = raw.decode("utf-8", "surrogateescape") if flags & _UTF_8 else raw.decode("cp437")
    return name.replace("\\", "/")  # as some programs for Windows write


def _content(file: BinaryIO, entry: Entry, end: int) -> int | None:
    """Where the content starts, if the local header is there and all lies before `end`."""
    if entry.header + _LOCAL.size > end:
        return None
    file.seek(entry.header)
    local = file.read(_LOCAL.size)
    if len(local) < _LOCAL.size:
        return None
    mark, _, _, method, _, _, _, _, _, name_size, extra_size = _LOCAL.unpack(local)
    offset: int = entry.header + _LOCAL.size + name_size + extra_size
    if mark != b"PK\3\4" or method != entry.method or offset + entry.packed > end:
        return None
    return offset


def _refuse_overlaps(starts: array[int], ends: array[int]) -> None:
    """Members that share bytes make an archive of 40 MB unpack to petabytes."""
    order = np.argsort(np.asarray(starts), kind="stable")
    if (np.asarray(ends)[order][:-1] > np.asarray(starts)[order][1:]).any():
        raise DataError("damaged or hostile: members overlap; pack it again")
