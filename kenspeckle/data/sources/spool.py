"""A gzip archive unpacked once into a plain one, because only that can be read at any place.

It is written under a temporary name and renamed, so what bears its name is whole. The name tells
the archive's path, size and time, so a changed archive is unpacked again.
"""

from __future__ import annotations

import errno
import gzip
import hashlib
import os
import shutil
import zlib
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from kenspeckle.data.sources.members import MAX_RATIO, RATIO_FROM
from kenspeckle.errors import DataError, StorageError
from kenspeckle.storage import DISK, make_folder, temporary_path

_RESERVE = 256 << 20  # bytes of the disk that stay free
_CHUNK = 1 << 20


def unpacked(path: Path, spool: Path) -> Path:
    """The plain file that the gzip file at `path` holds, in the folder `spool`.

    Raises `DataError` where `path` is damaged or unpacks to over 200 times its size (64 MiB are
    always accepted); `StorageError` where `spool` cannot hold it.
    """
    try:
        found = path.stat()
        said = os.fsencode(path.absolute()) + b"\0%d\0%d" % (found.st_size, found.st_mtime_ns)
        target = spool / f"{hashlib.sha256(said).hexdigest()}.tar"
        if target.is_file():
            return target
        with open(path, "rb") as file:
            make_folder(spool)
            _write(path, file, found.st_size, target)
    except OSError as error:
        if isinstance(error, StorageError):
            raise
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    return target


def _write(path: Path, file: BinaryIO, packed: int, target: Path) -> None:
    most = max(RATIO_FROM, MAX_RATIO * packed)
    room = shutil.disk_usage(target.parent).free - _RESERVE
    temporary = temporary_path(target)
    temporary.unlink(missing_ok=True)  # of a process that was killed and had our number
    count = 0
    try:
        with gzip.GzipFile(fileobj=file) as content, _created(temporary) as output:
            while chunk := _next(content, path):
                count += len(chunk)
                if count > most:
                    raise DataError(
                        f"{path}: over {most:,} bytes unpacked from {packed:,}, "
                        "more than pictures are packed; pack it again"
                    )
                if count > room:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                output.write(chunk)
        DISK.sync_file(temporary)
        DISK.rename(temporary, target)
        DISK.sync_folder(target.parent)
    except OSError as error:
        raise StorageError(
            f"{target.parent}: cannot hold what is unpacked from {path}: {error.strerror or error}"
        ) from error
    finally:
        with suppress(OSError):  # it is gone where all went well
            temporary.unlink()


def _created(path: Path) -> BinaryIO:
    return open(path, "xb", buffering=0)


def _next(content: gzip.GzipFile, path: Path) -> bytes:
    try:
        return content.read(_CHUNK)
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{path}: cannot be read: {reason}") from error
