"""The one door to durable disk: what was reported as saved survives a crash whole.

Protocol for a file: write a temporary file beside it, flush, fsync, rename, fsync the folder.
A folder is filled the same way, its manifest of SHA-256 sums last, and then renamed into place.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import math
import os
import re
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from kenspeckle.errors import RunError, StorageError
from kenspeckle.foreign import is_plain_name, open_regular, read_regular

MANIFEST = "manifest.json"
PATIENCE = (
    0.2  # seconds that a lock is waited for: those who only look at it hold it for an instant
)
_MOST = 64 << 20  # bytes of a manifest
_TEMPORARY = re.compile(r"\.(.+)\.tmp-\d+", re.DOTALL)  # what `temporary_path` makes


class Disk:
    """The file operations that durability is made of; tests pass one that fails or records."""

    def make_folder(self, path: Path) -> None:
        """Create one folder; its parent exists."""
        path.mkdir()

    def write(self, path: Path, data: bytes) -> None:
        """Create `path` with `data` and hand it to the operating system, which may delay it."""
        with open(path, "xb", buffering=0) as file:
            view = memoryview(data)
            while view:
                view = view[file.write(view) :]

    def sync_file(self, path: Path) -> None:
        """Return when the content of `path` is on the disk."""
        self._sync(path, os.O_RDONLY)

    def rename(self, old: Path, new: Path) -> None:
        """Replace `new` by `old` in one step, as every reader sees it."""
        os.replace(old, new)

    def sync_folder(self, path: Path) -> None:
        """Return when the names in `path` are on the disk."""
        self._sync(path, os.O_RDONLY | os.O_DIRECTORY)

    def remove(self, path: Path) -> None:
        """Delete a file, or a folder with all that is in it."""
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()

    @staticmethod
    def _sync(path: Path, flags: int) -> None:
        descriptor = os.open(path, flags)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


DISK = Disk()


def write_file(path: Path, data: bytes, *, disk: Disk = DISK) -> None:
    """Replace `path` by `data`; a crash at any point leaves the old file or the new one."""
    temporary = temporary_path(path)
    with _explained(path, len(data), disk, temporary):
        _discard(temporary, disk)
        disk.write(temporary, data)
        disk.sync_file(temporary)
        disk.rename(temporary, path)
        disk.sync_folder(path.parent)


def write_json(path: Path, document: Any, *, disk: Disk = DISK) -> None:
    """Replace `path` by `document` as readable, strict JSON; NaN and infinity become null."""
    text = json.dumps(without_nan(document), indent=1, ensure_ascii=False, allow_nan=False)
    write_file(path, f"{text}\n".encode(), disk=disk)


def without_nan(document: Any) -> Any:
    """`document` with None for NaN and infinity, which JSON has no words for."""
    if isinstance(document, dict):
        return {key: without_nan(value) for key, value in document.items()}
    if isinstance(document, list | tuple):
        return [without_nan(value) for value in document]
    return None if isinstance(document, float) and not math.isfinite(document) else document


def write_folder(
    path: Path, files: Mapping[str, bytes], *, about: Mapping[str, Any], disk: Disk = DISK
) -> None:
    """Create the folder `path` whole or not at all, with a manifest of `about` and all hashes."""
    sums = {
        name: {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        for name, data in files.items()
    }
    manifest = _sealed({**about, "files": sums})
    temporary = temporary_path(path)
    with _explained(path, sum(map(len, files.values())), disk, temporary):
        _discard(temporary, disk)
        disk.make_folder(temporary)
        for name, data in {**files, MANIFEST: manifest}.items():
            disk.write(temporary / name, data)
            disk.sync_file(temporary / name)
        disk.sync_folder(temporary)
        disk.rename(temporary, path)
        disk.sync_folder(path.parent)


def make_folder(path: Path, *, disk: Disk = DISK) -> bool:
    """Create `path` and what is missing above it, each under a durable name.

    False where it was there already; of several processes one alone gets True.
    """
    if path.is_dir():
        return False
    make_folder(path.parent, disk=disk)
    try:
        disk.make_folder(path)
        disk.sync_folder(path.parent)
    except OSError as error:
        if isinstance(error, FileExistsError) and path.is_dir():
            return False
        raise StorageError(f"{path}: cannot be made a folder: {error.strerror}") from error
    return True


def read_folder(path: Path) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The manifest and the files of a folder; raise `StorageError` if one byte differs."""
    try:
        manifest = _unsealed(read_regular(path / MANIFEST, at_most=_MOST, links="refused"))
        files = {}
        for name, expected in manifest["files"].items():
            if not is_plain_name(name):
                raise StorageError(f"{path}: {MANIFEST} names {name!a}, which is no file in it")
            if (path / name).lstat().st_size != expected["size"]:
                raise StorageError(f"{path / name}: its size is not the one in {MANIFEST}")
            files[name] = read_regular(path / name, at_most=expected["size"], links="refused")
            if hashlib.sha256(files[name]).hexdigest() != expected["sha256"]:
                raise StorageError(f"{path / name}: its SHA-256 is not the one in {MANIFEST}")
    except StorageError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise StorageError(f"{path}: {MANIFEST} or a file in it cannot be read: {error}") from error
    return manifest, files


