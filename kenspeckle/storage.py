"""The one door to durable disk: what was reported as saved survives a crash whole.

Protocol for a file: write a temporary file beside it, flush, fsync, rename, fsync the folder.
A folder is filled the same way, its manifest of SHA-256 sums last, and then renamed into place.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from kenspeckle.errors import RunError, StorageError

MANIFEST = "manifest.json"
_TEMPORARY = ".tmp-"


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
    temporary = _temporary(path)
    with _explained(path, len(data), disk, temporary):
        _discard(temporary, disk)
        disk.write(temporary, data)
        disk.sync_file(temporary)
        disk.rename(temporary, path)
        disk.sync_folder(path.parent)


def write_json(path: Path, document: Any, *, disk: Disk = DISK) -> None:
    """Replace `path` by `document` as readable JSON."""
    write_file(
        path, (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode(), disk=disk
    )


def write_folder(
    path: Path, files: Mapping[str, bytes], *, about: Mapping[str, Any], disk: Disk = DISK
) -> None:
    """Create the folder `path` whole or not at all, with a manifest of `about` and all hashes."""
    sums = {
        name: {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        for name, data in files.items()
    }
    manifest = _sealed({**about, "files": sums})
    temporary = _temporary(path)
    with _explained(path, sum(map(len, files.values())), disk, temporary):
        _discard(temporary, disk)
        disk.make_folder(temporary)
        for name, data in {**files, MANIFEST: manifest}.items():
            disk.write(temporary / name, data)
            disk.sync_file(temporary / name)
        disk.sync_folder(temporary)
        disk.rename(temporary, path)
        disk.sync_folder(path.parent)


def make_folder(path: Path, *, disk: Disk = DISK) -> None:
    """Create `path` and what is missing above it, under a durable name; it may exist already."""
    if path.is_dir():
        return
    try:
        path.mkdir(parents=True, exist_ok=True)
        disk.sync_folder(path.parent)
    except OSError as error:
        raise StorageError(f"{path}: cannot be made a folder: {error.strerror}") from error


def read_folder(path: Path) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The manifest and the files of a folder; raise `StorageError` if one byte differs."""
    try:
        manifest = _unsealed((path / MANIFEST).read_bytes())
        files = {}
        for name, expected in manifest["files"].items():
            if (path / name).stat().st_size != expected["size"]:
                raise StorageError(f"{path / name}: its size is not the one in {MANIFEST}")
            files[name] = (path / name).read_bytes()
            if hashlib.sha256(files[name]).hexdigest() != expected["sha256"]:
                raise StorageError(f"{path / name}: its SHA-256 is not the one in {MANIFEST}")
    except StorageError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise StorageError(f"{path}: {MANIFEST} or a file in it cannot be read: {error}") from error
    return manifest, files


def remove_folder(path: Path, *, disk: Disk = DISK) -> None:
    """Delete a folder; half of it never bears its name."""
    doomed = _temporary(path)
    try:
        _discard(doomed, disk)
        disk.rename(path, doomed)
        disk.remove(doomed)
    except OSError as error:
        raise StorageError(f"{path}: cannot be deleted: {error.strerror or error}") from error


def remove_leftovers(folder: Path, *, disk: Disk = DISK) -> list[str]:
    """Delete what unfinished writes left in `folder` and name it; the caller holds the lock."""
    leftovers = sorted(path for path in folder.glob(f".*{_TEMPORARY}*"))
    for path in leftovers:
        disk.remove(path)
    return [path.name for path in leftovers]


@contextmanager
def lock(path: Path, purpose: str) -> Iterator[None]:
    """Hold an exclusive lock, freed by the system even after SIGKILL; refuse at once if taken."""
    try:
        file = open(path, "a+", encoding="utf-8")  # noqa: SIM115 (closed below)
    except OSError as error:
        raise StorageError(f"{path}: cannot be written: {error.strerror}") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
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
        with open(path, "rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # no lock was ever taken here, or it is not ours to look at
        return False
    return False


def _temporary(path: Path) -> Path:
    # in the same folder, because a rename across file systems is a copy and not atomic
    return path.parent / f".{path.name}{_TEMPORARY}{os.getpid()}"


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
