"""The files of a run as somebody else may have left them: none leads elsewhere, none is endless."""

from __future__ import annotations

import errno
import os
from io import BufferedReader
from pathlib import Path

from kenspeckle.errors import RunError
from kenspeckle.foreign import open_regular

_LIMITS = {
    "config.toml": 1 << 18,
    "epochs.jsonl": 1 << 24,
    "result.json": 1 << 24,
    "failure.json": 1 << 16,
}  # bytes
_USUAL_LIMIT = 1 << 26
# there is no such file, or a folder, a pipe, a socket or a device instead
_NONE = (errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EINVAL, errno.ENXIO, errno.ENODEV)


def has_file(run: Path, file: str) -> bool:
    """Whether `run` has a regular `file`; raises `RunError` for one that may not be shown."""
    try:
        opened = _opened(run, file)
    except PermissionError:  # of which only reading it should speak
        return True
    if opened:
        opened.close()
    return opened is not None


def file_bytes(run: Path, file: str) -> bytes | None:
    """What `file` of `run` holds, None where there is none; raises `RunError` as `has_file`."""
    opened = _opened(run, file)
    if opened is None:
        return None
    with opened:
        return opened.read(_limit(file))  # however much is being added to it


def file_text(run: Path, file: str) -> str:
    """The same as text, "" where there is none; what is no UTF-8 is replaced."""
    return (file_bytes(run, file) or b"").decode("utf-8", errors="replace").replace("\r\n", "\n")


def inside(path: Path, folder: Path) -> Path:
    """Where `path` leads to; raises `RunError` where that is outside of `folder`."""
    try:
        found = path.resolve()
        is_inside = found.is_relative_to(folder.resolve())
    except (OSError, RuntimeError, ValueError) as error:  # a circle of links
        raise RunError(f"{folder.name}: {path.name} cannot be followed") from error
    if not is_inside:
        raise RunError(f"{folder.name}: {path.name} leads outside the folder that is served")
    return found


def _opened(run: Path, file: str) -> BufferedReader | None:
    """One look: what is asked about the file is asked of what is open."""
    try:
        # links are followed by now; one that is put there since is refused
        opened = open_regular(inside(run / file, run), links="refused")
    except OSError as error:
        if error.errno in _NONE:
            return None
        if error.errno == errno.ELOOP:
            raise RunError(f"{run.name}: {file} cannot be followed") from error
        raise
    if os.fstat(opened.fileno()).st_size > _limit(file):
        opened.close()
        raise RunError(f"{run.name}: {file} is too large to be shown")
    return opened


def _limit(file: str) -> int:
    return _LIMITS.get(file, _USUAL_LIMIT)
