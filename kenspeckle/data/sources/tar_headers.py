"""The headers of a tar archive: v7, ustar, GNU long names, PAX names and sizes."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from typing import BinaryIO, Literal, NamedTuple

from kenspeckle.errors import DataError

BLOCK = 512
MAX_EXTENSION = 1 << 20  # bytes of a PAX header or GNU long name
MAX_EXTENSIONS = 8  # in a row; a member needs three at most
_END = bytes(BLOCK)
_REGULAR = b"\x0007"
_WITHOUT_CONTENT = b"123456"  # whatever size they give
_EXTENSIONS = b"xXgLK"

Kind = Literal["file", "folder", "link", "special"]
_KINDS: dict[bytes, tuple[Kind, str]] = {
    b"1": ("link", "a hard link"),
    b"2": ("link", "a symbolic link"),
    b"3": ("special", "a device"),
    b"4": ("special", "a device"),
    b"5": ("folder", ""),
    b"6": ("special", "a pipe"),
}


class Member(NamedTuple):
    """One member; a tuple, because there may be a million."""

    name: str  # bytes that are no UTF-8 are surrogates
    kind: Kind
    offset: int  # of its content, from the start of the archive
    size: int
    detail: str  # what exactly it is, where it is no file and no folder


def members(
    file: BinaryIO | gzip.GzipFile, *, at_most: int, end: int, beyond: str
) -> Iterator[Member]:
    """Every member; whenever one is yielded, `file` stands at the start of its content.

    Raises `DataError`: over `at_most` members, a header that is damaged, a `file` that is cut
    short; and with the text `beyond` where a member ends after `end`.
    """
    position = count = 0
    extended: dict[str, str] = {}
    extensions = 0
    while True:
        file.seek(position)
        header = file.read(BLOCK)
        if len(header) < BLOCK:
            raise DataError("the archive is cut short")
        if header == _END:
            if extensions:
                raise DataError("damaged: an extended header has no member")
            return
        _check(header)
        kind = header[156:157]
        start = position + BLOCK
        if kind in _EXTENSIONS:
            extensions += 1
            if extensions > MAX_EXTENSIONS:
                raise DataError(f"over {MAX_EXTENSIONS} extended headers for one member")
            size = _size(header)
            extended |= _extension(kind, _read(file, size))
        else:
            count += 1
            if count > at_most:
                raise DataError(f"more than the {at_most:,} members that can be read")
            size = 0 if kind in _WITHOUT_CONTENT else _size(header, extended.get("size"))
        position = start + -(-size // BLOCK) * BLOCK
        if position > end:
            raise DataError(beyond)
        if kind not in _EXTENSIONS:
            yield _member(header, extended, start, size)
            extended, extensions = {}, 0


def is_header(block: bytes) -> bool:
    """Whether `block` is the header of a member."""
    return len(block) == BLOCK and block != _END and _octal(block[148:156]) == _sum(block)


def _check(header: bytes) -> None:
    if _octal(header[148:156]) != _sum(header):
        raise DataError("not a tar archive, or damaged: a header has a wrong checksum")


def _sum(header: bytes) -> int:
    return sum(header) - sum(header[148:156]) + 8 * ord(" ")


def _member(header: bytes, extended: dict[str, str], start: int, size: int) -> Member:
    name = extended.get("path") or extended.get("long name") or _short_name(header)
    kind = header[156:157]
    if kind in _REGULAR:
        if name.endswith("/"):  # v7 has no type for folders
            return Member(name, "folder", start, size, "")
        if "sparse" in extended:
            return Member(name, "special", start, size, "a sparse file")
        return Member(name, "file", start, size, "")
    if kind == b"S":  # its map goes on after the header, so that the next one cannot be found
        raise DataError("a sparse file is in it; pack it without --sparse")
    what, detail = _KINDS.get(kind, ("special", f"type {kind!a} of tar"))
    return Member(name, what, start, size, detail)


def _short_name(header: bytes) -> str:
    name = header[:100].partition(b"\0")[0]
    if header[257:263] == b"ustar\0" and header[345]:  # GNU keeps times where this prefix is
        name = header[345:500].partition(b"\0")[0] + b"/" + name
    return name.decode("utf-8", "surrogateescape")


def _size(header: bytes, extended: str | None = None) -> int:
    if extended is not None:
        if not extended.isascii() or not extended.isdecimal() or len(extended) > 20:
            raise DataError(f"the size of a member is {extended[:20]!a}, no number")
        return int(extended)
    field = header[124:136]
    if field[0] == 0x80:  # base 256, for over 8 GiB; 0xff would start a negative one
        return int.from_bytes(field[1:], "big")
    size = _octal(field)
    if size is None:
        raise DataError(f"the size of a member is {field!a}, no octal number")
    return size


def _octal(field: bytes) -> int | None:
    digits = field.partition(b"\0")[0].strip(b" ")
    return int(digits, 8) if digits and not digits.strip(b"01234567") else None


def _read(file: BinaryIO | gzip.GzipFile, size: int) -> bytes:
    if size > MAX_EXTENSION:
        raise DataError(f"an extended header of {size:,} bytes, at most {MAX_EXTENSION:,} are read")
    data = file.read(size)
    if len(data) < size:
        raise DataError("the archive is cut short")
    return data


def _extension(kind: bytes, data: bytes) -> dict[str, str]:
    """What an extended header says of the next member: "path", "long name", "size", "sparse"."""
    if kind == b"K":  # of a link
        return {}
    if kind == b"L":
        return {"long name": data.partition(b"\0")[0].decode("utf-8", "surrogateescape")}
    said = dict(_records(data))
    if kind == b"g":
        if said:
            raise DataError("a global header names or sizes all members")
        return {}
    return said


def _records(data: bytes) -> Iterator[tuple[str, str]]:
    r"""The records "LENGTH KEY=VALUE\n" of a PAX header that matter here."""
    start = 0
    while start < len(data):
        space = data.find(b" ", start, start + 8)
        length = data[start : max(space, start)]
        end = start + int(length) if length.isdigit() else 0
        if end <= space + 2 or end > len(data) or data[end - 1] != ord("\n"):
            raise DataError("damaged: an extended header has a wrong length")
        key, equals, value = data[space + 1 : end - 1].partition(b"=")
        if not equals:
            raise DataError("damaged: an extended header has no value")
        if key in (b"path", b"size"):
            yield key.decode(), value.decode("utf-8", "surrogateescape")
        elif key.startswith(b"GNU.sparse."):
            yield "sparse", "yes"
        start = end
