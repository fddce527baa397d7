"""Regular files out of a tar archive, plain or gzip, without extracting: in memory, within limits.

Folders in the names do not count and links are passed over, so no path in an archive matters.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from kenspeckle.data.sources.tar_headers import members
from kenspeckle.errors import DataError
from kenspeckle.foreign import open_regular

MAX_CONTENT = 512 << 20  # bytes after decompression; CIFAR-10, the larger of the two, has 184 MB
MAX_MEMBER = 256 << 20  # bytes; the training part of CIFAR-100 has 155 MB
MAX_MEMBERS = 1000
_CHUNK = 1 << 20
_GZIP = b"\x1f\x8b"


def read_members(path: Path, wanted: Collection[str]) -> dict[str, bytes | bytearray]:
    """The content of each regular file in the archive whose name, without folders, is `wanted`.

    Raises `DataError` where the archive is damaged, too large, or has a name twice.
    """
    found: dict[str, bytes | bytearray] = {}
    with opened(path) as file:
        for full_name, size in _files(file):
            name = full_name.rpartition("/")[2]
            if name not in wanted:
                continue
            if name in found:
                raise DataError(f"{name} is in it twice")
            if size > MAX_MEMBER:
                raise DataError(f"{name} has {size:,} bytes, at most {MAX_MEMBER:,} can be read")
            found[name] = _content(file, name, size)
        _finish(file)
    return found


def first_names(path: Path, count: int) -> Iterator[str]:
    """`first_paths` without folders."""
    return (name.rpartition("/")[2] for name in first_paths(path, count))


def first_paths(path: Path, count: int) -> Iterator[str]:
    """The names of the first regular files in `path`; they end early where it is no archive."""
    try:
        with opened(path) as file:
            for (name, _), _ in zip(_files(file), range(count), strict=False):
                yield name
    except DataError:
        return


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO | gzip.GzipFile]:
    """The content of the file at `path`; failures to read it become `DataError`s with its name."""
    try:
        with open_regular(path) as file:
            if not is_gzip(path):
                yield file
                return
            with gzip.GzipFile(fileobj=file) as content:
                yield content
    except DataError as error:
        raise DataError(f"{path}: {error}") from None
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{path}: cannot be read: {reason}") from error


def is_gzip(path: Path) -> bool:
    """Whether the file at `path` starts as gzip does."""
    with open_regular(path) as file:
        return file.read(2) == _GZIP


def _files(file: BinaryIO | gzip.GzipFile) -> Iterator[tuple[str, int]]:
    """Name and size of each regular file."""
    beyond = f"more than the {MAX_CONTENT:,} bytes that can be read"
    for member in members(file, at_most=MAX_MEMBERS, end=MAX_CONTENT, beyond=beyond):
        if member.kind == "file":
            yield member.name, member.size


def _content(file: BinaryIO | gzip.GzipFile, name: str, size: int) -> bytearray:
    """The next `size` bytes; grows with what is really there."""
    data = bytearray()
    while chunk := file.read(min(_CHUNK, size - len(data))):
        data += chunk
    if len(data) < size:
        raise DataError(f"{name} is cut short: {size:,} bytes expected, it holds {len(data):,}")
    return data


def _finish(file: BinaryIO | gzip.GzipFile) -> None:
    """Read what follows the last member, because only then gzip checks the sum of its content."""
    count = 0
    while chunk := file.read(_CHUNK):
        count += len(chunk)
        if count > MAX_CONTENT:
            raise DataError(f"more than the {MAX_CONTENT:,} bytes that can be read")