def remove_folder(path: Path, *, disk: Disk = DISK) -> None:
    """Delete a folder; half of it never bears its name."""
    doomed = temporary_path(path)
    try:
        _discard(doomed, disk)
        disk.rename(path, doomed)
        disk.remove(doomed)
    except OSError as error:
        raise StorageError(f"{path}: cannot be deleted: {error.strerror or error}") from error


def remove_leftovers(folder: Path, *, disk: Disk = DISK) -> list[str]:
    """Delete what unfinished writes left in `folder` and name it; the caller holds the lock."""
    leftovers = sorted(path for path in folder.glob(".*") if intended(path.name) != path.name)
    for path in leftovers:
        try:
            disk.remove(path)
        except OSError as error:
            raise StorageError(
                f"{path}: an interrupted write left it, and it cannot be deleted: "
                f"{error.strerror or error}"
            ) from error
    return [path.name for path in leftovers]


def intended(name: str) -> str:
    """The name that a temporary one was to become; any other name as it is."""
    found = _TEMPORARY.fullmatch(name)
    return found[1] if found else name


@contextmanager
def lock(path: Path, purpose: str) -> Iterator[None]:
    """Hold an exclusive lock, freed by the system even after SIGKILL; refuse soon if taken."""
    try:
        # a link put there by somebody else must not have what it leads to emptied
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
        file = open(os.open(path, flags, 0o666), "a+", encoding="utf-8")  # noqa: SIM115
    except OSError as error:
        reason = "it is a link" if error.errno == errno.ELOOP else error.strerror or error
        raise StorageError(f"{path}: cannot be written: {reason}") from error
    with file:
        try:
            _take(file)
        except BlockingIOError as error:
            file.seek(0)
            holder = file.read(80).strip() or f"another process is {purpose}"
            raise RunError(
                f"{path.parent}: {holder} here; wait for it to end, or choose another --out"
            ) from error
        file.truncate(0)
        file.write(f"process {os.getpid()} is {purpose}\n")
        file.flush()
        yield


def is_locked(path: Path) -> bool:
    """Whether some process holds the lock at `path` now."""
    try:
        with open_regular(path, links="refused") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # no lock was ever taken here, or it is not ours to look at
        return False
    return False


def _take(file: IO[str]) -> None:
    """Lock `file` for this process alone; raise `BlockingIOError` after `PATIENCE`."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= end:
                raise
            time.sleep(PATIENCE / 20)


def temporary_path(path: Path) -> Path:
    """What a file or folder is called until it is whole; `remove_leftovers` knows it."""
    # in the same folder, because a rename across file systems is a copy and not atomic
    return path.parent / f".{path.name}.tmp-{os.getpid()}"


def _discard(temporary: Path, disk: Disk) -> None:
    if temporary.exists():  # of a process that was killed and had our number, as in containers
        disk.remove(temporary)


@contextmanager
def _explained(path: Path, size: int, disk: Disk, temporary: Path) -> Iterator[None]:
    """Turn a failing write into one line with the path and the bytes, and remove the fragment."""
    try:
        yield
    except OSError as error:
        with suppress(OSError):  # what stays behind is removed at the next start of the run
            disk.remove(temporary)
        reason = error.strerror or str(error)
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            reason = f"{reason}; free space or choose another --out"
        raise StorageError(
            f"{path}: cannot write {size:,} bytes ({_free_bytes(path.parent)} free): {reason}"
        ) from error


def _free_bytes(folder: Path) -> str:
    try:
        return f"{shutil.disk_usage(folder).free:,}"
    except OSError:
        return "unknown"


def _sealed(manifest: Mapping[str, Any]) -> bytes:
    """Readable JSON that carries the SHA-256 of its own content."""
    content = json.dumps(manifest, sort_keys=True, allow_nan=False)
    seal = hashlib.sha256(content.encode()).hexdigest()
    return (json.dumps({**manifest, "seal": seal}, indent=1, allow_nan=False) + "\n").encode()


def _unsealed(data: bytes) -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads(data)
    manifest.pop("seal")
    if data != _sealed(manifest):
        raise StorageError(f"{MANIFEST} is damaged")
    return manifest
