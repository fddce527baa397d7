"""The files of pixels in a folder of the cache, where several processes may be at work at once.

A file counts once the index names it. Until then its writer holds a lock on it, which the system
frees even after SIGKILL; so what is neither named nor locked is rubbish, and nothing else is.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import secrets
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO

_ENDING = ".u8"
_OLD = 3600.0  # seconds after which nobody is still writing an index


@contextmanager
def new_files(folder: Path, sizes: Mapping[str, int]) -> Iterator[dict[str, str]]:
    """Names by kind of new files of `sizes` bytes, which nobody removes before the block ends."""
    token = secrets.token_hex(4)
    names = {kind: f"{kind}-{token}{_ENDING}" for kind in sizes}
    with ExitStack() as stack:
        for kind, name in names.items():
            file = stack.enter_context(_new(folder / name))
            file.truncate(sizes[kind])
        yield names


def _new(path: Path) -> IO[bytes]:
    while True:
        file = open(path, "xb")  # noqa: SIM115 (closed by the caller)
        with suppress(OSError):  # a file system without locks: others cannot lock, nor remove
            fcntl.flock(file, fcntl.LOCK_SH)
        if os.fstat(file.fileno()).st_nlink:
            return file
        file.close()  # removed between creation and lock


def mapped(path: Path) -> mmap.mmap:
    """The content of a file, which stays even where the file is removed."""
    with open(path, "rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def remove_unnamed(folder: Path, named: Callable[[], Collection[str]]) -> None:
    """Delete files of pixels that are not `named()` by the index and that nobody is writing."""
    known = named()
    for path in folder.glob(f"*-*{_ENDING}"):
        if path.name in known:
            continue
        with suppress(OSError), open(path, "rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if path.name not in named():  # its writer may have finished in the meantime
                path.unlink()
    for path in folder.glob(".*.tmp-*"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > _OLD:
                path.unlink()
