"""Plain copies of what lies compressed in a source, so that each picture is a range in a file.

A copy is made once: its name says path, size and time of the original, and it bears that name only
when it is whole. A copy of an older state of the original is deleted.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from kenspeckle.errors import DataError, StorageError
from kenspeckle.foreign import open_regular
from kenspeckle.storage import make_folder, temporary_path

EXPANSION = 100  # times its own size that a file may unpack to; pictures are compressed already
ALWAYS = 64 << 20  # bytes that every file may unpack to
_GZIP = b"\x1f\x8b"
_CHUNK = 1 << 20
_RESERVE = 64 << 20  # bytes of the disk that are left free


class Spool:
    """A copy that is being written; raises `DataError` beyond what its original may hold."""

    def __init__(self, original: Path, file: BinaryIO, folder: Path) -> None:
        size = os.stat(original).st_size
        self.original = original
        self.limit = max(ALWAYS, EXPANSION * size)
        self.free = shutil.disk_usage(folder).free - _RESERVE
        self.size = 0  # bytes written
        self._file = file

    def write(self, data: bytes) -> None:
        """Append `data`."""
        self.size += len(data)
        if self.size > self.limit:
            raise DataError(
                f"{self.original}: unpacks to more than {self.limit:,} bytes, "
                f"{EXPANSION} times its size"
            )
        if self.size > self.free:
            raise StorageError(
                f"{self.original}: unpacked, it does not fit on the disk; choose another place "
                "with the environment variable XDG_CACHE_HOME"
            )
        with _explained(self.original):
            self._file.write(data)


def spooled(original: Path, folder: Path) -> Path:
    """Where in `folder` the copy of `original`, as it is now, is or would be."""
    path = os.path.abspath(original)
    found = os.stat(path)
    state = f"{path}\0{found.st_size}\0{found.st_mtime_ns}"
    return folder / f"{_hash(path)}-{_hash(state)}"


@contextmanager
def spooling(original: Path, folder: Path) -> Iterator[Spool]:
    """Write `spooled(original, folder)`; it appears when the block ends without an error."""
    target = spooled(original, folder)
    make_folder(folder)
    temporary = temporary_path(target)
    try:
        with _explained(original):
            file = open(temporary, "wb")  # noqa: SIM115 (closed below)
        with file:
            yield Spool(original, file, folder)
            with _explained(original):
                file.flush()
                os.fsync(file.fileno())  # else a power cut may leave the name without the bytes
                os.replace(temporary, target)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    for older in folder.glob(f"{target.name.partition('-')[0]}-*"):
        if older != target:
            with suppress(OSError):  # it is in nobody's way
                older.unlink()


def unpacked(path: Path, spool: Path) -> Path:
    """`path`, or its unpacked copy in the folder `spool` where it is gzip.

    Raises `DataError` where it cannot be read or unpacks to far more than pictures would.
    """
    try:
        with open_regular(path) as file:
            if file.read(2) != _GZIP:
                return path
        target = spooled(path, spool)
        if not target.is_file():
            with (
                open_regular(path) as packed,
                gzip.GzipFile(fileobj=packed) as content,
                spooling(path, spool) as copy,
            ):
                while chunk := content.read(_CHUNK):
                    copy.write(chunk)
        return target
    except StorageError:
        raise
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{path}: cannot be read: {reason}") from error


@contextmanager
def _explained(original: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"{original}: cannot be unpacked: {error.strerror}; free space or choose another "
            "place with the environment variable XDG_CACHE_HOME"
        ) from error


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:32]
