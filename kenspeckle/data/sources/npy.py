"""Arrays in an .npz file: a zip of .npy files, read without pickle and without trusting a size."""

from __future__ import annotations

import math
import re
import zipfile
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from kenspeckle.data.listing import printable
from kenspeckle.errors import DataError

MAX_CONTENT = 8 << 30  # bytes of all arrays that are read
MAX_MEMBERS = 1000
_MAGIC = b"\x93NUMPY"
_MAX_HEADER = 10_000  # bytes; numpy's own limit
_MAX_RANK = 64  # numpy's limit
_DEFLATE = 1032  # bytes that one byte can stand for, at most
_CHUNK = 1 << 20
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # all that numpy writes
_HEADER = re.compile(  # as numpy has written it since 2008; no Python is evaluated
    rb"\{'descr': (?:'(?P<kind>[<>|=]?[A-Za-z][0-9]{0,9})'|(?P<other>.{1,60}).*?), "
    rb"'fortran_order': (?P<order>True|False), "
    rb"'shape': \((?P<shape>[0-9L, ]*)\),? *\} *\n",
    re.DOTALL,
)


@dataclass(frozen=True, kw_only=True)
class Member:
    """An array in the file, of which only the header was read."""

    name: str  # without .npy
    kind: np.dtype[Any]
    shape: tuple[int, ...]
    by_columns: bool  # Fortran's order
    start: int  # of its elements in the unpacked member

    @property
    def size(self) -> int:
        """Bytes of its elements."""
        return math.prod(self.shape) * self.kind.itemsize


def member_names(path: Path) -> list[str]:
    """The names of the arrays in the zip file `path`; empty where it is no .npz file."""
    try:
        if not zipfile.is_zipfile(path):
            return []
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (OSError, ValueError, NotImplementedError, zipfile.BadZipFile):
        return []
    if not all(name.endswith(".npy") for name in names):
        return []
    return [name.removesuffix(".npy") for name in names]


def read_arrays(path: Path, wanted: Collection[str]) -> dict[str, NDArray[Any]]:
    """The arrays of `path` that are `wanted` and there, in native byte order.

    Raises `DataError` where a size is more than the file holds, or an array has Python objects.
    """
    found: dict[str, NDArray[Any]] = {}
    with _opened(path) as archive:
        members = {}
        for info in _infos(archive, path):
            name = info.filename.removesuffix(".npy")
            if name in wanted:
                members[name] = (info, _member(archive, info, name))
        total = sum(member.size for _, member in members.values())
        if total > MAX_CONTENT:
            raise DataError(f"{total:,} bytes of arrays, at most {MAX_CONTENT:,} can be read")
        for name, (info, member) in members.items():
            found[name] = _array(archive, info, member)
    return found


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """The zip file at `path`; failures to read it become `DataError`s with its name."""
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except DataError as error:
        raise DataError(f"{path}: {error}") from None
    except (
        OSError, EOFError, ValueError, RuntimeError, NotImplementedError,
        zipfile.BadZipFile, zlib.error,
    ) as error:  # fmt: skip
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{path}: cannot be read: {printable(str(reason)[:200])}") from error


def _infos(archive: zipfile.ZipFile, path: Path) -> list[zipfile.ZipInfo]:
    """What the zip file says of its members, as far as that is possible."""
    infos = archive.infolist()
    if len(infos) > MAX_MEMBERS:
        raise DataError(f"{len(infos):,} arrays, at most {MAX_MEMBERS:,} can be read")
    if len({info.filename for info in infos}) < len(infos):
        raise DataError("two arrays have one name")
    size = path.stat().st_size
    if sum(info.compress_size for info in infos) > size:
        raise DataError(f"its arrays are said to have more than the {size:,} bytes of the file")
    for info in infos:
        if info.compress_type not in _METHODS or info.flag_bits & 1:
            raise DataError(f"{printable(info.filename)}: encrypted, or compressed in another way")
        if info.file_size > _DEFLATE * info.compress_size + _DEFLATE:
            raise DataError(
                f"{printable(info.filename)}: {info.file_size:,} bytes, more than "
                f"{info.compress_size:,} compressed ones can hold"
            )
    return infos


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str) -> Member:
    with archive.open(info) as file:
        start = file.read(8)
        if not start.startswith(_MAGIC) or start[6:7] not in (b"\1", b"\2", b"\3"):
            raise DataError(f"{name}: not a .npy array")
        width = 2 if start[6] == 1 else 4
        length = int.from_bytes(file.read(width), "little")
        header = file.read(min(length, _MAX_HEADER + 1))
    if len(header) < length or length > _MAX_HEADER:
        raise DataError(f"{name}: its header is cut short or too long")
    found = _HEADER.fullmatch(header)
    if not found:
        raise DataError(f"{name}: its header is not as numpy writes it")
    kind = (found["kind"] or b"O").decode()
    if kind.lstrip("<>|=")[0] not in "biufUS":
        told = printable((found["kind"] or found["other"]).decode("latin-1"))
        raise DataError(
            f"{name}: elements of {told} are not read; save numbers or text, and no Python objects"
        )
    try:
        element = np.dtype(kind)
    except (TypeError, ValueError) as error:
        raise DataError(f"{name}: elements of unknown type {kind}") from error
    extents = found["shape"].replace(b"L", b"").replace(b" ", b"").strip(b",")
    shape = tuple(int(extent) for extent in extents.split(b",")) if extents else ()
    member = Member(
        name=name,
        kind=element,
        shape=shape,
        by_columns=found["order"] == b"True",
        start=8 + width + length,
    )
    told = f"{name}: its header (shape {shape}, {element})"
    if len(shape) > _MAX_RANK or element.itemsize == 0 or 0 in shape:
        raise DataError(f"{told} is one of an array that cannot be used")
    if member.start + member.size != info.file_size:
        raise DataError(
            f"{told} says {member.start + member.size:,} bytes, it has {info.file_size:,}"
        )
    return member


def _array(archive: zipfile.ZipFile, info: zipfile.ZipInfo, member: Member) -> NDArray[Any]:
    """The elements; memory grows with what is really there."""
    with archive.open(info) as file:
        file.read(member.start)
        data = _exactly(file, member)
    array: NDArray[Any] = np.frombuffer(data, dtype=member.kind)
    array = array.reshape(member.shape, order="F" if member.by_columns else "C")
    return array.astype(member.kind.newbyteorder("="), copy=False)


def _exactly(file: IO[bytes], member: Member) -> bytearray:
    data = bytearray()
    while chunk := file.read(_CHUNK):  # to the end, where the checksum is compared
        data += chunk
        if len(data) > member.size:
            break
    if len(data) != member.size:
        raise DataError(f"{member.name}: {len(data):,} bytes where {member.size:,} should be")
    return data
