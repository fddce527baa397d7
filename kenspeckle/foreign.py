"""Files that somebody else may have written, opened so that none can make us wait or wander off.

A pipe would be waited for and a device read for ever; only regular files are opened.
"""

from __future__ import annotations

import errno
import os
import stat
from io import BufferedReader, FileIO
from pathlib import Path
from typing import Literal, overload

Links = Literal["followed", "refused"]


@overload
def open_regular(path: str | Path, *, links: Links = "followed") -> BufferedReader: ...
@overload
def open_regular(
    path: str | Path, *, links: Links = "followed", buffering: Literal[0]
) -> FileIO: ...
def open_regular(
    path: str | Path, *, links: Links = "followed", buffering: Literal[-1, 0] = -1
) -> BufferedReader | FileIO:
    """`path` for reading; raises `OSError` where it is no regular file, or a link and refused."""
    flags = os.O_RDONLY | os.O_NONBLOCK | (os.O_NOFOLLOW if links == "refused" else 0)
    try:
        descriptor = os.open(path, flags)
    except OSError as error:
        if error.errno == errno.ELOOP and links == "refused":
            raise OSError(error.errno, "it is a link", str(path)) from error
        raise
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        raise OSError(errno.EINVAL, "it is no regular file", str(path))
    file = FileIO(descriptor)
    return BufferedReader(file) if buffering else file


def read_regular(path: Path, *, at_most: int, links: Links = "followed") -> bytes:
    """The bytes of `path`; raises `OSError` as `open_regular` does, or where there are more."""
    with open_regular(path, links=links) as file:
        data = file.read(at_most + 1)
    if len(data) > at_most:
        raise OSError(errno.EFBIG, f"it has over {at_most:,} bytes")
    return data


def is_plain_name(name: object) -> bool:
    """Whether `name`, which a file says, means an entry of a folder and nothing beyond it."""
    return (
        isinstance(name, str)
        and name not in ("", ".", "..")
        and not any(mark in name for mark in (os.sep, os.altsep or os.sep, "\0"))
    )
