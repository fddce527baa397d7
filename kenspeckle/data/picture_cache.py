"""Pictures decoded once, in one file of pixels that later runs map into memory.

What was found of each picture lies beside the pixels with size and time of its file, so a changed
file is decoded again and named. The index is written last; without it there is no cache.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial
from mmap import mmap
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kenspeckle.data.decoders import Report, reports
from kenspeckle.data.listing import Listing, Place
from kenspeckle.data.pixel_files import mapped, new_files, remove_unnamed
from kenspeckle.data.thumbnails import SIDE
from kenspeckle.errors import StorageError
from kenspeckle.interruption import uninterrupted
from kenspeckle.storage import make_folder, write_file

FORMAT = 2  # pixels of an older one were scaled in another order
INDEX = "index.json"
_ATTEMPTS = 5
NAMED = 5  # files that a note lists by name
_AGAIN = ("crashed", "timed-out", "missing", "unreadable")  # what another attempt may mend

Progress = Callable[[str, int, int], None]  # what is done, how many are done, how many there are


@dataclass(frozen=True, kw_only=True)
class Kept:
    """What is known of every item of a listing, in its order."""

    reports: tuple[Report, ...]
    folder: Path
    pixels: Path | None  # rows in the order of the items; None where none were kept
    mapped: mmap | None  # their content, which outlives the file
    thumbnails: NDArray[np.uint8] | None  # (N, 32, 32)
    notes: tuple[str, ...]  # files that changed since the last time


def cache_folder() -> Path:
    """Where decoded pictures are kept: `$XDG_CACHE_HOME/kenspeckle/pictures`."""
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "kenspeckle" / "pictures"


def kept(
    listing: Listing,
    work: Mapping[str, Any],
    *,
    row_bytes: Mapping[str, int] | None = None,
    progress: Progress | None = None,
) -> Kept:
    """Reports on all items of `listing`, from the cache where their files are as they were.

    `work` says what the decoding processes do; `row_bytes` how many bytes each picture leaves in
    which file ("pixels", "thumbnails"). Raises `StorageError` where the cache cannot hold them.
    """
    folder = cache_folder() / _key(listing, work)
    for _ in range(_ATTEMPTS):
        # another process has replaced what the index named when it was read: read it again
        with suppress(FileNotFoundError):
            return _kept(folder, listing, work, row_bytes or {}, progress)
    raise StorageError(f"{folder}: another process keeps deleting files in it; stop that one")


def _kept(
    folder: Path,
    listing: Listing,
    work: Mapping[str, Any],
    sizes: Mapping[str, int],
    progress: Progress | None,
) -> Kept:
    before = _read_index(folder)
    stamps = _stamps(listing)
    known = _known(before, listing, stamps)
    missing = [row for row, report in enumerate(known) if report is None]
    names = before.get("files", {})
    if not missing and before.get("order") == [item.name for item in listing.items]:
        remove_unnamed(folder, partial(_named, folder))
        return _opened(folder, names, known, ())
    notes = _changes(before, listing, stamps)
    make_folder(folder)
    remove_unnamed(folder, partial(_named, folder))
    count = len(listing.items)
    _require_room(folder, count, sizes)
    with new_files(folder, {kind: count * size for kind, size in sizes.items()}) as fresh:
        _copy_rows(folder, names, fresh, before, listing, known, sizes)
        setup = {**work, **{kind: str(folder / name) for kind, name in fresh.items()}}
        title = "decoding pictures" if sizes else "reading headers"
        try:
            # closed before the index is written, which has to know the time of the last pixel
            with closing(reports(listing.items, missing, setup)) as found:
                for done, report in enumerate(found, start=1):
                    known[report.pop("row")] = report
                    if progress:
                        progress(title, done, len(missing))
        finally:  # what an interrupted program has decoded need not be decoded again
            with uninterrupted():
                _write_index(folder, fresh, listing, stamps, known)
                remove_unnamed(folder, partial(_named, folder))
        return _opened(folder, fresh, known, notes)


def _key(listing: Listing, work: Mapping[str, Any]) -> str:
    source = os.path.abspath(listing.source)
    text = json.dumps([FORMAT, source, work], sort_keys=True)
    name = "".join(letter if letter.isalnum() else "-" for letter in os.path.basename(source))
    return f"{name[:40]}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def _stamps(listing: Listing) -> list[tuple[int, ...]]:
    """Size, time and identity of the file of each item; zeros where it is gone."""
    known: dict[str, tuple[int, ...]] = {}
    for item in listing.items:
        path = item.place.path
        if path not in known:
            try:
                found = os.stat(path)
            except OSError:
                known[path] = (0, 0, 0)
                continue
            known[path] = (found.st_size, found.st_mtime_ns, found.st_ino)
    return [known[item.place.path] for item in listing.items]


def _read_index(folder: Path) -> dict[str, Any]:
    """The index of the cache in `folder`; empty where there is none that can be used."""
    content = _content(folder)
    while content:
        found = _checked(folder, content)
        now = _content(folder)
        if found or now == content:
            return found
        content = now  # another process has replaced it, and the files that it named
    return {}


def _content(folder: Path) -> bytes:
    try:
        return (folder / INDEX).read_bytes()
    except OSError:
        return b""


def _checked(folder: Path, content: bytes) -> dict[str, Any]:
    try:
        index: dict[str, Any] = json.loads(content)
        for name, (size, time) in index["sizes"].items():
            found = os.stat(folder / name)
            if (found.st_size, found.st_mtime_ns) != (size, time):
                return {}  # somebody else wrote into it
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
    return index


def _named(folder: Path) -> set[str]:
    """The files that the index of `folder` names now."""
    try:
        return set(json.loads(_content(folder) or b"{}").get("files", {}).values())
    except (ValueError, AttributeError):
        return set()


def _known(
    index: dict[str, Any], listing: Listing, stamps: Sequence[tuple[int, ...]]
) -> list[Report | None]:
    """The report on each item that the index has for the file as it is now."""
    rows = {name: row for row, name in enumerate(index.get("order", ()))}
    found: list[Report | None] = []
    for item, stamp in zip(listing.items, stamps, strict=True):
        row = rows.get(item.name)
        report = None
        if row is not None and index["keys"][row] == _file_key(item.place, stamp):
            report = index["reports"][row]
        again = report is not None and report.get("reason") in _AGAIN
        found.append(None if again else report)
    return found


def _file_key(place: Place, stamp: tuple[int, ...]) -> list[Any]:
    return [*place.values, *stamp]


def _require_room(folder: Path, count: int, row_bytes: Mapping[str, int]) -> None:
    needed = count * sum(row_bytes.values())
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise StorageError(
            f"{folder}: {count:,} decoded pictures need {needed:,} bytes, {free:,} are free; "
            "choose smaller ones with preprocess.height and preprocess.width, another place "
            "with the environment variable XDG_CACHE_HOME, or data.cache=off to decode again "
            "and again"
        )


def _copy_rows(
    folder: Path,
    old: Mapping[str, str],
    fresh: Mapping[str, str],
    index: Mapping[str, Any],
    listing: Listing,
    known: Sequence[Report | None],
    row_bytes: Mapping[str, int],
) -> None:
    """Take over the rows of the pictures that need not be decoded again."""
    if not old:
        return
    rows = {name: row for row, name in enumerate(index["order"])}
    for kind, name in fresh.items():
        size = row_bytes[kind]
        with open(folder / old[kind], "rb") as source, open(folder / name, "r+b") as target:
            for row, (item, report) in enumerate(zip(listing.items, known, strict=True)):
                if report is not None:
                    data = os.pread(source.fileno(), size, rows[item.name] * size)
                    os.pwrite(target.fileno(), data, row * size)


def _write_index(
    folder: Path,
    files: Mapping[str, str],
    listing: Listing,
    stamps: Sequence[tuple[int, ...]],
    known: Sequence[Report | None],
) -> None:
    sizes = {}
    for name in files.values():
        try:
            found = os.stat(folder / name)
        except FileNotFoundError as error:
            raise StorageError(
                f"{folder}: deleted while pictures were decoded into it; begin again"
            ) from error
        sizes[name] = [found.st_size, found.st_mtime_ns]
    index = {
        "files": dict(files),
        "sizes": sizes,
        "order": [item.name for item in listing.items],
        "keys": [
            _file_key(item.place, stamp) for item, stamp in zip(listing.items, stamps, strict=True)
        ],
        "reports": list(known),  # null for what is still to be done
    }
    write_file(folder / INDEX, json.dumps(index).encode())


def _opened(
    folder: Path, files: Mapping[str, str], known: Sequence[Report | None], notes: Sequence[str]
) -> Kept:
    found = tuple(report for report in known if report is not None)
    assert len(found) == len(known)
    thumbnails = None
    if files:
        data = np.fromfile(folder / files["thumbnails"], dtype=np.uint8)
        thumbnails = data.reshape(-1, SIDE, SIDE)
    return Kept(
        reports=found,
        folder=folder,
        pixels=folder / files["pixels"] if "pixels" in files else None,
        mapped=mapped(folder / files["pixels"]) if "pixels" in files else None,
        thumbnails=thumbnails,
        notes=tuple(notes),
    )


def _changes(
    index: dict[str, Any], listing: Listing, stamps: Sequence[tuple[int, ...]]
) -> list[str]:
    """Which files are no longer what they were when the cache was written."""
    before = dict(zip(index.get("order", ()), index.get("keys", ()), strict=True))
    now = [item.name for item in listing.items]
    changed = [
        item.name
        for item, stamp in zip(listing.items, stamps, strict=True)
        if item.name in before and before[item.name] != _file_key(item.place, stamp)
    ]
    gone = sorted(set(before) - set(now))
    return [
        f"{len(names):,} {'file' if len(names) == 1 else 'files'} {what}: "
        + ", ".join(names[:NAMED])
        + (f" and {len(names) - NAMED:,} more" if len(names) > NAMED else "")
        for names, what in (
            (changed, "changed since the pictures were decoded, and decoded again"),
            (gone, "no longer there"),
        )
        if names
    ]
